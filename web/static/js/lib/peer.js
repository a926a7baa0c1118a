// @ts-check
/**
 * Media between this page and its relay: a publish leg (we offer) and a subscribe leg (the relay offers), design 4.
 * No DOM; the connection class and the clock are given. MediaLink keeps both legs alive: when nothing arrives although
 * others send, or when a connection fails, it climbs the ladder (ladder.js); when the hub says that the relay is gone,
 * the legs are opened again at once.
 */

import { adjust, encodingsFor, hintFor } from './encodings.js';
import { Ladder } from './ladder.js';
import { Queue } from './queue.js';
import { StallDetector } from './stall.js';
import { legNumbers, seenBetween } from './stats.js';

/** @typedef {'mic' | 'camera' | 'screen' | 'document'} Source */
/** @typedef {{mid: string, participant: string, source: Source}} Line */
/** @typedef {{participant: string, source: Source, track: MediaStreamTrack}} Incoming */

/** Sound stands first in every offer. */
const ORDER = /** @type {Source[]} */ (['mic', 'camera', 'document', 'screen']);
const CONNECT_S = 8; // an attempt that is not connected by then is given up
const SEEN_S = 10;
const STARVED_S = 8;
const AWAY = ['connection.lost', 'relay.away', 'relay.timeout', 'owner.moved']; // nobody refused: ask again later

/**
 * The codecs we offer for pictures: VP8 first, H.264 behind it, nothing that a recorder cannot replay.
 * @template {{mimeType: string, sdpFmtpLine?: string}} T
 * @param {T[]} codecs capabilities of the browser
 * @returns {T[]}
 */
export function preferredCodecs(codecs) {
  const named = (/** @type {string} */ name) => codecs.filter((codec) => codec.mimeType.toLowerCase() === `video/${name}`);
  return [...named('vp8'), ...named('h264'), ...named('rtx')];
}

/**
 * @typedef {object} LegOptions
 * @property {() => RTCPeerConnection} make
 * @property {(type: string, fields: Record<string, unknown>) => Promise<any>} request
 * @property {(type: string, fields: Record<string, unknown>) => boolean} send
 * @property {(state: string) => void} onstate the connection's state
 */

export class PublishLeg {
  /** @param {LegOptions} options */
  constructor(options) {
    this.options = options;
    /** @type {Map<Source, MediaStreamTrack>} */
    this.tracks = new Map();
    /** @type {Map<Source, RTCRtpTransceiver>} */
    this.lines = new Map();
    /** @type {RTCPeerConnection | null} */
    this.pc = null;
    this.queue = new Queue();
    /** @type {Map<Source, string[]>} rids that somebody takes, of the sources that come in layers */
    this.wanted = new Map();
    this.tuning = new Queue();
  }

  /** A new connection with all sources that have a track; none while there is nothing to send. */
  async open() {
    this.close();
    if (!this.tracks.size) return;
    const pc = this.options.make();
    this.pc = pc;
    pc.onconnectionstatechange = () => this.pc === pc && this.options.onstate(pc.connectionState);
    for (const source of ORDER) this._addLine(source);
    await this._offer();
  }

  close() {
    const pc = this.pc;
    this.pc = null;
    this.lines.clear();
    this.wanted.clear();
    if (pc) {
      pc.onconnectionstatechange = null;
      pc.close();
    }
  }

  /**
   * The track that a source sends from now on; null stops it. Changing a device needs no new offer.
   * @param {Source} source
   * @param {MediaStreamTrack | null} track
   */
  async setTrack(source, track) {
    if (track) this.tracks.set(source, track);
    else this.tracks.delete(source);
    if (!this.pc) return;
    if (track && hintFor(source)) track.contentHint = hintFor(source);
    const line = this.lines.get(source);
    if (line && track) void this._tune(source);
    if (line && (track || source === 'mic' || source === 'camera')) {
      await line.sender.replaceTrack(track);
      if (line.direction === 'sendonly') return;
      line.direction = 'sendonly';
    } else if (line) {
      await line.sender.replaceTrack(null);
      line.direction = 'inactive';
    } else if (!track || !this._addLine(source)) return;
    await this._offer();
  }

