// @ts-check
/** Dialogs over a page: one question, one form, or something to read. Built on <dialog>, so Escape and focus work. */

import { el, icon } from '../lib/dom.js';
import { _ } from '../lib/i18n.js';

/**
 * Open a dialog. `build` gets a function that closes it; the dialog is removed when it closes.
 * @param {{title: string, name: string, wide?: boolean, onclose?: () => void}} options `name` is a stable hook
 * @param {(close: () => void) => (Node | null)[]} build
 */
export function openDialog(options, build) {
  const dialog = /** @type {HTMLDialogElement} */ (
    el('dialog', { class: `sheet-dialog${options.wide ? ' wide' : ''}`, 'data-testid': `dialog-${options.name}`, 'aria-label': options.title })
  );
  let over = false;
  const ended = () => {
    if (over) return;
    over = true;
    dialog.remove();
    options.onclose?.();
  };
  // The close event comes a task later: a dialog that was opened meanwhile must not be ended by the one before it.
  const close = () => {
    dialog.close();
    ended();
  };
  const leave = el('button', { type: 'button', class: 'btn quiet close', onclick: close }, icon('x'), el('span', {}, _('Đóng')));
  dialog.append(el('div', { class: 'dialog-head' }, el('h2', {}, options.title), leave), el('div', { class: 'body' }, ...build(close)));
  dialog.addEventListener('cancel', (event) => {
    event.preventDefault();
    close();
  });
  dialog.addEventListener('close', ended);
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/**
 * Ask once before something that cannot be taken back at a click.
 * @param {{title: string, text: string, yes: string, name: string, danger?: boolean, reason?: string}} question
 *   `reason`: label of a text field whose value comes back
 * @returns {Promise<string | null>} the reason ("" without one), null when the user thought better of it
 */
export function confirmOnce(question) {
  return new Promise((resolve) => {
    /** @type {string | null} */
    let answer = null;
    openDialog({ title: question.title, name: question.name, onclose: () => resolve(answer) }, (close) => {
      const field = question.reason ? /** @type {HTMLInputElement} */ (el('input', { type: 'text', maxlength: '200', class: 'input' })) : null;
      const yes = () => {
        answer = field ? field.value.trim() : '';
        close();
      };
      const form = el(
        'form',
        {
          method: 'dialog',
          class: 'stack',
          onsubmit: (/** @type {Event} */ event) => {
            event.preventDefault();
            yes();
          },
        },
        el('p', {}, question.text),
        field ? el('label', { class: 'field' }, el('span', {}, question.reason ?? ''), field) : null,
        el(
          'div',
          { class: 'acts' },
          el('button', { type: 'button', class: 'btn', onclick: close }, _('Không, quay lại')),
          el('button', { type: 'submit', class: `btn ${question.danger ? 'danger-main' : 'main'}`, 'data-testid': 'confirm-yes' }, question.yes),
        ),
      );
      return [form];
    });
  });
}

/**
 * A short word on what was just done, or not; read out by screen readers.
 * @param {string} text
 * @param {'good' | 'bad'} [tone]
 */
export function toast(text, tone = 'good') {
  document.querySelector('.toast')?.remove();
  const note = el('div', { class: `toast ${tone}`, role: tone === 'bad' ? 'alert' : 'status' }, text);
  (document.querySelector('dialog[open]') ?? document.body).append(note);
  setTimeout(() => note.remove(), tone === 'bad' ? 8000 : 4000);
}
