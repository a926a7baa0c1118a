// @ts-check
/**
 * Hands in what this device recorded while it had no hub (docs/protocol.md, Takes): piece by piece, each deleted here
 * when the hub has said the hash of what it stored. Goes on where it stopped, whoever is logged in. No DOM.
 */

import { ApiError } from './api.js';

const AGAIN_S = 5; // the hub was not reached, or is busy
const LATER_S = 60;
const GENTLE = 4; // beside a running session: so many times as long as sending took nothing is sent
const LEAST_S = 0.5;

/** Nobody who is logged in here can mend this: the rest is handed in nevertheless. */
const FOREIGN = ['not_found', 'forbidden'];
const PASSING = ['network', 'take.busy', 'db.away', 'database.busy', 'owner.moved', 'internal', 'http', 'storage.full', 'storage.failed'];

/**
 * @typedef {'idle' | 'sending' | 'waiting' | 'done'} HandInPhase
 * @typedef {object} Options
 * @property {import('./takestore.js').TakeStore} store
 * @property {(path: string, options: {method: string, body: unknown, timeout: number}) => Promise<any>} call
 * @property {import('./clock.js').Clock} clock
 * @property {() => boolean} gentle a session runs on this page
 * @property {() => void} onchange
 */

export class HandIn {
  /** @param {Options} options */
  constructor(options) {
    this.options = options;
    /** @type {HandInPhase} */
    this.phase = 'idle';
    this.total = 0;
    this.sent = 0;
    this.filed = 0;
    this.foreign = 0;
    this.refused = 0;
    this.trouble = '';
    this.timer = 0;
    this.running = false;
  }

  /** Hand in all that is here and not being written; again by itself after a while when something stood in the way. */
  async run() {
    if (this.running) return;
    this.running = true;
    this.options.clock.cancel(this.timer);
    try {
      await this.options.store.alone('hand-in', () => this._all());
    } catch {
      this._wait('network'); // the device's own storage does not answer
    } finally {
      this.running = false;
      this.options.onchange();
    }
  }

  async _all() {
    const { store } = this.options;
    const rows = await store.list();
    if (!rows.length) {
      this.phase = this.filed ? 'done' : 'idle';
      return;
    }
    this.foreign = this.refused = this.sent = this.total = 0;
    this.trouble = '';
    for (const row of rows) this.total += (await store.numbers(row.take)).length;
    this.phase = 'sending';
    this.options.onchange();
    for (const row of rows) {
      try {
        await store.alone(row.take, () => this._take(row)); // one that is still being written is left alone
      } catch (error) {
        const code = error instanceof ApiError ? error.code : 'network';
        if (code === 'login.needed') return this._wait(code);
        if (FOREIGN.includes(code)) this.foreign += 1;
        else if (PASSING.includes(code)) return this._wait(code);
        else this.refused += 1;
      }
    }
    this.phase = this.foreign || this.refused ? 'waiting' : this.filed ? 'done' : 'idle';
  }

  /** @param {import('./takestore.js').TakeRow} row */
  async _take(row) {
    const { store, call, clock, gentle, onchange } = this.options;
    const begun = await call('/api/takes', { method: 'POST', body: { header: row.header }, timeout: 20 });
    let left = 0;
    for (const number of begun.filed ? [] : await store.numbers(row.take)) {
      const piece = await store.piece(row.take, number);
      if (!piece) continue;
      const began = clock.now();
      if (await this._piece(row.take, piece)) await store.dropPiece(row.take, number);
      else left += 1;
      this.sent += 1;
      onchange();
      if (gentle()) await this._rest(Math.max(LEAST_S, GENTLE * (clock.now() - began)));
    }
    if (!begun.filed) await call(`/api/takes/${row.take}/filed`, { method: 'POST', body: {}, timeout: 60 });
    if (begun.filed) left = (await store.numbers(row.take)).length;
    if (left) throw new ApiError('take.refused', '', 409); // what the hub could not read stays here
    await store.drop(row.take);
    this.filed += 1;
    onchange();
  }

  /**
   * @param {string} take
   * @param {import('./takestore.js').PieceRow} piece
   * @returns {Promise<boolean>} the hub has it
   */
  async _piece(take, piece) {
    try {
      const answer = await this.options.call(`/api/takes/${take}/pieces/${piece.number}`, { method: 'PUT', body: piece.bytes, timeout: 60 });
      return answer.sha256 === piece.sha256;
    } catch (error) {
      const code = error instanceof ApiError ? error.code : 'network';
      if (code.startsWith('take.') && code !== 'take.busy') return false;
      throw error;
    }
  }

  /** @param {number} seconds */
  _rest(seconds) {
    return new Promise((resolve) => this.options.clock.after(() => resolve(null), seconds));
  }

  /** @param {string} code */
  _wait(code) {
    this.phase = 'waiting';
    this.trouble = code;
    this.timer = this.options.clock.after(() => void this.run(), code === 'login.needed' ? LATER_S : AGAIN_S);
  }
}
