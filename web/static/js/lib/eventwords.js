// @ts-check
/** Events of the session's log in plain words, for the time line. Pure; names are handed in. */

import { _ } from './i18n.js';

/**
 * @param {{kind: string, body: Record<string, any>}} event
 * @param {(participant: string) => string} nameOf
 * @returns {{tone: 'good' | 'bad' | 'info', text: string} | null} null: nothing to show on a time line
 */
export function eventWords(event, nameOf) {
  const point = nameOf(event.body.participant ?? '');
  const say = (/** @type {'good' | 'bad' | 'info'} */ tone, /** @type {string} */ text) => ({ tone, text });
  switch (event.kind) {
    case 'session.started': return say('good', _('Phiên bắt đầu'));
    case 'session.paused': return say('info', _('Phiên tạm dừng'));
    case 'session.resumed': return say('good', _('Phiên tiếp tục'));
    case 'session.reopened': return say('good', _('Phiên được mở lại'));
    case 'session.closed': return say('good', _('Phiên kết thúc'));
    case 'notice.read': return say('info', _('Đọc thông báo ghi âm, ghi hình'));
    case 'notice.answered': return event.body.answer === 'objects' ? say('bad', _('{point}: phản đối ghi hình', { point })) : null;
    case 'record.started': return say('good', event.body.restart ? _('Ghi lại trên tệp mới') : _('Bắt đầu ghi'));
    case 'record.stopped': return say('info', _('Dừng ghi'));
    case 'record.alarm': return say('bad', event.body.code === 'disk_low' ? _('Ổ đĩa lưu bản ghi sắp hết chỗ') : _('Bản ghi gặp sự cố'));
    case 'record.alarm_over': return say('good', _('Ổ đĩa lưu bản ghi đã đủ chỗ'));
    case 'break.asked': return say('bad', _('Gián đoạn quá mức cho phép, xin ý kiến chủ trì'));
    case 'break.answered': return say('info', breakAnswer(event.body.answer));
    case 'session.interrupted': return say('bad', _('Hệ thống khởi động lại giữa phiên'));
    case 'sidetalk.started': return say('info', _('Hội ý, không ghi'));
    case 'participant.protected': return say('info', _('Không ghi {point}', { point }));
    case 'participant.unprotected': return say('info', _('Ghi lại {point}', { point }));
    case 'sidetalk.ended': return say('info', _('Hội ý kết thúc'));
    case 'participant.joined': return say('good', _('{point} vào phiên', { point }));
    case 'participant.left': return say('info', _('{point} rời phiên', { point }));
    case 'participant.removed': return say('bad', _('{point} được mời ra', { point }));
    case 'outage.started': return say('bad', _('{point} mất kết nối', { point }));
    case 'take.filed': return say('good', _('{point} nộp bản ghi tạm tại điểm cầu', { point }));
    case 'outage.ended': return say('good', _('{point} kết nối lại', { point }));
    case 'operator.taken': return say('info', _('{point} nhận điều hành', { point }));
    case 'minutes.frozen': return say('good', _('Biên bản được chốt'));
    case 'restricted.denunciation': return say('bad', _('Đã chuyển sang tố cáo'));
    default: return null;
  }
}

/** @param {string} answer what the chair decided about a break */
function breakAnswer(answer) {
  if (answer === 'repeat') return _('Chủ trì: nhắc lại phần bị mất rồi tiếp tục');
  if (answer === 'adjourn') return _('Chủ trì: dừng tại đây, hẹn buổi khác');
  return _('Chủ trì: tiếp tục, ghi nhận gián đoạn');
}
