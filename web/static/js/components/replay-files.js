// @ts-check
/** Files made of a session for people to take along: one MP4, the sound alone. Asked for, watched, cancelled, fetched. */

import { ApiError, call } from '../lib/api.js';
import { csrfToken, el, icon } from '../lib/dom.js';
import { _ } from '../lib/i18n.js';

const LOOK_S = 1;

/**
 * @typedef {{url: string, size: string, made: string, length: string}} Made
 * @typedef {{id: string, state: string, under_way: boolean, cancelling: boolean, again: boolean, progress: number, why: string}} Work
 * @typedef {{file: Made | null, job: Work | null}} State
 */

export class ReplayFiles {
  /**
   * @param {HTMLElement} node
   * @param {string} session
   */
  constructor(node, session) {
    this.node = node;
    this.session = session;
    /** @type {Record<string, State>} */
    this.states = {};
    /** @type {Record<string, string>} what went wrong last, per kind */
    this.troubles = {};
    void this.look();
  }

  async look() {
    try {
      this.states = await call(`/api/sessions/${this.session}/derived`);
      this.troubles.all = '';
    } catch (error) {
      this.troubles.all = /** @type {Error} */ (error).message;
      if (error instanceof ApiError && error.status === 404) return;
    }
    this.draw();
    if (this.troubles.all || Object.values(this.states).some((state) => state.job?.under_way)) setTimeout(() => void this.look(), LOOK_S * 1000);
  }

  /** @param {string} kind @param {string} path */
  async send(kind, path) {
    try {
      const answer = await call(path, { method: 'POST', csrf: csrfToken() });
      this.troubles[kind] = '';
      this.states[kind] = { file: this.states[kind]?.file ?? null, job: answer.job };
    } catch (error) {
      this.troubles[kind] = /** @type {Error} */ (error).message;
    }
    this.draw();
    await this.look();
  }

  draw() {
    const focused = /** @type {HTMLElement | null} */ (document.activeElement)?.dataset.act;
    const rows = [
      this.row('composed', 'file-play', _('Một tệp hình (MP4)'), _('Người nói ở hình lớn, có tên điểm cầu và giờ.')),
      this.row('sound', 'file-headphone', _('Chỉ âm thanh (M4A)'), _('Tiếng của tất cả các điểm cầu.')),
    ];
    this.node.replaceChildren(...rows);
    if (this.troubles.all) this.node.append(el('p', { class: 'small bad', role: 'alert' }, this.troubles.all));
    if (focused) /** @type {HTMLElement | null} */ (this.node.querySelector(`[data-act="${focused}"]`))?.focus();
  }

  /** @param {string} kind @param {string} picture @param {string} name @param {string} words */
  row(kind, picture, name, words) {
    const state = this.states[kind] ?? { file: null, job: null };
    return el('div', { class: 'made', 'data-testid': `made-${kind}` }, icon(picture),
      el('div', { class: 'about' }, el('b', {}, name), ...this.about(kind, state, words)),
      el('div', { class: 'acts' }, ...this.acts(kind, state)));
  }

  /** @param {string} kind @param {State} state @param {string} words */
  about(kind, { file, job }, words) {
    if (this.troubles[kind]) return [el('p', { class: 'small bad', role: 'alert' }, this.troubles[kind])];
    if (job?.under_way) {
      const done = Math.round(job.progress * 100);
      const text = job.cancelling ? _('Đang hủy…') : job.again ? _('Lần trước hỏng; sẽ tự làm lại.') : job.state === 'queued' ? _('Đang đợi đến lượt…') : _('Đang dựng: {done} %', { done });
      return [el('progress', { max: '100', value: String(done), 'aria-label': name(kind) }), el('p', { class: 'small', role: 'status' }, text)];
    }
    if (job?.state === 'failed') return [el('p', { class: 'small bad' }, job.why || _('Không làm được. Bản gốc không bị ảnh hưởng.'))];
    if (job?.state === 'cancelled' && !file) return [el('p', { class: 'small' }, _('Đã hủy.'))];
    return [el('p', { class: 'small' }, file ? `${file.size} · ${file.length} · ${_('dựng lúc {time}', { time: file.made })}` : words)];
  }

  /** @param {string} kind @param {State} state */
  acts(kind, { file, job }) {
    const button = (/** @type {string} */ act, /** @type {string} */ picture, /** @type {string} */ text, /** @type {string} */ path) =>
      el('button', { type: 'button', class: 'btn small', 'data-act': `${kind}-${act}`, 'data-testid': `${kind}-${act}`, onclick: () => void this.send(kind, path) }, icon(picture), text);
    if (job?.under_way) return job.cancelling ? [] : [button('cancel', 'x', _('Hủy'), `/api/derived/${job.id}/cancel`)];
    const found = [];
    if (file) found.push(el('a', { class: 'btn small', href: `${file.url}?download=true`, download: '', 'data-testid': `${kind}-download` }, icon('download'), _('Tải về')));
    if (job?.state === 'failed') found.push(button('retry', 'rotate-cw', _('Thử lại'), `/api/derived/${job.id}/retry`));
    else if (!file) found.push(button('make', 'plus', _('Tạo'), `/api/sessions/${this.session}/derived/${kind}`));
    return found;
  }
}

/** @param {string} kind */
const name = (kind) => (kind === 'sound' ? _('Chỉ âm thanh (M4A)') : _('Một tệp hình (MP4)'));
