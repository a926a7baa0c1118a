// @ts-check
/** Desk and visit: saves the draft while somebody types, looks for similar cases, sends scans one by one with clear
 * refusals, takes pictures with a document camera. Everything works without this script too, by the form's buttons. */

import { csrfToken, el, icon, installMessages } from '../lib/dom.js';
import { _ } from '../lib/i18n.js';

installMessages();
document.documentElement.classList.add('scripted');
const form = /** @type {HTMLFormElement | null} */ (document.getElementById('desk'));
const saved = /** @type {HTMLElement | null} */ (document.querySelector('[data-saved]'));
const SAVE_AFTER_MS = 1200;

// --- draft ----------------------------------------------------------------------------------------------------------

let timer = 0;
let dirty = false;
let saving = false;

async function save() {
  if (!form || saving || !dirty) return;
  saving = true;
  dirty = false;
  try {
    const body = new URLSearchParams();
    for (const [name, value] of new FormData(form)) if (typeof value === 'string') body.append(name, value);
    const answer = await fetch(form.dataset.draft ?? '', {
      method: 'POST', body, credentials: 'same-origin', headers: { accept: 'application/json', 'x-csrftoken': csrfToken() },
    });
    const said = await answer.json();
    if (answer.ok) {
      const version = /** @type {HTMLInputElement} */ (form.elements.namedItem('version'));
      version.value = said.version;
      const at = new Intl.DateTimeFormat('en-GB', { timeZone: 'Asia/Ho_Chi_Minh', timeStyle: 'medium' }).format(said.saved_at * 1000);
      say(_('Đã lưu nháp {time}', { time: at }));
      void similar();
    } else say(said.message || _('Chưa lưu được nháp. Nội dung vẫn còn trên màn hình.'));
  } catch {
    dirty = true;
    say(_('Chưa lưu được nháp: mất kết nối. Nội dung vẫn còn trên màn hình, sẽ tự lưu lại.'));
    schedule(5000);
  } finally {
    saving = false;
    if (dirty) schedule(SAVE_AFTER_MS);
  }
}

/** @param {string} text */
function say(text) {
  if (saved) saved.textContent = text;
}

/** @param {number} after */
function schedule(after) {
  clearTimeout(timer);
  timer = setTimeout(() => void save(), after);
}

form?.addEventListener('input', () => {
  dirty = true;
  say(_('Đang nhập…'));
  schedule(SAVE_AFTER_MS);
  denunciation();
});
form?.addEventListener('submit', () => clearTimeout(timer));
addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'hidden') void save();
});

function denunciation() {
  const note = /** @type {HTMLElement | null} */ (document.querySelector('[data-when-denunciation]'));
  const chosen = /** @type {HTMLInputElement | null} */ (form?.querySelector('[name="kind"]:checked') ?? null);
  if (note) note.hidden = chosen?.value !== 'denunciation';
}

async function similar() {
  const place = /** @type {HTMLElement | null} */ (document.querySelector('[data-similar]'));
  if (!place) return;
  const answer = await fetch(place.dataset.similar ?? '', { headers: { accept: 'text/html' }, credentials: 'same-origin' }).catch(() => null);
  if (!answer?.ok) return;
  const html = await answer.text();
  if (html.trim() === place.dataset.html) return;
  place.dataset.html = html.trim();
  const parsed = new DOMParser().parseFromString(html, 'text/html');
  place.replaceChildren(...[...parsed.body.childNodes].map((node) => document.importNode(node, true)));
}

// --- papers -----------------------------------------------------------------------------------------------------------

const upload = /** @type {HTMLFormElement | null} */ (document.querySelector('[data-upload]'));
const list = document.querySelector('[data-papers]');
const fault = /** @type {HTMLElement | null} */ (document.querySelector('[data-paper-error]'));

/** @param {File[]} files */
async function send(files) {
  if (!upload || !fault) return;
  fault.hidden = true;
  /** @type {string[]} */
  const refused = [];
  for (const file of files) {
    const row = el('li', { class: 'paper' }, icon('upload'), el('span', {}, file.name), el('small', {}, _('đang gửi…')));
    list?.append(row);
    try {
      const body = new FormData();
      body.append('csrftoken', csrfToken());
      body.append('file', file, file.name);
      const answer = await fetch(upload.action, {
        method: 'POST', body, credentials: 'same-origin', headers: { accept: 'application/json', 'x-csrftoken': csrfToken() },
      });
      const said = await answer.json();
      row.remove();
      for (const paper of said.papers ?? []) added(paper);
      for (const one of said.refused ?? []) refused.push(`${one.title}: ${one.message}`);
      if (!answer.ok && !said.refused) refused.push(`${file.name}: ${said.message}`);
    } catch {
      row.remove();
      refused.push(_('{name}: chưa gửi được, mất kết nối. Hãy chọn lại.', { name: file.name }));
    }
  }
  if (refused.length) {
    fault.hidden = false;
    fault.replaceChildren(...refused.flatMap((text) => [text, el('br')]));
  }
}

