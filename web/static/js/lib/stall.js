// @ts-check
/**
 * Is anything still coming in? Chromium takes 7.6 s to call a dead path "disconnected" and 17.6 s to give it up
 * (measured); a reception cannot wait so long. Pure: numbers and time in, a verdict out.
 */

export class StallDetector {
  /** @param {number} limit seconds without growth that count as a stall; sampled once a second */
  constructor(limit) {
    this.limit = limit;
    this.last = -1;
    /** @type {number | null} */
    this.grewAt = null;
  }

  /** A new connection starts from nothing: give it time for its handshake. */
  reset() {
    this.last = -1;
    this.grewAt = null;
  }

  /**
   * @param {number} now seconds
   * @param {number} received a total that grows while the path lives
   * @param {boolean} expected something should be arriving now
   * @returns {boolean} true: stalled
   */
  sample(now, received, expected) {
    if (!expected || received !== this.last || this.grewAt === null) {
      this.last = received;
      this.grewAt = now;
      return false;
    }
    return now - this.grewAt >= this.limit;
  }
}
