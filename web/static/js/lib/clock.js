// @ts-check
/**
 * Time for the pages: one object that tests replace by virtual time, and the ways in which time is written.
 * `now()` is monotonic seconds; wall-clock time comes from the hub (HubClock), never from the device.
 */

/**
 * @typedef {object} Clock
 * @property {() => number} now monotonic seconds
 * @property {(run: () => void, seconds: number) => number} after run once; returns an id for `cancel`
 * @property {(id: number) => void} cancel
 */

/** @type {Clock} */
export const systemClock = {
  now: () => performance.now() / 1000,
  after: (run, seconds) => /** @type {number} */ (/** @type {unknown} */ (setTimeout(run, seconds * 1000))),
  cancel: (id) => clearTimeout(id),
};

const DRIFT = 1e-4;

/** UTC as the hub has it: devices at reception points are often minutes off. */
export class HubClock {
  /** @param {Clock} clock */
  constructor(clock) {
    this.clock = clock;
    /** @type {number | null} */
    this.offset = null;
    this.bestRoundTrip = Infinity;
    /** @type {number | null} */
    this.learntAt = null;
  }

  /**
   * The hub said its time was `utc` in an answer that took `roundTrip` seconds; the quickest answer is the best guess.
   * @param {number} utc UNIX seconds
   * @param {number} roundTrip seconds
   */
  learn(utc, roundTrip) {
    // an old answer gets worse with every second: clocks of PCs drift by some hundredths of a millisecond a second
    const age = this.learntAt === null ? 0 : this.clock.now() - this.learntAt;
    if (this.offset !== null && roundTrip > this.bestRoundTrip + 2 * DRIFT * age) return;
    this.bestRoundTrip = roundTrip;
    this.learntAt = this.clock.now();
    this.offset = utc + roundTrip / 2 - this.clock.now();
  }

  /** @returns {number} UNIX seconds */
  utc() {
    return this.offset === null ? Date.now() / 1000 : this.clock.now() + this.offset;
  }
}

/** @param {number} value */
const two = (value) => String(value).padStart(2, '0');

/**
 * A length of time as on a counter: 08:04, or 1:08:04 from one hour on.
 * @param {number} seconds
 */
export function counter(seconds) {
  const whole = Math.max(0, Math.floor(seconds + 1e-6));
  const hours = Math.floor(whole / 3600);
  const rest = `${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
  return hours ? `${hours}:${rest}` : rest;
}

/**
 * Seconds of a counter ("8:04", "1:08:04", "484"), or null when it is none.
 * @param {string} text
 * @returns {number | null}
 */
export function parseCounter(text) {
  if (!/^\d{1,6}(\.\d+)?$|^\d{1,3}(:\d{1,2}){1,2}(\.\d+)?$/.test(text)) return null;
  return text.split(':').reduce((sum, part) => sum * 60 + Number(part), 0);
}

const zone = 'Asia/Ho_Chi_Minh';
const timeFormat = new Intl.DateTimeFormat('en-GB', { timeZone: zone, hour: '2-digit', minute: '2-digit', second: '2-digit' });
const dateFormat = new Intl.DateTimeFormat('en-GB', { timeZone: zone, day: '2-digit', month: '2-digit', year: 'numeric' });

/**
 * 14:37:05 in Vietnam.
 * @param {number} utc UNIX seconds
 */
export const clockTime = (utc) => timeFormat.format(utc * 1000);

/**
 * 23/11/2026 14:37:05 in Vietnam.
 * @param {number} utc UNIX seconds
 */
export const dateTime = (utc) => `${dateFormat.format(utc * 1000)} ${clockTime(utc)}`;
