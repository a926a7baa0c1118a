// @ts-check
/** The operator's dialogs: who waits, notice and start, side talk, ringing a site, and the rarer steps. */

import { el, icon } from '../lib/dom.js';
import { _ } from '../lib/i18n.js';
import { lineWords, ringWords } from '../lib/record.js';
import { confirmOnce, openDialog, toast } from './dialogs.js';

/** @typedef {import('./room-state.js').RoomState} RoomState */

export const ANSWERS = () => [
  { value: 'heard', label: _('Đã nghe, đồng ý') },
  { value: 'objects', label: _('Phản đối') },
  { value: 'wants_own_recording', label: _('Muốn tự ghi') },
];

/** @param {string} answer */
export const answerWord = (answer) => ANSWERS().find((one) => one.value === answer)?.label ?? _('Chưa trả lời');

export class OperatorDialogs {
  /** @param {RoomState} room */
  constructor(room) {
    this.room = room;
    /** @type {(() => void) | null} redraws the open dialog when the state changes */
    this.refresh = null;
  }

  /**
   * A dialog whose content follows the state.
   * @param {{title: string, name: string, wide?: boolean}} options
   * @param {(close: () => void) => (Node | null | false)[]} build
   * @param {() => unknown} key what the content was built from
   * @param {(body: HTMLElement) => void} [update] brings what stands there up to date without building it anew, so that
   *   a key that is being pressed is not lost
   */
  _live(options, build, key, update = () => {}) {
    const body = el('div', { class: 'stack' });
    let built = '';
    let refresh = () => {};
    openDialog({ ...options, onclose: () => this._forget(refresh) }, (close) => {
      refresh = () => {
        const now = JSON.stringify(key());
        if (now === built) return update(body);
        built = now;
        const focus = /** @type {HTMLElement | null} */ (document.activeElement)?.dataset?.focus;
        body.replaceChildren(.../** @type {Node[]} */ (build(close).filter(Boolean)));
        if (focus) /** @type {HTMLElement | null} */ (body.querySelector(`[data-focus="${CSS.escape(focus)}"]`))?.focus();
      };
      refresh();
      this.refresh = refresh;
      return [body];
    });
  }

  /** A closed dialog is not redrawn; the one opened after it is. @param {() => void} refresh */
  _forget(refresh) {
    if (this.refresh === refresh) this.refresh = null;
  }

  /** Who waits, and who is in: admit, send back, mute, remove. */
  admit() {
    const { room } = this;
    const others = () => room.session.participants.filter((/** @type {any} */ one) => one.participant !== room.me);
    this._live(
      { title: _('Mời vào phiên'), name: 'admit' },
      () => {
        const waiting = others().filter((/** @type {any} */ one) => one.state === 'waiting');
        const invited = others().filter((/** @type {any} */ one) => ['invited', 'ringing'].includes(one.state));
        const inside = others().filter((/** @type {any} */ one) => ['admitted', 'joined', 'lost'].includes(one.state));
        return [
          waiting.length ? this._people(_('Đang chờ'), waiting, true) : el('p', { class: 'muted' }, _('Hiện không có điểm cầu nào chờ vào phiên.')),
          invited.length ? this._people(_('Đã mời, chưa đến'), invited, false) : null,
          inside.length ? this._people(_('Trong phiên'), inside, false) : null,
        ];
      },
      () => others(),
    );
  }

  /**
   * @param {string} title
   * @param {any[]} list
   * @param {boolean} waiting
   */
  _people(title, list, waiting) {
    const { room } = this;
    const rows = list.map((one) => {
      const id = one.participant;
      const inside = ['admitted', 'joined', 'lost'].includes(one.state);
      const muted = one.muted_by_operator.includes('mic');
      const act = (/** @type {string} */ name, /** @type {string} */ label, /** @type {() => void} */ run, kind = '') =>
        el('button', { type: 'button', class: `btn small ${kind}`, 'data-testid': name, 'data-focus': `${name}-${id}`, onclick: run }, label);
      return el(
        'li',
        { class: 'person', 'data-participant': id },
        el('div', {}, el('b', {}, room.nameOf(id)), el('small', {}, this._about(one))),
        el(
          'div',
          { class: 'row' },
          waiting ? act('admit-one', _('Mời vào'), () => void room.ask('admit', { participant: id }), 'main') : null,
          inside && one.role !== 'viewer' ? act('mute-one', muted ? _('Bỏ tắt micro') : _('Tắt micro'), () => void room.ask('mute', { participant: id, source: 'mic', on: !muted })) : null,
          inside && room.may.has('protect') && one.role !== 'viewer'
            ? act('protect-one', one.protected ? _('Ghi lại điểm cầu này') : _('Không ghi điểm cầu này'), () => void this.protect(one))
            : null,
          inside ? act('send-back', _('Cho chờ'), () => void room.ask('send_back', { participant: id })) : null,
          waiting || inside ? act('remove', _('Mời ra'), () => void this.remove(one), 'danger') : null,
        ),
      );
    });
    return el('section', {}, el('h3', {}, title), el('ul', { class: 'plain people-rows' }, ...rows));
  }

