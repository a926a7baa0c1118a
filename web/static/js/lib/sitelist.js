// @ts-check
/** Which sites of the board's list are shown: found by name and state, folded by province. Pure. */

/** @typedef {{id: string, depth: number, name: string, state: string}} Site as listed, in the order of the tree */

export const MANY = 20; // up to so many sites nothing is folded

/** @param {string} text without diacritics, in small letters */
export const plain = (text) => text.normalize('NFD').replace(/\p{M}/gu, '').replace(/đ/gi, 'd').toLowerCase();

/**
 * The group each site belongs to: the id of the last site above it at depth 0 or 1, "" for such a site itself.
 * @param {Site[]} sites
 * @returns {Map<string, string>}
 */
export function groupsOf(sites) {
  const found = new Map();
  let head = '';
  for (const site of sites) {
    if (site.depth <= 1) head = site.id;
    found.set(site.id, site.depth <= 1 ? '' : head);
  }
  return found;
}

/**
 * The ids that are shown. Searching and filtering open every group; a group's head stays with what was found in it.
 * @param {Site[]} sites
 * @param {{words: string, state: string, folded: Set<string>}} wish `state` "" is all; "away" offline, "here" the rest
 * @returns {Set<string>}
 */
export function shown(sites, { words, state, folded }) {
  const groups = groupsOf(sites);
  const wanted = plain(words.trim());
  const fits = (/** @type {Site} */ site) =>
    (!wanted || plain(site.name).includes(wanted)) &&
    (!state || (state === 'away') === (site.state === 'offline'));
  if (!wanted && !state) return new Set(sites.filter((site) => !folded.has(groups.get(site.id) ?? '')).map((site) => site.id));
  const found = new Set(sites.filter(fits).map((site) => site.id));
  for (const site of sites) if (found.has(site.id) && groups.get(site.id)) found.add(groups.get(site.id) ?? '');
  return found;
}
