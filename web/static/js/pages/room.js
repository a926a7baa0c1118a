// @ts-check
/** The reception room. Wires socket, media and components together; what each does stands in its own module. */

import { askAboutBreak } from '../components/break-question.js';
import { Controls } from '../components/controls.js';
import { openDevicePicker } from '../components/device-picker.js';
import { confirmOnce, openDialog, toast } from '../components/dialogs.js';
import { Notices } from '../components/notices.js';
import { ANSWERS, OperatorDialogs } from '../components/operator.js';
import { Overlay } from '../components/overlay.js';
import { RoomState } from '../components/room-state.js';
import { RoomTakes } from '../components/room-takes.js';
import { SidePanel } from '../components/side-panel.js';
import { Listener } from '../components/sound.js';
import { Stage } from '../components/stage.js';
import { call } from '../lib/api.js';
import { clockTime } from '../lib/clock.js';
import { LocalMedia } from '../lib/devices.js';
import { byId, csrfToken, el, icon, installMessages, pageData, setText, show } from '../lib/dom.js';
import { _ } from '../lib/i18n.js';
import { IceSettings } from '../lib/icesettings.js';
import { readMinutes } from '../lib/minutes.js';
import { MediaLink } from '../lib/peer.js';
import { recordWords, unknownRecord } from '../lib/record.js';
import { SessionSocket } from '../lib/signaling.js';
import { ViewReporter } from '../lib/views.js';

/** @typedef {'mic' | 'camera' | 'screen' | 'document'} Source */

const GO_OVER_S = 5; // a session that was ended for the sitting's next visit: so long the page waits to be taken along
const BLIND_S = 10; // without the hub for so long, what it said about the record is no longer known to hold

class RoomPage {
  constructor() {
    const data = pageData();
    data.load = (/** @type {string} */ what) => this.load(what);
    this.room = new RoomState(data);
    this.room.say = toast;
    this.room.render = () => this.render();
    this.listener = new Listener();
    this.media = new LocalMedia({
      devices: navigator.mediaDevices,
      storage: localStorage,
      ontrack: (source, track) => void this.trackChanged(source, track),
      ontrouble: (trouble) => {
        this.room.troubles.set(trouble.source, trouble);
        this.render();
      },
    });
    this.room.media = this.media;
    this.socket = new SessionSocket({
      url: socketUrl(data.socketUrl),
      token: data.token,
      device: data.device,
      clock: this.room.clock,
      random: Math.random,
      connect: (url) => new WebSocket(url),
      renew: () => this.renew(),
      onstatus: (status) => this.statusChanged(status),
      onmessage: (message) => this.take(message),
    });
    this.socket.onclock = (utc, roundTrip) => this.room.hub.learn(utc, roundTrip);
    this.room.socket = this.socket;
    this.ice = new IceSettings({
      clock: this.room.clock,
      fetch: async () => (data.iceUrl ? call(data.iceUrl, { csrf: csrfToken(), body: {}, timeout: 10 }) : { iceServers: [], iceTransportPolicy: 'all', refresh_s: 86_400 }),
      onchange: (configuration) => this.link.configure(configuration),
    });
    this.link = new MediaLink({
      make: () => new RTCPeerConnection(this.ice.configuration),
      ready: () => this.ice.ready(),
      request: (type, fields) => this.socket.request(type, fields),
      send: (type, fields) => this.socket.send(type, fields),
      clock: this.room.clock,
      expected: () => this.room.expectsMedia(),
      onlines: (incoming) => {
        this.room.incoming = new Map(incoming.map((one) => [`${one.participant}/${one.source}`, one.track]));
        this.views.again();
        this.render();
      },
      onstate: (state) => {
        this.room.link = state;
        this.takes.look();
        this.render();
      },
    });
    const { room } = this;
    this.views = new ViewReporter({ clock: room.clock, send: (views) => this.socket.send('views', { views }) });
    this.dialogs = new OperatorDialogs(room);
    this.takes = new RoomTakes(room);
    room.takes = this.takes;
    this.stage = new Stage(room, byId('stage'), byId('sounds'), (views) => this.views.set(views));
    this.panel = new SidePanel(room, byId('panel'));
    this.notices = new Notices(room, byId('notices'), (act) => void this.act(act));
    this.overlay = new Overlay(room, byId('overlay'), { reload: () => location.reload(), level: () => this.listener.level() });
    this.controls = new Controls(room, byId('controls'), {
      toggleMic: () => void this.toggle('mic'),
      toggleCamera: () => void this.toggle('camera'),
      share: () => this.share(),
      devices: () => this.devices(),
      admit: () => this.dialogs.admit(),
      start: () => this.dialogs.start(),
      sideTalk: () => this.dialogs.sideTalk(),
      more: () => this.dialogs.more({ leave: () => void this.leave() }),
      denunciation: () => void this.dialogs.denunciation(),
      end: () => void this.dialogs.end(),
      leave: () => void this.leave(),
      panel: () => document.body.classList.toggle('panel-open'),
    });
    this.big = byId('kit-mute');
    /** @type {boolean} */
    this.resting = false;
  }

