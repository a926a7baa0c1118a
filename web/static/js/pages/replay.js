// @ts-check
/** Replay: every point in step on one time line. The page's data comes from web/pages/replay.py. */

import { toast } from '../components/dialogs.js';
import { ReplayFiles } from '../components/replay-files.js';
import { Lanes, nothingToReplay } from '../components/replay-lanes.js';
import { PointPlayer } from '../components/replay-players.js';
import { call } from '../lib/api.js';
import { clockTime, counter, dateTime, parseCounter, systemClock } from '../lib/clock.js';
import { byId, csrfToken, el, icon, installMessages, pageData, setText, show } from '../lib/dom.js';
import { eventWords } from '../lib/eventwords.js';
import { _ } from '../lib/i18n.js';
import { ReplayClock, currentLine, emptyUntil, neighbour, speakerAt } from '../lib/timeline.js';

const SPEEDS = [0.5, 0.75, 1, 1.25, 1.5, 2];
const TICK_S = 0.1;
const SKIP_S = 5; // a gap that lasts longer than this may be skipped
const HOLD_S = 4; // so long the clock waits for the large picture to load before it goes on without

class ReplayPage {
  constructor() {
    this.data = pageData();
    /** @type {{at: number, speaker: string, text: string, bookmark: boolean}[]} */
    this.lines = this.data.lines;
    const names = new Map(this.data.points.map((/** @type {any} */ point) => [point.participant, point.name]));
    const nameOf = (/** @type {string} */ id) => String(names.get(id) ?? this.data.names?.[id] ?? _('Điểm cầu'));
    /** @type {{at: number, tone: string, text: string}[]} */
    this.events = this.data.events
      .map((/** @type {any} */ event) => ({ at: event.at, ...(eventWords(event, nameOf) ?? { text: '' }) }))
      .filter((/** @type {any} */ event) => event.text && event.at >= 0 && event.at <= this.data.length);
    this.clock = new ReplayClock(this.data.length);
    this.main = 0;
    /** @type {'speaker' | 'main' | 'even'} one point large: who speaks, or whom the viewer chose; or all alike */
    this.layout = this.data.points.some((/** @type {any} */ point) => point.talk?.length) ? 'speaker' : 'main';
    /** @type {number | null} */
    this.heldSince = null;
    this.line = -2;
    /** @type {PointPlayer[]} */
    this.players = [];
    /** @type {import('../components/replay-players.js').Point[]} */
    this.points = [];
    document.getElementById('verify')?.addEventListener('click', (event) => void this.verify(/** @type {HTMLButtonElement} */ (event.currentTarget)));
    if (this.data.points.length) this.build();
    else this.nothing();
  }

  nothing() {
    byId('videos').append(nothingToReplay(this.data.state));
    show(byId('transport'), false);
    this.minutes();
    if (this.data.state === 'making') setTimeout(() => location.reload(), 10_000);
  }

  build() {
    const points = this.data.points.map((/** @type {any} */ point) => ({ key: point.key ?? point.participant, name: point.name, paper: Boolean(point.paper), segments: point.segments, gaps: point.gaps, fills: point.fills ?? [], talk: point.talk ?? [] }));
    this.points = points;
    this.players = points.map((/** @type {any} */ point, /** @type {number} */ index) => new PointPlayer(point, index, () => this.pick(index)));
    byId('videos').append(...this.players.map((player) => player.node));
    this.lanes = new Lanes(byId('lanes'), { length: this.data.length, points, lines: this.lines, events: this.events, cuts: this.data.cuts ?? [], onjump: (at) => this.jump(at) });
    this.minutes();
    const speed = /** @type {HTMLSelectElement} */ (byId('speed'));
    speed.append(...SPEEDS.map((value) => el('option', { value: String(value), selected: value === 1 }, `${String(value).replace('.', ',')}×`)));
    speed.addEventListener('change', () => this.clock.setRate(Number(speed.value), this.now()));
    byId('play').addEventListener('click', () => this.toggle());
    byId('back').addEventListener('click', () => this.jump(this.at() - 10));
    byId('forward').addEventListener('click', () => this.jump(this.at() + 10));
    const layout = /** @type {HTMLSelectElement} */ (byId('layout'));
    const layouts = [['speaker', _('Theo người nói')], ['main', _('Một hình lớn')], ['even', _('Bằng nhau')]];
    layout.append(...layouts.map(([value, text]) => el('option', { value }, text)));
    layout.addEventListener('change', () => {
      this.layout = /** @type {'speaker' | 'main' | 'even'} */ (layout.value);
      this.arrange();
    });
    byId('skip-gap').addEventListener('click', () => this.skip());
    new ReplayFiles(byId('files'), this.data.session);
    byId('copy').addEventListener('click', () => void this.copy());
    addEventListener('keydown', (event) => this.key(event));
    addEventListener('hashchange', () => this.fromAddress());
    this.clock.seek(this.data.first ?? 0, this.now());
    this.fromAddress();
    this.arrange();
    setInterval(() => this.tick(), TICK_S * 1000);
    this.tick();
  }

