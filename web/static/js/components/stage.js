// @ts-check
/** The stage: one large picture, the others beside it, and the sound of everybody. Own tile comes last. */

import { el, icon, setText, show } from '../lib/dom.js';
import { _ } from '../lib/i18n.js';
import { mainTile, shortName, thumbGrid, tilesOf } from '../lib/layout.js';
import { RestSentence, restWords } from '../lib/lines.js';
import { lineWords } from '../lib/record.js';
import { StallDetector } from '../lib/stall.js';

/** @typedef {import('../lib/layout.js').Tile} Tile */
/** @typedef {import('./room-state.js').RoomState} RoomState */

const SMALLER = 0.75;
const STILL_S = 2;
/* A point whose websocket is lost may go on sending: as long as its picture moves, it is not away. */

class TileView {
  /**
   * @param {string} key
   * @param {Stage} stage
   */
  constructor(key, stage) {
    this.key = key;
    this.stall = new StallDetector(STILL_S);
    this.video = /** @type {HTMLVideoElement} */ (el('video', { playsinline: true, autoplay: true, 'data-testid': 'tile-video' }));
    this.video.muted = true;
    this.still = el('div', { class: 'sil' }, icon('user'));
    this.wait = el('div', { class: 'wait', 'aria-hidden': 'true' });
    this.rest = el('p', { class: 'rest', 'data-testid': 'rest' });
    this.sentence = new RestSentence();
    this.widest = 0; // pixels: the best picture that came of this source
    this.mic = el('span', { class: 'mic' });
    this.label = el('span', { class: 'label' });
    this.chip = el('span', { class: 'chip' });
    this.signal = el('span', { class: 'signal' }, icon('signal'), el('span', { class: 'visually-hidden' }, _('đường truyền tốt')));
    this.hand = el('span', { class: 'hand' }, icon('hand'), el('span', {}, _('giơ tay')));
    this.people = el('div', { class: 'people' });
    this.pin = el('button', { type: 'button', class: 'pin', 'data-testid': 'pin', onclick: () => stage.pin(this.key) });
    this.name = el('div', { class: 'name' }, el('span', { class: 'first' }, this.mic, this.label, this.signal), this.chip, this.hand);
    const foot = el('div', { class: 'foot-row' }, this.name, this.people);
    this.node = el('article', { class: 'tile', 'data-testid': 'tile' }, this.video, this.still, this.wait, this.rest, foot, this.pin);
    this.video.addEventListener('click', () => stage.pin(this.key));
    this.video.addEventListener('resize', () => this.video.classList.toggle('tall', this.video.videoHeight > this.video.videoWidth));
  }

  /** @param {MediaStreamTrack | null} track */
  setTrack(track) {
    const stream = /** @type {MediaStream | null} */ (this.video.srcObject);
    if ((stream?.getTracks()[0] ?? null) === track) return;
    this.video.srcObject = track ? new MediaStream([track]) : null;
    if (track) void this.video.play().catch(() => {});
  }
}

export class Stage {
  /**
   * @param {RoomState} room
   * @param {HTMLElement} node
   * @param {HTMLElement} sounds
   * @param {(views: import('../lib/views.js').View[]) => void} onviews told how large each received picture is shown
   */
  constructor(room, node, sounds, onviews) {
    this.onviews = onviews;
    this.resized = new ResizeObserver(() => this._tellViews());
    document.addEventListener('visibilitychange', () => this._tellViews());
    this.room = room;
    this.node = node;
    this.sounds = sounds;
    /** @type {Map<string, TileView>} */
    this.tiles = new Map();
    /** @type {Map<string, HTMLAudioElement>} */
    this.audio = new Map();
    this.empty = el('div', { class: 'stage-empty' }, icon('users'), el('b', {}), el('p', {}));
  }

  /** @param {string} key */
  pin(key) {
    this.room.pinned = this.room.pinned === key ? '' : key;
    this.render();
  }