  /** State, line and protection of a participant in a line. @param {any} one */
  _about(one) {
    const ring = this.room.session.rings.find((/** @type {any} */ call) => call.ring === one.participant);
    if (ring) return ringWords(ring);
    const line = one.line && one.line !== 'lost' ? lineWords(one.line)?.words : '';
    return [stateWord(one.state), line, one.protected ? _('không ghi') : ''].filter(Boolean).join(' · ');
  }

  /** "Không ghi điểm cầu này", and back again with a reason. @param {any} one */
  async protect(one) {
    const on = !one.protected;
    const reason = await confirmOnce({
      title: on ? _('Không ghi điểm cầu này') : _('Ghi lại điểm cầu này'),
      text: on
        ? _('Từ lúc bấm, hình và tiếng của {name} không được ghi. Mọi người vẫn nghe và thấy; phần đã ghi giữ nguyên.', { name: one.name })
        : _('Hình và tiếng của {name} được ghi trở lại từ lúc bấm. Hãy nói rõ với những người có mặt trước khi bấm.', { name: one.name }),
      reason: on ? _('Lý do (ghi vào nhật ký phiên)') : _('Lý do (bắt buộc, ghi vào nhật ký phiên)'),
      yes: on ? _('Không ghi từ bây giờ') : _('Ghi lại'),
      name: 'confirm-protect',
    });
    if (reason !== null) await this.room.ask('protect', { participant: one.participant, on, reason });
  }

  /** @param {any} one */
  async remove(one) {
    const reason = await confirmOnce({
      title: _('Mời ra khỏi phiên'),
      text: _('{name} sẽ mất hình và tiếng của phiên ngay. Có thể mời lại sau.', { name: one.name }),
      reason: _('Lý do (ghi vào nhật ký phiên)'),
      yes: _('Mời ra'),
      name: 'confirm-remove',
      danger: true,
    });
    if (reason !== null) await this.room.ask('remove', { participant: one.participant, reason });
  }

  /** Read the notice, take the answers, choose how the session is recorded, start. */
  start() {
    const { room } = this;
    let mode = room.data.recordDefault ?? 'full';
    let chosen = false;
    const points = () => room.session.participants.filter((/** @type {any} */ one) => ['admitted', 'joined', 'lost'].includes(one.state) && one.role !== 'viewer');
    this._live(
      { title: _('Bắt đầu phiên'), name: 'start', wide: true },
      (close) => {
        const read = room.session.notice_read;
        const objections = points().filter((/** @type {any} */ one) => one.notice === 'objects');
        if (objections.length && !chosen) mode = 'off';
        const pick = (/** @type {string} */ value) => {
          mode = value;
          chosen = true;
        };
        const begin = async () => {
          if (await room.ask('start', { record: mode, reason: objections.length ? _('Có người phản đối ghi hình') : '' })) close();
        };
        return [
          el('section', {}, el('h3', {}, '1. ' + _('Đọc to thông báo cho mọi người nghe')), el('blockquote', { class: 'notice-text' }, room.data.notice),
            read ? el('p', { class: 'chip good' }, _('Đã đọc thông báo'))
              : el('button', { type: 'button', class: 'btn main', 'data-testid': 'notice-read', 'data-focus': 'notice-read', onclick: () => void room.ask('read_notice') }, icon('megaphone'), _('Đã đọc xong')),
          ),
          el('section', { class: read ? '' : 'later' }, el('h3', {}, '2. ' + _('Ghi câu trả lời của từng điểm cầu')), el('div', { class: 'answers' }, ...points().map((/** @type {any} */ one) => this._answer(one, read)))),
          el('section', { class: read ? '' : 'later' }, el('h3', {}, '3. ' + _('Chủ trì chọn cách ghi')),
            objections.length ? el('p', { class: 'notice warn' }, icon('triangle-alert'), el('span', {}, _('Có người phản đối: {names}. Chủ trì quyết định ghi, chỉ ghi âm, không ghi, hoặc chuyển sang tiếp trực tiếp.', { names: objections.map((/** @type {any} */ one) => one.name).join(', ') }))) : null,
            recordChoice(mode, pick, !read)),
          el('div', { class: 'acts' }, el('button', { type: 'button', class: 'btn main big', 'data-testid': 'start-now', 'data-focus': 'start-now', disabled: !read, onclick: begin }, icon('circle-play'), _('Bắt đầu phiên'))),
        ];
      },
      () => [room.session.notice_read, points().map((/** @type {any} */ one) => [one.participant, one.notice === 'objects', one.name])],
      (body) => {
        for (const one of points()) {
          for (const input of body.querySelectorAll(`[name="answer-${CSS.escape(one.participant)}"]`)) {
            const answer = /** @type {HTMLInputElement} */ (input);
            if (one.notice) answer.checked = answer.value === one.notice;
          }
        }
      },
    );
  }

