// @ts-check
/**
 * The minutes beside the stage: sections of the form, time-coded lines, one writer. What is being typed is kept on this
 * machine until the hub has it, so a lost line loses no word.
 */

import { clockTime, counter } from '../lib/clock.js';
import { el, icon, rebuild, setText, show } from '../lib/dom.js';
import { _ } from '../lib/i18n.js';
import { confirmOnce, openDialog, toast } from './dialogs.js';

/** @typedef {import('./room-state.js').RoomState} RoomState */

/** Sections of TCD_20 (domain 3.2) in the user's language; the hub fills them beforehand. @param {{key: string, title: string}} section */
export function sectionTitle(section) {
  /** @type {Record<string, string>} */
  const titles = {
    opening: _('Thời gian, địa điểm'),
    receivers: _('I. Người tiếp công dân, thành phần tham dự'),
    persons: _('I. Công dân được tiếp'),
    content: _('II. Nội dung trình bày'),
    demand: _('II. Yêu cầu, đề nghị'),
    evidence: _('II. Tài liệu, bằng chứng cung cấp'),
    opinions: _('III. Ý kiến của thành phần tham dự'),
    conclusion: _('III. Kết luận của người chủ trì'),
    citizen_opinion: _('III. Ý kiến của công dân'),
    closing: _('Kết thúc'),
  };
  return titles[section.key] ?? section.title;
}

export class MinutesPanel {
  /**
   * @param {RoomState} room
   * @param {HTMLElement} node
   */
  constructor(room, node) {
    this.room = room;
    this.storeKey = `diemcau.minutes.${room.data.session.session}`;
    /** @type {number | null} the moment the first letter of a line was typed */
    this.startedAt = null;
    this.editing = '';
    /** The pen was asked for here: the text field gets the focus with it, so that no letter falls on the room's keys. */
    this.taking = false;
    this.head = el('div', { class: 'sec', 'data-testid': 'minutes-head' });
    this.list = el('div', { class: 'lines', 'data-testid': 'minutes-lines', tabindex: '0', role: 'log', 'aria-label': _('Các dòng biên bản') });
    this.sections = el('details', { class: 'sections', 'data-testid': 'minutes-sections' });
    this.text = /** @type {HTMLTextAreaElement} */ (
      el('textarea', { id: 'minutes-text', rows: '3', maxlength: '4000', 'data-testid': 'minutes-text', 'aria-label': _('Dòng biên bản'), placeholder: _('Gõ ý chính đang nói, Ctrl+Enter để ghi') })
    );
    this.at = el('span', { class: 'chip info plain' });
    this.speaker = /** @type {HTMLSelectElement} */ (el('select', { class: 'speaker', 'aria-label': _('Người nói'), 'data-testid': 'minutes-speaker' }));
    this.write = el('form', { class: 'write' });
    this.taker = el('div', { class: 'taker' });
    node.append(this.head, this.sections, this.list, this.write, this.taker);
    this._form();
  }