  /** Move the pin along the tiles: remote controls of room kits. @param {1 | -1} step */
  pinNext(step) {
    const keys = [...this.tiles.keys()];
    if (!keys.length) return;
    const at = keys.indexOf(this.room.pinned || this.main);
    this.room.pinned = keys[(at + step + keys.length) % keys.length];
    this.render();
  }

  main = '';

  render() {
    const { room } = this;
    const live = new Set(room.incoming.keys());
    for (const source of ['screen', 'document']) if (room.media.tracks.has(/** @type {any} */ (source))) live.add(`${room.me}/${source}`);
    const tiles = room.inside ? tilesOf(room.session.participants, room.me, live) : [];
    this.main = mainTile(tiles, room);
    const others = Math.max(0, tiles.length - 1);
    const grid = thumbGrid(others);
    this.node.style.setProperty('--thumb-columns', String(others ? grid.columns : 0));
    this.node.style.setProperty('--thumb-rows', String(grid.rows));
    this.node.dataset.alone = String(others === 0);
    const gone = new Set(this.tiles.keys());
    for (const tile of tiles) {
      gone.delete(tile.key);
      this._tile(tile);
    }
    for (const key of gone) {
      const tile = this.tiles.get(key);
      if (tile) this.resized.unobserve(tile.video);
      tile?.node.remove();
      this.tiles.delete(key);
    }
    this._renderEmpty(tiles);
    this._renderSounds();
    this._tellViews();
  }

  /** A picture that nobody sees because the window is covered may come small; what is not to be shown is not named. */
  _tellViews() {
    const views = [];
    this.room.unseen.clear();
    for (const [key, tile] of this.tiles) {
      if (tile.node.classList.contains('own') || tile.video.hidden) continue;
      const [participant, source] = key.split('/');
      const scale = document.hidden ? 0 : globalThis.devicePixelRatio || 1;
      const seen = tile.video.clientWidth > 0 && tile.video.clientHeight > 0;
      if (!seen) this.room.unseen.add(key);
      const least = seen ? 1 : 0;
      const width = Math.max(least, tile.video.clientWidth * scale);
      views.push({ participant, source, width, height: Math.max(least, tile.video.clientHeight * scale), main: key === this.main });
    }
    this.onviews(views);
  }

  /** @param {Tile[]} tiles */
  _renderEmpty(tiles) {
    const alone = this.room.inside && tiles.every((tile) => tile.own);
    if (alone !== this.empty.isConnected) alone ? this.node.append(this.empty) : this.empty.remove();
    this.node.classList.toggle('nobody', alone);
    if (!alone) return;
    const waiting = this.room.session.participants.filter((/** @type {any} */ one) => one.state === 'waiting').length;
    setText(this.empty.children[1], _('Chưa có điểm cầu nào khác trong phiên'));
    const host = this.room.may.has('admit');
    const text = !host
      ? _('Hình và tiếng của các điểm cầu sẽ hiện ở đây khi họ vào phiên.')
      : waiting
        ? _('Có {count} điểm cầu đang chờ. Bấm Mời vào phiên.', { count: waiting })
        : _('Khi điểm cầu đến phòng chờ, nút Mời vào phiên sẽ báo số người chờ. Cũng có thể gọi điểm cầu.');
    setText(this.empty.children[2], text);
  }