  /**
   * @param {any} one
   * @param {boolean} enabled
   */
  _answer(one, enabled) {
    const { room } = this;
    const choices = ANSWERS().map(({ value, label }) =>
      el(
        'label',
        { class: value === 'objects' ? 'objects' : '' },
        el('input', {
          type: 'radio', name: `answer-${one.participant}`, value, checked: one.notice === value, disabled: !enabled,
          'data-testid': `answer-${value}`, 'data-focus': `answer-${one.participant}-${value}`,
          onchange: () => void room.ask('answer_notice', { participant: one.participant, answer: value }),
        }),
        el('span', {}, label),
      ),
    );
    return el('fieldset', { class: 'answer', 'data-participant': one.participant }, el('legend', {}, one.name), el('div', { class: 'seg' }, ...choices));
  }

  /** Another record mode while the session runs. */
  changeRecord() {
    const { room } = this;
    let mode = room.session.record;
    openDialog({ title: _('Đổi cách ghi'), name: 'record' }, (close) => {
      const reason = /** @type {HTMLInputElement} */ (el('input', { type: 'text', class: 'input', maxlength: '200', 'data-testid': 'record-reason' }));
      return [
        el('p', {}, _('Mọi điểm cầu thấy cách ghi mới ngay. Phần đã ghi được giữ nguyên.')),
        recordChoice(mode, (value) => (mode = value), false),
        el('label', { class: 'field' }, el('span', {}, _('Lý do (ghi vào nhật ký phiên)')), reason),
        el('div', { class: 'acts' }, el('button', { type: 'button', class: 'btn main', 'data-testid': 'record-set', onclick: async () => {
          if (await room.ask('set_record', { record: mode, reason: reason.value.trim() })) close();
        } }, _('Đổi cách ghi'))),
      ];
    });
  }

  /** Officials talk among themselves; nothing of it is recorded, the others hear and see nothing. */
  sideTalk() {
    const { room } = this;
    if (room.session.side_talk.length) {
      void room.ask('side_talk', { participants: [] });
      return;
    }
    const others = room.session.participants.filter((/** @type {any} */ one) => one.state === 'joined' && one.participant !== room.me && one.role !== 'viewer');
    openDialog({ title: _('Hội ý (không ghi)'), name: 'side-talk' }, (close) => {
      const boxes = /** @type {HTMLElement[]} */ (others.map((/** @type {any} */ one) =>
        el('label', { class: 'check' }, el('input', { type: 'checkbox', value: one.participant, 'data-testid': 'side-talk-one' }), el('span', {}, one.name))));
      const go = async () => {
        const chosen = boxes.map((box) => /** @type {HTMLInputElement} */ (box.firstChild)).filter((box) => box.checked).map((box) => box.value);
        if (!chosen.length) toast(_('Chọn ít nhất một điểm cầu cùng hội ý.'), 'bad');
        else if (await room.ask('side_talk', { participants: [room.me, ...chosen] })) close();
      };
      return [
        el('p', {}, _('Chỉ các điểm cầu được chọn nghe và thấy nhau; đoạn hội ý không được ghi. Các điểm cầu khác thấy thông báo đang hội ý.')),
        el('div', {}, ...boxes),
        el('div', { class: 'acts' }, el('button', { type: 'button', class: 'btn main', 'data-testid': 'side-talk-go', onclick: () => void go() }, icon('messages-square'), _('Bắt đầu hội ý'))),
      ];
    });
  }

