// @ts-check
/** "Có bản ghi tạm chưa nộp": on every page of whoever is logged in at a device that still holds some. */

import { call } from '../lib/api.js';
import { systemClock } from '../lib/clock.js';
import { csrfToken, el, icon, rebuild } from '../lib/dom.js';
import { _ } from '../lib/i18n.js';
import { HandIn } from '../lib/takehandin.js';
import { browserTakeStore } from '../lib/takestore.js';

/** @typedef {{tone: 'info' | 'warn' | 'good', image: string, title: string, text: string, again: boolean}} Words */

/**
 * @param {HandIn} handIn
 * @returns {Words | null}
 */
export function barWords(handIn) {
  const { phase, sent, total, foreign, refused, trouble } = handIn;
  if (phase === 'sending' && total) {
    const text = _('Đang nộp phần {n} trên {total}. Hãy giữ trang này mở; nếu đóng, lần đăng nhập sau tự nộp tiếp.', { n: Math.min(sent + 1, total), total });
    return { tone: 'info', image: 'upload', title: _('Có bản ghi tạm chưa nộp'), text, again: false };
  }
  if (phase === 'done') return { tone: 'good', image: 'circle-check', title: _('Đã nộp bản ghi tạm'), text: _('Bản ghi đã vào hồ sơ của phiên tiếp, ghi rõ là từ điểm cầu. Trên máy này không còn bản nào.'), again: false };
  if (phase !== 'waiting') return null;
  const title = _('Có bản ghi tạm chưa nộp');
  if (['storage.full', 'storage.failed'].includes(trouble)) return { tone: 'warn', image: 'hard-drive', title, text: _('Ổ đĩa của máy chủ đã đầy nên chưa nhận được. Bản ghi vẫn còn trên máy này và sẽ tự nộp tiếp.'), again: true };
  if (trouble) return { tone: 'warn', image: 'wifi-off', title, text: _('Chưa liên lạc được với máy chủ. Bản ghi vẫn còn trên máy này; trang tự nộp tiếp.'), again: true };
  if (foreign) return { tone: 'warn', image: 'user-check', title, text: _('Bản ghi này của điểm cầu khác. Cán bộ của điểm cầu đó cần đăng nhập trên máy này để nộp.'), again: false };
  if (refused) return { tone: 'warn', image: 'triangle-alert', title, text: _('Máy chủ không đọc được một phần. Phần đó vẫn còn trên máy này; hãy báo bộ phận kỹ thuật.'), again: true };
  return null;
}

/** Hand in what is here and show how far it is; nothing at all when nothing is here. */
export async function startTakeBar() {
  const store = browserTakeStore();
  const main = document.getElementById('main');
  if (!store || !main) return;
  const bar = el('div', { class: 'take-bar', 'data-testid': 'take-bar', role: 'status' });
  const handIn = new HandIn({
    store, clock: systemClock, gentle: () => false, onchange: () => render(),
    call: (path, options) => call(path, { csrf: csrfToken(), ...options }),
  });
  const render = () => {
    const words = barWords(handIn);
    if (!words) return bar.remove();
    if (!bar.isConnected) main.prepend(bar);
    bar.className = `notice take-bar ${words.tone}`;
    bar.dataset.phase = handIn.phase;
    rebuild(bar, JSON.stringify(words), () => [
      icon(words.image),
      el('div', {}, el('b', {}, words.title), el('p', {}, words.text),
        handIn.phase === 'sending' ? el('progress', { max: handIn.total, value: handIn.sent, 'aria-label': words.title }) : null),
      words.again ? el('button', { type: 'button', class: 'btn', 'data-testid': 'take-again', 'data-focus': 'take-again', onclick: () => void handIn.run() }, icon('refresh-cw'), _('Thử lại')) : null,
    ]);
  };
  await handIn.run();
}