  async start() {
    this.render();
    this.socket.start();
    addEventListener('keydown', (event) => this.key(event));
    addEventListener('online', () => {
      this.socket.retryNow();
      this.link.networkChanged();
    });
    addEventListener('pagehide', () => this.media.stopAll());
    setInterval(() => {
      this.takes.look();
      this.render();
    }, 1000);
    setInterval(() => this.overlay.tick(), 120);
    await this.startMedia();
  }

  /** Microphone and camera, unless this seat only looks on. */
  async startMedia() {
    if (this.room.data.watches) return;
    // one question for both devices would fail as a whole when one of them is missing
    await this.media.start('mic');
    await this.media.start('camera');
  }

  /** @param {import('../lib/signaling.js').Status} status */
  statusChanged(status) {
    this.room.status = status;
    if (status.phase === 'over') {
      this.room.may = new Set();
      this.link.close();
      this.ice.stop();
      this.media.stopAll();
    }
    this.takes.look();
    this.render();
  }

  /** @param {any} message */
  take(message) {
    const { room } = this;
    if (message.type === 'welcome') {
      room.me = message.participant;
      room.minutes = readMinutes(message.minutes);
      room.take(message.session, message.may);
      this.follow();
      this.views.again();
      this.link.resumed();
      this.takes.welcome(message.take);
      void this.tellSources();
    } else if (message.type === 'state') {
      room.take(message.session, message.may);
      this.follow();
    } else if (message.type === 'minutes_state') room.minutes = { ...readMinutes(message.minutes), savedUtc: room.hub.utc() };
    else if (message.type === 'crosstalk') room.takeCrosstalk(message.pairs);
    else if (message.type === 'figures') room.figures = message;
    else if (message.type === 'speaker') {
      room.speaker = message.participant;
      if (message.participant && message.participant !== room.me) room.lastSpeaker = message.participant;
    } else if (message.type === 'event') this.event(message);
    else if (message.type === 'moved') this.moved(message);
    else if (['offer', 'layers', 'relay_lost'].includes(message.type)) this.link.take(message);
    else if (message.type === 'error') toast(message.message, 'bad');
    if (['welcome', 'state', 'event', 'moved'].includes(message.type)) this.takes.look(); // off the record at once
    this.render();
  }

  /** @param {any} event */
  event(event) {
    const { room } = this;
    room.events.push(event);
    if (event.kind === 'session.closed' && event.body.next && room.hub.utc() - event.utc < GO_OVER_S) {
      room.goingOverUntil = room.clock.now() + GO_OVER_S;
      room.clock.after(() => this.follow(), GO_OVER_S);
    }
    if (event.kind.startsWith('chat.')) {
      room.chat.push({ text: event.body.text ?? '', name: room.nameOf(event.body.participant ?? ''), utc: event.utc });
    } else if (event.kind === 'participant.waiting' && room.isOperator) {
      toast(_('{name} đang chờ vào phiên', { name: room.nameOf(event.body.participant ?? '') }));
    }
  }

  /** The sitting's next visit: same socket and legs, another session. @param {{session: string}} message */
  moved(message) {
    this.room.pinned = '';
    this.room.goingOverUntil = 0;
    this.room.events = [];
    this.room.figures = { utc: 0, points: [] };
    this.socket.lastEvent = 0;
    this.room.session.session = message.session;
    this.room.data.number = '';
    // coming back after a loss, or a reload, leads to the session where we are now
    this.socket.url = socketUrl(`/ws/session/${message.session}`);
    this.room.data.ticketUrl = `/room/${message.session}/ticket`;
    if (this.room.data.iceUrl) this.room.data.iceUrl = `/api/sessions/${message.session}/ice`;
    history.replaceState(null, '', `/room/${message.session}${location.search}`);
    toast(_('Đã chuyển sang lượt tiếp theo'));
    void this.load('all').then(() => this.render());
  }

