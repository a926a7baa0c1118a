// @ts-check
/** Bảng điều hành: takes the parts anew when the hub says that something changed; rings while somebody waits. */

import { bell, listen } from '../components/hub.js';
import { SiteList } from '../components/site-list.js';
import { counter } from '../lib/clock.js';
import { byId, el, installMessages, setText } from '../lib/dom.js';
import { _ } from '../lib/i18n.js';
import { swap, tick } from '../lib/parts.js';
import { span } from '../lib/spans.js';

installMessages();
const board = /** @type {HTMLElement} */ (byId('board'));
const list = new SiteList(board);
const RING_EVERY_S = 8;
let offset = 0; // hub's clock minus this device's, seconds
let seen = new Set(keys());
let loading = false;
let again = false;

/** @returns {string[]} visits in the queue */
function keys() {
  return [...board.querySelectorAll('[data-part="queue"] [data-key]')].map((one) => /** @type {HTMLElement} */ (one).dataset.key ?? '');
}

async function refresh() {
  if (loading) {
    again = true;
    return;
  }
  loading = true;
  try {
    const answer = await fetch(board.dataset.live ?? '', { headers: { accept: 'text/html' }, credentials: 'same-origin' });
    if (answer.redirected || answer.status === 401) location.reload();
    else if (answer.ok) {
      swap(board, await answer.text());
      list.arrange();
      sound();
    }
  } catch {
    // the hub is away: what is on the screen stays, the channel's return brings news
  } finally {
    loading = false;
    if (again) {
      again = false;
      void refresh();
    }
  }
}

/** Rings when somebody new waits, and on until the queue is empty or the bell is off. */
function sound() {
  const now = keys();
  const fresh = now.some((key) => !seen.has(key));
  seen = new Set(now);
  if (fresh) bell.ding();
  if (now.length) bell.repeat(RING_EVERY_S);
  else bell.quiet();
  document.title = document.title.replace(/^\(\d+\) /, '');
  if (now.length) document.title = `(${now.length}) ${document.title}`;
}

/** @param {string} session */
function ringDialog(session) {
  const dialog = /** @type {HTMLDialogElement} */ (document.querySelector('[data-ring-dialog]'));
  const options = [...board.querySelectorAll('.site')].map((site) => {
    const one = /** @type {HTMLElement} */ (site);
    return el('option', { value: one.dataset.site }, `${one.firstElementChild?.textContent} · ${one.lastElementChild?.textContent}`);
  });
  dialog.querySelector('[data-ring-fields]')?.replaceChildren(
    el('input', { type: 'hidden', name: 'session', value: session }),
    el('div', { class: 'field' }, el('label', { for: 'ring-site' }, _('Điểm cầu')), el('select', { id: 'ring-site', name: 'site', autofocus: true }, ...options)),
  );
  dialog.showModal();
}

board.addEventListener('click', (event) => {
  const target = /** @type {HTMLElement} */ (event.target);
  const ring = target.closest('[data-ring]');
  if (ring) ringDialog(/** @type {HTMLElement} */ (ring).dataset.ring ?? '');
  for (const name of ['message', 'priority']) {
    const asked = /** @type {HTMLElement | null} */ (target.closest(`[data-${name}]`));
    if (!asked) continue;
    const dialog = /** @type {HTMLDialogElement} */ (document.querySelector(`[data-${name}-dialog]`));
    /** @type {HTMLInputElement} */ (dialog.querySelector('[name=visit]')).value = asked.dataset[name] ?? '';
    dialog.showModal();
  }
  const button = /** @type {HTMLElement | null} */ (target.closest('[data-sound]'));
  if (button) {
    bell.on = !bell.on;
    button.setAttribute('aria-pressed', String(bell.on));
    const word = button.querySelector('span');
    if (word) setText(word, bell.on ? _('Chuông bật') : _('Chuông tắt'));
    if (bell.on) bell.ding();
  }
});

listen((message) => {
  if (message.type !== 'hub_state') return;
  offset = message.utc - Date.now() / 1000;
  void refresh();
});
setInterval(() => tick(board, Date.now() / 1000 + offset, span, counter), 1000);
setInterval(() => void refresh(), 15_000);
sound();
