// @ts-check
/** The operator's tab with every point's line: a sentence for each way, and the figures behind it. */

import { clockTime } from '../lib/clock.js';
import { el, icon, rebuild } from '../lib/dom.js';
import { _ } from '../lib/i18n.js';
import { shortName } from '../lib/layout.js';
import { wayFigures, wayWords } from '../lib/lines.js';
import { lineWords } from '../lib/record.js';
import { stateWord } from './operator.js';

/** @typedef {import('./room-state.js').RoomState} RoomState */

export class LinesPanel {
  /**
   * @param {RoomState} room
   * @param {HTMLElement} node
   */
  constructor(room, node) {
    this.room = room;
    this.node = node;
    node.tabIndex = 0; // it scrolls and holds nothing else that takes the focus
  }

  render() {
    const { figures, session } = this.room;
    const key = [figures.utc, session.participants.map((/** @type {any} */ one) => [one.participant, one.name, one.state, one.line, one.narrow])];
    rebuild(this.node, JSON.stringify(key), () => this._points());
  }

  _points() {
    const { room } = this;
    const { utc, points } = room.figures;
    const here = room.session.participants.filter((/** @type {any} */ one) => ['joined', 'lost'].includes(one.state));
    if (!here.length || !points.length) {
      return [el('div', { class: 'empty' }, icon('signal'), el('b', {}, _('Chưa có số đo')), el('p', {}, _('Số đo của từng điểm cầu hiện ở đây sau khoảng 10 giây trong phiên, và đổi mới mỗi 10 giây.')))];
    }
    return [
      ...here.map((/** @type {any} */ one) => this._point(one, points.find((/** @type {any} */ row) => row.participant === one.participant) ?? {})),
      el('p', { class: 'small lines-at' }, _('Trung bình 10 giây, đến {time}. Số đo cũng nằm trong nhật ký phiên.', { time: clockTime(utc) })),
    ];
  }

  /**
   * @param {any} one its view
   * @param {any} row its figures
   */
  _point(one, row) {
    const line = lineWords(one.line);
    const upIsGood = !one.narrow?.includes('up') && wayWords(row.up, false) === _('tốt');
    const way = (/** @type {'up' | 'down'} */ name, /** @type {string} */ title, /** @type {string} */ image) => {
      const words = wayWords(row[name], one.narrow?.includes(name), name === 'down' && one.line === 'weak' && upIsGood);
      return el('div', { class: 'way', 'data-testid': `line-${name}` },
        el('h3', {}, icon(image), el('span', {}, `${title}:`), el('b', {}, words)),
        row[name] ? el('dl', {}, ...wayFigures(row[name]).map(([label, value]) => el('div', {}, el('dt', {}, label), el('dd', {}, value)))) : null);
    };
    return el('section', { class: 'point', 'data-testid': 'line-point', 'data-participant': one.participant },
      el('div', { class: 'point-head' }, el('b', {}, shortName(this.room.nameOf(one.participant))), line ? el('span', { class: `chip ${line.tone}` }, line.words) : el('span', { class: 'chip off' }, stateWord(one.state))),
      one.state === 'lost' ? null : way('up', _('Gửi lên'), 'upload'),
      one.state === 'lost' ? null : way('down', _('Nhận về'), 'download'));
  }
}
