// @ts-check
/** Device check: camera, microphone, loudspeaker, line, network; each passes or says what to do. Kept per device and day. */

import { deviceSelect } from '../components/device-picker.js';
import { toast } from '../components/dialogs.js';
import { ReachCard } from '../components/reach-card.js';
import { Listener, playTestSound } from '../components/sound.js';
import { call } from '../lib/api.js';
import { systemClock } from '../lib/clock.js';
import { LocalMedia } from '../lib/devices.js';
import { byId, csrfToken, el, icon, installMessages, pageData, rebuild, setText } from '../lib/dom.js';
import { _ } from '../lib/i18n.js';
import { PictureJudge, SoundJudge, greyLevels, meterPart } from '../lib/meters.js';
import { LINE_ROUNDS, judgeLine } from '../lib/linetest.js';
import { deviceSentence } from '../lib/troubles.js';

const LOOK_S = 4; // picture and sound are judged over so long
const SMALL = { width: 64, height: 36 };

/** @typedef {{state: 'wait' | 'running' | 'good' | 'warn' | 'bad' | 'skipped', text: string, code: string}} Result */

class CheckPage {
  constructor() {
    this.data = pageData();
    this.listener = new Listener();
    /** @type {Record<string, Result>} */
    this.results = {};
    for (const name of ['camera', 'mic', 'speaker', 'line', 'reach']) this.results[name] = { state: 'wait', text: '', code: '' };
    this.media = new LocalMedia({
      devices: navigator.mediaDevices,
      storage: localStorage,
      ontrack: (source, track) => this.trackChanged(source, track),
      ontrouble: (trouble) => {
        if (trouble.source !== 'camera' && trouble.source !== 'mic') return;
        this.set(trouble.source, { state: 'bad', text: deviceSentence(trouble).text, code: 'none' });
      },
      onlist: () => this.pickers(),
    });
    this.video = /** @type {HTMLVideoElement} */ (byId('picture'));
    this.canvas = document.createElement('canvas');
    Object.assign(this.canvas, SMALL);
    this.picture = new PictureJudge();
    this.sound = new SoundJudge();
    this.runs = { camera: 0, mic: 0 };
    for (const name of ['camera', 'mic']) byId(`again-${name}`).addEventListener('click', () => void this.run(/** @type {any} */ (name)));
    byId('play-sound').addEventListener('click', () => void this.playSound());
    byId('heard').addEventListener('click', () => this.set('speaker', { state: 'good', text: _('Loa hoạt động tốt.'), code: 'ok' }));
    byId('not-heard').addEventListener('click', () =>
      this.set('speaker', { state: 'bad', text: _('Không nghe thấy: kiểm tra loa đã bật, âm lượng không ở mức tắt, dây loa cắm đúng lỗ, rồi chọn loa khác và phát lại.'), code: 'not_heard' }));
    byId('again-line').addEventListener('click', () => void this.line());
    this.reach = new ReachCard((result) => this.set('reach', result));
    byId('save').addEventListener('click', () => void this.save());
  }

  async start() {
    setInterval(() => this.meter(), 100);
    this.render();
    void this.line();
    void this.reach.run();
    await this.run('mic');
    await this.run('camera');
  }

  /**
   * @param {import('../lib/devices.js').Source} source
   * @param {MediaStreamTrack | null} track
   */
  trackChanged(source, track) {
    if (source === 'mic') this.listener.listen(track);
    if (source !== 'camera') return;
    this.video.srcObject = track ? new MediaStream([track]) : null;
    if (track) void this.video.play().catch(() => {});
  }

  /** @param {'camera' | 'mic'} source */
  async run(source) {
    const run = ++this.runs[source];
    this.set(source, { state: 'running', text: source === 'mic' ? _('Hãy nói vài câu với giọng bình thường…') : _('Đang xem hình từ camera…'), code: '' });
    if (!(await this.media.start(source))) return;
    this.pickers();
    if (source === 'camera') this.picture = new PictureJudge();
    else this.sound = new SoundJudge();
    setTimeout(() => {
      if (run === this.runs[source] && this.results[source].state === 'running') this.judge(source);
    }, LOOK_S * 1000);
  }

