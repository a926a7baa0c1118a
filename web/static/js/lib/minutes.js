// @ts-check
/** The minutes as the panel shows them: sections of form TCD_20 and time-coded lines, corrections folded in. Pure. */

/**
 * @typedef {{key: string, text: string, version: number}} Section
 * @typedef {{id: string, at: number | null, speaker: string, text: string, bookmark: boolean, corrected: boolean}} MinutesLine
 * @typedef {object} MinutesView
 * @property {Section[]} sections in the order of the form
 * @property {MinutesLine[]} lines in the order of their time
 * @property {string} writerName
 * @property {number | null} savedUtc
 * @property {boolean} frozen
 */

/**
 * @param {any} raw the `minutes` of a `welcome` or `minutes_state`
 * @returns {MinutesView}
 */
export function readMinutes(raw) {
  const sections = (raw?.sections ?? []).map((/** @type {any} */ one) => ({
    key: String(one.key ?? one.section ?? ''),
    text: String(one.text ?? ''),
    version: Number(one.version ?? 0),
  }));
  return {
    sections,
    lines: foldLines(raw?.lines ?? []),
    writerName: String(raw?.writer_name ?? ''),
    savedUtc: raw?.saved_utc ?? null,
    frozen: Boolean(raw?.frozen ?? raw?.frozen_utc ?? raw?.state === 'frozen'),
  };
}

/**
 * A correction names the line that it replaces (`corrects`); the last one is shown in its place.
 * @param {any[]} raw
 * @returns {MinutesLine[]}
 */
export function foldLines(raw) {
  /** @type {Map<string, MinutesLine>} */
  const shown = new Map();
  /** @type {Map<string, string>} */
  const standsFor = new Map();
  for (const line of raw) {
    const corrects = line.corrects ?? line.corrects_id ?? '';
    const first = corrects ? (standsFor.get(corrects) ?? corrects) : line.id;
    standsFor.set(line.id, first);
    const earlier = shown.get(first);
    shown.set(first, {
      id: line.id,
      at: line.at_s ?? earlier?.at ?? null,
      speaker: line.speaker ?? '',
      text: line.text ?? '',
      bookmark: line.kind === 'bookmark',
      corrected: Boolean(corrects) || Boolean(line.corrected),
    });
  }
  return [...shown.values()].filter((line) => line.text || line.bookmark).sort((a, b) => (a.at ?? 0) - (b.at ?? 0));
}
