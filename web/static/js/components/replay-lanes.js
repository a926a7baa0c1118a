// @ts-check
/** The time line under the players: a lane a point, then minutes and events; a click anywhere jumps. */

import { counter } from '../lib/clock.js';
import { el, icon } from '../lib/dom.js';
import { _ } from '../lib/i18n.js';
import { shortName } from '../lib/layout.js';

/**
 * @typedef {object} LanesOptions
 * @property {number} length seconds
 * @property {import('./replay-players.js').Point[]} points
 * @property {{at: number, text: string, speaker: string, bookmark: boolean}[]} lines
 * @property {{at: number, tone: string, text: string}[]} events
 * @property {{start: number, end: number, words: string}[]} cuts extracts that were made
 * @property {(at: number) => void} onjump
 */

export class Lanes {
  /**
   * @param {HTMLElement} node
   * @param {LanesOptions} options
   */
  constructor(node, options) {
    this.options = options;
    this.head = el('div', { class: 'play-head', 'aria-hidden': 'true' });
    this.tip = el('div', { class: 'tip', hidden: true });
    this.area = el('div', { class: 'lane-area', 'data-testid': 'lanes' }, this.head, this.tip);
    const rows = [
      ...options.points.map((point) => this._pointLane(point)),
      this._marks(_('Biên bản'), 'minutes', options.lines.filter((line) => !line.bookmark).map((line) => ({ at: line.at, text: `${line.speaker} ${line.text}`, tone: 'line' }))),
      this._marks(_('Đánh dấu'), 'bookmarks', options.lines.filter((line) => line.bookmark).map((line) => ({ at: line.at, text: line.text || _('Đánh dấu'), tone: 'bookmark' }))),
      this._marks(_('Sự kiện'), 'events', options.events),
      ...(options.cuts.length ? [this._cuts(options.cuts)] : []),
    ];
    this.slider = /** @type {HTMLInputElement} */ (
      el('input', { type: 'range', class: 'seek', min: '0', max: String(options.length), step: '0.1', value: '0', 'aria-label': _('Vị trí trên dòng thời gian'), 'data-testid': 'seek' })
    );
    this.slider.addEventListener('input', () => options.onjump(Number(this.slider.value)));
    node.append(this.slider, this.area);
    this.area.append(...rows, this._scale());
    this.area.addEventListener('click', (event) => {
      const at = this._atOf(event);
      if (at !== null) options.onjump(at);
    });
    this.area.addEventListener('mousemove', (event) => this._hover(event));
    this.area.addEventListener('mouseleave', () => (this.tip.hidden = true));
  }

  /** @param {MouseEvent} event @returns {number | null} */
  _atOf(event) {
    const track = this.area.querySelector('.track')?.getBoundingClientRect();
    if (!track || event.clientX < track.left - 4 || event.clientX > track.right + 4) return null;
    return Math.min(this.options.length, Math.max(0, ((event.clientX - track.left) / track.width) * this.options.length));
  }

  /** @param {MouseEvent} event */
  _hover(event) {
    const at = this._atOf(event);
    this.tip.hidden = at === null;
    if (at === null) return;
    const mark = /** @type {HTMLElement | null} */ (/** @type {HTMLElement} */ (event.target).closest('[data-words]'));
    this.tip.textContent = mark?.dataset.words ?? counter(at);
    const box = this.area.getBoundingClientRect();
    this.tip.style.left = `${Math.min(box.width - 120, Math.max(60, event.clientX - box.left))}px`;
  }

  /** @param {HTMLElement} node @param {number} from @param {number} [to] */
  _place(node, from, to) {
    const part = (/** @type {number} */ value) => `${(100 * value) / Math.max(0.001, this.options.length)}%`;
    node.style.left = part(from);
    if (to !== undefined) node.style.width = part(Math.max(0, to - from));
    return node;
  }