  /** @param {'camera' | 'mic'} source */
  judge(source) {
    if (source === 'camera') {
      const verdict = this.picture.verdict();
      const settings = this.media.tracks.get('camera')?.getSettings();
      if (verdict === 'good') return this.set('camera', { state: 'good', text: _('Hình rõ, {width}×{height}.', { width: settings?.width ?? 0, height: settings?.height ?? 0 }), code: 'ok' });
      if (verdict === 'black') return this.set('camera', { state: 'bad', text: _('Hình đen: mở nắp che ống kính, bật đèn phòng, hoặc chọn camera khác.'), code: 'black' });
      if (verdict === 'frozen') return this.set('camera', { state: 'bad', text: _('Hình đứng yên, không đổi: rút camera ra cắm lại, đóng chương trình khác đang dùng camera.'), code: 'frozen' });
      return this.set('camera', { state: 'bad', text: _('Camera không gửi hình. Hãy rút ra cắm lại.'), code: 'none' });
    }
    const verdict = this.sound.verdict();
    if (verdict === 'good') return this.set('mic', { state: 'good', text: _('Micro nghe rõ.'), code: 'ok' });
    if (verdict === 'faint') return this.set('mic', { state: 'warn', text: _('Tiếng hơi nhỏ: lại gần micro hơn hoặc tăng mức thu. Vẫn dùng được.'), code: 'ok' });
    if (verdict === 'clipping') return this.set('mic', { state: 'bad', text: _('Tiếng bị vỡ: giảm mức thu của micro hoặc ngồi xa hơn.'), code: 'clipping' });
    if (verdict === 'silent') return this.set('mic', { state: 'bad', text: _('Không nghe thấy gì: kiểm tra nút tắt trên micro, dây cắm, hoặc chọn micro khác.'), code: 'silent' });
    return this.set('mic', { state: 'bad', text: _('Trình duyệt chưa cho nghe micro. Bấm Kiểm tra lại.'), code: 'none' });
  }

  meter() {
    const samples = this.listener.samples();
    const db = samples ? this.sound.take(samples) : -100;
    /** @type {HTMLElement} */ (byId('level')).style.width = `${Math.round(meterPart(db) * 100)}%`;
    if (this.video.readyState >= 2 && this.media.tracks.has('camera')) this.look();
  }

  look() {
    const context = this.canvas.getContext('2d', { willReadFrequently: true });
    if (!context) return;
    context.drawImage(this.video, 0, 0, SMALL.width, SMALL.height);
    this.picture.take(greyLevels(context.getImageData(0, 0, SMALL.width, SMALL.height).data), systemClock.now());
  }

  async playSound() {
    const played = await playTestSound(this.media.chosen('speaker'));
    this.set('speaker', { state: 'running', text: played ? _('Có nghe hai tiếng chuông không?') : _('Trình duyệt chặn tiếng. Bấm lại nút Phát âm thử.'), code: '' });
  }

  /** Round trips to the hub: how long, how even, how many fail. */
  async line() {
    this.set('line', { state: 'running', text: _('Đang đo đường truyền…'), code: '' });
    /** @type {(number | null)[]} */
    const times = [];
    for (let i = 0; i < LINE_ROUNDS; i++) {
      const before = systemClock.now();
      try {
        await fetch(`${this.data.pingUrl}?n=${i}`, { cache: 'no-store', signal: AbortSignal.timeout(3000) });
        times.push(systemClock.now() - before);
      } catch {
        times.push(null);
      }
      await new Promise((resolve) => setTimeout(resolve, 120));
    }
    const verdict = judgeLine(times);
    const values = { ms: Math.round(verdict.middle * 1000), lost: verdict.lost };
    if (verdict.kind === 'good') this.set('line', { state: 'good', text: _('Đường truyền tốt, phản hồi {ms} ms.', values), code: 'ok' });
    else if (verdict.kind === 'weak') this.set('line', { state: 'warn', text: _('Đường truyền chậm hoặc không đều (phản hồi {ms} ms). Dùng dây mạng thay Wi-Fi, tắt tải tệp lớn.', values), code: 'ok' });
    else this.set('line', { state: 'bad', text: _('Không liên lạc được với máy chủ ({lost} lần hỏng). Kiểm tra dây mạng, gọi bộ phận kỹ thuật.', values), code: 'bad' });
  }