  /** @param {Source} source */
  _addLine(source) {
    const track = this.tracks.get(source);
    if (!track || !this.pc) return false;
    const encodings = encodingsFor(source, track.getSettings?.());
    const line = this.pc.addTransceiver(track, {
      direction: 'sendonly',
      sendEncodings: /** @type {RTCRtpEncodingParameters[]} */ (encodings),
    });
    if (source !== 'mic') {
      const capabilities = globalThis.RTCRtpSender?.getCapabilities?.('video');
      if (capabilities && line.setCodecPreferences) line.setCodecPreferences(preferredCodecs(capabilities.codecs));
      if (hintFor(source)) track.contentHint = hintFor(source);
    }
    this.lines.set(source, line);
    return true;
  }

  /**
   * Of a source that comes in layers, send only these.
   * @param {Source} source
   * @param {string[]} rids
   */
  setLayers(source, rids) {
    this.wanted.set(source, rids);
    return this._tune(source);
  }

  /** Bring a sender's parameters in line with its track and with what is wanted. @param {Source} source */
  _tune(source) {
    return this.tuning.run(async () => {
      const sender = this.lines.get(source)?.sender;
      const track = this.tracks.get(source);
      if (!sender?.getParameters || !track) return;
      const parameters = sender.getParameters();
      const paper = source === 'screen' || source === 'document';
      const sharp = paper && /** @type {any} */ (parameters).degradationPreference !== 'maintain-resolution';
      if (sharp) /** @type {any} */ (parameters).degradationPreference = 'maintain-resolution';
      const changed = adjust(parameters, track.getSettings?.() ?? {}, this.wanted.get(source) ?? null);
      if (changed || sharp) await sender.setParameters(parameters).catch(() => {}); // the connection may be closing
    });
  }

  /** ICE again from the start, on the same connection. Rejects when the hub refuses or is away. */
  restart() {
    return this._offer(true);
  }

  /** Offers follow each other: one is answered before the next is made. @param {boolean} [restart] */
  _offer(restart = false) {
    return this.queue.run(async () => {
      const pc = this.pc;
      if (!pc) return;
      await pc.setLocalDescription(await pc.createOffer({ iceRestart: restart }));
      /** @type {Record<string, Source>} */
      const sources = {};
      for (const [source, line] of this.lines) {
        if (line.mid !== null && line.direction === 'sendonly') sources[line.mid] = source;
      }
      const answer = await this.options.request('publish', { sdp: pc.localDescription?.sdp, sources, restart });
      if (this.pc !== pc) return;
      await pc.setRemoteDescription({ type: 'answer', sdp: answer.sdp });
      for (const source of this.lines.keys()) if (source !== 'mic') void this._tune(source);
    });
  }
}

export class SubscribeLeg {
  /** @param {LegOptions & {onlines: (incoming: Incoming[]) => void}} options */
  constructor(options) {
    this.options = options;
    /** @type {RTCPeerConnection | null} */
    this.pc = null;
    this.queue = new Queue();
  }

  async open() {
    this.close();
    const pc = this.options.make();
    this.pc = pc;
    pc.onconnectionstatechange = () => this.pc === pc && this.options.onstate(pc.connectionState);
    await this.options.request('subscribe', {});
  }

  /** ICE again from the start, on the same connection: the hub's offer follows. Rejects as the publish leg's does. */
  async restart() {
    await this.options.request('subscribe', { restart: true });
  }

  close() {
    const pc = this.pc;
    this.pc = null;
    if (pc) {
      pc.onconnectionstatechange = null;
      pc.close();
    }
  }

