// @ts-check
/**
 * Which pictures are on the stage and which of them is the large one. Pure.
 * Order of claims: pinned by the user, a shared screen or document, who speaks, who spoke last, the first other point.
 */

/** @typedef {{key: string, participant: string, source: string, own: boolean}} Tile */

/**
 * The tiles of a session as one participant sees it: a tile per point (with or without picture), and one more for each
 * shared screen or document camera.
 * @param {any[]} participants ParticipantViews
 * @param {string} me
 * @param {Set<string>} [live] keys of pictures that arrive, `participant/source`
 * @returns {Tile[]}
 */
export function tilesOf(participants, me, live = new Set()) {
  /** @type {Tile[]} */
  const tiles = [];
  const inRoom = participants.filter((one) => one.role !== 'viewer' && ['admitted', 'joined', 'lost'].includes(one.state));
  const ordered = [...inRoom.filter((one) => one.participant !== me), ...inRoom.filter((one) => one.participant === me)];
  for (const one of ordered) {
    const own = one.participant === me;
    tiles.push({ key: `${one.participant}/camera`, participant: one.participant, source: 'camera', own });
    for (const source of ['document', 'screen']) {
      const key = `${one.participant}/${source}`;
      const muted = one.muted.includes(source) || one.muted_by_operator.includes(source);
      if (live.has(key) && !muted) tiles.push({ key, participant: one.participant, source, own });
    }
  }
  return tiles;
}

/**
 * A place as it is said: "Điểm cầu huyện Lục Ngạn" for "Điểm cầu Trụ sở Tiếp công dân huyện Lục Ngạn".
 * @param {string} name
 */
export const shortName = (name) => name.replace(/\b(Trụ sở|Ban) [Tt]iếp công dân /u, '');

/**
 * @param {Tile[]} tiles
 * @param {{pinned: string, speaker: string, lastSpeaker: string}} wishes `pinned` is a tile's key
 * @returns {string} key of the large tile, "" when there is none
 */
export function mainTile(tiles, wishes) {
  const has = (/** @type {(tile: Tile) => boolean} */ test) => tiles.find(test)?.key ?? '';
  const face = (/** @type {string} */ participant) =>
    has((tile) => !tile.own && tile.source === 'camera' && tile.participant === participant);
  return (
    has((tile) => tile.key === wishes.pinned) ||
    has((tile) => !tile.own && tile.source !== 'camera') ||
    (wishes.speaker && face(wishes.speaker)) ||
    (wishes.lastSpeaker && face(wishes.lastSpeaker)) ||
    has((tile) => !tile.own) ||
    has(() => true)
  );
}

/**
 * Rows and columns of the thumbnails beside the large picture: one column of up to five, then two, then three.
 * @param {number} count
 */
export function thumbGrid(count) {
  const columns = count <= 5 ? 1 : count <= 12 ? 2 : 3;
  return { columns, rows: Math.max(columns === 1 ? 4 : 5, Math.ceil(count / columns)) };
}
