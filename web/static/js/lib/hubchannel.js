// @ts-check
/**
 * The hub channel (docs/protocol.md, ``/ws/hub``): presence of this device, the queue, rings. No DOM. Every try takes
 * a fresh ticket; a lost line comes back by itself every 1 to 2 s, later every 8 to 15 s.
 */

import { systemClock } from './clock.js';

export const PROTOCOL_VERSION = 1;

const CLOSE_REPLACED = 4001;
const CLOSE_PROTOCOL = 4005;
const EAGER_S = 120;
const PING_S = 10;
const SILENT_S = 25;

/**
 * @typedef {object} Options
 * @property {string} url
 * @property {() => Promise<{token: string, device: string} | null>} ticket null: not logged in any more
 * @property {(url: string) => WebSocket} [connect]
 * @property {(message: any) => void} onmessage
 * @property {(online: boolean, reason: string) => void} [onstatus]
 * @property {() => number} [random] 0..1
 * @property {import('./clock.js').Clock} [clock]
 */

export class HubChannel {
  /** @param {Options} options */
  constructor(options) {
    this.options = options;
    this.clock = options.clock ?? systemClock;
    this.random = options.random ?? Math.random;
    /** @type {WebSocket | null} */
    this.wire = null;
    this.counter = 0;
    /** @type {Map<string, {resolve: (value: any) => void, reject: (error: Error) => void}>} */
    this.waiting = new Map();
    /** @type {number | null} */
    this.lostAt = null;
    this.heardAt = 0;
    this.over = false;
    this.opened = false;
  }

  async start() {
    if (this.over) return;
    const ticket = await this.options.ticket().catch(() => undefined);
    if (ticket === null) {
      this.stop('login');
      return;
    }
    if (!ticket) {
      this._again();
      return;
    }
    const connect = this.options.connect ?? ((/** @type {string} */ url) => new WebSocket(url));
    const wire = connect(this.options.url);
    this.wire = wire;
    wire.onopen = () =>
      wire.send(JSON.stringify({ type: 'present', version: PROTOCOL_VERSION, token: ticket.token, device: ticket.device }));
    wire.onmessage = (frame) => this._receive(wire, frame.data);
    wire.onclose = (event) => this._closed(wire, event.code);
  }

  /** @param {string} reason */
  stop(reason) {
    this.over = true;
    this.wire?.close(1000);
    this.wire = null;
    this.options.onstatus?.(false, reason);
  }

  /**
   * @param {WebSocket} wire
   * @param {string} data
   */
  _receive(wire, data) {
    if (wire !== this.wire) return;
    const message = JSON.parse(data);
    this.heardAt = this.clock.now();
    if (!this.opened) {
      this.opened = true;
      this.lostAt = null;
      this.options.onstatus?.(true, '');
      this._ping(wire);
    }
    const waiting = message.req ? this.waiting.get(message.req) : undefined;
    if (waiting) {
      this.waiting.delete(message.req);
      if (message.type === 'error') waiting.reject(new Error(message.message));
      else waiting.resolve(message);
      return;
    }
    if (message.type !== 'pong') this.options.onmessage(message);
  }

  /** @param {WebSocket} wire */
  _ping(wire) {
    if (wire !== this.wire) return;
    if (this.clock.now() - this.heardAt > SILENT_S) {
      wire.close();
      return;
    }
    wire.send(JSON.stringify({ type: 'ping', n: ++this.counter }));
    this.clock.after(() => this._ping(wire), PING_S);
  }

  /**
   * @param {WebSocket} wire
   * @param {number} code
   */
  _closed(wire, code) {
    if (wire !== this.wire) return;
    this.wire = null;
    this.opened = false;
    for (const one of this.waiting.values()) one.reject(new Error(''));
    this.waiting.clear();
    if (code === CLOSE_REPLACED || code === CLOSE_PROTOCOL) {
      this.over = true;
      this.options.onstatus?.(false, code === CLOSE_REPLACED ? 'replaced' : 'protocol');
      return;
    }
    this.options.onstatus?.(false, 'lost');
    this._again();
  }

  _again() {
    if (this.over) return;
    this.lostAt ??= this.clock.now();
    const eager = this.clock.now() - this.lostAt < EAGER_S;
    this.clock.after(() => void this.start(), eager ? 1 + this.random() : 8 + 7 * this.random());
  }

  /**
   * @param {string} type
   * @param {Record<string, unknown>} [fields]
   * @returns {Promise<any>}
   */
  request(type, fields = {}) {
    const req = `h${++this.counter}`;
    return new Promise((resolve, reject) => {
      if (!this.wire || !this.opened) {
        reject(new Error(''));
        return;
      }
      this.waiting.set(req, { resolve, reject });
      this.wire.send(JSON.stringify({ type, req, ...fields }));
    });
  }
}
