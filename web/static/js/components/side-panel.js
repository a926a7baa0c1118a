// @ts-check
/** The right panel: tabs for minutes, papers, people, talk among officials. */

import { clockTime } from '../lib/clock.js';
import { el, icon, rebuild, show } from '../lib/dom.js';
import { _ } from '../lib/i18n.js';
import { lineWords } from '../lib/record.js';
import { toast } from './dialogs.js';
import { LinesPanel } from './lines-panel.js';
import { MinutesPanel } from './minutes-panel.js';
import { answerWord, stateWord } from './operator.js';

/** @typedef {import('./room-state.js').RoomState} RoomState */

export class SidePanel {
  /**
   * @param {RoomState} room
   * @param {HTMLElement} node
   */
  constructor(room, node) {
    this.room = room;
    this.node = node;
    this.tabs = el('div', { class: 'panel-tabs', role: 'tablist', 'aria-label': _('Bảng bên') });
    /** @type {Map<string, {tab: HTMLElement, body: HTMLElement}>} */
    this.parts = new Map();
    const names = { minutes: _('Biên bản'), papers: _('Tài liệu'), people: _('Thành phần'), lines: _('Đường truyền'), chat: _('Trao đổi') };
    for (const [name, label] of Object.entries(names)) this._part(name, label);
    node.append(this.tabs, ...[...this.parts.values()].map((part) => part.body));
    this.minutes = new MinutesPanel(room, this._body('minutes'));
    this.lines = new LinesPanel(room, this._body('lines'));
    this._chatForm();
    this.open('minutes');
  }

  /** @param {string} name */
  _body(name) {
    return /** @type {{body: HTMLElement}} */ (this.parts.get(name)).body;
  }

  /**
   * @param {string} name
   * @param {string} label
   */
  _part(name, label) {
    const tab = el('button', { type: 'button', role: 'tab', id: `tab-${name}`, 'aria-controls': `part-${name}`, 'data-testid': `tab-${name}`, onclick: () => this.open(name) }, label);
    tab.addEventListener('keydown', (event) => this._arrow(event));
    const body = el('div', { class: `part part-${name}`, role: 'tabpanel', id: `part-${name}`, 'aria-labelledby': `tab-${name}` });
    this.tabs.append(tab);
    this.parts.set(name, { tab, body });
  }

  /** @param {KeyboardEvent} event */
  _arrow(event) {
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    if (!step) return;
    const tabs = /** @type {HTMLElement[]} */ ([...this.tabs.children]).filter((tab) => !tab.hidden);
    const next = tabs[(tabs.indexOf(/** @type {HTMLElement} */ (event.target)) + step + tabs.length) % tabs.length];
    next.focus();
    next.click();
  }

  /** @param {string} name */
  open(name) {
    for (const [key, part] of this.parts) {
      const on = key === name;
      part.tab.setAttribute('aria-selected', String(on));
      part.tab.tabIndex = on ? 0 : -1;
      show(part.body, on);
    }
    this.shown = name;
  }

  render() {
    const { room } = this;
    this.minutes.render();
    const chat = room.session.chat && room.may.has('chat');
    show(/** @type {{tab: HTMLElement}} */ (this.parts.get('chat')).tab, chat);
    if (!chat && this.shown === 'chat') this.open('minutes');
    // who sees all of the session gets figures: the relay's, and what each page measures of its own line
    const tells = room.self?.role === 'operator';
    show(/** @type {{tab: HTMLElement}} */ (this.parts.get('lines')).tab, tells);
    if (!tells && this.shown === 'lines') this.open('minutes');
    if (tells) this.lines.render();
    rebuild(this._body('papers'), JSON.stringify(room.data.papers ?? []), () => this._papers());
    const people = room.session.participants.map((/** @type {any} */ one) => [one.participant, one.name, one.state, one.people, one.notice, one.line, one.hand]);
    rebuild(this._body('people'), JSON.stringify([people, room.me, [...room.may].includes('people'), room.isOperator]), () => this._people());
    rebuild(/** @type {HTMLElement} */ (this.chatList), String(room.chat.length), () =>
      room.chat.map((line) => el('div', { class: 'ln' }, el('time', {}, clockTime(line.utc).slice(0, 5)), el('div', {}, el('b', {}, line.name), el('span', {}, line.text)))));
  }