  pickers() {
    const pick = (/** @type {'camera' | 'mic'} */ source, /** @type {'videoinput' | 'audioinput'} */ kind, /** @type {string} */ label) =>
      rebuild(byId(`pick-${source}`), JSON.stringify([this.media.of(kind).map((one) => [one.deviceId, one.label]), this.media.tracks.get(source)?.getSettings().deviceId]), () => [
        deviceSelect(this.media, kind, label, source, async (id) => {
          this.media.remember(source, id);
          await this.run(source);
        })]);
    pick('camera', 'videoinput', _('Camera'));
    pick('mic', 'audioinput', _('Micro'));
    rebuild(byId('pick-speaker'), JSON.stringify(this.media.of('audiooutput').map((one) => one.deviceId)), () => [
      deviceSelect(this.media, 'audiooutput', _('Loa'), 'speaker', async (id) => this.media.remember('speaker', id))]);
  }

  /**
   * @param {string} name
   * @param {Result} result
   */
  set(name, result) {
    this.results[name] = result;
    this.render();
  }

  render() {
    /** @type {Record<string, [string, string, string]>} */
    const looks = {
      wait: ['', 'circle', _('chưa kiểm tra')], running: ['info', 'loader-circle', _('đang kiểm tra')], good: ['good', 'circle-check', _('đạt')],
      warn: ['warn', 'triangle-alert', _('tạm được')], bad: ['bad', 'circle-x', _('chưa đạt')], skipped: ['', 'circle', _('bỏ qua')],
    };
    for (const [name, result] of Object.entries(this.results)) {
      const [tone, image, word] = looks[result.state];
      const node = byId(`result-${name}`);
      node.dataset.state = result.state;
      rebuild(node, JSON.stringify(result), () => [el('span', { class: `chip plain ${tone}` }, icon(image), word), el('span', {}, result.text)]);
    }
    const all = Object.values(this.results);
    const open = all.some((one) => one.state === 'wait' || one.state === 'running');
    const failed = all.some((one) => one.state === 'bad');
    byId('save').disabled = all.some((one, index) => index < 2 && one.state === 'running');
    setText(byId('summary'), open ? _('Còn mục chưa kiểm tra; có thể lưu khi xong.') : failed ? _('Có mục chưa đạt. Làm theo hướng dẫn rồi kiểm tra lại, hoặc lưu kết quả và báo kỹ thuật.') : _('Mọi thứ sẵn sàng.'));
    byId('summary').dataset.tone = open ? '' : failed ? 'bad' : 'good';
  }

  async save() {
    const code = (/** @type {string} */ name) => this.results[name].code || 'skipped';
    const notes = [this.results.line, this.results.reach].filter((one) => one.state !== 'good').map((one) => one.text);
    try {
      const answer = await call('/api/checks', {
        csrf: csrfToken(),
        body: { camera: code('camera'), microphone: code('mic'), speaker: code('speaker'), note: notes.join(' ').slice(0, 500) },
      });
      toast(answer?.passed ? _('Đã lưu: thiết bị đạt.') : _('Đã lưu kết quả. Còn mục chưa đạt.'));
      if (answer?.passed && this.data.nextUrl) location.href = this.data.nextUrl;
    } catch (error) {
      toast(/** @type {Error} */ (error).message, 'bad');
    }
  }
}

installMessages();
void new CheckPage().start();