  /** "Gọi điểm cầu". The hub rings the duty officer, then the substitute; then only the telephone is left. */
  ring() {
    const { room } = this;
    const here = new Set(room.session.participants.filter((/** @type {any} */ one) => !['invited', 'ringing', 'left', 'removed'].includes(one.state)).map((/** @type {any} */ one) => one.site));
    const find = /** @type {HTMLInputElement} */ (el('input', { type: 'search', class: 'input', placeholder: _('Tìm điểm cầu'), 'data-testid': 'ring-find', 'aria-label': _('Tìm điểm cầu') }));
    const list = el('ul', { class: 'plain people-rows ring-list' });
    /** @type {Set<string>} */
    const rung = new Set();
    const fill = () => {
      const word = fold(find.value);
      const sites = (room.data.sites ?? []).filter((/** @type {any} */ site) => fold(site.name).includes(word)).slice(0, 60);
      list.replaceChildren(...sites.map((/** @type {any} */ site) => {
        const call = room.session.rings.find((/** @type {any} */ one) => one.site === site.site);
        const ringing = rung.has(site.site) || Boolean(call);
        const row = el('li', { class: 'person' }, el('div', {}, el('b', {}, site.name), el('small', {}, ringing ? ringWords(call ?? { stage: 'duty', who: site.duty, phone: '' }) : [site.duty, site.phone].filter(Boolean).join(' · ') || _('Chưa có lịch trực'))));
        if (here.has(site.site) && !ringing) row.append(el('span', { class: 'chip good' }, _('đã trong phiên')));
        else row.append(el('button', { type: 'button', class: `btn small ${ringing ? '' : 'main'}`, 'data-testid': 'ring-one', onclick: async () => {
          if (await room.ask(ringing ? 'cancel_ring' : 'ring', { site: site.site })) {
            ringing ? rung.delete(site.site) : rung.add(site.site);
            fill();
          }
        } }, icon(ringing ? 'phone-off' : 'phone-call'), ringing ? _('Thôi gọi') : _('Gọi')));
        return row;
      }));
      if (!sites.length) list.replaceChildren(el('li', { class: 'muted' }, _('Không có điểm cầu nào khớp.')));
    };
    find.addEventListener('input', fill);
    openDialog({ title: _('Gọi điểm cầu'), name: 'ring', onclose: () => this._forget(refresh) }, () => [el('p', {}, _('Hệ thống gọi người trực, rồi người thay; nếu không ai trả lời, hãy gọi điện thoại ghi bên dưới.')), find, list]);
    let known = '';
    const refresh = () => {
      const now = JSON.stringify(room.session.rings);
      for (const site of rung) if (known.includes(site) && !now.includes(site)) rung.delete(site); // answered, or given up
      if (now !== known) fill();
      known = now;
    };
    this.refresh = refresh;
    refresh();
    fill();
    find.focus();
  }

  /** The sitting's next visit, without reconnecting. */
  async next() {
    const { room } = this;
    const visits = (await room.data.load('next')) ?? [];
    openDialog({ title: _('Mời lượt tiếp theo'), name: 'next' }, (close) => [
      el('p', {}, _('Phiên này kết thúc; các điểm cầu ở lại, không phải kết nối lại. Biên bản và bản ghi của hai lượt tách riêng.')),
      visits.length
        ? el('ul', { class: 'plain people-rows' }, ...visits.map((/** @type {any} */ one) =>
            el('li', { class: 'person' }, el('div', {}, el('b', {}, one.label), el('small', {}, one.note ?? '')),
              el('button', { type: 'button', class: 'btn small main', 'data-testid': 'next-one', onclick: async () => {
                if (await room.ask('next_visit', { visit: one.visit })) close();
              } }, _('Mời lượt này')))))
        : el('p', { class: 'muted' }, _('Không còn lượt nào trong danh sách chờ của buổi tiếp.')),
    ]);
  }

  async end() {
    const reason = await confirmOnce({
      title: _('Kết thúc phiên'),
      text: _('Hình và tiếng tắt ở mọi điểm cầu. Trong 15 phút có thể mở lại; sau đó bản ghi được khóa và ký số. Biên bản vẫn viết tiếp được cho đến khi chốt.'),
      yes: _('Kết thúc phiên'),
      name: 'confirm-end',
      danger: true,
    });
    if (reason !== null) await this.room.ask('close');
  }