  _papers() {
    const papers = this.room.data.papers ?? [];
    const reload = el('button', { type: 'button', class: 'btn small', onclick: async () => {
      const fresh = await this.room.data.load('papers');
      if (fresh) this.room.data.papers = fresh;
      this.render();
    } }, icon('refresh-cw'), _('Tải lại danh sách'));
    if (!papers.length) {
      return [el('div', { class: 'empty' }, icon('folder-open'), el('b', {}, _('Chưa có tài liệu')), el('p', {}, _('Tài liệu quét hoặc tải lên ở bàn tiếp của lượt này sẽ hiện ở đây.')), reload)];
    }
    return [el('ul', { class: 'plain papers' }, ...papers.map((/** @type {any} */ paper) =>
      el('li', {}, el('a', { href: paper.url, target: '_blank', rel: 'noopener' }, icon(paper.picture ? 'file-image' : 'file-text'), el('span', {}, el('b', {}, paper.title), el('small', {}, paper.note ?? '')))))),
      el('div', { class: 'taker' }, reload)];
  }

  _people() {
    const { room } = this;
    return room.session.participants.filter((/** @type {any} */ one) => one.state !== 'removed').map((/** @type {any} */ one) => {
      const line = lineWords(one.line);
      const mine = one.participant === room.me || room.isOperator;
      const looksOn = one.role === 'viewer';
      return el('section', { class: 'point', 'data-testid': 'people-point', 'data-participant': one.participant },
        el('div', { class: 'point-head' }, el('b', {}, room.nameOf(one.participant)), line ? el('span', { class: `chip ${line.tone}` }, line.words) : el('span', { class: 'chip off' }, stateWord(one.state))),
        one.people.length
          ? el('ul', { class: 'plain' }, ...one.people.map((/** @type {any} */ person) => el('li', {}, person.name, person.capacity ? el('small', {}, ` · ${person.capacity}`) : null)))
          : el('p', { class: 'small' }, looksOn ? _('Chỉ nghe và xem, không phát hình và tiếng.') : _('Chưa ghi ai có mặt.')),
        room.session.notice_read && !looksOn && one.state !== 'invited' ? el('p', { class: 'small' }, _('Về ghi âm, ghi hình: {answer}', { answer: answerWord(one.notice ?? '') })) : null,
        mine && room.may.has('people') ? this._addPerson(one) : null);
    });
  }

  /** @param {any} one */
  _addPerson(one) {
    const name = /** @type {HTMLInputElement} */ (el('input', { class: 'input', placeholder: _('Họ tên'), maxlength: '120', 'aria-label': _('Họ tên'), 'data-testid': 'person-name', 'data-focus': `name-${one.participant}` }));
    const capacity = /** @type {HTMLInputElement} */ (el('input', { class: 'input', placeholder: _('Tư cách, chức vụ'), maxlength: '120', 'aria-label': _('Tư cách, chức vụ'), 'data-testid': 'person-capacity' }));
    const add = async (/** @type {Event} */ event) => {
      event.preventDefault();
      if (!name.value.trim()) return;
      const people = [...one.people, { name: name.value.trim(), capacity: capacity.value.trim() }];
      if (await this.room.ask('people', { participant: one.participant, people })) toast(_('Đã thêm vào thành phần tham dự'));
    };
    return el('details', {}, el('summary', { 'data-testid': 'person-open' }, icon('user-plus'), _('Thêm người có mặt')),
      el('form', { class: 'add-person', onsubmit: add }, name, capacity, el('button', { type: 'submit', class: 'btn small main', 'data-testid': 'person-add' }, _('Thêm'))));
  }

  _chatForm() {
    const body = this._body('chat');
    this.chatList = el('div', { class: 'lines', role: 'log' });
    const text = /** @type {HTMLInputElement} */ (el('input', { class: 'input', maxlength: '1000', 'aria-label': _('Lời nhắn'), placeholder: _('Chỉ cán bộ thấy'), 'data-testid': 'chat-text' }));
    const send = async (/** @type {Event} */ event) => {
      event.preventDefault();
      const words = text.value.trim();
      if (words && (await this.room.ask('chat', { text: words }))) text.value = '';
    };
    body.append(this.chatList, el('form', { class: 'write', onsubmit: send }, text, el('button', { type: 'submit', class: 'btn main' }, icon('send'), _('Gửi'))));
  }
}
