// @ts-check
/** What covers the stage when there is no session to see: waiting room, end of the session, another tab. */

import { clockTime, counter } from '../lib/clock.js';
import { el, icon, rebuild, show } from '../lib/dom.js';
import { _ } from '../lib/i18n.js';
import { meterPart } from '../lib/meters.js';
import { overSentence } from '../lib/troubles.js';

/** @typedef {import('./room-state.js').RoomState} RoomState */

const REOPEN_S = 15 * 60;

export class Overlay {
  /**
   * @param {RoomState} room
   * @param {HTMLElement} node
   * @param {{reload: () => void, level: () => number}} actions `level`: own microphone in dBFS
   */
  constructor(room, node, actions) {
    this.room = room;
    this.node = node;
    this.actions = actions;
    this.preview = /** @type {HTMLVideoElement} */ (el('video', { class: 'preview', autoplay: true, playsinline: true, 'data-testid': 'preview' }));
    this.preview.muted = true;
    this.meter = el('div', { class: 'meter' }, el('i', {}));
  }

  /** @returns {string} what is shown: "" for nothing */
  kind() {
    const { room } = this;
    if (room.status.phase === 'over') return `over:${room.status.reason}`;
    if (!room.self) return room.status.phase === 'connecting' || room.status.phase === 'reconnecting' ? 'connecting' : '';
    if (room.cutOff) return 'denunciation';
    if (room.goingOver) return 'connecting';
    if (['closed', 'locked'].includes(room.session.state)) return 'closed';
    if (room.self.state === 'removed') return 'removed';
    if (room.self.state === 'left') return 'left';
    return room.inside ? '' : 'waiting';
  }

  render() {
    const { room } = this;
    const kind = this.kind();
    show(this.node, kind !== '');
    this.node.dataset.kind = kind;
    if (!kind) {
      this.preview.srcObject = null;
      return;
    }
    const left = this._reopenLeft();
    const key = JSON.stringify([kind, room.may.has('resume'), kind === 'closed' && Math.floor(left), room.session.state, room.status.since]);
    rebuild(this.node, key, () => [this._card(kind, left)]);
    if (kind === 'waiting') this._preview();
  }

  _reopenLeft() {
    const closed = this.room.session.closed_utc;
    return closed ? Math.max(0, closed + REOPEN_S - this.room.hub.utc()) : 0;
  }

  _preview() {
    const track = this.room.media.tracks.get('camera') ?? null;
    const stream = /** @type {MediaStream | null} */ (this.preview.srcObject);
    if ((stream?.getTracks()[0] ?? null) !== track) this.preview.srcObject = track ? new MediaStream([track]) : null;
    if (track && this.preview.paused) void this.preview.play().catch(() => {});
    show(this.preview, Boolean(track));
  }

  /** Called several times a second while the waiting room is shown. */
  tick() {
    if (this.node.hidden || !this.node.dataset.kind?.startsWith('waiting')) return;
    /** @type {HTMLElement} */ (this.meter.firstChild).style.width = `${Math.round(meterPart(this.actions.level()) * 100)}%`;
  }

  /**
   * @param {string} kind
   * @param {number} left seconds in which the session may be opened again
   */
  _card(kind, left) {
    const { room } = this;
    const home = el('a', { class: 'btn', href: room.data.homeUrl ?? '/', 'data-testid': 'go-home' }, icon('house'), _('Về trang chính'));
    const reload = (/** @type {string} */ label) => el('button', { type: 'button', class: 'btn main', 'data-testid': 'reload', onclick: this.actions.reload }, icon('refresh-cw'), label);
    const card = (/** @type {string} */ image, /** @type {string} */ title, /** @type {string} */ text, /** @type {(Node | null | false)[]} */ ...more) =>
      el('div', { class: 'over-card', role: 'status', 'data-testid': `overlay-${kind.split(':')[0]}` }, icon(image), el('h2', { class: 'big-title' }, title), el('p', {}, text), ...more.map((one) => one || null));
    if (kind.startsWith('over:') && kind !== 'over:ended') {
      const words = overSentence(kind.slice(5));
      return card(kind === 'over:replaced' ? 'copy' : 'info', words.title, words.text, el('div', { class: 'row' }, reload(words.label), home));
    }
    if (kind === 'connecting') return card('loader-circle', _('Đang vào phòng tiếp…'), _('Nếu quá 10 giây chưa vào được, hãy kiểm tra dây mạng; trang tự thử lại.'));
    if (kind === 'denunciation') {
      const visit = room.data.visitUrl ? el('a', { class: 'btn main', href: room.data.visitUrl, 'data-testid': 'go-visit' }, icon('clipboard-pen'), _('Mở lượt tiếp')) : null;
      return card('shield-alert', _('Đã chuyển sang tố cáo'), _('Điểm cầu này đã tách khỏi mọi điểm cầu khác và bản ghi đã dừng. Hãy tiếp tục tiếp công dân trực tiếp tại đây, trong hồ sơ riêng.'), el('div', { class: 'row' }, visit, home));
    }
    if (kind === 'removed') return card('door-open', _('Bạn đã được mời ra khỏi phiên'), _('Nếu đây là nhầm lẫn, hãy gọi người điều hành.'), home);
    if (kind === 'left') return card('door-open', _('Bạn đã rời phiên'), _('Có thể vào lại khi phiên còn mở.'), el('div', { class: 'row' }, reload(_('Vào lại')), home));
    if (kind === 'waiting') return this._waiting();
    const locked = room.session.state === 'locked';
    const closed = room.session.closed_utc ? clockTime(room.session.closed_utc).slice(0, 5) : '';
    const text = locked ? _('Bản ghi đã được khóa và ký số.') : !closed ? overSentence('ended').text : _('Hình và tiếng đã tắt lúc {time}. Biên bản vẫn viết tiếp được cho đến khi chốt.', { time: closed });
    return card('circle-check', _('Phiên đã kết thúc'), text,
      !locked && left > 0 ? el('p', { class: 'muted' }, _('Còn {time} để mở lại phiên, sau đó bản ghi được khóa và ký số.', { time: counter(left) })) : null,
      el('div', { class: 'row' },
        room.may.has('resume') && left > 0 ? el('button', { type: 'button', class: 'btn main', 'data-testid': 'reopen', 'data-focus': 'reopen', onclick: () => void room.ask('resume') }, icon('rotate-ccw'), _('Mở lại phiên')) : null,
        room.data.caseUrl ? el('a', { class: 'btn', href: room.data.caseUrl }, icon('folder'), _('Mở hồ sơ vụ việc')) : null,
        home));
  }

  _waiting() {
    const { room } = this;
    return el('div', { class: 'over-card waiting', role: 'status', 'data-testid': 'overlay-waiting' },
      el('h2', { class: 'big-title' }, _('Phòng chờ trực tuyến')),
      el('p', {}, _('Người điều hành sẽ mời điểm cầu này vào phiên. Hãy giữ trang mở; trong lúc chờ không ai nghe hay thấy bạn và không có gì được ghi.')),
      el('div', { class: 'preview-box' }, this.preview, el('div', { class: 'preview-off' }, icon('video-off'), _('Camera đang tắt'))),
      el('div', { class: 'meter-row' }, icon('mic'), this.meter),
      el('p', { class: 'muted' }, room.data.notice ?? ''));
  }
}
