// @ts-check
/** How good a point's line is, told for officers in words and for technicians in numbers. Pure. */

import { _, numbers } from './i18n.js';

/**
 * One way of a line over the last 10 s (docs/protocol.md, `quality.measured`).
 * @typedef {{kbps: number, loss: number, rtt_s: number, jitter_s: number, mos: number, layer?: string, freezes?: number, frozen_s?: number, concealed?: number}} Way
 */

const GOOD_MOS = 4; // G.107 Annex B: most people are satisfied
const FAIR_MOS = 3.1; // below: most complain
const LOST = 0.05;
const SLOW_S = 0.4;
const FROZEN_S = 1;

/** @param {number} share 0..1 */
const percent = (share) => `${(share * 100).toLocaleString(numbers(), { maximumFractionDigits: 1 })} %`;
/** @param {number} seconds */
const milliseconds = (seconds) => `${Math.round(seconds * 1000)} ms`;

/**
 * One way in a sentence: what a person notices, the worst first.
 * @param {Way | undefined} way
 * @param {boolean} narrow it carries less than there is to send
 * @param {boolean} [weak] the point's own page sees its line as weak
 */
export function wayWords(way, narrow, weak = false) {
  if (!way) return _('chưa có số đo');
  if (narrow) return _('không đủ cho hình; ưu tiên giữ tiếng');
  if (way.mos < FAIR_MOS) return _('tiếng khó nghe');
  if ((way.frozen_s ?? 0) > FROZEN_S) return _('hình bị đứng');
  if (way.loss > LOST) return _('mất nhiều gói tin');
  if (way.rtt_s > SLOW_S) return _('chậm, nói phải chờ');
  if (weak) return _('hình hoặc tiếng bị ngắt quãng');
  return way.mos < GOOD_MOS ? _('nghe được, chưa rõ hẳn') : _('tốt');
}

/**
 * The figures of one way, in the order in which a technician looks: name and value.
 * @param {Way} way
 * @returns {[string, string][]}
 */
export function wayFigures(way) {
  /** @type {[string, string][]} */
  const rows = [
    [_('Tốc độ'), `${way.kbps.toLocaleString(numbers())} kbit/s`],
    [_('Mất gói'), percent(way.loss)],
    [_('Khứ hồi'), way.rtt_s ? milliseconds(way.rtt_s) : _('chưa rõ')],
    [_('Dao động trễ'), milliseconds(way.jitter_s)],
    [_('Điểm tiếng nói'), `${way.mos.toLocaleString(numbers(), { minimumFractionDigits: 1, maximumFractionDigits: 1 })} / ${(4.4).toLocaleString(numbers())}`],
  ];
  if (way.layer) rows.push([_('Lớp hình'), way.layer]);
  if (way.freezes !== undefined) rows.push([_('Hình đứng'), _('{count} lần, {seconds} giây', { count: way.freezes, seconds: (way.frozen_s ?? 0).toLocaleString(numbers()) })]);
  if (way.concealed !== undefined) rows.push([_('Tiếng phải vá'), percent(way.concealed)]);
  return rows;
}

/**
 * Why a received picture rests or is smaller than it was, and that sound goes on; "" when no line is to blame.
 * @param {{still: boolean, smaller: boolean, silent: boolean, name: string, mine: string[], theirs: string[], theirLine: string}} seen
 *   `mine`, `theirs`: narrow ways of the viewer's line and of the sender's
 */
export function restWords({ still, smaller, silent, name, mine, theirs, theirLine }) {
  if (!still && !smaller) return '';
  const here = mine.includes('down');
  const there = theirs.includes('up') || theirLine === 'weak';
  if (!here && !there) return '';
  if (still && here) return silent ? _('Đường truyền ở đây yếu nên tạm dừng hình.') : _('Đường truyền ở đây yếu nên tạm dừng hình. Tiếng vẫn tiếp tục.');
  if (still) return silent ? _('Đường truyền của {name} yếu nên tạm dừng hình.', { name }) : _('Đường truyền của {name} yếu nên tạm dừng hình. Tiếng vẫn tiếp tục.', { name });
  if (here) return silent ? _('Đường truyền ở đây yếu nên hình kém nét.') : _('Đường truyền ở đây yếu nên hình kém nét. Tiếng vẫn đủ.');
  return silent ? _('Đường truyền của {name} yếu nên hình kém nét.', { name }) : _('Đường truyền của {name} yếu nên hình kém nét. Tiếng vẫn đủ.', { name });
}

const HOLD_S = 4;

/** A picture that comes every few seconds rests: the sentence about it stays until it has moved for a while. */
export class RestSentence {
  constructor() {
    this.words = '';
    this.until = 0;
  }

  /**
   * @param {number} now seconds
   * @param {string} words what `restWords` says now
   * @param {boolean} stays whether there is a picture about which it could still be said
   */
  say(now, words, stays) {
    if (words) this.until = now + HOLD_S;
    else if (stays && now < this.until) return this.words;
    this.words = words;
    return words;
  }
}
