// @ts-check
/** Choosing camera, microphone and loudspeaker, with a picture and a moving meter to see what one chose. */

import { el, icon } from '../lib/dom.js';
import { _ } from '../lib/i18n.js';
import { meterPart } from '../lib/meters.js';
import { openDialog } from './dialogs.js';
import { playTestSound } from './sound.js';

/** @typedef {import('../lib/devices.js').LocalMedia} LocalMedia */

/**
 * @param {{media: LocalMedia, level: () => number, onspeaker: () => void, kit?: boolean}} options
 */
export function openDevicePicker({ media, level, onspeaker }) {
  const picture = /** @type {HTMLVideoElement} */ (el('video', { class: 'preview', autoplay: true, playsinline: true }));
  picture.muted = true;
  const bar = el('i', {});
  const show = () => {
    const track = media.tracks.get('camera');
    picture.srcObject = track ? new MediaStream([track]) : null;
    picture.hidden = !track;
  };
  const timer = setInterval(() => (bar.style.width = `${Math.round(meterPart(level()) * 100)}%`), 100);
  openDialog({ title: _('Thiết bị'), name: 'devices', onclose: () => clearInterval(timer) }, () => {
    const choose = (/** @type {'camera' | 'mic'} */ source, /** @type {'videoinput' | 'audioinput'} */ kind, /** @type {string} */ label) =>
      deviceSelect(media, kind, label, source, async (id) => {
        media.remember(source, id);
        await media.start(source, id);
        show();
      });
    show();
    return [
      el('div', { class: 'preview-box small' }, picture, el('div', { class: 'preview-off' }, icon('video-off'), _('Camera đang tắt'))),
      choose('camera', 'videoinput', _('Camera')),
      choose('mic', 'audioinput', _('Micro')),
      el('div', { class: 'meter-row' }, icon('mic'), el('div', { class: 'meter' }, bar)),
      deviceSelect(media, 'audiooutput', _('Loa'), 'speaker', async (id) => {
        media.remember('speaker', id);
        onspeaker();
      }),
      el('div', { class: 'row' }, el('button', { type: 'button', class: 'btn', onclick: () => void playTestSound(media.chosen('speaker')) }, icon('volume-2'), _('Phát âm thử'))),
    ];
  });
}

/**
 * A list of devices of one kind; with a single one there is nothing to choose and it says so.
 * @param {LocalMedia} media
 * @param {'audioinput' | 'videoinput' | 'audiooutput'} kind
 * @param {string} label
 * @param {string} source
 * @param {(id: string) => Promise<void>} onchoose
 */
export function deviceSelect(media, kind, label, source, onchoose) {
  const devices = media.of(kind);
  const idle = source !== 'speaker' && devices.length > 0 && !media.tracks.has(/** @type {any} */ (source));
  const inUse = idle ? null : media.tracks.get(/** @type {any} */ (source))?.getSettings().deviceId ?? media.chosen(source);
  const select = /** @type {HTMLSelectElement} */ (
    el('select', { class: 'input', 'data-testid': `choose-${source}`, disabled: !devices.length, onchange: () => void onchoose(select.value) },
      // without a device in use no choice stands there already, or choosing the first would change nothing
      idle ? el('option', { value: '', selected: true, disabled: true }, _('Chọn thiết bị')) : null,
      ...(devices.length
        ? devices.map((device, index) => el('option', { value: device.deviceId, selected: device.deviceId === inUse }, device.label || `${label} ${index + 1}`))
        : [el('option', { value: '' }, kind === 'audiooutput' ? _('Loa mặc định của máy') : _('Không tìm thấy thiết bị'))]))
  );
  return el('label', { class: 'field' }, el('span', { class: 'label' }, label), select);
}
