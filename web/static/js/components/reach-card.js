// @ts-check
/** The check page's card of ways through the network: what was tried, and what to ask the administrator for. */

import { call } from '../lib/api.js';
import { systemClock } from '../lib/clock.js';
import { byId, csrfToken, el, icon, rebuild, show } from '../lib/dom.js';
import { _ } from '../lib/i18n.js';
import { ReachTest, request } from '../lib/reachtest.js';
import { toast } from './dialogs.js';

/** @typedef {import('../lib/reachtest.js').Step} Step */

/** @param {import('../lib/reachtest.js').Way} way */
function wayWords(way) {
  switch (way) {
    case 'socket': return _('Kênh điều khiển (WebSocket)');
    case 'udp': return _('Hình, tiếng đi thẳng qua UDP');
    case 'tcp': return _('Hình, tiếng đi thẳng qua TCP');
    case 'turn_udp': return _('Qua máy chủ trung chuyển (TURN), UDP');
    case 'turn_tcp': return _('Qua máy chủ trung chuyển (TURN), TCP');
    default: return _('Qua máy chủ trung chuyển (TURN), TLS');
  }
}

/** @param {import('../lib/reachtest.js').Place} place */
const placeWords = (place) => `${place.protocol.toUpperCase()} ${place.address}:${place.port}`;

export class ReachCard {
  /** @param {(result: {state: any, text: string, code: string}) => void} set tells the page the card's verdict */
  constructor(set) {
    this.set = set;
    byId('again-reach').addEventListener('click', () => void this.run());
  }

  async run() {
    this.set({ state: 'running', text: _('Đang thử từng đường ra khỏi mạng này…'), code: '' });
    this._ask(null);
    const secure = location.protocol === 'https:';
    const test = new ReachTest({
      make: (configuration) => new RTCPeerConnection(configuration),
      plan: () => call('/api/reach/plan', { csrf: csrfToken(), body: {} }),
      leg: (sdp, relay) => call('/api/reach/legs', { csrf: csrfToken(), body: { sdp, relay } }),
      socket: () => new WebSocket(`${secure ? 'wss' : 'ws'}://${location.host}/ws/hub`),
      web: { address: location.hostname, port: Number(location.port || (secure ? 443 : 80)), protocol: 'tcp' },
      clock: systemClock,
      onstep: (steps) => this._steps(steps),
    });
    try {
      const verdict = await test.run();
      this._ask(request(verdict.blocked));
      if (verdict.kind === 'good') this.set({ state: 'good', text: _('Hình và tiếng đi thẳng qua UDP, là đường tốt nhất.'), code: 'ok' });
      else if (verdict.kind === 'slow') this.set({ state: 'warn', text: _('Mạng này chặn UDP. Hình và tiếng vẫn đi được bằng đường khác nhưng dễ chậm, giật. Hãy gửi câu dưới đây cho người quản trị mạng.'), code: 'ok' });
      else if (verdict.kind === 'socket') this.set({ state: 'bad', text: _('Mạng này chặn kênh điều khiển (WebSocket): không vào phiên được. Hãy gửi câu dưới đây cho người quản trị mạng.'), code: 'socket' });
      else this.set({ state: 'bad', text: _('Mạng này không cho hình và tiếng đi qua bằng đường nào. Hãy gửi câu dưới đây cho người quản trị mạng.'), code: 'none' });
    } catch (error) {
      this.set({ state: 'bad', text: /** @type {Error} */ (error).message, code: 'none' });
    }
  }

  /** @param {Step[]} steps */
  _steps(steps) {
    const looks = /** @type {const} */ ({ running: ['info', 'loader-circle'], good: ['good', 'circle-check'], bad: ['bad', 'circle-x'] });
    rebuild(byId('reach-steps'), JSON.stringify(steps), () => steps.map((step) => {
      const [tone, image] = looks[step.state];
      const word = step.state === 'good' ? _('thông') : step.state === 'bad' ? _('bị chặn') : _('đang thử');
      const places = [...new Set(step.places.map(placeWords))].join(', ');
      return el('li', { 'data-way': step.way, 'data-state': step.state },
        el('span', { class: `chip plain ${tone}` }, icon(image), word), el('span', {}, wayWords(step.way), places ? el('small', { class: 'muted' }, places) : null));
    }));
  }

  /** @param {{vi: string, en: string} | null} sentences */
  _ask(sentences) {
    const box = byId('reach-ask');
    show(box, Boolean(sentences));
    if (!sentences) return;
    rebuild(box, JSON.stringify(sentences), () => /** @type {const} */ ([['vi', sentences.vi], ['en', sentences.en]]).map(([language, text]) =>
      el('div', { class: 'ask' }, el('p', { lang: language, 'data-testid': `reach-ask-${language}` }, text),
        el('button', { type: 'button', class: 'btn small', 'data-testid': `reach-copy-${language}`, onclick: () => void this._copy(text) }, icon('copy'), language === 'vi' ? _('Chép câu tiếng Việt') : _('Chép câu tiếng Anh')))));
  }

  /** @param {string} text */
  async _copy(text) {
    try {
      await navigator.clipboard.writeText(text);
      toast(_('Đã chép. Dán vào thư hoặc tin nhắn gửi người quản trị mạng.'));
    } catch {
      toast(_('Trình duyệt không cho chép. Hãy bôi đen câu rồi chép.'), 'bad');
    }
  }
}
