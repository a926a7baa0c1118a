// @ts-check
/**
 * The page's end of a session socket (docs/protocol.md): hello and resume, requests with answers, ping, and coming
 * back by itself. No DOM. Time, randomness and the socket itself are given, so tests run in virtual time.
 */

export const PROTOCOL_VERSION = 1;

/** Close codes of the hub and what they mean for us. */
export const CLOSE = { replaced: 4001, notAllowed: 4003, ended: 4004, protocol: 4005, flood: 4008, again: 4013 };

const EAGER_S = 120; // so long we retry every 1 to 2 s; then every 8 to 15 s, for as long as the page is open
const WELCOME_S = 6; // a socket that is not welcomed by then is dropped
const PING_S = 3;
const PONG_S = 5; // no sign of life for so long: the line is dead, even if the socket does not know yet

/** A request that was refused, or could not be sent. `code` as in docs/protocol.md, or `connection.lost`. */
export class RequestError extends Error {
  /**
   * @param {string} code
   * @param {string} message
   */
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/**
 * @typedef {'connecting' | 'open' | 'reconnecting' | 'over'} Phase
 * @typedef {{phase: Phase, reason?: 'replaced' | 'not_allowed' | 'ended' | 'protocol' | 'left', since?: number}} Status
 * @typedef {{send(text: string): void, close(code?: number): void, onopen: any, onmessage: any, onclose: any,
 *   onerror: any}} Wire
 * @typedef {object} Options
 * @property {string} url
 * @property {string} token one-time ticket of the page
 * @property {string} device
 * @property {import('./clock.js').Clock} clock
 * @property {(url: string) => Wire} connect
 * @property {() => number} random 0..1
 * @property {() => Promise<string | null>} [renew] a fresh ticket when the old one is no longer taken; null: none
 * @property {(status: Status) => void} onstatus
 * @property {(message: any) => void} onmessage every message that is no answer to a request
 */

export class SessionSocket {
  /** @param {Options} options */
  constructor(options) {
    this.options = options;
    this.clock = options.clock;
    this.url = options.url;
    this.token = options.token;
    this.resumable = false;
    this.lastEvent = 0;
    this.leaving = false;
    /** @type {Wire | null} */
    this.wire = null;
    /** @type {Status} */
    this.status = { phase: 'connecting' };
    /** @type {Map<string, {resolve: (body: any) => void, reject: (error: RequestError) => void}>} */
    this.waiting = new Map();
    this.counter = 0;
    this.renewed = false;
    this.flooded = false;
    /** @type {number | null} */
    this.lostAt = null;
    this.heardAt = 0;
    /** @type {Map<number, number>} */
    this.pings = new Map();
    /** @type {Set<number>} */
    this.timers = new Set();
    /** @type {(utc: number, roundTrip: number) => void} */
    this.onclock = () => {};
  }

  start() {
    this._connect();
  }

  /** The user leaves: tell the hub, which may close the line before it answers; close and stay closed. */
  async leave() {
    this.leaving = true;
    await this.request('leave').catch(() => {});
    this.stop();
  }

  stop() {
    this._over('left');
  }

  /** The device says it is online again, or the user asks: try now instead of waiting for the timer. */
  retryNow() {
    if (this.status.phase !== 'reconnecting' || this.wire) return;
    this._cancelTimers();
    this._connect();
  }

  /**
   * Send a message that is not answered. Returns false when there is no line (nothing is queued).
   * @param {string} type
   * @param {Record<string, unknown>} [fields]
   */
  send(type, fields = {}) {
    if (this.status.phase !== 'open' || !this.wire) return false;
    this.wire.send(JSON.stringify({ type, ...fields }));
    return true;
  }

  /**
   * Send a request. Resolves with the answering message; rejects with RequestError when the hub refuses or the line
   * breaks before the answer (then nobody knows whether it was carried out: the next state tells).
   * @param {string} type
   * @param {Record<string, unknown>} [fields]
   * @returns {Promise<any>}
   */
  request(type, fields = {}) {
    const req = `r${++this.counter}`;
    return new Promise((resolve, reject) => {
      if (!this.send(type, { req, ...fields })) {
        reject(new RequestError('connection.lost', ''));
        return;
      }
      this.waiting.set(req, { resolve, reject });
    });
  }

  _connect() {
    this._cancelTimers();
    const wire = this.options.connect(this.url);
    this.wire = wire;
    const mine = () => this.wire === wire;
    wire.onopen = () => {
      if (!mine()) return;
      const hello = { type: 'hello', version: PROTOCOL_VERSION, token: this.token, device: this.options.device };
      wire.send(JSON.stringify({ ...hello, last_event: this.lastEvent }));
    };
    wire.onmessage = (/** @type {{data: string}} */ frame) => mine() && this._receive(frame.data);
    wire.onclose = (/** @type {{code: number}} */ event) => mine() && this._closed(event.code);
    wire.onerror = () => {};
    this._after(WELCOME_S, () => mine() && this._drop());
  }

