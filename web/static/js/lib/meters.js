// @ts-check
/**
 * Judging what a camera and a microphone give: sound level, silence, clipping, black and frozen pictures.
 * Pure: numbers in, verdicts out; the pages bring samples and pixels. Thresholds are for reception rooms: a quiet room
 * with an open microphone is above -65 dBFS, speech at arm's length above -40 dBFS.
 */

export const SILENT_DB = -65;
export const SPEECH_DB = -45;
const CLIP_LEVEL = 0.985;
const CLIP_SHARE = 0.002; // one sample in 500 at the rail is heard as rattling
const BLACK_LEVEL = 18; // of 255: sensor noise of a covered lens stays below
const BLACK_SPREAD = 6;
const SAME_PICTURE = 0.35; // mean difference of grey levels; a live sensor's noise is above it

/**
 * Level of a block of samples in dBFS (0 = full scale), never below -100.
 * @param {ArrayLike<number>} samples -1..1
 */
export function levelDb(samples) {
  let sum = 0;
  for (let i = 0; i < samples.length; i++) sum += samples[i] * samples[i];
  const power = samples.length ? sum / samples.length : 0;
  return power > 1e-10 ? 10 * Math.log10(power) : -100;
}

/**
 * A level as a part of a meter: 0 at silence, 1 at full scale.
 * @param {number} db
 */
export const meterPart = (db) => Math.min(1, Math.max(0, (db + 70) / 64));

/** Collects blocks of a few seconds of sound and says what is wrong with them. */
export class SoundJudge {
  constructor() {
    this.blocks = 0;
    this.loudest = -100;
    this.clipped = 0;
    this.samples = 0;
  }

  /**
   * @param {ArrayLike<number>} samples
   * @returns {number} the block's level in dBFS
   */
  take(samples) {
    const db = levelDb(samples);
    this.blocks += 1;
    this.loudest = Math.max(this.loudest, db);
    for (let i = 0; i < samples.length; i++) if (Math.abs(samples[i]) >= CLIP_LEVEL) this.clipped += 1;
    this.samples += samples.length;
    return db;
  }

  /** @returns {'none' | 'silent' | 'clipping' | 'faint' | 'good'} `none`: nothing was heard yet at all */
  verdict() {
    if (!this.blocks) return 'none';
    if (this.loudest < SILENT_DB) return 'silent';
    if (this.clipped / this.samples > CLIP_SHARE) return 'clipping';
    return this.loudest < SPEECH_DB ? 'faint' : 'good';
  }
}

/**
 * Grey levels of RGBA pixels (BT.601 weights).
 * @param {ArrayLike<number>} rgba
 * @returns {Uint8Array}
 */
export function greyLevels(rgba) {
  const grey = new Uint8Array(rgba.length / 4);
  for (let i = 0; i < grey.length; i++) {
    grey[i] = (rgba[4 * i] * 77 + rgba[4 * i + 1] * 150 + rgba[4 * i + 2] * 29) >> 8;
  }
  return grey;
}

/** Looks at small copies of a picture a few times a second. */
export class PictureJudge {
  /** @param {number} frozenAfter seconds of the same picture that count as frozen */
  constructor(frozenAfter = 3) {
    this.frozenAfter = frozenAfter;
    /** @type {Uint8Array | null} */
    this.last = null;
    this.mean = 0;
    this.spread = 0;
    this.changedAt = 0;
    this.now = 0;
  }

  /**
   * @param {Uint8Array} grey
   * @param {number} now seconds
   */
  take(grey, now) {
    let sum = 0;
    let squares = 0;
    let difference = 0;
    for (let i = 0; i < grey.length; i++) {
      sum += grey[i];
      squares += grey[i] * grey[i];
      if (this.last) difference += Math.abs(grey[i] - this.last[i]);
    }
    this.mean = sum / grey.length;
    this.spread = Math.sqrt(Math.max(0, squares / grey.length - this.mean * this.mean));
    if (!this.last || difference / grey.length > SAME_PICTURE) this.changedAt = now;
    this.last = grey;
    this.now = now;
  }

  /** @returns {'none' | 'black' | 'frozen' | 'good'} */
  verdict() {
    if (!this.last) return 'none';
    if (this.mean < BLACK_LEVEL && this.spread < BLACK_SPREAD) return 'black';
    return this.now - this.changedAt >= this.frozenAfter ? 'frozen' : 'good';
  }
}