  /** Media follows admission: open when we are inside a live session, closed otherwise; kept between two visits. */
  follow() {
    const { room } = this;
    if (room.goingOver) return;
    if (room.inside && room.live) this.link.open();
    else {
      this.link.close();
      this.ice.stop();
    }
    this.rest(['closed', 'locked'].includes(room.session.state) || ['left', 'removed'].includes(room.self?.state));
    this.dialogs.refresh?.();
  }

  /**
   * Let go of camera and microphone when the session is over, so that their lights go out; take them again when it
   * is opened again.
   * @param {boolean} over
   */
  rest(over) {
    if (over === this.resting) return;
    this.resting = over;
    if (over) for (const source of /** @type {Source[]} */ (['screen', 'document', 'camera', 'mic'])) this.media.stop(source);
    else void this.startMedia();
  }

  /**
   * @param {Source} source
   * @param {MediaStreamTrack | null} track
   */
  async trackChanged(source, track) {
    if (track) {
      this.room.troubles.delete(source);
      track.enabled = !this.room.self?.muted.includes(source); // another device does not end a mute
    }
    if (source === 'mic') this.listener.listen(track);
    this.takes.look();
    this.render();
    try {
      await this.link.setTrack(source, track);
    } catch {
      this.link.reopen('publish');
    }
    if (source === 'screen' || source === 'document') {
      if (this.room.inside) await this.socket.request('set_source', { source, on: Boolean(track) }).catch(() => {});
    }
    this.render();
  }

  /** After coming back, the hub is told what is on and what is off here. */
  async tellSources() {
    for (const source of /** @type {Source[]} */ (['mic', 'camera'])) {
      const off = this.room.self?.muted.includes(source);
      const track = this.media.tracks.get(source);
      if (track) track.enabled = !off;
    }
  }

  /** Own microphone or camera on or off; a missing one is asked for again. @param {'mic' | 'camera'} source */
  async toggle(source) {
    const { room } = this;
    if (room.data.watches) return;
    const track = this.media.tracks.get(source);
    if (!track) {
      await this.media.start(source);
      if (!this.media.tracks.has(source)) return;
      if (room.inside && room.self?.muted.includes(source)) await room.ask('set_source', { source, on: true });
      await this.tellSources();
      return this.render();
    }
    const off = room.self?.muted.includes(source) ?? !track.enabled;
    track.enabled = off;
    this.takes.look();
    if (room.inside && room.live) {
      const done = await room.ask('set_source', { source, on: off });
      if (!done && !off) track.enabled = false; // nobody hears us even if the hub did not get it
    }
    this.render();
  }

  share() {
    const { media } = this;
    for (const source of /** @type {Source[]} */ (['screen', 'document'])) {
      if (media.tracks.has(source)) {
        media.stop(source);
        return;
      }
    }
    const cameras = media.of('videoinput').filter((one) => one.deviceId !== media.tracks.get('camera')?.getSettings().deviceId);
    openDialog({ title: _('Chia sẻ'), name: 'share' }, (close) => {
      const row = (/** @type {string} */ name, /** @type {string} */ image, /** @type {string} */ label, /** @type {string} */ note, /** @type {() => void} */ run) =>
        el('li', {}, el('button', { type: 'button', class: 'menu-row', 'data-testid': name, onclick: () => {
          close();
          run();
        } }, icon(image), el('span', {}, el('b', {}, label), el('small', {}, note))));
      return [el('ul', { class: 'plain' },
        row('share-screen', 'monitor-up', _('Màn hình hoặc cửa sổ'), _('Mọi điểm cầu thấy đúng phần được chọn'), () => void media.startScreen()),
        ...cameras.map((one, index) => row('share-document', 'scan-line', one.label || _('Camera {n}', { n: index + 1 }), _('Camera tài liệu: hình nét, chiếm khung lớn'), () => void media.start('document', one.deviceId))),
        cameras.length ? null : el('li', { class: 'muted small' }, _('Không tìm thấy camera thứ hai để làm camera tài liệu.')))];
    });
  }

  devices() {
    openDevicePicker({ media: this.media, level: () => this.listener.level(), onspeaker: () => this.stage.changeOutput() });
  }

  async leave() {
    const { room } = this;
    const text = room.isOperator ? _('Phiên vẫn tiếp tục. Người điều hành khác có thể nhận điều hành; bạn vào lại được.') : _('Hình và tiếng của điểm cầu này sẽ tắt. Có thể vào lại khi phiên còn mở.');
    const yes = await confirmOnce({ title: _('Rời phiên'), text, yes: _('Rời phiên'), name: 'confirm-leave' });
    if (yes === null) return;
    await this.socket.leave();
  }