  _form() {
    const { room } = this;
    this.text.value = localStorage.getItem(this.storeKey) ?? '';
    this.text.addEventListener('input', () => {
      if (this.text.value && this.startedAt === null) this.startedAt = room.atNow();
      if (!this.text.value) this.startedAt = null;
      localStorage.setItem(this.storeKey, this.text.value);
    });
    this.text.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' && event.ctrlKey) {
        event.preventDefault();
        void this.save();
      } else if (event.key === 'Escape' && this.editing) this._edit(null);
    });
    this.write.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.save();
    });
    this.saveButton = el('button', { type: 'submit', class: 'btn main', 'data-testid': 'minutes-save' }, _('Ghi dòng'));
    this.write.append(
      el('div', { class: 'now' }, this.at, this.speaker, (this.markHint = el('span', { class: 'small end' }, _('Ctrl+B đánh dấu')))),
      this.text,
      el('div', { class: 'row' }, this.saveButton,
        (this.markButton = el('button', { type: 'button', class: 'btn', 'data-testid': 'bookmark', onclick: () => void this.bookmark() }, icon('bookmark-plus'), _('Đánh dấu'))),
        el('button', { type: 'button', class: 'btn', 'data-testid': 'read-back', onclick: () => this.readBack() }, _('Đọc lại'))),
    );
  }

  async save() {
    const text = this.text.value.trim();
    if (!text) return;
    const at = this.editing ? undefined : (this.startedAt ?? this.room.atNow());
    const fields = { text, speaker: this.speaker.value, ...(this.editing ? { line: this.editing } : { at_s: Math.max(0, Math.round((at ?? 0) * 10) / 10) }) };
    if (!(await this.room.ask('minutes_line', fields))) return;
    this.text.value = '';
    localStorage.removeItem(this.storeKey);
    this._edit(null);
    this.text.focus();
  }

  /** Mark this moment; what is being typed stays. */
  async bookmark() {
    if (!this.room.may.has('bookmark')) return;
    if (await this.room.ask('bookmark', { text: '' })) toast(_('Đã đánh dấu {time}', { time: counter(this.room.shownAt(this.room.atNow())) }));
  }

  /** @param {import('../lib/minutes.js').MinutesLine | null} line */
  _edit(line) {
    this.editing = line?.id ?? '';
    this.startedAt = null;
    if (line) {
      this.text.value = line.text;
      this.text.focus();
    }
    setText(/** @type {Element} */ (this.saveButton), line ? _('Ghi sửa') : _('Ghi dòng'));
  }

  render() {
    const { room } = this;
    const { minutes, session } = room;
    const writer = session.minutes_writer;
    const mine = Boolean(writer) && writer === room.me;
    const writing = room.may.has('minutes_line') && mine && !session.minutes_frozen;
    this._head(writer, mine);
    rebuild(this.list, JSON.stringify([minutes.lines, writing, session.started_utc]), () => this._lines(writing));
    this._sections(writing);
    show(this.write, writing);
    for (const node of [this.markButton, this.markHint]) if (node) show(node, room.may.has('bookmark'));
    this._speakers();
    setText(this.at, counter(room.shownAt(this.startedAt ?? room.atNow())));
    const key = JSON.stringify([writing, writer, mine, session.minutes_frozen, room.may.has('minutes_take'), room.data.printUrl]);
    rebuild(this.taker, key, () => this._taker(writing, mine));
    if (writing && this.taking) {
      this.taking = false;
      this.text.focus();
    }
  }

  /**
   * @param {string} writer
   * @param {boolean} mine
   */
  _head(writer, mine) {
    const { room } = this;
    const frozen = room.session.minutes_frozen;
    const name = room.minutes.writerName || (writer ? room.nameOf(writer) : '');
    const saved = room.minutes.savedUtc ? _('đã lưu {time}', { time: clockTime(room.minutes.savedUtc) }) : '';
    const who = frozen ? _('Đã chốt, không sửa được nữa') : mine ? _('Bạn đang ghi') : writer ? _('{name} đang ghi', { name }) : _('Chưa có người ghi');
    rebuild(this.head, JSON.stringify([who, saved]), () => [el('b', {}, _('Biên bản tiếp công dân')), el('small', {}, [who, saved].filter(Boolean).join(' · '))]);
  }

  /** @param {boolean} writing */
  _lines(writing) {
    const { room } = this;
    const { lines } = room.minutes;
    const atEnd = this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight < 80;
    if (atEnd) requestAnimationFrame(() => (this.list.scrollTop = this.list.scrollHeight));
    if (!lines.length) {
      return [el('div', { class: 'empty' }, icon('clipboard-pen'), el('b', {}, _('Chưa có dòng nào')), el('p', {}, _('Mỗi dòng mang giờ nói, để sau này xem lại đúng chỗ trong bản ghi.')))];
    }
    return lines.map((line) =>
      el('div', { class: `ln${line.bookmark ? ' bm' : ''}`, 'data-testid': 'minutes-line', 'data-line': line.id },
        el('time', {}, line.at === null ? '' : counter(room.shownAt(line.at))),
        el('div', {},
          el('b', {}, line.bookmark ? _('Đánh dấu') : line.speaker || _('Ghi chú'), line.corrected ? el('i', {}, ' · ' + _('đã sửa')) : null),
          el('span', {}, line.text)),
        writing && !line.bookmark ? el('button', { type: 'button', class: 'fix', 'data-focus': `fix-${line.id}`, onclick: () => this._edit(line) }, _('Sửa')) : null));
  }

  /** @param {boolean} writing */
  _sections(writing) {
    const { room } = this;
    const { sections } = room.minutes;
    show(this.sections, sections.length > 0);
    const typing = this.sections.contains(document.activeElement) && document.activeElement?.tagName === 'TEXTAREA';
    if (typing) return;
    rebuild(this.sections, JSON.stringify([sections, writing]), () => [
      el('summary', {}, icon('chevron-right'), _('Các mục của biên bản (mẫu TCD_20)')),
      el('div', { class: 'section-list' }, ...sections.map((section) => this._section(section, writing))),
    ]);
  }

  /**
   * @param {import('../lib/minutes.js').Section} section
   * @param {boolean} writing
   */
  _section(section, writing) {
    const title = sectionTitle(section);
    if (!writing) return el('section', {}, el('h3', {}, title), el('p', { class: 'pre' }, section.text || _('(chưa ghi)')));
    const field = /** @type {HTMLTextAreaElement} */ (el('textarea', { rows: '3', value: section.text, 'data-testid': `section-${section.key}`, 'data-focus': `section-${section.key}` }));
    const save = async () => {
      if (field.value === section.text) return;
      await this.room.ask('minutes_section', { section: section.key, text: field.value, base: section.version });
    };
    field.addEventListener('change', () => void save());
    return el('label', { class: 'field' }, el('span', { class: 'label' }, title), field);
  }

  _speakers() {
    const { room } = this;
    const points = room.session.participants.filter((/** @type {any} */ one) => one.role !== 'viewer' && !['removed', 'invited', 'ringing'].includes(one.state));
    const names = [_('Công dân'), _('Chủ trì'), ...points.flatMap((/** @type {any} */ one) => [one.name, ...one.people.map((/** @type {any} */ person) => person.name)])];
    const all = [...new Set(names.filter(Boolean))];
    const chosen = this.speaker.value;
    rebuild(this.speaker, JSON.stringify(all), () => all.map((name) => el('option', { value: name }, name)));
    if (chosen && all.includes(chosen)) this.speaker.value = chosen;
  }

  /**
   * @param {boolean} writing
   * @param {boolean} mine
   */
  _taker(writing, mine) {
    const { room } = this;
    const print = room.data.printUrl
      ? el('a', { class: 'btn small', href: room.data.printUrl, target: '_blank', rel: 'noopener', 'data-testid': 'minutes-print' }, icon('printer'), _('In biên bản'))
      : null;
    const take = !mine && room.may.has('minutes_take')
      ? el('button', { type: 'button', class: 'btn main', 'data-testid': 'minutes-take', 'data-focus': 'minutes-take', onclick: () => void this.take() }, icon('pencil-line'), _('Nhận quyền ghi'))
      : null;
    const read = writing ? null : el('button', { type: 'button', class: 'btn small', 'data-testid': 'read-back', onclick: () => this.readBack() }, icon('eye'), _('Đọc lại'));
    const freeze = writing && room.may.has('minutes_freeze')
      ? el('button', { type: 'button', class: 'btn small', 'data-testid': 'minutes-freeze', onclick: () => void this.freeze() }, icon('lock'), _('Chốt biên bản'))
      : null;
    return [take, read, freeze, print];
  }

  async take() {
    this.taking = true;
    if (!(await this.room.ask('minutes_take'))) this.taking = false;
  }

  async freeze() {
    const yes = await confirmOnce({
      title: _('Chốt biên bản'),
      text: _('Sau khi chốt, biên bản không sửa được nữa và được in để ký ở từng điểm cầu. Hãy đọc lại cho công dân nghe trước.'),
      yes: _('Đã đọc lại, chốt'),
      name: 'confirm-freeze',
    });
    if (yes !== null) await this.room.ask('minutes_freeze');
  }

  /** Large type, for the citizen to read along. */
  readBack() {
    const { minutes } = this.room;
    openDialog({ title: _('Đọc lại biên bản'), name: 'read-back', wide: true }, () => [
      el('div', { class: 'read-back' },
        ...minutes.sections.filter((one) => one.text).map((one) => el('section', {}, el('h3', {}, sectionTitle(one)), el('p', { class: 'pre' }, one.text))),
        ...minutes.lines.filter((line) => line.text).map((line) => el('p', {}, el('b', {}, line.bookmark ? _('Đánh dấu') : line.speaker), el('span', {}, line.text))),
        minutes.lines.length || minutes.sections.some((one) => one.text) ? null : el('p', {}, _('Biên bản chưa có nội dung.'))),
    ]);
  }
}

