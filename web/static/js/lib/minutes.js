// @ts-check
/** The minutes as the panel shows them: sections of form TCD_20 and time-coded lines, corrections folded in. Pure. */

/**
 * @typedef {{key: string, title: string, text: string, version: number}} Section
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
    key: String(one.key ?? ''),
    title: String(one.title ?? one.key ?? ''),
    text: String(one.text ?? ''),
    version: Number(one.version ?? 0),
  }));
  return {
    sections,
    lines: foldLines(raw?.lines ?? []),
    writerName: String(raw?.writer_name ?? ''),
    savedUtc: raw?.saved_utc ?? null, // set by the page when the hub has confirmed a change
    frozen: raw?.state === 'frozen',
  };
}

/**
 * Lines and bookmarks in the order of their moments; lines that were struck out are not shown.
 * @param {any[]} raw lines with their corrections folded in already, `history` holding what they said before
 * @returns {MinutesLine[]}
 */
export function foldLines(raw) {
  return raw
    .filter((line) => !line.struck)
    .map((line) => ({
      id: line.id,
      at: line.at_s ?? null,
      speaker: line.speaker ?? '',
      text: line.text ?? '',
      bookmark: line.kind === 'bookmark',
      corrected: (line.history?.length ?? 0) > 0,
    }))
    .sort((a, b) => (a.at ?? 0) - (b.at ?? 0));
}
