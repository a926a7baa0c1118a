// @ts-check
/** The board's list of sites: search, filter by state, provinces that fold. What was folded stays so in this tab. */

import { byId, setText } from '../lib/dom.js';
import { _ } from '../lib/i18n.js';
import { MANY, groupsOf, shown } from '../lib/sitelist.js';

const KEPT = 'board-folded';

export class SiteList {
  /** @param {HTMLElement} board */
  constructor(board) {
    this.board = board;
    /** @type {Set<string> | null} */
    this.folded = null;
    board.addEventListener('input', (event) => {
      if (['find-site', 'find-state'].includes(/** @type {HTMLElement} */ (event.target).id)) this.arrange();
    });
    board.addEventListener('click', (event) => {
      const button = /** @type {HTMLElement | null} */ (/** @type {HTMLElement} */ (event.target).closest('[data-fold]'));
      if (button) this.fold(button.dataset.fold ?? '');
    });
    this.arrange();
  }

  /** @returns {HTMLElement[]} */
  get nodes() {
    return [...this.board.querySelectorAll('.site')].map((one) => /** @type {HTMLElement} */ (one));
  }

  /** Bring the list into the wished form; again after the board was taken anew. */
  arrange() {
    const nodes = this.nodes;
    const sites = nodes.map((node) => ({ id: node.dataset.site ?? '', depth: Number(node.dataset.depth), name: node.dataset.name ?? '', state: node.dataset.state ?? '' }));
    const many = sites.length > MANY;
    const groups = groupsOf(sites);
    this.folded ??= many ? this.remembered(new Set(groups.values())) : new Set();
    const words = byId('find-site').value;
    const state = byId('find-state').value;
    const seen = shown(sites, { words, state, folded: this.folded });
    for (const node of nodes) {
      const id = node.dataset.site ?? '';
      node.hidden = !seen.has(id);
      const button = /** @type {HTMLElement | null} */ (node.querySelector('[data-fold]'));
      if (!button) continue;
      const own = sites.filter((site) => groups.get(site.id) === id);
      button.hidden = !many || Boolean(words.trim()) || Boolean(state);
      button.setAttribute('aria-expanded', String(!this.folded.has(id)));
      const here = own.filter((site) => site.state !== 'offline').length;
      setText(/** @type {HTMLElement} */ (button.firstElementChild), `${here}/${own.length}`);
      button.title = _('{here} trong {all} điểm cầu trực tuyến', { here, all: own.length });
    }
    const none = /** @type {HTMLElement | null} */ (this.board.querySelector('[data-none-found]'));
    if (none) none.hidden = seen.size > 0;
  }

  /** @param {string} id */
  fold(id) {
    if (!this.folded?.delete(id)) this.folded?.add(id);
    sessionStorage.setItem(KEPT, JSON.stringify([...(this.folded ?? [])]));
    this.arrange();
  }

  /** @param {Set<string>} all @returns {Set<string>} what was folded before in this tab, else every group */
  remembered(all) {
    try {
      const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? 'null');
      if (Array.isArray(kept)) return new Set(kept.map(String));
    } catch {
      // nothing usable was kept
    }
    all.delete('');
    return all;
  }
}
