// @ts-check
/** Sentences over the stage about what is wrong now, each with a button that leads on. */

import { el, icon, rebuild } from '../lib/dom.js';
import { _ } from '../lib/i18n.js';
import { shortName } from '../lib/layout.js';
import { alarmSentences, breakSentence, ringWords } from '../lib/record.js';
import { deviceSentence } from '../lib/troubles.js';

/** @typedef {import('./room-state.js').RoomState} RoomState */
/** @typedef {{name: string, tone: 'warn' | 'bad' | 'info', image: string, text: string, label?: string, act?: string}} Note */

export class Notices {
  /**
   * @param {RoomState} room
   * @param {HTMLElement} node
   * @param {(act: string) => void} act
   */
  constructor(room, node, act) {
    this.room = room;
    this.node = node;
    this.act = act;
  }

  /** @returns {Note[]} */
  list() {
    const { room } = this;
    /** @type {Note[]} */
    const notes = [];
    const add = (/** @type {Note} */ note) => notes.push(note);
    if (room.soundBlocked) {
      add({ name: 'autoplay', tone: 'warn', image: 'volume-x', text: _('Trình duyệt đang chặn tiếng của phiên.'), label: _('Bật tiếng'), act: 'sound' });
    }
    if (room.status.phase === 'reconnecting') {
      const text = room.inside && room.link.lostSince === null
        ? _('Mất liên lạc với máy chủ, đang nối lại. Hình và tiếng vẫn chạy; nút bấm tạm chưa có tác dụng.')
        : _('Mất kết nối, đang tự nối lại. Không cần đăng nhập lại.');
      add({ name: 'reconnecting', tone: 'warn', image: 'wifi-off', text, label: _('Thử ngay'), act: 'retry' });
    }
    room.takes?.notes(add);
    for (const [source, trouble] of room.troubles) {
      const sentence = deviceSentence(trouble);
      add({ name: `device-${source}`, tone: 'warn', image: source === 'mic' ? 'mic-off' : 'video-off', ...sentence });
    }
    if (room.self?.muted_by_operator.includes('mic')) {
      add({ name: 'held', tone: 'info', image: 'mic-off', text: _('Người điều hành đã tắt micro của bạn. Giơ tay để xin phát biểu.') });
    }
    this._session(add);
    return notes;
  }

  /** @param {(note: Note) => void} add */
  _session(add) {
    const { room } = this;
    const { session } = room;
    this._record(add);
    if (!room.inside) return;
    if (session.state === 'suspended') {
      add({ name: 'paused', tone: 'info', image: 'circle-pause', text: _('Phiên đang tạm dừng: không ai nghe hay thấy ai, không có gì được ghi.') });
    }
    this._crosstalk(add);
    if (session.unsaved) {
      add({ name: 'unsaved', tone: 'warn', image: 'database', text: _('Lệnh đã có hiệu lực nhưng chưa lưu được; sẽ lưu khi cơ sở dữ liệu trở lại.') });
    }
    for (const ring of session.rings) add({ name: 'ring', tone: 'info', image: 'phone-call', text: `${ring.name}: ${ringWords(ring)}` });
    if (session.side_talk_on) {
      const mine = session.side_talk.includes(room.me);
      const text = mine ? _('Đang hội ý với: {names}. Các điểm cầu khác không nghe thấy; không ghi.', { names: session.side_talk.filter((/** @type {string} */ id) => id !== room.me).map((/** @type {string} */ id) => room.nameOf(id)).join(', ') })
        : _('Chủ trì đang hội ý riêng. Xin chờ trong ít phút.');
      add({ name: 'side-talk', tone: 'info', image: 'messages-square', text });
    }
    if (session.state === 'open' && !session.started_utc) {
      const text = room.isOperator ? _('Mọi người đã nghe và thấy nhau nhưng phiên chưa bắt đầu và chưa ghi. Đọc thông báo rồi bấm Bắt đầu phiên.') : _('Phiên chưa bắt đầu, chưa có gì được ghi. Người điều hành sẽ đọc thông báo trước.');
      add({ name: 'not-started', tone: 'info', image: 'info', text });
    }
    if (session.notice_read && room.self?.role === 'point' && !room.self.notice && !room.isOperator) {
      add({ name: 'answer', tone: 'info', image: 'megaphone', text: _('Thông báo ghi âm, ghi hình đã được đọc. Hãy ghi câu trả lời của công dân.'), label: _('Trả lời'), act: 'answer' });
    }
  }

  /** What is wrong with the record, with one click that begins it anew; what the chair has to decide. @param {(note: Note) => void} add */
  _record(add) {
    const { room } = this;
    const { session } = room;
    const nameOf = (/** @type {string} */ id) => room.nameOf(id);
    const sentences = alarmSentences(session.alarms, nameOf);
    const first = session.alarms.findIndex((/** @type {string} */ alarm) => alarm !== 'disk_low');
    sentences.forEach((text, at) => {
      const note = { name: 'alarm', tone: /** @type {'bad'} */ ('bad'), image: 'triangle-alert', text };
      add(at === first && room.may.has('restart_record') ? { ...note, label: _('Ghi lại trên tệp mới'), act: 'restart-record' } : note);
    });
    if (session.question && room.may.has('answer_break')) {
      add({ name: 'break', tone: 'warn', image: 'gavel', text: `${breakSentence(session.question, nameOf)} ${_('Xin ý kiến chủ trì.')}`, label: _('Chủ trì quyết định'), act: 'break' });
    }
  }

  /** Two rooms in one building hear each other: one microphone has to go off. @param {(note: Note) => void} add */
  _crosstalk(add) {
    const { room } = this;
    const name = (/** @type {string} */ id) => shortName(room.nameOf(id));
    for (const [louder, quieter] of room.hearEachOther()) {
      const note = { name: 'crosstalk', tone: /** @type {'warn'} */ ('warn'), image: 'volume-x' };
      if (room.me === quieter) {
        const text = _('Phòng này và {name} đang nghe thấy nhau nên tiếng bị vọng. Hãy tắt micro ở đây khi không nói.', { name: name(louder) });
        add({ ...note, text, label: _('Tắt micro'), act: 'mute-own' });
      } else if (room.isOperator) {
        const text = _('Hai phòng đang nghe thấy nhau: {louder} và {quieter}. Tắt micro một phòng để khỏi vọng tiếng.', { louder: name(louder), quieter: name(quieter) });
        add({ ...note, text, label: _('Tắt micro {name}', { name: name(quieter) }), act: `mute:${quieter}` });
      } else {
        add({ ...note, text: _('Phòng này và {name} đang nghe thấy nhau nên tiếng bị vọng. Chỉ nên bật micro ở một phòng.', { name: name(quieter) }) });
      }
    }
  }

  render() {
    const notes = this.list();
    rebuild(this.node, JSON.stringify(notes), () => notes.map((note) =>
      el('div', { class: `note ${note.tone}`, role: note.tone === 'info' ? 'status' : 'alert', 'data-testid': `note-${note.name}` },
        icon(note.image), el('span', {}, note.text),
        note.act ? el('button', { type: 'button', class: 'btn small', 'data-focus': note.name, 'data-testid': `act-${note.name}`, onclick: () => this.act(note.act ?? '') }, note.label ?? '') : null)));
  }
}
