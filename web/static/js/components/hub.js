// @ts-check
/** One hub channel per page: presence of this device, rings on every page, help. Pages add their own listeners. */

import { call } from '../lib/api.js';
import { csrfToken, el, icon } from '../lib/dom.js';
import { HubChannel } from '../lib/hubchannel.js';
import { _ } from '../lib/i18n.js';
import { Bell } from './bell.js';

/** @type {Array<(message: any) => void>} */
const listeners = [];
export const bell = new Bell();

async function ticket() {
  try {
    return await call('/presence/ticket', { method: 'POST', csrf: csrfToken() });
  } catch (error) {
    if (/** @type {any} */ (error).status === 401) return null;
    throw error;
  }
}

const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
export const channel = new HubChannel({
  url: `${scheme}://${location.host}/ws/hub`,
  ticket,
  onmessage(message) {
    if (message.type === 'called') location.assign(message.url);
    if (message.type === 'hub_state') showRing(message.ring);
    for (const listener of listeners) listener(message);
  },
  onstatus(online, reason) {
    document.documentElement.dataset.hub = online ? 'on' : reason;
  },
});

/** @param {(message: any) => void} listener */
export function listen(listener) {
  listeners.push(listener);
}

/** @type {HTMLDialogElement | null} */
let dialog = null;
let ringing = '';

/** @param {any} ring what the hub says of a call to this point, null for none */
function showRing(ring) {
  const id = ring?.ring ?? '';
  if (id === ringing) return;
  ringing = id;
  dialog?.close();
  dialog?.remove();
  dialog = null;
  bell.quiet();
  if (!id) return;
  const answer = (/** @type {boolean} */ accept) => {
    bell.quiet();
    channel.request('ring_answer', { ring: id, accept }).catch((error) => {
      if (dialog) dialog.querySelector('[role=alert]')?.replaceChildren(error.message || _('Chưa gửi được, hãy bấm lại.'));
    });
  };
  const from = ring.by || ring.from || ring.name || '';
  dialog = /** @type {HTMLDialogElement} */ (
    el('dialog', { 'aria-labelledby': 'ring-from', 'data-testid': 'ring' },
      el('div', { class: 'body' },
        el('h2', { id: 'ring-from' }, _('Đang gọi điểm cầu này')),
        el('p', {}, from ? _('{name} mời tham gia phiên tiếp công dân.', { name: from }) : _('Người điều hành mời tham gia phiên tiếp công dân.')),
        el('p', { role: 'alert' }),
        el('div', { class: 'acts' },
          el('button', { class: 'btn', type: 'button', onclick: () => answer(false) }, icon('phone-off'), _('Từ chối')),
          el('button', { class: 'btn main', type: 'button', onclick: () => answer(true), autofocus: true }, icon('phone-call'), _('Nhận và vào phiên')))))
  );
  dialog.addEventListener('cancel', (event) => event.preventDefault());
  document.body.append(dialog);
  dialog.showModal();
  bell.repeat(4);
}