  /**
   * Offers are answered in their order, on the connection that was open when they came.
   * @param {{offer: number, sdp: string, lines: Line[]}} message
   */
  take(message) {
    const pc = this.pc;
    if (!pc) return Promise.resolve();
    return this.queue.run(async () => {
      if (this.pc !== pc) return;
      await pc.setRemoteDescription({ type: 'offer', sdp: message.sdp });
      await pc.setLocalDescription(await pc.createAnswer());
      if (this.pc !== pc) return;
      this.options.send('subscribe_answer', { offer: message.offer, sdp: pc.localDescription?.sdp });
      const tracks = new Map(pc.getTransceivers().map((line) => [line.mid, line.receiver.track]));
      const incoming = [];
      for (const line of message.lines) {
        const track = tracks.get(line.mid);
        if (line.participant && track) incoming.push({ participant: line.participant, source: line.source, track });
      }
      this.options.onlines(incoming);
    });
  }
}

/**
 * @typedef {object} LinkOptions
 * @property {() => RTCPeerConnection} make
 * @property {() => Promise<void>} [ready] before a connection is made: its settings are there; never rejects
 * @property {(type: string, fields?: Record<string, unknown>) => Promise<any>} request
 * @property {(type: string, fields?: Record<string, unknown>) => boolean} send
 * @property {import('./clock.js').Clock} clock
 * @property {(incoming: Incoming[]) => void} onlines
 * @property {(state: {publish: string, subscribe: string, lostSince: number | null, reason: string}) => void} onstate
 *   states: closed, connecting, connected, lost; `lostSince` in the clock's seconds
 * @property {() => boolean} expected others are sending to us now
 */

/** Nothing tried yet. `alive`: the total of signs of life when it was last looked at; `climbing`: on the ladder. */
function fresh() {
  return { state: 'closed', since: 0, attempts: 0, retry: 0, alive: 0, climbing: false, ladder: new Ladder() };
}

export class MediaLink {
  /** @param {LinkOptions} options */
  constructor(options) {
    this.options = options;
    this.wanted = false;
    this.subscribing = true;
    /** @type {number | null} */
    this.lostSince = null;
    this.reason = '';
    this.timer = 0;
    /** @type {{at: number, numbers: {publish: import('./stats.js').LegNumbers, subscribe: import('./stats.js').LegNumbers}} | null} */
    this.seen = null;
    this.bitrate = { sent: 0, received: 0 };
    this.moved = false;
    this.starved = new StallDetector(STARVED_S);
    const part = (/** @type {'publish' | 'subscribe'} */ name) => ({
      make: options.make,
      request: options.request,
      send: options.send,
      onstate: (/** @type {string} */ state) => this._connection(name, state),
    });
    this.publish = new PublishLeg(part('publish'));
    this.subscribe = new SubscribeLeg({ ...part('subscribe'), onlines: options.onlines });
    this.legs = {
      // checks of a leg that sends next to nothing are answered every 2.5 s: less than that is no sign
      publish: { ...fresh(), leg: this.publish, stall: new StallDetector(4) },
      subscribe: { ...fresh(), leg: this.subscribe, stall: new StallDetector(2) },
    };
  }

  /** @returns {boolean} all legs that are needed stand */
  get connected() {
    const sends = this.publish.tracks.size > 0;
    return (!sends || this.legs.publish.state === 'connected') && this.legs.subscribe.state === 'connected';
  }

  /**
   * The track that a source sends from now on, null to stop it.
   * @param {Source} source
   * @param {MediaStreamTrack | null} track
   */
  async setTrack(source, track) {
    await this.publish.setTrack(source, track);
    if (this.wanted && track && !this.publish.pc) await this._open('publish');
  }

  /** Open both legs, and keep them open until `close`. */
  open() {
    if (this.wanted) return;
    this.wanted = true;
    for (const name of /** @type {const} */ (['publish', 'subscribe'])) void this._open(name);
    this._schedule();
  }

