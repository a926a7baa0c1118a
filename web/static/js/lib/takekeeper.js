// @ts-check
/**
 * A point's own recording while it has no hub: what `takeplan.js` decides is carried out here, with recorder, seal and
 * store. No DOM. What is kept in memory before a loss is dropped at once when the record pauses.
 */

import { Queue } from './queue.js';
import { RING_S, SEGMENT_S, TakePlan } from './takeplan.js';
import { TakeRecorder, mimeOf } from './takerecorder.js';
import { MAX_MEDIA, MAX_PIECES, beginTake } from './takeseal.js';

export const FLOOR_BYTES = 64 * 1024 * 1024; // with less room nothing is begun: it would end after minutes
const RING_SEGMENTS = Math.ceil(RING_S / SEGMENT_S) + 1; // the last of them is still running
const CLOCK_JUMP_S = 1; // the PC slept, or its clock was set: nobody knows when what follows was

/**
 * @typedef {import('./takerecorder.js').Segment} Segment
 * @typedef {import('./takeplan.js').EndReason} EndReason
 * @typedef {object} Options
 * @property {import('./clock.js').Clock} clock
 * @property {import('./clock.js').HubClock} hub
 * @property {() => number} wall the device's own clock, milliseconds
 * @property {Crypto} crypto
 * @property {import('./takestore.js').TakeStore} store
 * @property {import('./takerecorder.js').Options['make']} make
 * @property {() => void} onchange something that is shown has changed
 * @property {(take: string) => void} onended a take is whole on the disk
 */

export class TakeKeeper {
  /** @param {Options} options */
  constructor(options) {
    this.options = options;
    this.plan = new TakePlan();
    /** @type {{grant: import('./takeseal.js').Grant, session: string, participant: string} | null} */
    this.seat = null;
    /** @type {Promise<Segment | null>[]} */
    this.ring = [];
    this.queue = new Queue();
    this.recorder = new TakeRecorder({ clock: options.clock, wall: options.wall, make: options.make, onsegment: (segment) => this._segment(segment) });
    /** @type {Take | null} */
    this.take = null;
    this.trouble = '';
    this.jump = options.wall() / 1000 - options.clock.now();
  }

  /** Whether anything of it is being written to the disk now. */
  get keeping() {
    return this.plan.phase === 'keeping';
  }

  /** Why the last one ended, "" while none has. */
  get ended() {
    return this.plan.phase === 'stopped' ? this.plan.reason : '';
  }

  /** Seconds since the hub was found lost. */
  seconds() {
    return this.options.clock.now() - this.plan.since;
  }

  /**
   * A welcome came: with what a take may be made from now on. null: not at all.
   * @param {import('./takeseal.js').Grant | null | undefined} grant
   * @param {string} session
   * @param {string} participant
   */
  welcome(grant, session, participant) {
    if (this.seat && this.seat.session !== session) {
      // the next visit: nothing of one reaches the other
      this._carryOut(this.plan.end('left'), []);
      this._carryOut([{ do: 'drop' }], []);
      this.plan = new TakePlan();
    }
    this.seat = grant ? { grant, session, participant } : null;
  }

  /**
   * Look at the session and the line; about once a second, and whenever they change.
   * @param {Omit<import('./takeplan.js').TakeView, 'limit' | 'sources'>} view
   * @param {{source: string, track: MediaStreamTrack}[]} tracks what may be recorded now
   */
  look(view, tracks) {
    const { clock } = this.options;
    if (this._jumped()) this._carryOut(this.plan.end('clock'), []);
    const limit = this.take?.limit ?? this.seat?.grant.limit_s ?? 0;
    this._carryOut(this.plan.look(clock.now(), { ...view, limit, sources: tracks.map(({ source }) => source).sort() }), tracks);
  }

  /** The officer ends it; what is there stays, for the hub. */
  stop() {
    this._carryOut(this.plan.end('stopped'), []);
  }

  /** It became a denunciation: nothing of it stays. */
  async discard() {
    const take = this.take;
    this._carryOut(this.plan.end('denunciation'), []);
    if (take) {
      take.discarded = true;
      await this.queue.run(() => this.options.store.drop(take.id));
    }
    this.options.onchange();
  }

  /** @param {import('./takeplan.js').Act[]} acts @param {{source: string, track: MediaStreamTrack}[]} tracks */
  _carryOut(acts, tracks) {
    for (const act of acts) {
      try {
        if (act.do === 'record') this.recorder.record(tracks, this.keeping, SEGMENT_S);
        else if (act.do === 'keep') this._begin();
        else if (act.do === 'end') this._end(act.reason);
        else {
          this.ring = [];
          this.recorder.stop();
          this.ring = [];
        }
      } catch {
        this._failed('failed');
      }
    }
    if (acts.some((act) => act.do !== 'record')) this.options.onchange();
  }

