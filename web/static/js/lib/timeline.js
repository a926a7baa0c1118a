// @ts-check
/**
 * The one time line of a replay. A master clock runs in session seconds; every point's players follow it: which
 * segment to show now, where in it, and how to bring a player that drifted back into step. Pure.
 */

/**
 * @typedef {{start: number, end: number, url: string, kind?: 'sound' | 'full', mime?: string}} Segment session seconds
 * @typedef {{start: number, end: number, kind: 'lost' | 'unrecorded', words?: string}} Gap
 */

/** Runs at `rate` from `position`, never past `end`. `now` is monotonic seconds. */
export class ReplayClock {
  /** @param {number} end length of the time line in seconds */
  constructor(end) {
    this.end = end;
    this.base = 0;
    this.rate = 1;
    /** @type {number | null} */
    this.startedAt = null;
  }

  get playing() {
    return this.startedAt !== null;
  }

  /** @param {number} now */
  position(now) {
    const ran = this.startedAt === null ? 0 : (now - this.startedAt) * this.rate;
    return Math.min(this.end, Math.max(0, this.base + ran));
  }

  /** @param {number} now */
  play(now) {
    if (this.position(now) >= this.end) this.base = 0;
    this.startedAt ??= now;
  }

  /** @param {number} now */
  pause(now) {
    this.base = this.position(now);
    this.startedAt = null;
  }

  /**
   * @param {number} seconds
   * @param {number} now
   */
  seek(seconds, now) {
    this.base = Math.min(this.end, Math.max(0, seconds));
    if (this.startedAt !== null) this.startedAt = now;
  }

  /**
   * @param {number} rate
   * @param {number} now
   */
  setRate(rate, now) {
    this.base = this.position(now);
    if (this.startedAt !== null) this.startedAt = now;
    this.rate = rate;
  }
}

/**
 * The segment that covers a moment, or null in a gap. Segments are in order and do not overlap.
 * @template {{start: number, end: number}} S
 * @param {S[]} segments
 * @param {number} at
 * @returns {S | null}
 */
export function covering(segments, at) {
  for (const segment of segments) if (at >= segment.start && at < segment.end) return segment;
  return null;
}

/**
 * Until when nobody has anything at a moment; null when somebody has. The end of the line is no end of a gap.
 * @param {{segments: {start: number, end: number}[], gaps: {start: number, end: number}[]}[]} points
 * @param {number} at
 * @param {number} length of the line
 * @returns {number | null}
 */
export function emptyUntil(points, at, length) {
  let until = at;
  while (until < length) {
    const next = points.map((point) => {
      const gap = covering(point.gaps, until);
      if (gap) return gap.end;
      if (covering(point.segments, until)) return until;
      return Math.min(length, ...point.segments.map((one) => one.start).filter((start) => start > until));
    });
    const soonest = Math.min(length, ...next);
    if (soonest <= until) return until > at ? until : null;
    until = soonest;
  }
  return null;
}

/**
 * Who speaks at a moment: of those who do, who began last.
 * @param {{talk?: [number, number][]}[]} points
 * @param {number} at
 * @returns {number} index, -1 for nobody
 */
export function speakerAt(points, at) {
  let found = -1;
  let since = -Infinity;
  points.forEach((point, index) => {
    for (const [from, to] of point.talk ?? []) {
      if (from <= at && at < to && from > since) [found, since] = [index, from];
    }
  });
  return found;
}

/**
 * What to do with a player whose media stands at `actual` while the master asks for `target` (both in media seconds).
 * Small errors are worked off by playing a little faster or slower, which nobody hears; large ones by a jump.
 * @param {number} target
 * @param {number} actual
 * @param {number} rate of the master
 * @returns {{jump: boolean, rate: number}}
 */
export function follow(target, actual, rate) {
  const late = target - actual;
  if (Math.abs(late) > 0.35) return { jump: true, rate };
  if (Math.abs(late) < 0.03) return { jump: false, rate };
  return { jump: false, rate: rate + Math.min(0.08, Math.max(-0.08, late * 0.5)) };
}

/**
 * The next or previous moment in an ordered list, seen from `at`; a moment just passed counts as passed.
 * @param {number[]} moments
 * @param {number} at
 * @param {1 | -1} direction
 * @returns {number | null}
 */
export function neighbour(moments, at, direction) {
  const sorted = [...moments].sort((a, b) => a - b);
  if (direction > 0) return sorted.find((moment) => moment > at + 0.5) ?? null;
  return sorted.reverse().find((moment) => moment < at - 1.5) ?? null;
}

/**
 * The last line said at or before a moment; -1 before the first.
 * @param {{at: number}[]} lines in order
 * @param {number} at
 */
export function currentLine(lines, at) {
  let found = -1;
  for (let i = 0; i < lines.length && lines[i].at <= at + 0.05; i++) found = i;
  return found;
}
