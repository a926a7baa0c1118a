// @ts-check
/** A break of the record that lasted longer than the rules allow: what the chair decides, put down with one click. */

import { el } from '../lib/dom.js';
import { _ } from '../lib/i18n.js';
import { breakSentence } from '../lib/record.js';
import { openDialog } from './dialogs.js';

/** @typedef {import('./room-state.js').RoomState} RoomState */

const CHOICES = () => [
  { answer: 'repeat', label: _('Nhắc lại phần bị mất rồi tiếp tục'), what: _('Người nói nhắc lại nội dung trong lúc gián đoạn để bản ghi có đủ.') },
  { answer: 'continue', label: _('Tiếp tục, ghi nhận gián đoạn'), what: _('Phiên đi tiếp; khoảng gián đoạn được nêu trong nhật ký và hồ sơ phiên.') },
  { answer: 'adjourn', label: _('Dừng tại đây, hẹn buổi khác'), what: _('Ý kiến của chủ trì được ghi lại; sau đó bấm Kết thúc phiên.') },
];

/** @param {RoomState} room */
export function askAboutBreak(room) {
  const { question } = room.session;
  if (!question) return;
  openDialog({ title: _('Chủ trì quyết định về gián đoạn'), name: 'break' }, (close) => [
    el('p', {}, breakSentence(question, (id) => room.nameOf(id))),
    el('p', { class: 'muted' }, _('Hỏi chủ trì, rồi bấm đúng ý kiến đã nghe. Câu trả lời được ghi vào nhật ký phiên.')),
    ...CHOICES().map(({ answer, label, what }, at) => el('div', { class: 'stack' },
      el('button', { type: 'button', class: `btn ${at === 0 ? 'main' : ''}`, 'data-testid': `break-${answer}`, onclick: async () => {
        if (await room.ask('answer_break', { answer })) close();
      } }, label),
      el('p', { class: 'muted' }, what))),
  ]);
}