/** @param {{url: string, title: string, mime: string, meta: string}} paper */
function added(paper) {
  list?.querySelector('[data-none]')?.remove();
  list?.append(el('li', { class: 'paper' }, icon(paper.mime.startsWith('image/') ? 'file-image' : 'file-text'),
    el('a', { href: paper.url, target: '_blank', rel: 'noopener' }, paper.title), el('small', { class: 'nowrap' }, paper.meta)));
  const count = document.querySelector('[data-paper-count]');
  if (count) count.textContent = _('{count} tệp', { count: list?.querySelectorAll('.paper').length ?? 0 });
}

upload?.querySelector('input[type=file]')?.addEventListener('change', (event) => {
  const input = /** @type {HTMLInputElement} */ (event.target);
  void send([...(input.files ?? [])]).then(() => { input.value = ''; });
});
const zone = document.getElementById('papers');
zone?.addEventListener('dragover', (event) => event.preventDefault());
zone?.addEventListener('drop', (event) => {
  event.preventDefault();
  void send([...(/** @type {DragEvent} */ (event).dataTransfer?.files ?? [])]);
});

// --- document camera --------------------------------------------------------------------------------------------------

const opener = /** @type {HTMLButtonElement | null} */ (document.querySelector('[data-camera]'));
const dialog = /** @type {HTMLDialogElement | null} */ (document.querySelector('[data-camera-dialog]'));
if (opener && dialog && navigator.mediaDevices) {
  opener.hidden = false;
  const video = /** @type {HTMLVideoElement} */ (dialog.querySelector('video'));
  const choice = /** @type {HTMLSelectElement} */ (dialog.querySelector('select'));
  const error = /** @type {HTMLElement} */ (dialog.querySelector('[role=alert]'));
  let shots = 0;

  const stop = () => {
    for (const track of /** @type {MediaStream | null} */ (video.srcObject)?.getTracks() ?? []) track.stop();
    video.srcObject = null;
  };

  /** @param {string} device */
  const start = async (device) => {
    stop();
    error.hidden = true;
    try {
      video.srcObject = await navigator.mediaDevices.getUserMedia({
        video: { ...(device ? { deviceId: { exact: device } } : { facingMode: 'environment' }), width: { ideal: 2592 }, height: { ideal: 1944 } },
      });
      const cameras = (await navigator.mediaDevices.enumerateDevices()).filter((one) => one.kind === 'videoinput');
      const used = /** @type {MediaStream} */ (video.srcObject).getVideoTracks()[0]?.getSettings().deviceId;
      choice.replaceChildren(...cameras.map((one, n) => el('option', { value: one.deviceId, selected: one.deviceId === used }, one.label || `Camera ${n + 1}`)));
    } catch {
      error.hidden = false;
      error.textContent = _('Không mở được camera. Kiểm tra quyền dùng camera của trình duyệt, hoặc chọn tệp.');
    }
  };
  opener.addEventListener('click', () => {
    dialog.showModal();
    void start(localStorage.getItem('document-camera') ?? '');
  });
  choice.addEventListener('change', () => {
    localStorage.setItem('document-camera', choice.value);
    void start(choice.value);
  });
  dialog.addEventListener('close', stop);
  dialog.querySelector('[data-shoot]')?.addEventListener('click', async () => {
    if (!video.videoWidth) return;
    const canvas = document.createElement('canvas');
    canvas.width = video.videoWidth;
    canvas.height = video.videoHeight;
    canvas.getContext('2d')?.drawImage(video, 0, 0);
    const blob = await new Promise((done) => canvas.toBlob(done, 'image/jpeg', 0.9));
    if (!blob) return;
    shots += 1;
    await send([new File([/** @type {Blob} */ (blob)], `${_('Ảnh chụp')} ${shots}.jpg`, { type: 'image/jpeg' })]);
  });
}