  /** @param {Tile} tile */
  _tile(tile) {
    const { room } = this;
    const view = room.session.participants.find((/** @type {any} */ one) => one.participant === tile.participant);
    let shown = this.tiles.get(tile.key);
    if (!shown) {
      shown = new TileView(tile.key, this);
      this.tiles.set(tile.key, shown);
      this.resized.observe(shown.video);
    }
    if (!shown.node.isConnected) this.node.append(shown.node);
    const isMain = tile.key === this.main;
    const { node } = shown;
    node.classList.toggle('main', isMain);
    node.classList.toggle('own', tile.own);
    node.classList.toggle('paper', tile.source !== 'camera');
    node.classList.toggle('talk', room.speaker === tile.participant && tile.source === 'camera');
    node.dataset.participant = tile.participant;
    node.dataset.source = tile.source;
    const track = tile.own ? (room.media.tracks.get(/** @type {any} */ (tile.source)) ?? null) : (room.incoming.get(tile.key) ?? null);
    const off = view.muted.includes(tile.source) || view.muted_by_operator.includes(tile.source);
    shown.setTrack(track);
    // what stands in the player is from before the pause, or before the side talk
    const held = !tile.own && (room.session.state === 'suspended' || view.apart);
    const pictured = Boolean(track) && !off && !held && (tile.own || view.publishes.includes(tile.source) || view.state === 'lost' || room.lostFor() !== null);
    show(shown.video, pictured);
    show(shown.still, !pictured);
    const frames = shown.video.getVideoPlaybackQuality?.().totalVideoFrames ?? 0;
    const still = shown.stall.sample(room.clock.now(), frames, pictured);
    const away = (view.state === 'lost' || view.line === 'lost') && (still || !pictured);
    this._words(shown, tile, view, isMain, away);
    this._waiting(shown, tile, view, away);
    // a browser whose line is too narrow stops its camera by itself: then nothing comes at all
    const stopped = !pictured && !off && tile.source === 'camera' && Boolean(view.narrow?.includes('up'));
    this._resting(shown, tile, view, still || stopped, (pictured || stopped) && !away && !held);
  }

  /**
   * A picture that rests or came smaller because of a line says whose line it is, and that sound goes on.
   * @param {TileView} shown
   * @param {Tile} tile
   * @param {any} view
   * @param {boolean} still no new frame for a while
   * @param {boolean} pictured
   */
  _resting(shown, tile, view, still, pictured) {
    const { room } = this;
    const { videoWidth, clientWidth } = shown.video;
    shown.widest = Math.max(shown.widest, videoWidth);
    const smaller = tile.key === this.main && videoWidth > 0 && videoWidth < SMALLER * shown.widest && videoWidth < SMALLER * clientWidth;
    const silent = view.muted.includes('mic') || view.muted_by_operator.includes('mic') || !view.publishes.includes('mic');
    const may = !tile.own && pictured && room.lostFor() === null;
    const said = !may ? '' : restWords({
      still, smaller, silent, name: shortName(view.name),
      mine: room.self?.narrow ?? [], theirs: view.narrow ?? [], theirLine: view.line,
    });
    const words = shown.sentence.say(room.clock.now(), said, may);
    setText(shown.rest, words);
    show(shown.rest, Boolean(words));
  }

  /**
   * @param {TileView} shown
   * @param {Tile} tile
   * @param {any} view
   * @param {boolean} isMain
   * @param {boolean} away
   */
  _words(shown, tile, view, isMain, away) {
    const silent = view.muted.includes('mic') || view.muted_by_operator.includes('mic') || !view.publishes.includes('mic');
    const name = isMain ? shortName(view.name) : shortName(view.name).replace(/^Điểm cầu (?=.)/u, ''); // thumbnails are narrow
    const named = tile.own ? _('{name} (đây)', { name }) : name;
    shown.label.title = view.name;
    const words =
      tile.source === 'document' ? _('Camera tài liệu · {name}', { name })
      : tile.source === 'screen' ? _('Màn hình · {name}', { name })
      : named;
    setText(shown.label, words);
    const face = tile.source === 'camera';
    show(shown.mic, face);
    if (face && shown.mic.dataset.silent !== String(silent)) {
      shown.mic.dataset.silent = String(silent);
      shown.mic.replaceChildren(icon(silent ? 'mic-off' : 'mic'), el('span', { class: 'visually-hidden' }, silent ? _('micro tắt') : _('micro bật')));
    }
    const line = view.line === 'lost' && !away ? null : lineWords(view.line);
    const byHost = view.muted_by_operator.includes('mic');
    show(shown.chip, face && (Boolean(line && line.tone !== 'good') || byHost || view.protected));
    show(shown.signal, face && line?.tone === 'good');
    if (view.protected) {
      shown.chip.className = 'chip warn';
      setText(shown.chip, _('không ghi điểm cầu này'));
    } else if (byHost) {
      shown.chip.className = 'chip warn';
      setText(shown.chip, _('bị tắt micro'));
    } else if (line) {
      shown.chip.className = `chip ${line.tone}`;
      setText(shown.chip, line.words);
    }
    show(shown.hand, face && view.hand);
    const people = view.people.map((/** @type {any} */ one) => (one.capacity ? `${one.name} (${one.capacity})` : one.name)).join(', ');
    setText(shown.people, people);
    shown.people.title = people;
    show(shown.people, face && isMain && Boolean(people));
    const pinned = this.room.pinned === tile.key;
    shown.pin.setAttribute('aria-pressed', String(pinned));
    const label = pinned ? _('Bỏ ghim') : _('Ghim');
    if (shown.pin.dataset.label !== label) {
      shown.pin.dataset.label = label;
      shown.pin.replaceChildren(icon(pinned ? 'pin-off' : 'pin'), el('span', {}, label), el('span', { class: 'visually-hidden' }, ` ${words}`));
    }
  }

