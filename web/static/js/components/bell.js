// @ts-check
/** A bell that rings until somebody answers. Browsers allow sound only after a click; until then it stays silent and
 * says so. */

export class Bell {
  constructor() {
    /** @type {AudioContext | null} */
    this.context = null;
    this.timer = 0;
    this.on = true;
    const unlock = () => {
      this.context ??= new AudioContext();
      void this.context.resume();
    };
    for (const kind of ['pointerdown', 'keydown']) addEventListener(kind, unlock, { once: true });
  }

  /** @returns {boolean} whether a sound would be heard now */
  get ready() {
    return this.context?.state === 'running';
  }

  /** Two short tones. */
  ding() {
    if (!this.on || !this.context || this.context.state !== 'running') return;
    const start = this.context.currentTime;
    for (const [at, pitch] of [[0, 880], [0.22, 1175]]) {
      const tone = this.context.createOscillator();
      const loud = this.context.createGain();
      tone.frequency.value = pitch;
      loud.gain.setValueAtTime(0.0001, start + at);
      loud.gain.exponentialRampToValueAtTime(0.25, start + at + 0.02);
      loud.gain.exponentialRampToValueAtTime(0.0001, start + at + 0.5);
      tone.connect(loud).connect(this.context.destination);
      tone.start(start + at);
      tone.stop(start + at + 0.55);
    }
  }

  /** @param {number} seconds between rings */
  repeat(seconds) {
    if (this.timer) return;
    this.ding();
    this.timer = setInterval(() => this.ding(), seconds * 1000);
  }

  quiet() {
    clearInterval(this.timer);
    this.timer = 0;
  }
}
