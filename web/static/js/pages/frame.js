// @ts-check
/** What every page of a logged-in person does: presence and rings, asking before dangerous actions, printing, the line
 * that says the hub is away, one submit per form. */

import { channel } from '../components/hub.js';
import { startTakeBar } from '../components/take-bar.js';
import { call } from '../lib/api.js';
import { el, icon, installMessages } from '../lib/dom.js';
import { _ } from '../lib/i18n.js';

installMessages();
document.documentElement.classList.add('scripted');

/** @param {string} question @param {HTMLFormElement} form @param {HTMLElement | null} button */
function ask(question, form, button) {
  const dialog = /** @type {HTMLDialogElement} */ (
    el('dialog', { 'aria-labelledby': 'ask-text', 'data-testid': 'confirm' },
      el('div', { class: 'body' }, el('h2', { id: 'ask-text' }, question),
        el('div', { class: 'acts' },
          el('button', { class: 'btn', type: 'button', onclick: () => dialog.close() }, _('Thôi')),
          el('button', { class: 'btn main', type: 'button', onclick: () => {
            dialog.close();
            form.dataset.sure = '1';
            form.requestSubmit(button instanceof HTMLButtonElement ? button : undefined);
          } }, icon('check'), _('Đồng ý')))))
  );
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

document.addEventListener('submit', (event) => {
  const form = /** @type {HTMLFormElement} */ (event.target);
  if (form.dataset.confirm && !form.dataset.sure) {
    event.preventDefault();
    ask(form.dataset.confirm, form, event.submitter);
    return;
  }
  delete form.dataset.sure;
  if (event.defaultPrevented || form.method === 'dialog') return;
  if (form.dataset.sent && Date.now() - Number(form.dataset.sent) < 4000) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = String(Date.now());
});

document.addEventListener('click', (event) => {
  const target = /** @type {HTMLElement} */ (event.target);
  if (target.closest('[data-print]')) {
    event.preventDefault();
    print();
  }
  if (target.closest('[data-open-all]')) {
    const all = /** @type {HTMLDetailsElement[]} */ ([...document.querySelectorAll('.timeline details.more')]);
    const open = all.some((one) => !one.open);
    for (const one of all) one.open = open;
  }
  const menu = document.querySelector('details.menu[open]');
  if (menu && !menu.contains(target)) menu.removeAttribute('open');
  if (target.closest('[data-close]')) target.closest('dialog')?.close();
});

document.addEventListener('keydown', (event) => {
  if (event.key !== 'Escape') return;
  const menu = /** @type {HTMLElement | null} */ (document.querySelector('details.menu[open]'));
  if (!menu) return;
  menu.removeAttribute('open');
  menu.querySelector('summary')?.focus();
});

const bar = el('div', { class: 'offline-bar', role: 'status' }, icon('wifi-off'),
  _('Mất kết nối tới máy chủ. Nội dung đang nhập vẫn còn trên màn hình; trang sẽ tự kết nối lại.'));
addEventListener('offline', () => document.body.prepend(bar));
addEventListener('online', () => bar.remove());

/** @type {HTMLElement | null} */ (document.querySelector('[data-refused]'))?.focus();

addEventListener('beforeprint', () => {
  const csrf = document.querySelector('meta[name=csrf-token]')?.getAttribute('content') ?? '';
  void call('/api/printed', { body: { path: location.pathname }, csrf }).catch(() => undefined);  // printing goes on
});

if (!document.body.classList.contains('room-page')) {
  void channel.start();
  void startTakeBar();
}
