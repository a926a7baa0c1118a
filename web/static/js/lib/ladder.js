// @ts-check
/**
 * What to try when a media leg is dead, in which order: ICE starts again on the same connection (a new network, a line
 * that was away: media is back as soon as the line is), and only when that did not help several times a connection is
 * made anew. Steps follow each other without a pause, so that whenever the line returns an attempt is under way.
 * Pure: time in, a step out.
 */

export const RESTARTS = 3;
const AGAIN_S = 4; // checks of a new start go out many times a second at first, then ever more slowly

export class Ladder {
  constructor() {
    this.restarts = 0;
    /** @type {number | null} */
    this.at = null;
  }

  /** The leg lives. */
  reset() {
    this.restarts = 0;
    this.at = null;
  }

  /** The hub could not be asked: that was no attempt. */
  unasked() {
    this.restarts = Math.max(0, this.restarts - 1);
  }

  /** The hub is back: go on at once. */
  hurry() {
    this.at = null;
  }

  /**
   * @param {number} now seconds
   * @returns {'restart' | 'reopen' | 'wait'}
   */
  next(now) {
    if (this.at !== null && now - this.at < AGAIN_S) return 'wait';
    this.at = now;
    if (this.restarts >= RESTARTS) {
      this.reset();
      return 'reopen';
    }
    this.restarts += 1;
    return 'restart';
  }
}
