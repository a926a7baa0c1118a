// @ts-check
/** Long work of custody: shows how far it is and loads the page again when it is over. */

import { call } from '../lib/api.js';

const EVERY_MS = 1500;

/** @param {HTMLElement} box */
async function follow(box) {
  const bar = box.querySelector('progress');
  const word = box.querySelector('[role=status]');
  for (;;) {
    await new Promise((done) => { setTimeout(done, EVERY_MS); });
    try {
      const state = await call(String(box.dataset.job));
      if (state.over) {
        location.reload();
        return;
      }
      if (bar) bar.value = state.percent;
      const text = `${state.word} · ${state.percent}%`;
      if (word && word.textContent !== text) word.textContent = text;
    } catch {
      // the hub is away or restarts: asked again
    }
  }
}

for (const box of document.querySelectorAll('[data-job]')) void follow(/** @type {HTMLElement} */ (box));
