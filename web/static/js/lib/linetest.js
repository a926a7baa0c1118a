// @ts-check
/** Judging a line by a few round trips to the hub. Pure. */

export const LINE_ROUNDS = 12;
const WEAK_S = 0.25; // beyond it people talk over each other
const UNEVEN_S = 0.15;

/**
 * @param {(number | null)[]} times seconds of each round trip, null for one that failed; the first warms up and is left out
 * @returns {{kind: 'good' | 'weak' | 'bad', middle: number, spread: number, lost: number}}
 */
export function judgeLine(times) {
  const measured = times.slice(1);
  const good = measured.filter((time) => time !== null).map(Number).sort((a, b) => a - b);
  const lost = measured.length - good.length;
  if (good.length * 2 < measured.length || !good.length) return { kind: 'bad', middle: 0, spread: 0, lost };
  const middle = good[Math.floor(good.length / 2)];
  const spread = good[Math.floor(good.length * 0.9)] - middle;
  const weak = lost > 0 || middle > WEAK_S || spread > UNEVEN_S;
  return { kind: weak ? 'weak' : 'good', middle, spread, lost };
}
