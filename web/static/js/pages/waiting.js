// @ts-check
/** Phòng chờ: tells the hub that this point waits, keeps the place up to date, goes to the room when called. */

import { bell, channel, listen } from '../components/hub.js';
import { counter } from '../lib/clock.js';
import { icon, installMessages, setText } from '../lib/dom.js';
import { _ } from '../lib/i18n.js';
import { swap, tick } from '../lib/parts.js';
import { span } from '../lib/spans.js';

installMessages();
const page = /** @type {HTMLElement} */ (document.querySelector('.waiting'));
const status = /** @type {HTMLElement} */ (page.querySelector('[data-help-status]'));
let offset = 0;
let waiting = false;

async function refresh() {
  try {
    const answer = await fetch(page.dataset.live ?? '', { headers: { accept: 'text/html' }, credentials: 'same-origin' });
    if (answer.redirected || answer.status === 401) location.reload();
    if (!answer.ok) return;
    swap(page, `<div data-part="ticket">${await answer.text()}</div>`);
    const room = answer.headers.get('x-room');
    if (room) enter(room);
    const said = (answer.headers.get('x-message') ?? '').replace(/\\u([0-9a-f]{4})|\\x([0-9a-f]{2})/g, (all, a, b) => String.fromCharCode(parseInt(a ?? b, 16)));
    const message = /** @type {HTMLElement} */ (page.querySelector('[data-message]'));
    setText(message, said || _('Chưa có lời nhắn.'));
  } catch {
    // away: the place on the screen stays as it was
  }
}

/** @param {string} room */
function enter(room) {
  bell.ding();
  setTimeout(() => location.assign(room), 1200);
}

/** @param {string} kind @param {string} text */
async function help(kind, text) {
  status.replaceChildren(_('Đang gửi…'));
  try {
    await channel.request('help', { kind, text });
    status.replaceChildren(icon('check'), ' ', _('Đã báo. Người điều hành đã thấy.'));
  } catch (error) {
    status.replaceChildren(/** @type {Error} */ (error).message || _('Chưa gửi được: mất kết nối. Hãy gọi điện cho điểm cầu chủ trì.'));
  }
}

page.querySelector('[data-help="technical"]')?.addEventListener('click', () => void help('technical', ''));
const dialog = /** @type {HTMLDialogElement} */ (page.querySelector('[data-security]'));
page.querySelector('[data-help="security"]')?.addEventListener('click', () => dialog.showModal());
dialog.addEventListener('close', () => {
  const text = /** @type {HTMLTextAreaElement} */ (dialog.querySelector('textarea'));
  if (dialog.returnValue) void help(dialog.returnValue, text.value.trim());
  text.value = '';
  dialog.returnValue = '';
});

listen((message) => {
  if (message.type !== 'hub_state') return;
  offset = message.utc - Date.now() / 1000;
  if (!waiting) {
    waiting = true;
    channel.request('wait', { visit: page.dataset.visit }).catch(() => { waiting = false; });
  }
  void refresh();
});
if (page.dataset.room) enter(page.dataset.room);
setInterval(() => tick(page, Date.now() / 1000 + offset, span, counter), 1000);
setInterval(() => void refresh(), 5000);
