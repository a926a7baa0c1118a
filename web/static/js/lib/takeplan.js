// @ts-check
/**
 * When a point records by itself (docs/adr/0019). Pure: what is known of session and line in, what to do out.
 *
 *   idle     nothing may be recorded, or nobody knows
 *   ring     recorded, the line is well: the last seconds are kept in memory
 *   keeping  the hub is lost: all goes to the disk
 *   stopped  ended in this outage, by the officer or a limit: not again before the line is back
 *
 * What was off the record when the line was lost stays off: only `ring` leads to `keeping`.
 */

export const SEGMENT_S = 3.5; // looked at once a second: a piece is 4 s, and at most 5
export const RING_S = 12; // a dead line is noticed after 4 to 8 s; all of that is to be there
const AFTER_S = 2; // so long a broken leg may take to heal by itself before anything is written
const BLIND_S = 10; // without the hub for so long, nobody knows whether it still records (rooms: CHƯA RÕ TRẠNG THÁI GHI)
const RETURN_S = 3; // so long goes on what was begun, until the hub's own record has what follows
const SETTLE_S = 0.5; // the hub's clock and ours differ a little: not a moment before the record may begin

/**
 * @typedef {'idle' | 'ring' | 'keeping' | 'stopped'} TakePhase
 * @typedef {'returned' | 'stopped' | 'denunciation' | 'limit' | 'storage' | 'off_record' | 'left' | 'clock' | 'failed'} EndReason
 * @typedef {object} TakeView
 * @property {string[]} sources what may be recorded now, sorted: camera, mic
 * @property {boolean} allowed the session, as far as it is known, has this point on the record
 * @property {boolean} over this page will not come back by itself
 * @property {boolean} lost
 * @property {number} limit seconds; 0: no grant
 * @typedef {{do: 'record', sources: string[]} | {do: 'drop'} | {do: 'keep'} | {do: 'end', reason: EndReason}} Act
 */

/**
 * Does this session have this point on the record now? The same question as `signaling.state.recorded`.
 * @param {any} session a SessionView
 * @param {any} self our ParticipantView
 */
export function onRecord(session, self) {
  if (!self || session.state !== 'running' || session.record === 'off') return false;
  if (!['admitted', 'joined', 'lost'].includes(self.state) || self.role === 'viewer' || self.protected) return false;
  return !(session.side_talk ?? []).includes(self.participant);
}

/**
 * @param {any} session
 * @param {any} self
 * @param {(source: string) => boolean} sends there is a living track that is on
 */
export function sourcesOnRecord(session, self, sends) {
  if (!onRecord(session, self)) return [];
  return ['camera', 'mic'].filter((source) =>
    sends(source) && !self.muted.includes(source) && !self.muted_by_operator.includes(source) && (source === 'mic' || session.record === 'full'));
}

/**
 * Is the hub lost? The publish leg is broken, or the socket has been away for so long that nobody knows.
 * @param {number} now
 * @param {{publish: string, lostSince: number | null}} link
 * @param {import('./signaling.js').Status} status
 */
export function isLost(now, link, status) {
  const broken = link.lostSince !== null && link.publish !== 'connected' && link.publish !== 'closed';
  if (broken && now - /** @type {number} */ (link.lostSince) >= AFTER_S) return true;
  return status.phase === 'reconnecting' && now - (status.since ?? now) >= BLIND_S;
}

export class TakePlan {
  constructor() {
    /** @type {TakePhase} */
    this.phase = 'idle';
    /** @type {EndReason | ''} */
    this.reason = '';
    this.since = 0;
    /** @type {number | null} */
    this.allowedSince = null;
    /** @type {number | null} */
    this.wellSince = null;
  }

  /**
   * @param {number} now seconds
   * @param {TakeView} view
   * @returns {Act[]}
   */
  look(now, view) {
    const may = view.allowed && !view.over && view.limit > 0;
    this.allowedSince = may ? this.allowedSince ?? now : null;
    if (this.phase === 'keeping') return this._keep(now, view, may);
    if (this.phase === 'stopped') {
      if (view.lost || view.over) return [];
      this.phase = 'idle';
    }
    if (!may) return this._idle();
    if (this.phase === 'idle') {
      if (view.lost || now - /** @type {number} */ (this.allowedSince) < SETTLE_S) return [];
      this.phase = 'ring';
    }
    if (!view.lost) return [{ do: 'record', sources: view.sources }];
    this.phase = 'keeping';
    this.reason = '';
    this.since = now;
    this.wellSince = null;
    return [{ do: 'keep' }, { do: 'record', sources: view.sources }];
  }

  /** The officer ends it, or something here does. @param {EndReason} reason @returns {Act[]} */
  end(reason) {
    if (this.phase !== 'keeping') return [];
    this.phase = 'stopped';
    this.reason = reason;
    return [{ do: 'end', reason }];
  }

  /** @returns {Act[]} */
  _idle() {
    const was = this.phase;
    this.phase = 'idle';
    return was === 'ring' ? [{ do: 'drop' }] : [];
  }

  /**
   * @param {number} now
   * @param {TakeView} view
   * @param {boolean} may
   */
  _keep(now, view, may) {
    if (!may) return this.end(view.over ? 'left' : 'off_record');
    if (now - this.since >= view.limit) return this.end('limit');
    this.wellSince = view.lost ? null : this.wellSince ?? now;
    if (this.wellSince === null || now - this.wellSince < RETURN_S) return [/** @type {Act} */ ({ do: 'record', sources: view.sources })];
    this.phase = 'ring';
    return [/** @type {Act} */ ({ do: 'end', reason: 'returned' }), /** @type {Act} */ ({ do: 'record', sources: view.sources })];
  }
}