  now() {
    return systemClock.now();
  }

  at() {
    return this.clock.position(this.now());
  }

  fromAddress() {
    const text = new URLSearchParams(location.hash.slice(1)).get('t');
    const at = text === null ? null : parseCounter(text);
    if (at !== null) this.jump(at);
  }

  toggle() {
    if (this.clock.playing) this.clock.pause(this.now());
    else this.clock.play(this.now());
    this.heldSince = null;
    this.tick();
  }

  /** @param {number} at */
  jump(at) {
    this.clock.seek(at, this.now());
    this.tick();
  }

  /** @param {number} index */
  pick(index) {
    if (index >= this.players.length) return;
    this.main = index;
    this.layout = 'main';
    this.arrange();
  }

  /** Go on where somebody has something again. */
  skip() {
    const until = emptyUntil(this.points, this.at(), this.data.length);
    if (until !== null) this.jump(until);
  }

  /** @param {number} at */
  followSpeaker(at) {
    const speaker = this.layout === 'speaker' ? speakerAt(this.points, at) : -1;
    const paper = this.layout === 'speaker' ? this.players.findIndex((player) => player.point.paper && player.segment) : -1;
    const main = paper >= 0 ? paper : speaker;
    if (main < 0 || main === this.main) return;
    this.main = main;
    this.arrange();
  }

  arrange() {
    byId('videos').dataset.layout = this.layout === 'even' ? 'even' : 'main';
    /** @type {HTMLSelectElement} */ (byId('layout')).value = this.layout;
    byId('videos').style.setProperty('--points', String(this.players.length));
    byId('videos').style.setProperty('--rows', String(Math.max(1, this.players.length - 1)));
    byId('videos').style.setProperty('--columns', String(Math.ceil(Math.sqrt(this.players.length))));
    this.players.forEach((player, index) => player.node.classList.toggle('main', this.layout !== 'even' && index === this.main));
  }

  tick() {
    const now = this.now();
    const main = this.players[this.main];
    const { playing } = this.clock;
    // everybody waits a moment for the large picture, so that its words are not lost
    if (playing && main?.waiting && (this.heldSince === null || now - this.heldSince < HOLD_S)) {
      this.heldSince ??= now;
      this.clock.seek(this.clock.base, now);
    } else {
      if (!main?.waiting) this.heldSince = null;
      if (playing) this.clock.seek(this.clock.position(now), now);
    }
    const at = this.at();
    if (playing && at >= this.data.length) this.clock.pause(now);
    for (const player of this.players) player.follow(at, this.clock.playing, this.clock.rate);
    this.followSpeaker(at);
    this.show(at);
  }

