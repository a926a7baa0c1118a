// @ts-check
/** Minutes at the desk: warns before unsaved text is left, says what is not saved yet, asks before freezing. */

import { installMessages } from '../lib/dom.js';
import { _ } from '../lib/i18n.js';

installMessages();
const form = /** @type {HTMLFormElement} */ (document.getElementById('minutes'));
const saved = /** @type {HTMLElement} */ (document.querySelector('[data-saved]'));
let dirty = false;

form.addEventListener('input', () => {
  dirty = true;
  saved.textContent = _('Có nội dung chưa lưu.');
});

// the question belongs to one of the form's two buttons, so it is put on the form when that one is pressed
document.addEventListener('click', (event) => {
  const button = /** @type {HTMLElement} */ (event.target).closest('button[form="minutes"], #minutes button');
  if (!button) return;
  const question = /** @type {HTMLElement} */ (button).dataset.ask;
  if (question) form.dataset.confirm = question;
  else delete form.dataset.confirm;
});

form.addEventListener('submit', () => setTimeout(() => { if (!document.querySelector('dialog[open]')) dirty = false; }, 0));

addEventListener('beforeunload', (event) => {
  if (dirty && !form.dataset.sent) event.preventDefault();
});
