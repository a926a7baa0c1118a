// @ts-check
/** The state of the record and of a line in plain words. Pure: a session view and the time in, words out. */

import { clockTime, counter } from './clock.js';
import { _ } from './i18n.js';

/**
 * @typedef {object} RecordWords
 * @property {'on' | 'sound' | 'off' | 'paused' | 'alarm' | 'starting'} tone
 * @property {string} words without the running time: announced to screen readers when it changes
 * @property {string} time running time, or ""
 */

/**
 * @param {any} session a SessionView
 * @param {number} utc the hub's time
 * @param {string} [me] our participant: a side talk or protection concerns only some
 * @returns {RecordWords}
 */
export function recordWords(session, utc, me = '') {
  const time = session.record_since_utc ? counter(utc - session.record_since_utc) : '';
  const words = (/** @type {RecordWords['tone']} */ tone, /** @type {string} */ text, shown = '') => ({ tone, words: text, time: shown });
  if (session.state === 'suspended') return words('paused', _('TẠM DỪNG, KHÔNG GHI'));
  if (session.side_talk?.includes(me)) return words('paused', _('HỘI Ý, KHÔNG GHI'));
  if (session.state !== 'running' || session.record === 'off') return words('off', _('KHÔNG GHI HÌNH'));
  if (session.participants?.some((/** @type {any} */ one) => one.participant === me && one.protected)) return words('off', _('KHÔNG GHI ĐIỂM CẦU NÀY'));
  if (session.alarms?.some((/** @type {string} */ alarm) => alarm !== 'disk_low')) return words('alarm', _('BẢN GHI GẶP SỰ CỐ'), time);
  if (!session.recording) return words('starting', _('ĐANG MỞ BẢN GHI'));
  return session.record === 'sound' ? words('sound', _('CHỈ GHI ÂM'), time) : words('on', _('ĐANG GHI HÌNH'), time);
}

/** @returns {RecordWords} what is shown when the hub has not been heard of for a while */
export const unknownRecord = () => ({ tone: 'starting', words: _('CHƯA RÕ TRẠNG THÁI GHI'), time: '' });

/**
 * What is wrong with the record, as sentences. Alarms are codes, or code:participant:source.
 * @param {string[]} alarms
 * @param {(participant: string) => string} nameOf
 */
export function alarmSentences(alarms, nameOf) {
  return alarms.map((alarm) => {
    const [code, participant, source] = alarm.split(':');
    if (code === 'not_written') {
      return _('Chưa ghi được {source} của {point}.', { source: sourceWord(source), point: nameOf(participant) });
    }
    if (code === 'disk_low') return _('Ổ đĩa lưu bản ghi sắp hết chỗ: còn ít hơn mức an toàn. Bản ghi vẫn tiếp tục; hãy báo bộ phận kỹ thuật ngay.');
    if (code === 'disk_full') return _('Ổ đĩa lưu bản ghi đã đầy. Phiên vẫn tiếp tục nhưng không được ghi.');
    if (code === 'disk_stalled') return _('Ổ đĩa lưu bản ghi phản hồi quá chậm. Bản ghi có thể bị thiếu.');
    return _('Không ghi được bản ghi xuống ổ đĩa. Hãy báo bộ phận kỹ thuật.');
  });
}

/**
 * A break of the record that is put to the chair.
 * @param {{since_utc: number, until_utc: number | null, cause: string, participants: string[]}} question
 * @param {(participant: string) => string} nameOf
 */
export function breakSentence({ since_utc: since, until_utc: until, cause, participants }, nameOf) {
  const points = participants.map(nameOf).join(', ');
  const causes = { relay: _('máy chủ tiếp sóng bị gián đoạn'), disk: _('không ghi được xuống ổ đĩa'), line: _('mất kết nối') };
  const why = causes[/** @type {'relay'} */ (cause)] ?? cause;
  const reason = points ? `${why} (${points})` : why;
  if (until === null) return _('Bản ghi đang gián đoạn từ {time}, lâu hơn mức cho phép: {reason}.', { time: clockTime(since), reason });
  return _('Bản ghi đã gián đoạn {length} từ {time}, lâu hơn mức cho phép: {reason}.', { length: counter(until - since), time: clockTime(since), reason });
}

/**
 * Who is asked now at a point that is being rung: the duty officer, then the substitute, then only the telephone.
 * @param {{stage: string, who: string, phone: string}} ring
 */
export function ringWords({ stage, who, phone }) {
  if (stage === 'phone') {
    if (!phone) return _('không ai trả lời; chưa có số điện thoại trực');
    return who ? _('không ai trả lời; hãy gọi điện cho {who}: {phone}', { who, phone }) : _('không ai trả lời; hãy gọi điện: {phone}', { phone });
  }
  if (!who) return _('đang gọi…');
  return stage === 'substitute' ? _('đang gọi người thay {who}…', { who }) : _('đang gọi {who}…', { who });
}

/** @param {string} source */
export function sourceWord(source) {
  if (source === 'mic') return _('âm thanh');
  if (source === 'screen') return _('màn hình');
  if (source === 'document') return _('camera tài liệu');
  return _('hình ảnh');
}

/**
 * @param {string} line of a ParticipantView
 * @returns {{tone: 'good' | 'warn' | 'bad', words: string} | null}
 */
export function lineWords(line) {
  if (line === 'good') return { tone: 'good', words: _('đường truyền tốt') };
  if (line === 'weak') return { tone: 'warn', words: _('đường truyền yếu') };
  if (line === 'sound_only') return { tone: 'warn', words: _('chỉ còn tiếng') };
  if (line === 'lost') return { tone: 'bad', words: _('mất kết nối') };
  return null;
}