  close() {
    this.wanted = false;
    this.options.clock.cancel(this.timer);
    for (const part of Object.values(this.legs)) {
      this.options.clock.cancel(part.retry);
      part.leg.close();
      part.state = 'closed';
      part.attempts = 0;
      part.climbing = false;
      part.ladder.reset();
    }
    this.lostSince = null;
    this.options.onlines([]);
    this._tell();
  }

  /**
   * Other TURN credentials: for the next time that addresses are gathered.
   * @param {RTCConfiguration} configuration
   */
  configure(configuration) {
    for (const { leg } of Object.values(this.legs)) leg.pc?.setConfiguration(configuration);
  }

  /**
   * Open both legs again now: the relay is gone.
   * @param {string} reason
   */
  reopen(reason) {
    if (!this.wanted) return;
    for (const name of /** @type {const} */ (['publish', 'subscribe'])) void this._open(name, reason);
  }

  /** The hub can be asked again: go on at once with legs that are broken. Those that live are left alone. */
  resumed() {
    if (!this.wanted) return;
    for (const name of /** @type {const} */ (['publish', 'subscribe'])) {
      const part = this.legs[name];
      part.ladder.hurry();
      if (part.state === 'lost' && part.climbing) void this._climb(name);
      else if (part.state === 'lost') void this._open(name, 'resumed');
      else if (this.moved && part.state === 'connected') void part.leg.restart().catch(() => {});
    }
    this.moved = false;
  }

  /** The device has another network: look for new ways without waiting until the old one is missed. */
  networkChanged() {
    if (!this.wanted) return;
    this.moved = true;
    for (const part of Object.values(this.legs)) {
      if (part.state !== 'connected') continue;
      part.leg.restart().then(() => (this.moved = false), () => {});
    }
  }

  /** @param {{type: string} & Record<string, any>} message an `offer`, `layers` or `relay_lost` of the hub */
  take(message) {
    if (message.type === 'relay_lost') this.reopen('relay_lost');
    else if (message.type === 'layers') void this.publish.setLayers(message.source, message.rids);
    else if (message.type === 'offer') {
      this.subscribe.take(/** @type {any} */ (message)).catch(() => this._failed('subscribe', 'offer'));
    }
  }

  /**
   * @param {'publish' | 'subscribe'} name
   * @param {string} [reason] why it is opened again; none the first time
   */
  async _open(name, reason = '') {
    const part = this.legs[name];
    this.options.clock.cancel(part.retry);
    if (name === 'publish' && !this.publish.tracks.size) {
      part.leg.close();
      part.state = 'closed';
      return;
    }
    if (reason) this._lose(reason);
    part.state = 'connecting';
    part.climbing = false;
    part.since = this.options.clock.now();
    part.stall.reset();
    if (name === 'subscribe') this.starved.reset();
    this._tell();
    try {
      await this.options.ready?.();
      if (this.wanted && part.state === 'connecting') await part.leg.open();
    } catch {
      if (this.wanted && part.state === 'connecting') this._failed(name, 'refused');
    }
  }

  /**
   * @param {'publish' | 'subscribe'} name
   * @param {string} state
   */
  _connection(name, state) {
    const part = this.legs[name];
    if (state === 'connected') this._well(name);
    else if (part.state === 'connecting' && state === 'failed') this._failed(name, state);
    else if (part.state === 'connected' && (state === 'failed' || state === 'disconnected')) this._trouble(name, state);
  }

  /** @param {'publish' | 'subscribe'} name */
  _well(name) {
    const part = this.legs[name];
    part.state = 'connected';
    part.attempts = 0;
    part.climbing = false;
    part.stall.reset();
    part.ladder.reset();
    if (this.connected) {
      this.lostSince = null;
      this.reason = '';
    }
    this._tell();
  }

  /**
   * A leg that lived is dead.
   * @param {'publish' | 'subscribe'} name
   * @param {string} reason
   */
  _trouble(name, reason) {
    if (!this.wanted) return;
    this._lose(reason);
    this.legs[name].state = 'lost';
    this.legs[name].climbing = true;
    this._tell();
    void this._climb(name);
  }

