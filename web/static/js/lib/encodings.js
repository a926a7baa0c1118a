// @ts-check
/**
 * How each source is encoded. A camera comes in up to three layers, lowest first, each half as wide as the next; the
 * relay gives every viewer the one that fits. Screens and documents come in one, sharpness before frame rate. Pure.
 */

/** @typedef {'mic' | 'camera' | 'screen' | 'document'} Source */
/** @typedef {{width?: number, height?: number}} Size */

export const RIDS = ['q', 'h', 'f'];

const SOUND = { maxBitrate: 40_000, priority: 'high' };
const PAPER = { maxBitrate: 2_500_000, maxFramerate: 15, priority: 'medium' };
/** Upper bitrates by the size of the picture that is encoded (pixels): their sum stays below the relay's ceiling. */
const BITRATES = [
  [20_000, 80_000],
  [90_000, 150_000],
  [260_000, 500_000],
  [600_000, 1_000_000],
  [Infinity, 1_700_000],
];

/**
 * How many layers a capture of this size gives. Chromium would leave out the upper ones of too many, which are the
 * sharpest, so the page asks for no more than come.
 * @param {Size} size of the capture; unknown ones count as 720p
 */
export function layerCount({ width, height }) {
  const pixels = width && height ? width * height : 1280 * 720;
  if (pixels >= 960 * 540) return 3;
  return pixels >= 640 * 360 ? 2 : 1;
}

/**
 * The encodings of a sender. A camera always gets three, so that a better one can be plugged in later: those that do not
 * come are just not sent. Resolutions are named explicitly, Safari would send the same one three times.
 * @param {Source} source
 * @param {Size} [size] of the capture
 * @returns {Record<string, unknown>[]}
 */
export function encodingsFor(source, size = {}) {
  if (source === 'mic') return [{ ...SOUND }];
  if (source !== 'camera') return [{ ...PAPER }];
  // priority is the sender's: Chromium refuses it anywhere but on the first layer
  return RIDS.map((rid, index) => ({ rid, ...layerOf(index, size), ...(index ? {} : { priority: 'medium' }) }));
}

/**
 * @param {number} index of the layer, 0 the lowest
 * @param {Size} size of the capture
 */
export function layerOf(index, size) {
  const scaleResolutionDownBy = 2 ** Math.max(0, layerCount(size) - 1 - index);
  const pixels = ((size.width || 1280) * (size.height || 720)) / scaleResolutionDownBy ** 2;
  const maxBitrate = BITRATES.find(([most]) => pixels < most)?.[1] ?? 0;
  return { scaleResolutionDownBy, maxBitrate };
}

/**
 * Change a sender's parameters in place to what is wanted now; whether anything changed.
 * @param {{encodings: any[]}} parameters of getParameters
 * @param {Size} size of the capture
 * @param {string[] | null} wanted rids that somebody takes; null: all
 */
export function adjust(parameters, size, wanted) {
  let changed = false;
  parameters.encodings.forEach((encoding, index) => {
    if (!encoding.rid) return;
    const next = { ...layerOf(index, size), active: !wanted || index === 0 || wanted.includes(encoding.rid) };
    for (const [name, value] of Object.entries(next)) {
      if ((encoding[name] ?? (name === 'active' ? true : undefined)) === value) continue;
      encoding[name] = value;
      changed = true;
    }
  });
  return changed;
}

/** What a picture should keep when the line or the machine cannot carry it all. @param {Source} source */
export const hintFor = (source) => (source === 'screen' ? 'text' : source === 'document' ? 'detail' : '');