  /** @param {import('./replay-players.js').Point} point */
  _pointLane(point) {
    const heard = this.options.points.some((one) => one.talk.length);
    const recorded = point.segments.map((one) => this._place(el('i', { class: `${one.kind === 'sound' ? 'sound' : ''}${heard ? ' quiet' : ''}` }), one.start, one.end));
    const talk = point.talk.map(([from, to]) => this._place(el('i', { class: 'talk', 'data-words': `${shortName(point.name)} · ${counter(from)}–${counter(to)}`, 'data-testid': 'talk' }), from, to));
    const gaps = point.gaps.map((one) => {
      const words = one.words ?? _('Không ghi');
      return this._place(el('i', { class: `gap ${one.kind}`, 'data-words': `${words} ${counter(one.start)}–${counter(one.end)}`, 'data-testid': 'gap' }), one.start, one.end);
    });
    const fills = point.fills.map((one) => this._place(el('i', { class: 'fill', 'data-words': _('Điểm cầu đã tự ghi {from}–{to}', { from: counter(one.start), to: counter(one.end) }), 'data-testid': 'fill' }), one.start, one.end));
    return el('div', { class: 'lane' }, el('span', { title: point.name }, shortName(point.name).replace(/^Điểm cầu (?=.)/u, '')), el('div', { class: 'track' }, ...recorded, ...talk, ...gaps, ...fills));
  }

  /** @param {{start: number, end: number, words: string}[]} cuts */
  _cuts(cuts) {
    const nodes = cuts.map((cut) =>
      this._place(el('button', { type: 'button', class: 'cut', 'data-words': cut.words, 'data-testid': 'cut', 'aria-label': cut.words,
        onclick: (/** @type {Event} */ event) => {
          event.stopPropagation();
          this.options.onjump(cut.start);
        } }), cut.start, cut.end));
    return el('div', { class: 'lane' }, el('span', {}, _('Trích xuất')), el('div', { class: 'track bare' }, ...nodes));
  }

  /**
   * @param {string} label
   * @param {string} name
   * @param {{at: number, text: string, tone: string}[]} marks
   */
  _marks(label, name, marks) {
    const nodes = marks.map((mark) =>
      this._place(el('button', { type: 'button', class: `mark-at ${mark.tone}`, 'data-words': `${counter(mark.at)} · ${mark.text}`, 'data-testid': `mark-${name}`, 'aria-label': `${counter(mark.at)} ${mark.text}`,
        onclick: (/** @type {Event} */ event) => {
          event.stopPropagation();
          this.options.onjump(mark.at);
        } }), mark.at));
    return el('div', { class: 'lane' }, el('span', {}, label), el('div', { class: 'track bare' }, ...nodes));
  }

  _scale() {
    const { length } = this.options;
    const step = [5, 10, 30, 60, 120, 300, 600, 1200, 1800, 3600].find((one) => length / one <= 8) ?? 7200;
    const ticks = [];
    for (let at = 0; at <= length * 0.94; at += step) ticks.push(this._place(el('b', {}, counter(at)), at));
    ticks.push(this._place(el('b', {}, counter(length)), length));
    return el('div', { class: 'lane scale', 'aria-hidden': 'true' }, el('span', {}), el('div', { class: 'track bare' }, ...ticks));
  }

  /** @param {number} at */
  move(at) {
    this.head.style.setProperty('--at', String(at / Math.max(0.001, this.options.length)));
    if (document.activeElement !== this.slider || Math.abs(Number(this.slider.value) - at) > 0.2) this.slider.value = String(at);
    this.slider.setAttribute('aria-valuetext', counter(at));
  }
}

/** For a page without a recording: says why, and when it comes. @param {string} state */
export function nothingToReplay(state) {
  const text = state === 'failed' ? _('Chưa dựng được bản xem lại. Bản gốc không bị ảnh hưởng; hãy báo người quản trị.') : state === 'recording' ? _('Phiên đang diễn ra. Bản xem lại có sau khi phiên kết thúc.')
    : state === 'making' ? _('Bản xem lại đang được dựng từ bản gốc. Trang tự tải lại khi xong.')
    : _('Phiên này không có bản ghi hình, ghi âm.');
  return el('div', { class: 'stage-empty', 'data-testid': 'nothing' }, icon(state === 'making' ? 'hourglass' : 'video-off'), el('b', {}, text));
}