  /** "Chuyển sang tố cáo": says plainly what will happen before it does (design 7). */
  async denunciation() {
    const { room } = this;
    const points = room.session.participants.filter((/** @type {any} */ one) => one.role === 'point' && one.state === 'joined');
    const received = points.find((/** @type {any} */ one) => one.participant === room.data.receivingParticipant) ?? points[0];
    let point = room.isOperator ? (received?.participant ?? '') : room.me;
    openDialog({ title: _('Chuyển sang tố cáo'), name: 'denunciation' }, (close) => [
      el('div', { class: 'notice bad' }, icon('shield-alert'), el('div', {}, el('b', {}, _('Khi bấm, những việc sau xảy ra ngay:')),
        el('ul', {}, ...[
          _('Điểm cầu được chọn bị cắt hình và tiếng với mọi điểm cầu khác.'),
          _('Bản ghi dừng; phần đã ghi vào chế độ hạn chế truy cập.'),
          _('Việc tiếp công dân tiếp tục trực tiếp tại điểm cầu đó, trong một hồ sơ riêng.'),
          _('Không thể tự nối lại trong phiên này.'),
        ].map((text) => el('li', {}, text))))),
      room.isOperator && points.length > 1
        ? el('label', { class: 'field' }, el('span', {}, _('Công dân đang ở điểm cầu')), el('select', { class: 'input', onchange: (/** @type {any} */ event) => (point = event.target.value) },
            ...points.map((/** @type {any} */ one) => el('option', { value: one.participant, selected: one.participant === point }, one.name))))
        : null,
      el('div', { class: 'acts' },
        el('button', { type: 'button', class: 'btn', onclick: close }, _('Không, quay lại')),
        el('button', { type: 'button', class: 'btn danger-main', 'data-testid': 'denunciation-now', onclick: async () => {
          if (await room.ask('to_denunciation', { participant: point })) close();
        } }, _('Chuyển sang tố cáo'))),
    ]);
  }

  /** The rarer steps, by name. @param {{leave: () => void}} page */
  more(page) {
    const { room } = this;
    const has = (/** @type {string} */ type) => room.may.has(type);
    openDialog({ title: _('Điều hành phiên'), name: 'more' }, (close) => {
      const item = (/** @type {string} */ name, /** @type {string} */ image, /** @type {string} */ label, /** @type {string} */ note, /** @type {() => void} */ run) =>
        el('li', {}, el('button', { type: 'button', class: 'menu-row', 'data-testid': name, onclick: () => {
          close();
          run();
        } }, icon(image), el('span', {}, el('b', {}, label), el('small', {}, note))));
      return [el('ul', { class: 'plain' }, ...[
        has('ring') && item('more-ring', 'phone-call', _('Gọi điểm cầu'), _('Gọi thêm một điểm cầu vào phiên'), () => this.ring()),
        item('more-people', 'users', _('Thành phần trong phiên'), _('Tắt micro, cho chờ, mời ra'), () => this.admit()),
        has('set_record') && item('more-record', 'circle-dot', _('Đổi cách ghi'), _('Ghi hình, chỉ ghi âm, không ghi'), () => this.changeRecord()),
        has('next_visit') && item('more-next', 'step-forward', _('Mời lượt tiếp theo'), _('Kết thúc lượt này, giữ nguyên kết nối'), () => void this.next()),
        has('to_denunciation') && item('more-denunciation', 'shield-alert', _('Chuyển sang tố cáo'), _('Cắt điểm cầu khỏi phiên để giữ bí mật người tố cáo'), () => void this.denunciation()),
        item('more-leave', 'door-open', _('Rời phiên'), _('Phiên vẫn tiếp tục; người khác nhận điều hành được'), page.leave),
      ].filter(Boolean).map((row) => /** @type {Node} */ (row)))];
    });
  }
}

/**
 * @param {string} mode
 * @param {(mode: string) => void} pick
 * @param {boolean} disabled
 */
function recordChoice(mode, pick, disabled) {
  const modes = [
    { value: 'full', label: _('Ghi hình và ghi âm'), note: _('ĐANG GHI HÌNH') },
    { value: 'sound', label: _('Chỉ ghi âm'), note: _('CHỈ GHI ÂM') },
    { value: 'off', label: _('Không ghi'), note: _('KHÔNG GHI HÌNH') },
  ];
  return el('div', { class: 'seg', role: 'radiogroup', 'aria-label': _('Cách ghi') }, ...modes.map(({ value, label }) =>
    el('label', {}, el('input', { type: 'radio', name: 'record-mode', value, checked: value === mode, disabled, 'data-testid': `record-${value}`, onchange: () => pick(value) }), el('span', {}, label))));
}

/** @param {string} state */
export function stateWord(state) {
  /** @type {Record<string, string>} */
  const words = {
    invited: _('đã mời'), ringing: _('đang gọi'), waiting: _('đang chờ'), admitted: _('đang vào'), joined: _('trong phiên'),
    lost: _('mất kết nối'), left: _('đã rời'), removed: _('đã mời ra'),
  };
  return words[state] ?? state;
}

/** Search without diacritics. @param {string} text */
const fold = (text) => text.toLowerCase().normalize('NFD').replace(/[\u0300-\u036f]/g, '').replace(/đ/g, 'd');