  /** @param {number} at */
  show(at) {
    this.lanes?.move(at);
    setText(byId('position'), counter(at));
    setText(byId('length'), ` / ${counter(this.data.length)}`);
    setText(byId('wall'), dateTime(this.data.zero_utc + at));
    setText(byId('copy-label'), _('Chép liên kết tới {time}', { time: counter(at) }));
    const playing = String(this.clock.playing);
    const play = byId('play');
    if (play.dataset.playing !== playing) {
      play.dataset.playing = playing;
      play.replaceChildren(icon(this.clock.playing ? 'pause' : 'play'), el('span', {}, this.clock.playing ? _('Dừng') : _('Phát')));
    }
    const until = emptyUntil(this.points, at, this.data.length);
    show(byId('skip-gap'), until !== null && until - at > SKIP_S);
    if (until !== null) setText(byId('skip-words'), _('Bỏ qua khoảng trống, còn {time}', { time: counter(until - at) }));
    const line = currentLine(this.lines, at);
    if (line === this.line) return;
    this.line = line;
    [...byId('minutes').children].forEach((node, index) => node.classList.toggle('on', index === line));
    const node = /** @type {HTMLElement | undefined} */ (byId('minutes').children[line]);
    const box = byId('minutes');
    if (node) box.scrollTo({ top: node.offsetTop - box.clientHeight / 3, behavior: this.clock.playing ? 'smooth' : 'auto' });
  }

  minutes() {
    const lines = this.lines.map((line) =>
      el('button', { type: 'button', class: `ln${line.bookmark ? ' bm' : ''}`, 'data-testid': 'replay-line', title: clockTime(this.data.zero_utc + line.at), onclick: () => this.jump(line.at) },
        el('time', {}, counter(line.at)), el('span', {}, el('b', {}, line.bookmark ? _('Đánh dấu') : line.speaker || _('Ghi chú')), line.text)));
    byId('minutes').replaceChildren(...lines);
    if (!lines.length) byId('minutes').append(el('p', { class: 'empty' }, _('Biên bản chưa có dòng nào.')));
  }

  /** Have the hub check the locked package now. @param {HTMLButtonElement} button */
  async verify(button) {
    button.disabled = true;
    setText(byId('proof-result'), _('Đang kiểm tra từng tệp của gói…'));
    try {
      const answer = await call(button.dataset.url ?? '', { method: 'POST', csrf: csrfToken(), timeout: 120 });
      setText(byId('proof-result'), answer.text);
      byId('proof-chip').className = `chip ${answer.ok ? 'good' : 'bad'}`;
      setText(byId('proof-chip'), answer.ok ? _('Nguyên vẹn') : _('Đã bị thay đổi'));
    } catch (error) {
      setText(byId('proof-result'), /** @type {Error} */ (error).message);
    }
    button.disabled = false;
  }

  async copy() {
    const at = counter(this.at());
    const address = `${location.origin}${location.pathname}#t=${at}`;
    history.replaceState(null, '', `#t=${at}`);
    try {
      await navigator.clipboard.writeText(address);
      toast(_('Đã chép liên kết tới {time}', { time: at }));
    } catch {
      toast(_('Trình duyệt không cho chép; địa chỉ tới {time} đang ở thanh địa chỉ.', { time: at }), 'bad');
    }
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const target = /** @type {HTMLElement} */ (event.target);
    if (event.ctrlKey || event.altKey || event.metaKey || target.closest('input:not(.seek), textarea, select, dialog')) return;
    const moments = [...this.lines.map((line) => line.at), ...this.events.map((one) => one.at)];
    const to = (/** @type {number | null} */ at) => at !== null && this.jump(at);
    if (event.key === ' ' && !target.closest('button, a, summary')) this.toggle();
    else if (event.key === 'ArrowLeft') this.jump(this.at() - (event.shiftKey ? 1 : 5));
    else if (event.key === 'ArrowRight') this.jump(this.at() + (event.shiftKey ? 1 : 5));
    else if (event.key === '[') to(neighbour(moments, this.at(), -1));
    else if (event.key === ']') to(neighbour(moments, this.at(), 1));
    else if (/^[1-9]$/.test(event.key)) this.pick(Number(event.key) - 1);
    else if (event.key === 'm' || event.key === 'M') this.players[this.main]?.mute();
    else if (event.key === 's' || event.key === 'S') this.skip();
    else return;
    event.preventDefault();
  }
}

installMessages();
new ReplayPage();
