// @ts-check
/**
 * Sealed pieces on this device's disk (IndexedDB), until the hub has them. A piece is written with strict durability: it
 * is on the disk before its promise resolves, and survives the browser and the PC. No DOM.
 */

const NAME = 'diemcau-takes';

/**
 * @typedef {{take: string, header: string, begun: number, pieces: number, bytes: number, ended: string}} TakeRow
 * @typedef {{take: string, number: number, bytes: Uint8Array, sha256: string}} PieceRow
 */

/**
 * @template T
 * @param {IDBRequest<T>} request
 * @returns {Promise<T>}
 */
const answer = (request) => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});

export class TakeStore {
  /** @param {{indexedDB: IDBFactory, storage?: StorageManager, locks?: LockManager}} where */
  constructor(where) {
    this.where = where;
    /** @type {Promise<IDBDatabase> | null} */
    this.opened = null;
  }

  /** Ask the browser once not to clear this storage when its disk gets full. */
  async persist() {
    const { storage } = this.where;
    if (await storage?.persisted?.().catch(() => false)) return true;
    return (await storage?.persist?.().catch(() => false)) ?? false;
  }

  /** Bytes that may still be stored here; Infinity where the browser does not tell. */
  async room() {
    const found = await this.where.storage?.estimate?.().catch(() => null);
    return found?.quota === undefined ? Infinity : found.quota - (found.usage ?? 0);
  }

  /**
   * Write a piece together with its take's row. Rejects (QuotaExceededError) when the disk is full; then neither is
   * there.
   * @param {TakeRow} row
   * @param {PieceRow} piece
   */
  async add(row, piece) {
    await this._write((takes, pieces) => {
      takes.put(row);
      pieces.add(piece);
    });
  }

  /** @param {TakeRow} row */
  async update(row) {
    await this._write((takes) => takes.put(row));
  }

  /** @returns {Promise<TakeRow[]>} oldest first */
  async list() {
    const db = await this._open();
    const rows = await answer(db.transaction('takes').objectStore('takes').getAll());
    return rows.sort((a, b) => a.begun - b.begun);
  }

  /** Numbers of the pieces of a take that are still here. @param {string} take */
  async numbers(take) {
    const db = await this._open();
    const keys = await answer(db.transaction('pieces').objectStore('pieces').getAllKeys(IDBKeyRange.bound([take], [take, []])));
    return keys.map((key) => /** @type {[string, number]} */ (key)[1]);
  }

  /** @param {string} take @param {number} number @returns {Promise<PieceRow | undefined>} */
  async piece(take, number) {
    const db = await this._open();
    return answer(db.transaction('pieces').objectStore('pieces').get([take, number]));
  }

  /** @param {string} take @param {number} number */
  async dropPiece(take, number) {
    await this._write((takes, pieces) => pieces.delete([take, number]));
  }

  /** The take with all its pieces. @param {string} take */
  async drop(take) {
    await this._write((takes, pieces) => {
      takes.delete(take);
      pieces.delete(IDBKeyRange.bound([take], [take, []]));
    });
  }

  /**
   * Hold a name as long as `work` runs; another page of this browser that asks meanwhile gets null. A page that dies lets
   * go. Without the browser's locks everything is allowed.
   * @template T
   * @param {string} name
   * @param {() => Promise<T>} work
   * @returns {Promise<T | null>}
   */
  async alone(name, work) {
    const { locks } = this.where;
    if (!locks) return work();
    return locks.request(`diemcau-take-${name}`, { ifAvailable: true }, (lock) => (lock ? work() : Promise.resolve(null)));
  }

  _open() {
    this.opened ??= new Promise((resolve, reject) => {
      const request = this.where.indexedDB.open(NAME, 1);
      request.onupgradeneeded = () => {
        request.result.createObjectStore('takes', { keyPath: 'take' });
        request.result.createObjectStore('pieces', { keyPath: ['take', 'number'] });
      };
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => {
        this.opened = null;
        reject(request.error);
      };
    });
    return this.opened;
  }

  /** @param {(takes: IDBObjectStore, pieces: IDBObjectStore) => void} change */
  async _write(change) {
    const db = await this._open();
    const work = db.transaction(['takes', 'pieces'], 'readwrite', { durability: 'strict' });
    change(work.objectStore('takes'), work.objectStore('pieces'));
    await new Promise((resolve, reject) => {
      work.oncomplete = () => resolve(null);
      work.onabort = () => reject(work.error ?? new DOMException('aborted', 'AbortError'));
      work.onerror = () => reject(work.error);
    });
  }
}

/** The store of this browser; null where it has none (private windows of some). @returns {TakeStore | null} */
export function browserTakeStore() {
  if (!globalThis.indexedDB) return null;
  return new TakeStore({ indexedDB: globalThis.indexedDB, storage: navigator.storage, locks: navigator.locks });
}
