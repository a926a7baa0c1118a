// @ts-check
/** Tra cứu: the answer comes into the page; one that takes long shows so after 300 ms and can be called off. Without
 * this script the form is an ordinary one. */

import { byId } from '../lib/dom.js';

const SLOW_MS = 300;

/** @type {AbortController | null} */
let running = null;

/** @param {HTMLFormElement} form @param {HTMLElement | null} button */
async function search(form, button) {
  running?.abort();
  const mine = new AbortController();
  running = mine;
  const results = byId('results');
  const before = [...results.childNodes];
  const slow = setTimeout(() => waiting(results, mine), SLOW_MS);
  results.setAttribute('aria-busy', 'true');
  const asked = new URLSearchParams();
  for (const [name, value] of new FormData(form, button)) asked.append(name, String(value));
  try {
    const answer = await fetch(form.action, { method: 'POST', body: asked, signal: mine.signal });
    if (!answer.ok) throw new Error(String(answer.status));
    put(await answer.text(), button instanceof HTMLButtonElement ? button.value : '');
  } catch {
    if (!mine.signal.aborted) {
      form.submit(); // the whole page then says what is wrong
      return;
    }
    if (running === mine) results.replaceChildren(...before);
  } finally {
    clearTimeout(slow);
    byId('results').removeAttribute('aria-busy');
    if (running === mine) running = null;
  }
}

/** @param {HTMLElement} results @param {AbortController} mine */
function waiting(results, mine) {
  const shown = /** @type {HTMLTemplateElement} */ (byId('searching-now')).content.cloneNode(true);
  results.replaceChildren(shown);
  results.querySelector('[data-cancel]')?.addEventListener('click', () => {
    mine.abort();
    byId('q').focus();
  });
}

/** The answer's form in place of this one. @param {string} html @param {string} turn */
function put(html, turn) {
  const fresh = new DOMParser().parseFromString(html, 'text/html').getElementById('searching');
  if (!fresh) {
    location.reload(); // logged out meanwhile, or refused
    return;
  }
  byId('searching').replaceWith(document.adoptNode(fresh));
  if (turn === 'clear') byId('q').focus();
  else byId('results').focus({ preventScroll: !turn });
  if (turn) scrollTo({ top: 0 });
}

document.addEventListener('submit', (event) => {
  const form = /** @type {HTMLFormElement} */ (event.target);
  if (form.id !== 'searching') return;
  event.preventDefault();
  void search(form, event.submitter);
}, { capture: true });

document.addEventListener('keydown', (event) => {
  const target = /** @type {HTMLElement} */ (event.target);
  if (event.key === 'Escape' && running) {
    running.abort();
    byId('q').focus();
  } else if (event.key === '/' && !event.ctrlKey && !event.metaKey && !target.closest('input, select, textarea')) {
    event.preventDefault();
    /** @type {HTMLInputElement} */ (byId('q')).select();
    byId('q').focus();
  }
});
