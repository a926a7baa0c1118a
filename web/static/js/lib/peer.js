// @ts-check
/**
 * Media between this page and its relay: a publish leg (we offer) and a subscribe leg (the relay offers), design 4.
 * No DOM; the connection class and the clock are given. MediaLink keeps both legs alive: when nothing arrives although
 * others send, when a connection fails, or when the hub says that the relay is gone, the legs are opened again at once.
 */

import { Queue } from './queue.js';
import { StallDetector } from './stall.js';
import { legNumbers, seenBetween } from './stats.js';

/** @typedef {'mic' | 'camera' | 'screen' | 'document'} Source */
/** @typedef {{mid: string, participant: string, source: Source}} Line */
/** @typedef {{participant: string, source: Source, track: MediaStreamTrack}} Incoming */

/** Sound stands first in every offer; the sums follow from 720p at 30 pictures a second (engineering 2.2). */
const ORDER = /** @type {Source[]} */ (['mic', 'camera', 'document', 'screen']);
const MAX_BITRATE = { mic: 40_000, camera: 1_900_000, document: 2_500_000, screen: 2_500_000 };
const CONNECT_S = 8; // an attempt that is not connected by then is given up
const SEEN_S = 10;

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
    const line = this.lines.get(source);
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
    const encoding = { maxBitrate: MAX_BITRATE[source], priority: source === 'mic' ? 'high' : 'medium' };
    const line = this.pc.addTransceiver(track, {
      direction: 'sendonly',
      sendEncodings: [/** @type {RTCRtpEncodingParameters} */ (encoding)],
    });
    if (source !== 'mic') {
      const capabilities = globalThis.RTCRtpSender?.getCapabilities?.('video');
      if (capabilities && line.setCodecPreferences) line.setCodecPreferences(preferredCodecs(capabilities.codecs));
      if (source !== 'camera') track.contentHint = 'detail';
    }
    this.lines.set(source, line);
    return true;
  }

  /** Offers follow each other: one is answered before the next is made. */
  _offer() {
    return this.queue.run(async () => {
      const pc = this.pc;
      if (!pc) return;
      await pc.setLocalDescription(await pc.createOffer());
      /** @type {Record<string, Source>} */
      const sources = {};
      for (const [source, line] of this.lines) {
        if (line.mid !== null && line.direction === 'sendonly') sources[line.mid] = source;
      }
      const answer = await this.options.request('publish', { sdp: pc.localDescription?.sdp, sources });
      if (this.pc === pc) await pc.setRemoteDescription({ type: 'answer', sdp: answer.sdp });
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
    const part = (/** @type {'publish' | 'subscribe'} */ name) => ({
      make: options.make,
      request: options.request,
      send: options.send,
      onstate: (/** @type {string} */ state) => this._connection(name, state),
    });
    this.publish = new PublishLeg(part('publish'));
    this.subscribe = new SubscribeLeg({ ...part('subscribe'), onlines: options.onlines });
    this.legs = {
      publish: { leg: this.publish, state: 'closed', since: 0, attempts: 0, retry: 0, stall: new StallDetector(4) },
      subscribe: { leg: this.subscribe, state: 'closed', since: 0, attempts: 0, retry: 0, stall: new StallDetector(2.5) },
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
   * Open legs again now: the relay is gone, or a resumed socket finds them broken.
   * @param {string} reason
   * @param {boolean} [all] also the legs that still look well
   */
  reopen(reason, all = true) {
    if (!this.wanted) return;
    for (const name of /** @type {const} */ (['publish', 'subscribe'])) {
      if (all || this.legs[name].state === 'lost') void this._open(name, reason);
    }
  }

  /** @param {{type: string} & Record<string, any>} message an `offer` or `relay_lost` of the hub */
  take(message) {
    if (message.type === 'relay_lost') this.reopen('relay_lost');
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
    part.since = this.options.clock.now();
    part.stall.reset();
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
    if (state === 'connected') {
      part.state = 'connected';
      part.attempts = 0;
      part.stall.reset();
      if (this.connected) {
        this.lostSince = null;
        this.reason = '';
      }
      this._tell();
    } else if (state === 'failed') this._failed(name, 'failed');
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
    const wait = part.attempts === 0 ? 0 : Math.min(4, 0.5 * 2 ** part.attempts);
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
      if (!pc || part.state !== 'connected') continue;
      numbers[name] = legNumbers(await pc.getStats());
      const expected = name === 'publish' || this.options.expected();
      const total = name === 'publish' ? numbers.publish.alive : numbers.subscribe.received;
      if (part.leg.pc === pc && part.stall.sample(now, total, expected)) this._failed(name, 'stalled');
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