  _begin() {
    const { seat, ring } = this;
    this.ring = [];
    if (!seat) return;
    const take = new Take(this.options, seat, (reason) => this._failed(reason, take));
    this.take = take;
    this.trouble = '';
    void this.queue.run(() => take.begin());
    for (const segment of ring) void this.queue.run(() => take.keep(segment)); // the last of them is still running
  }

  /** @param {Promise<Segment | null>} segment begun now; it is whole when it resolves */
  _segment(segment) {
    if (this.keeping && this.take) {
      const { take } = this;
      void this.queue.run(() => take.keep(segment));
      return;
    }
    this.ring = [...this.ring, segment].slice(-RING_SEGMENTS);
  }

  /** @param {EndReason} reason */
  _end(reason) {
    const { take } = this;
    this.take = null;
    this.ring = [];
    this.recorder.stop();
    this.ring = [];
    if (take) void this.queue.run(() => take.end(reason)).then(() => take.discarded || this.options.onended(take.id), () => {});
  }

  /** @param {EndReason} reason @param {Take} [take] */
  _failed(reason, take) {
    if (take && take !== this.take) return;
    this.trouble = reason;
    this._carryOut(this.plan.end(reason), []);
    this.options.onchange();
  }

  _jumped() {
    const jump = this.options.wall() / 1000 - this.options.clock.now();
    const jumped = Math.abs(jump - this.jump) > CLOCK_JUMP_S;
    this.jump = jump;
    return jumped;
  }
}

/** One take on its way to the disk. Its steps are called one after the other. */
class Take {
  /**
   * @param {Options} options
   * @param {NonNullable<TakeKeeper['seat']>} seat
   * @param {(reason: EndReason) => void} onfault
   */
  constructor(options, seat, onfault) {
    this.options = options;
    this.seat = seat;
    this.onfault = onfault;
    this.limit = seat.grant.limit_s;
    this.discarded = false;
    this.broken = false;
    /** @type {import('./takeseal.js').Sealer | null} */
    this.sealer = null;
    /** @type {import('./takestore.js').TakeRow} */
    this.row = { take: '', header: '', begun: options.wall(), pieces: 0, bytes: 0, ended: '' };
    /** @type {(value: unknown) => void} */
    this.release = () => {};
  }

  get id() {
    return this.row.take;
  }

  async begin() {
    const { crypto, store } = this.options;
    try {
      if ((await store.room()) < FLOOR_BYTES) return this._broke('storage');
      this.sealer = await beginTake(crypto, this.seat.grant, this.seat.session, this.seat.participant);
      this.row.take = this.sealer.take;
      this.row.header = this.sealer.header;
      // held until the take is whole, or this page is gone: nobody hands in what is still being written
      void store.alone(this.id, () => new Promise((resolve) => (this.release = resolve)));
    } catch {
      this._broke('failed');
    }
  }

  /** @param {Promise<Segment | null>} coming */
  async keep(coming) {
    const segment = await coming;
    if (!segment || this.broken || this.discarded || !this.sealer) return;
    if (segment.media.length > MAX_MEDIA || this.sealer.number >= MAX_PIECES - 1) return this._broke('limit');
    const { sources } = segment;
    await this._write({ kind: 'media', mime: mimeOf(sources), sources, ...this._times(segment.start, segment.end, segment.device) }, segment.media);
  }

  /** @param {EndReason} reason */
  async end(reason) {
    if (this.sealer && !this.discarded && this.row.pieces) {
      const { clock, wall } = this.options;
      this.row.ended = reason;
      this.broken = false;
      await this._write({ kind: 'end', reason, ...this._times(clock.now(), clock.now(), wall()) }, new Uint8Array());
    }
    this.release(null);
  }

  /** @param {number} start @param {number} end @param {number} device */
  _times(start, end, device) {
    const { clock, hub } = this.options;
    const offset = hub.utc() - clock.now();
    const whole = (/** @type {number} */ seconds) => Math.max(0, Math.round(seconds * 1e6));
    const error = Number.isFinite(hub.bestRoundTrip) ? hub.bestRoundTrip / 2 : 5;
    return {
      start_us: whole(start + offset), end_us: whole(Math.max(start, end) + offset), device_us: Math.max(0, Math.round(device * 1000)),
      error_us: whole(error), age_us: whole(hub.learntAt === null ? 0 : start - hub.learntAt),
    };
  }

  /** @param {Record<string, string | number | string[]>} description @param {Uint8Array} media */
  async _write(description, media) {
    if (!this.sealer) return;
    try {
      const sealed = await this.sealer.seal(description, media);
      this.row.pieces += 1;
      this.row.bytes += sealed.bytes.length;
      await this.options.store.add({ ...this.row }, { take: this.id, ...sealed });
      this.options.onchange();
    } catch (error) {
      this._broke(/** @type {any} */ (error)?.name === 'QuotaExceededError' ? 'storage' : 'failed');
    }
  }

  /** @param {EndReason} reason */
  _broke(reason) {
    if (this.broken) return;
    this.broken = true;
    this.onfault(reason);
  }
}
