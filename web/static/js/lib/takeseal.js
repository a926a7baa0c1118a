// @ts-check
/**
 * Seals what a point records by itself, for the hub alone (docs/formats.md, Take). The page cannot read what it has
 * sealed, nor can anybody who finds it on the disk: the private half of the take's key never leaves this object, and the
 * key that encrypts cannot be taken out of the browser. No DOM; Web Cryptography is given.
 */

const MAGIC = [0x44, 0x43, 0x54, 0x01, 0x0d, 0x0a, 0x1a, 0x0a];
const HEAD = 48;
const TAG = 16;
const CURVE = { name: 'ECDH', namedCurve: 'P-256' };
const LETTERS = 'abcdefghijklmnopqrstuvwxyz234567';
export const MAX_PIECES = 4096;
export const MAX_MEDIA = 4 * 1024 * 1024;

/**
 * @typedef {{key: string, public: string, grant: string, secret: string, limit_s: number}} Grant of a `welcome`
 * @typedef {{number: number, bytes: Uint8Array, sha256: string}} Sealed
 */

/**
 * Canonical JSON of a flat object: keys sorted, no white space (docs/formats.md, Common rules).
 * @param {Record<string, string | number | string[]>} value
 */
export function canonical(value) {
  return JSON.stringify(Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))));
}

/** @param {ArrayBuffer | Uint8Array} bytes */
export const hex = (bytes) => [...new Uint8Array(bytes)].map((one) => one.toString(16).padStart(2, '0')).join('');

/** @param {string} text */
export const unhex = (text) => Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));

/** A fresh opaque id, as the hub's own are. @param {Crypto} crypto */
export function newId(crypto) {
  return [...crypto.getRandomValues(new Uint8Array(24))].map((one) => LETTERS[one & 31]).join('');
}

/** @param {Uint8Array[]} parts */
function joined(...parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** @param {number} value */
const four = (value) => new Uint8Array([value >>> 24, value >>> 16, value >>> 8, value]);

export class Sealer {
  /**
   * @param {Crypto} crypto
   * @param {string} take
   * @param {string} header
   * @param {CryptoKey} key
   * @param {Uint8Array} digest of the header
   */
  constructor(crypto, take, header, key, digest) {
    this.crypto = crypto;
    this.take = take;
    this.header = header;
    this.key = key;
    this.previous = digest;
    this.number = 0;
  }

  /**
   * The next piece. One after the other: wait for the answer before the next is asked for.
   * @param {Record<string, string | number | string[]>} description
   * @param {Uint8Array} media
   * @returns {Promise<Sealed>}
   */
  async seal(description, media) {
    const number = this.number++;
    const text = new TextEncoder().encode(canonical(description));
    const plain = joined(four(text.length), text, media);
    const head = joined(new Uint8Array(MAGIC), four(number), four(plain.length + TAG), this.previous);
    const iv = joined(new Uint8Array(8), four(number));
    const secret = await this.crypto.subtle.encrypt({ name: 'AES-GCM', iv, additionalData: head, tagLength: 128 }, this.key, plain);
    const bytes = joined(head, new Uint8Array(secret));
    this.previous = new Uint8Array(await this.crypto.subtle.digest('SHA-256', bytes));
    return { number, bytes, sha256: hex(this.previous) };
  }
}

/**
 * A new take with a key of its own.
 * @param {Crypto} crypto
 * @param {Grant} grant
 * @param {string} session
 * @param {string} participant
 * @param {{take?: string, pair?: CryptoKeyPair}} [fixed] for test vectors
 */
export async function beginTake(crypto, grant, session, participant, fixed = {}) {
  const { subtle } = crypto;
  const pair = fixed.pair ?? /** @type {CryptoKeyPair} */ (await subtle.generateKey(CURVE, false, ['deriveBits']));
  const take = fixed.take ?? newId(crypto);
  const ephemeral = hex(await subtle.exportKey('raw', pair.publicKey));
  const header = canonical({ ephemeral, format: 'diemcau-take', grant: grant.grant, key: grant.key, participant, session, take, version: 1 });
  const digest = new Uint8Array(await subtle.digest('SHA-256', new TextEncoder().encode(header)));
  const hub = await subtle.importKey('raw', unhex(grant.public), CURVE, false, []);
  const shared = await subtle.deriveBits({ name: 'ECDH', public: hub }, pair.privateKey, 256);
  const material = await subtle.importKey('raw', shared, 'HKDF', false, ['deriveKey']);
  const info = joined(new TextEncoder().encode('diemcau-take-1'), digest);
  const key = await subtle.deriveKey({ name: 'HKDF', hash: 'SHA-256', salt: unhex(grant.secret), info }, material, { name: 'AES-GCM', length: 256 }, false, ['encrypt']);
  return new Sealer(crypto, take, header, key, digest);
}

/** What a piece is longer than its media by, at most. */
export const OVERHEAD = HEAD + 4 + 2048 + TAG;