  /** @param {'publish' | 'subscribe'} name */
  async _climb(name) {
    const part = this.legs[name];
    const pc = part.leg.pc;
    const step = part.ladder.next(this.options.clock.now());
    if (step === 'reopen') void this._open(name, this.reason);
    if (step !== 'restart') return;
    try {
      await part.leg.restart();
    } catch (error) {
      if (!this.wanted || part.leg.pc !== pc || !part.climbing) return;
      if (AWAY.includes(/** @type {any} */ (error).code)) part.ladder.unasked();
      else void this._open(name, this.reason); // the relay has this leg no more
    }
  }

  /**
   * @param {'publish' | 'subscribe'} name
   * @param {string} reason
   */
  _failed(name, reason) {
    if (!this.wanted) return;
    const part = this.legs[name];
    this._lose(reason);
    part.state = 'lost';
    this._tell();
    this.options.clock.cancel(part.retry);
    // a refusal is not asked again at once, but when a line returns an attempt has to be under way
    const wait = part.attempts === 0 || reason === 'timeout' ? 0 : Math.min(4, 0.5 * 2 ** part.attempts);
    part.climbing = false;
    part.attempts += 1;
    part.retry = this.options.clock.after(() => this.wanted && void this._open(name, reason), wait);
  }

  /** @param {string} reason */
  _lose(reason) {
    this.lostSince ??= this.options.clock.now();
    this.reason = reason;
  }

  _schedule() {
    this.timer = this.options.clock.after(() => {
      void this._watch();
      if (this.wanted) this._schedule();
    }, 1);
  }

  /** Once a second: do both legs live? */
  async _watch() {
    const now = this.options.clock.now();
    const numbers = { publish: legNumbers([]), subscribe: legNumbers([]) };
    for (const name of /** @type {const} */ (['publish', 'subscribe'])) {
      const part = this.legs[name];
      const pc = part.leg.pc;
      if (part.state === 'connecting' && now - part.since > CONNECT_S) {
        // a subscribe leg without anything to receive may wait for its first offer
        if (name === 'publish' || pc?.remoteDescription) this._failed(name, 'timeout');
      }
      if (!pc || (part.state !== 'connected' && !part.climbing)) continue;
      numbers[name] = legNumbers(await pc.getStats());
      const { alive } = numbers[name];
      const grew = alive > part.alive;
      part.alive = alive;
      if (part.climbing && part.leg.pc === pc) {
        if (grew) this._well(name);
        else void this._climb(name);
      }
      if (part.state !== 'connected') continue;
      const expected = name === 'publish' || this.options.expected();
      if (part.leg.pc !== pc) continue;
      if (part.stall.sample(now, alive, expected)) this._trouble(name, 'stalled');
      // the way is open, yet nobody's media comes: no new way would help, perhaps a new leg does
      else if (name === 'subscribe' && this.starved.sample(now, numbers.subscribe.received, expected)) this._failed(name, 'starved');
    }
    this._report(now, numbers);
  }

  /**
   * @param {number} now
   * @param {{publish: import('./stats.js').LegNumbers, subscribe: import('./stats.js').LegNumbers}} numbers
   */
  _report(now, numbers) {
    if (this.seen && now - this.seen.at < SEEN_S) return;
    if (this.seen && this.connected) {
      const seen = seenBetween(this.seen.numbers, numbers, now - this.seen.at);
      this.bitrate = { sent: seen.sent_bps, received: seen.received_bps };
      this.options.send('seen', seen);
    }
    this.seen = { at: now, numbers };
  }

  _tell() {
    this.options.onstate({
      publish: this.legs.publish.state,
      subscribe: this.legs.subscribe.state,
      lostSince: this.lostSince,
      reason: this.reason,
    });
  }
}
