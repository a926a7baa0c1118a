// @ts-check
/**
 * Tells the relay how large each received picture is shown, so that it sends no more than is seen. Changes are gathered:
 * the first of a row goes out at once, the rest a moment later, and nothing when nothing changed. No DOM.
 */

/** @typedef {{participant: string, source: string, width: number, height: number, main: boolean}} View */

const PAUSE_S = 0.25;
const STEP = 16; // pixels: less than this is no change

/** @param {number} pixels */
const rounded = (pixels) => (pixels > 0 ? Math.min(16_384, Math.ceil(pixels / STEP) * STEP) : 0);

export class ViewReporter {
  /**
   * @param {object} options
   * @param {import('./clock.js').Clock} options.clock
   * @param {(views: View[]) => boolean} options.send false when there is no line
   */
  constructor(options) {
    this.options = options;
    /** @type {View[]} */
    this.views = [];
    this.told = '';
    this.at = -Infinity;
    this.timer = 0;
    this.waits = false;
  }

  /** @param {View[]} views all of them */
  set(views) {
    this.views = views.map((view) => ({ ...view, width: rounded(view.width), height: rounded(view.height) }));
    this._soon();
  }

  /** The other end may have forgotten: tell again. */
  again() {
    this.told = '';
    this._soon();
  }

  _soon() {
    if (this.waits) return;
    const left = this.at + PAUSE_S - this.options.clock.now();
    if (left <= 0) this._tell();
    else {
      this.waits = true;
      this.timer = this.options.clock.after(() => {
        this.waits = false;
        this._tell();
      }, left);
    }
  }

  _tell() {
    const text = JSON.stringify(this.views);
    if (text === this.told || (!this.views.length && !this.told)) return;
    this.at = this.options.clock.now();
    if (this.options.send(this.views)) this.told = text;
  }
}