  /**
   * @param {TileView} shown
   * @param {Tile} tile
   * @param {any} view
   * @param {boolean} away
   */
  _waiting(shown, tile, view, away) {
    const { room } = this;
    const mine = room.lostFor();
    const since = away ? room.awaySince(tile.participant) : 0;
    let text = '';
    if (!tile.own && mine !== null) text = _('Đang kết nối lại… ({seconds} giây)', { seconds: mine });
    else if (away) text = since ? _('Mất kết nối, đang chờ nối lại… ({seconds} giây)', { seconds: since }) : _('Mất kết nối, đang chờ nối lại…');
    else if (!tile.own && view.apart) text = room.session.side_talk.includes(room.me) ? _('Không dự hội ý này') : _('Đang hội ý riêng');
    else if (!tile.own && room.session.state === 'suspended') text = _('Đang tạm dừng');
    else if (!tile.own && view.state === 'admitted') text = _('Đang vào phiên…');
    setText(shown.wait, text);
    show(shown.wait, Boolean(text));
    shown.node.classList.toggle('dimmed', Boolean(text));
  }

  _renderSounds() {
    const gone = new Set(this.audio.keys());
    for (const [key, track] of this.room.incoming) {
      if (!key.endsWith('/mic')) continue;
      gone.delete(key);
      const apart = this.room.session.participants.some((/** @type {any} */ one) => one.apart && key === `${one.participant}/mic`);
      let audio = this.audio.get(key);
      if (!audio) {
        audio = /** @type {HTMLAudioElement} */ (el('audio', { autoplay: true, 'data-testid': 'sound', 'data-participant': key.split('/')[0] }));
        this.audio.set(key, audio);
        this.sounds.append(audio);
      }
      audio.muted = apart; // the relay sends nothing; what the player still holds must not be heard either
      const stream = /** @type {MediaStream | null} */ (audio.srcObject);
      if (stream?.getTracks()[0] === track) continue;
      audio.srcObject = new MediaStream([track]);
      this._output(audio);
      void this._play(audio);
    }
    for (const key of gone) {
      this.audio.get(key)?.remove();
      this.audio.delete(key);
    }
  }

  /** @param {HTMLAudioElement} audio */
  _output(audio) {
    const device = this.room.media.chosen('speaker');
    const sink = /** @type {any} */ (audio).setSinkId;
    if (device && sink) void sink.call(audio, device).catch(() => {});
  }

  /** @param {HTMLAudioElement} audio */
  async _play(audio) {
    try {
      await audio.play();
      this.room.setSoundBlocked(false);
    } catch (error) {
      if (error instanceof DOMException && error.name === 'NotAllowedError') this.room.setSoundBlocked(true);
    }
  }

  /** After a click the browser lets sound through. */
  async playAll() {
    for (const audio of this.audio.values()) await this._play(audio);
    for (const tile of this.tiles.values()) void tile.video.play().catch(() => {});
  }

  /** Another loudspeaker was chosen. */
  changeOutput() {
    for (const audio of this.audio.values()) this._output(audio);
  }
}