  /** @param {string} data */
  _receive(data) {
    const message = JSON.parse(data);
    this.heardAt = this.clock.now();
    if (message.type === 'welcome') this._welcomed(message);
    else if (message.type === 'pong') this._pong(message);
    else if (message.type === 'event') {
      // number 0 is no entry of the log (a chat line); after a resume the hub may send again what we have
      if (message.number && message.number <= this.lastEvent) return;
      this.lastEvent = Math.max(this.lastEvent, message.number);
    }
    const waiting = message.req ? this.waiting.get(message.req) : undefined;
    if (waiting) {
      this.waiting.delete(message.req);
      if (message.type === 'error') waiting.reject(new RequestError(message.code, message.message));
      else waiting.resolve(message);
      return;
    }
    if (message.type !== 'pong') this.options.onmessage(message);
  }

  /** @param {any} welcome */
  _welcomed(welcome) {
    this._cancelTimers();
    this.token = welcome.resume;
    this.resumable = true;
    this.renewed = false;
    this.flooded = false;
    this.lostAt = null;
    this.onclock(welcome.utc, 0.5);
    this._status({ phase: 'open' });
    this._ping();
  }

  _ping() {
    if (this.status.phase !== 'open') return;
    if (this.clock.now() - this.heardAt > PONG_S) {
      this._drop();
      return;
    }
    const n = ++this.counter;
    this.pings.set(n, this.clock.now());
    if (this.pings.size > 8) this.pings.delete(this.pings.keys().next().value ?? 0);
    this.send('ping', { n });
    this._after(PING_S, () => this._ping());
  }

  /** @param {{n: number, utc: number}} pong */
  _pong(pong) {
    const sent = this.pings.get(pong.n);
    if (sent === undefined) return;
    this.pings.delete(pong.n);
    this.onclock(pong.utc, this.clock.now() - sent);
  }

  /** The line is silent: give the socket up without waiting for TCP to notice. */
  _drop() {
    const wire = this.wire;
    this.wire = null;
    try {
      wire?.close();
    } catch {
      // it was closing already
    }
    this._lost(false);
  }

  /** @param {number} code */
  _closed(code) {
    this.wire = null;
    if (code === CLOSE.replaced) this._over('replaced');
    else if (code === CLOSE.ended) this._over(this.leaving ? 'left' : 'ended');
    else if (code === CLOSE.protocol) this._over('protocol');
    else if (code === CLOSE.notAllowed) void this._refused();
    else {
      if (code === CLOSE.flood) this.flooded = true;
      this._lost(code === CLOSE.again);
    }
  }

  /** Our ticket is no longer taken: ask the page for a new one, once; the log-in may still be good. */
  async _refused() {
    this._cancelTimers();
    this._rejectAll();
    if (this.renewed || !this.options.renew) {
      this._over('not_allowed');
      return;
    }
    this.renewed = true;
    this.lostAt ??= this.clock.now();
    this._status({ phase: 'reconnecting', since: this.lostAt });
    const ticket = await this.options.renew().catch(() => null);
    if (this.status.phase === 'over') return;
    if (ticket === null) {
      this._over('not_allowed');
      return;
    }
    this.token = ticket;
    this._connect();
  }

  /** @param {boolean} atOnce the hub asked us to come back in a second */
  _lost(atOnce) {
    this._cancelTimers();
    this._rejectAll();
    const now = this.clock.now();
    this.lostAt ??= now;
    this._status({ phase: 'reconnecting', since: this.lostAt });
    const eager = (now - this.lostAt < EAGER_S && !this.flooded) || atOnce;
    const wait = eager ? 1 + this.options.random() : 8 + 7 * this.options.random();
    this._after(wait, () => this._connect());
  }

  /** @param {'replaced' | 'not_allowed' | 'ended' | 'protocol' | 'left'} reason */
  _over(reason) {
    if (this.status.phase === 'over') return;
    this._cancelTimers();
    const wire = this.wire;
    this.wire = null;
    this._status({ phase: 'over', reason });
    this._rejectAll();
    wire?.close(1000);
  }

  _rejectAll() {
    const waiting = [...this.waiting.values()];
    this.waiting.clear();
    this.pings.clear();
    for (const one of waiting) one.reject(new RequestError('connection.lost', ''));
  }

  /** @param {Status} status */
  _status(status) {
    this.status = status;
    this.options.onstatus(status);
  }

  /**
   * @param {number} seconds
   * @param {() => void} run
   */
  _after(seconds, run) {
    const id = this.clock.after(() => {
      this.timers.delete(id);
      run();
    }, seconds);
    this.timers.add(id);
  }

  _cancelTimers() {
    for (const id of this.timers) this.clock.cancel(id);
    this.timers.clear();
  }
}