  /** @param {string} act what a notice's button asks for */
  async act(act) {
    if (act === 'sound') await this.stage.playAll();
    else if (act === 'retry') this.socket.retryNow();
    else if (act === 'take-stop') this.takes.ask();
    else if (act === 'devices') this.devices();
    else if (act === 'share') this.share();
    else if (act === 'answer') this.answer();
    else if (act === 'break') askAboutBreak(this.room);
    else if (act === 'restart-record') await this.room.ask('restart_record');
    else if (act === 'mute-own') await this.toggle('mic');
    else if (act.startsWith('mute:')) await this.room.ask('mute', { participant: act.slice(5), source: 'mic', on: true });
    else if (act === 'help:https') location.href = `https://${location.host}${location.pathname}${location.search}`;
    else if (act.startsWith('start:')) await this.media.start(/** @type {Source} */ (act.slice(6)));
    this.render();
  }

  /** The point's own answer to the notice. */
  answer() {
    const { room } = this;
    openDialog({ title: _('Thông báo ghi âm, ghi hình'), name: 'answer' }, (close) => [
      el('blockquote', { class: 'notice-text' }, room.data.notice),
      el('div', { class: 'row' }, ...ANSWERS().map(({ value, label }) =>
        el('button', { type: 'button', class: `btn ${value === 'heard' ? 'main' : ''}`, 'data-testid': `own-${value}`, onclick: async () => {
          if (await room.ask('answer_notice', { participant: room.me, answer: value })) close();
        } }, label))),
    ]);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.ctrlKey && event.key.toLowerCase() === 'b') {
      event.preventDefault();
      void this.panel.minutes.bookmark();
      return;
    }
    const target = /** @type {HTMLElement} */ (event.target);
    if (event.ctrlKey || event.altKey || event.metaKey || target.closest('input, textarea, select, dialog')) return;
    const kit = this.room.data.kit;
    if (event.key === 'm' || event.key === 'M' || (kit && (event.key === 'Enter' || event.key === ' ') && target === document.body)) {
      event.preventDefault();
      void this.toggle('mic');
    } else if (event.key === 'v' || event.key === 'V') void this.toggle('camera');
    else if (kit && (event.key === 'ArrowRight' || event.key === 'ArrowLeft')) this.stage.pinNext(event.key === 'ArrowRight' ? 1 : -1);
  }

  render() {
    const { room } = this;
    if (!this.big) return;
    const utc = room.hub.utc();
    this.bar(utc);
    this.stage.render();
    this.controls.render();
    this.panel.render();
    this.notices.render();
    this.overlay.render();
    document.body.dataset.state = room.session.state;
    document.body.dataset.phase = room.status.phase;
    document.body.dataset.media = this.link.connected ? 'connected' : room.link.subscribe;
    const silent = !this.media.tracks.has('mic') || room.self?.muted.includes('mic') || room.self?.muted_by_operator.includes('mic');
    this.big.dataset.silent = String(Boolean(silent));
    setText(this.big.lastElementChild, silent ? _('MICRO ĐANG TẮT') : _('MICRO ĐANG BẬT'));
  }

  /** @param {number} utc */
  bar(utc) {
    const { session } = this.room;
    const { status, clock } = this.room;
    const blind = status.phase === 'reconnecting' && clock.now() - (status.since ?? 0) > BLIND_S;
    const record = this.takes.words() ?? (blind ? unknownRecord() : recordWords(session, utc, this.room.me));
    byId('record').dataset.tone = record.tone;
    setText(byId('record-words'), record.words);
    setText(byId('record-time'), record.time);
    const number = this.room.data.number || session.number;
    setText(byId('session-number'), number ? _('Phiên {number}', { number }) : _('Phiên tiếp'));
    setText(byId('session-title'), session.title ?? '');
    setText(byId('chair'), session.chair ? _('Chủ trì: {name}', { name: session.chair }) : '');
    setText(byId('clock'), clockTime(utc));
    show(byId('training'), Boolean(session.training));
  }

  /** @returns {Promise<string | null>} */
  async renew() {
    const answer = await call(this.room.data.ticketUrl, { method: 'POST', csrf: csrfToken() }).catch(() => null);
    return answer?.token ?? null;
  }

  /** @param {string} what */
  async load(what) {
    const fresh = await call(this.room.data.contextUrl.replace('{session}', this.room.session.session)).catch(() => null);
    if (!fresh) return null;
    if (what === 'all') Object.assign(this.room.data, fresh);
    return fresh[what] ?? null;
  }
}

/** @param {string} path */
function socketUrl(path) {
  const url = new URL(path, location.href);
  url.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
  return url.href;
}

installMessages();
const page = new RoomPage();
void page.start();
