// What a point records by itself: when, how it is sealed, and how it is handed in. Virtual time, no browser.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { webcrypto } from 'node:crypto';

import { ApiError } from '../../../web/static/js/lib/api.js';
import { HubClock } from '../../../web/static/js/lib/clock.js';
import { HandIn } from '../../../web/static/js/lib/takehandin.js';
import { TakeKeeper } from '../../../web/static/js/lib/takekeeper.js';
import { TakePlan, isLost, onRecord, sourcesOnRecord } from '../../../web/static/js/lib/takeplan.js';
import { beginTake, canonical, hex, unhex } from '../../../web/static/js/lib/takeseal.js';
import { VirtualClock, settle } from './virtual.js';

const VECTOR = JSON.parse(readFileSync(new URL('../../data/formats/take-1.json', import.meta.url)));
const GRANT = { key: VECTOR.key, public: VECTOR.hub_public, grant: VECTOR.grant, secret: VECTOR.secret, limit_s: 60 };

// --- the seal ---------------------------------------------------------------------------------------------------------

const url64 = (text) => Buffer.from(text, 'hex').toString('base64url');

async function vectorPair() {
  const point = VECTOR.ephemeral_public;
  const jwk = { kty: 'EC', crv: 'P-256', d: url64(VECTOR.ephemeral_private), x: url64(point.slice(2, 66)), y: url64(point.slice(66)) };
  const curve = { name: 'ECDH', namedCurve: 'P-256' };
  const privateKey = await webcrypto.subtle.importKey('jwk', jwk, curve, false, ['deriveBits']);
  const publicKey = await webcrypto.subtle.importKey('raw', unhex(point), curve, true, []);
  return { privateKey, publicKey };
}

test('the seal is the one of docs/formats.md, byte for byte', async () => {
  const sealer = await beginTake(webcrypto, GRANT, VECTOR.session, VECTOR.participant, { take: VECTOR.take, pair: await vectorPair() });
  assert.equal(sealer.header, VECTOR.header);
  for (const piece of VECTOR.pieces) {
    const sealed = await sealer.seal(piece.description, unhex(piece.media));
    assert.equal(hex(sealed.bytes), piece.sealed);
    assert.equal(sealed.sha256, piece.sha256);
  }
});

test('the key of a take can be neither read nor used to open', async () => {
  const sealer = await beginTake(webcrypto, GRANT, VECTOR.session, VECTOR.participant);
  assert.equal(sealer.key.extractable, false);
  assert.deepEqual(sealer.key.usages, ['encrypt']);
  await assert.rejects(webcrypto.subtle.exportKey('raw', sealer.key));
  assert.match(sealer.take, /^[a-z2-7]{24}$/);
});

test('canonical JSON has its keys in order', () => assert.equal(canonical({ b: 1, a: ['x'] }), '{"a":["x"],"b":1}'));

// --- when -------------------------------------------------------------------------------------------------------------

const self = (more = {}) => ({ participant: 'p', state: 'joined', role: 'point', muted: [], muted_by_operator: [], protected: false, ...more });
const session = (more = {}) => ({ state: 'running', record: 'full', side_talk: [], ...more });
const sends = () => true;

test('only what is on the record may be recorded', () => {
  assert.deepEqual(sourcesOnRecord(session(), self(), sends), ['camera', 'mic']);
  const off = [
    [session({ state: 'suspended' }), self()], [session({ state: 'open' }), self()], [session({ state: 'closed' }), self()],
    [session({ record: 'off' }), self()], [session({ side_talk: ['p', 'q'] }), self()], [session(), self({ protected: true })],
    [session(), self({ state: 'removed' })], [session(), self({ state: 'waiting' })], [session(), self({ role: 'viewer' })], [session(), null],
  ];
  for (const [one, me] of off) assert.equal(onRecord(one, me), false, JSON.stringify([one, me]));
  assert.deepEqual(sourcesOnRecord(session({ side_talk: ['x', 'y'] }), self(), sends), ['camera', 'mic'], 'a side talk of others');
  assert.deepEqual(sourcesOnRecord(session({ record: 'sound' }), self(), sends), ['mic']);
  assert.deepEqual(sourcesOnRecord(session(), self({ muted: ['mic'] }), sends), ['camera']);
  assert.deepEqual(sourcesOnRecord(session(), self({ muted_by_operator: ['camera'] }), sends), ['mic']);
  assert.deepEqual(sourcesOnRecord(session(), self(), (source) => source === 'mic'), ['mic']);
});

test('the hub is lost when the publish leg is broken, or when it has not been heard of for long', () => {
  const open = { phase: 'open' };
  const well = { publish: 'connected', lostSince: null };
  assert.equal(isLost(100, well, open), false);
  assert.equal(isLost(101, { publish: 'lost', lostSince: 100 }, open), false, 'a leg may heal by itself');
  assert.equal(isLost(102, { publish: 'lost', lostSince: 100 }, open), true);
  assert.equal(isLost(110, { publish: 'connected', lostSince: 100 }, open), false, 'only the other leg is broken');
  assert.equal(isLost(109, well, { phase: 'reconnecting', since: 100 }), false, 'the relay records on without its app');
  assert.equal(isLost(110, well, { phase: 'reconnecting', since: 100 }), true);
});

const view = (more = {}) => ({ sources: ['camera', 'mic'], allowed: true, over: false, lost: false, limit: 60, ...more });
const done = (acts) => acts.map((act) => act.reason ?? act.do).join(' ');

function planInRing() {
  const plan = new TakePlan();
  assert.deepEqual(plan.look(10, view()), [], 'not in the first moment: the clocks differ a little');
  assert.equal(done(plan.look(11, view())), 'record');
  return plan;
}

test('a loss leads from memory to the disk, and the return ends it a little later', () => {
  const plan = planInRing();
  assert.equal(done(plan.look(20, view({ lost: true }))), 'keep record');
  assert.equal(done(plan.look(30, view({ lost: true }))), 'record');
  assert.equal(done(plan.look(31, view())), 'record');
  assert.equal(done(plan.look(33, view())), 'record');
  assert.equal(done(plan.look(34, view())), 'returned record');
  assert.equal(plan.phase, 'ring');
});

test('a line that comes and goes keeps one take', () => {
  const plan = planInRing();
  plan.look(20, view({ lost: true }));
  plan.look(25, view());
  plan.look(27, view({ lost: true }));
  assert.equal(done(plan.look(29, view())), 'record');
  assert.equal(done(plan.look(31, view())), 'record');
});

test('what was off the record when the line was lost stays off', () => {
  const plan = planInRing();
  assert.equal(done(plan.look(20, view({ allowed: false }))), 'drop');
  for (const at of [21, 30, 300]) assert.deepEqual(plan.look(at, view({ allowed: false, lost: true })), []);
  for (const at of [301, 302, 310]) assert.deepEqual(plan.look(at, view({ lost: true })), [], 'even if it were allowed then');
  assert.equal(plan.phase, 'idle');
});

test('a page that opens without a line records nothing', () => {
  const plan = new TakePlan();
  for (const at of [1, 2, 3, 60]) assert.deepEqual(plan.look(at, view({ lost: true })), []);
});

test('it ends at its limit, when the officer says so, when the record is off, and when the page is turned away', () => {
  const ended = (change) => {
    const plan = planInRing();
    plan.look(20, view({ lost: true }));
    return [plan, change(plan)];
  };
  assert.equal(done(ended((plan) => plan.look(80, view({ lost: true })))[1]), 'limit');
  assert.equal(done(ended((plan) => plan.look(30, view({ lost: true, allowed: false })))[1]), 'off_record');
  assert.equal(done(ended((plan) => plan.look(30, view({ lost: true, over: true })))[1]), 'left');
  const [plan, acts] = ended((one) => one.end('stopped'));
  assert.equal(done(acts), 'stopped');
  assert.deepEqual(plan.look(31, view({ lost: true })), [], 'not again in this outage');
  assert.deepEqual(plan.end('stopped'), []);
  assert.equal(done(plan.look(60, view())), 'record', 'from then on as before');
});

test('without a grant nothing is recorded, not even in memory', () => {
  const plan = new TakePlan();
  for (const at of [1, 2, 3]) assert.deepEqual(plan.look(at, view({ limit: 0 })), []);
});

// --- the keeper -------------------------------------------------------------------------------------------------------

class FakeRecorder {
  constructor(tracks, options, log) {
    Object.assign(this, { tracks, options, state: 'inactive' });
    log.push(this);
  }

  start() {
    this.state = 'recording';
  }

  stop() {
    this.state = 'inactive';
    this.ondataavailable({ data: new Blob([new Uint8Array([0x1a, 0x45, 0xdf, 0xa3, this.tracks.length])]) });
    void this.onstop();
  }
}

class MemoryStore {
  constructor() {
    this.rows = new Map();
    this.pieces = new Map();
    this.held = new Set();
    this.free = Infinity;
    this.full = false;
  }

  async room() {
    return this.free;
  }

  async add(row, piece) {
    if (this.full) throw new DOMException('full', 'QuotaExceededError');
    this.rows.set(row.take, row);
    this.pieces.set(`${piece.take}/${piece.number}`, piece);
  }

  async list() {
    return [...this.rows.values()];
  }

  async numbers(take) {
    return [...this.pieces.values()].filter((one) => one.take === take).map((one) => one.number);
  }

  async piece(take, number) {
    return this.pieces.get(`${take}/${number}`);
  }

  async dropPiece(take, number) {
    this.pieces.delete(`${take}/${number}`);
  }

  async drop(take) {
    this.rows.delete(take);
    for (const key of [...this.pieces.keys()]) if (key.startsWith(take)) this.pieces.delete(key);
  }

  async alone(name, work) {
    if (this.held.has(name)) return null;
    this.held.add(name);
    try {
      return await work();
    } finally {
      this.held.delete(name);
    }
  }
}

const track = (source) => ({ source, track: { id: source, enabled: true, readyState: 'live', clone: () => ({ id: `${source}-small`, readyState: 'live', stop() {} }) } });
const BOTH = [track('camera'), track('mic')];

function point() {
  const clock = new VirtualClock();
  const hub = new HubClock(clock);
  hub.learn(1_795_000_000, 0.02);
  const store = new MemoryStore();
  const made = [];
  const ended = [];
  const keeper = new TakeKeeper({
    clock, hub, wall: () => 1_795_000_000_000 + clock.now() * 1000, crypto: webcrypto, store,
    make: (tracks, options) => new FakeRecorder(tracks, options, made), onchange: () => {}, onended: (take) => ended.push(take),
  });
  keeper.welcome(GRANT, VECTOR.session, VECTOR.participant);
  const self = { clock, store, keeper, made, ended, now: { allowed: true, over: false, lost: false }, tracks: BOTH };
  self.pass = async (seconds) => {
    for (let i = 0; i < seconds; i++) {
      await clock.pass(1);
      keeper.look(self.now, self.tracks);
      await real();
    }
  };
  return self;
}

/** Web Cryptography answers in its own time. */
async function real() {
  for (let i = 0; i < 6; i++) {
    await settle();
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
}

const kept = (point) => [...point.store.pieces.values()];

test('nothing touches the disk while the line is well, and then what was before the loss is there too', async () => {
  const here = point();
  await here.pass(40);
  assert.equal(kept(here).length, 0);
  assert.ok(here.made.length >= 9, 'a segment every four seconds');
  here.now.lost = true;
  await here.pass(9);
  const lengths = kept(here).length;
  assert.ok(lengths >= 4 && lengths <= 7, `${lengths}: about twelve seconds from before, and what has ended since`);
  assert.equal(here.made.at(-1).options.videoBitsPerSecond > here.made[0].options.videoBitsPerSecond, true, 'the only picture there is');
  here.now.lost = false;
  await here.pass(5);
  assert.equal(here.ended.length, 1);
  const row = [...here.store.rows.values()][0];
  assert.equal(row.ended, 'returned');
  assert.equal(row.pieces, kept(here).length);
});

test('while it is being written nobody hands it in', async () => {
  const here = point();
  await here.pass(10);
  here.now.lost = true;
  await here.pass(6);
  assert.ok(here.store.held.has(kept(here)[0].take));
  here.now.lost = false;
  await here.pass(5);
  assert.equal(here.store.held.size, 0);
});

for (const [why, change] of [['a pause', { allowed: false }], ['a denunciation', { allowed: false }], ['being turned away', { over: true }]]) {
  test(`nothing of ${why} is kept, in memory or on the disk`, async () => {
    const here = point();
    await here.pass(10);
    Object.assign(here.now, change);
    await here.pass(1);
    assert.equal(here.keeper.ring.length, 0);
    assert.equal(here.keeper.recorder.current, null);
    here.now.lost = true;
    await here.pass(60);
    assert.equal(kept(here).length, 0);
    assert.equal(here.made.filter((one) => one.state === 'recording').length, 0);
  });
}

test('the next visit begins with nothing of the one before', async () => {
  const here = point();
  await here.pass(12);
  assert.ok(here.keeper.ring.length > 1);
  here.keeper.welcome(GRANT, 'z'.repeat(24), VECTOR.participant);
  assert.deepEqual([here.keeper.ring.length, here.keeper.recorder.current, here.keeper.plan.phase], [0, null, 'idle']);
  here.now.lost = true;
  await here.pass(20);
  assert.equal(kept(here).length, 0);
});

test('the officer may discard it: it became a denunciation', async () => {
  const here = point();
  await here.pass(10);
  here.now.lost = true;
  await here.pass(10);
  assert.ok(kept(here).length);
  await here.keeper.discard();
  await real();
  await here.pass(10);
  assert.deepEqual([kept(here).length, here.store.rows.size, here.ended.length], [0, 0, 0]);
});

test('a microphone that is switched off meanwhile is not in it', async () => {
  const here = point();
  await here.pass(10);
  here.now.lost = true;
  await here.pass(5);
  here.tracks = [BOTH[0]];
  await here.pass(2);
  assert.deepEqual(here.made.at(-1).tracks.length, 1);
  here.tracks = [];
  await here.pass(2);
  assert.equal(here.made.at(-1).state, 'inactive');
  assert.equal(here.keeper.keeping, true, 'it goes on when one is switched on again');
});

test('a full disk ends it, and says so', async () => {
  const here = point();
  await here.pass(10);
  here.store.full = true;
  here.now.lost = true;
  await here.pass(8);
  assert.deepEqual([here.keeper.keeping, here.keeper.trouble], [false, 'storage']);
  const poor = point();
  poor.store.free = 1000;
  await poor.pass(10);
  poor.now.lost = true;
  await poor.pass(8);
  assert.deepEqual([poor.keeper.trouble, kept(poor).length], ['storage', 0]);
});

test('a device that slept ends it: nobody knows when what follows was', async () => {
  const here = point();
  await here.pass(10);
  here.now.lost = true;
  await here.pass(6);
  const { wall } = here.keeper.options;
  here.keeper.options.wall = () => wall() + 90_000;
  await here.pass(1);
  assert.equal(here.keeper.ended, 'clock');
});

// --- handing in -------------------------------------------------------------------------------------------------------

async function full(pieces = 3) {
  const store = new MemoryStore();
  for (let number = 0; number < pieces; number++) await store.add({ take: 't', header: '{}', begun: 1, pieces, bytes: 0, ended: 'returned' }, { take: 't', number, bytes: new Uint8Array([number]), sha256: `h${number}` });
  return store;
}

function desk(store, answer, gentle = false) {
  const clock = new VirtualClock();
  const calls = [];
  const handIn = new HandIn({
    store, clock, gentle: () => gentle, onchange: () => {},
    call: async (path, options) => {
      calls.push(`${options.method} ${path}`);
      return answer(path, options);
    },
  });
  return { handIn, clock, calls };
}

const hub = (path, options) => (path === '/api/takes' ? { filed: false, have: [] } : path.endsWith('/filed') ? {} : { sha256: `h${options.body[0]}`, cut: '' });
const refusing = (code, when) => (path, options) => {
  if (when(path)) throw new ApiError(code, '', 400);
  return hub(path, options);
};

test('every piece goes, and then nothing is left here', async () => {
  const store = await full();
  const { handIn, calls } = desk(store, hub);
  await handIn.run();
  assert.deepEqual(calls, ['POST /api/takes', 'PUT /api/takes/t/pieces/0', 'PUT /api/takes/t/pieces/1', 'PUT /api/takes/t/pieces/2', 'POST /api/takes/t/filed']);
  assert.deepEqual([handIn.phase, handIn.filed, store.rows.size, store.pieces.size], ['done', 1, 0, 0]);
});

test('a piece of which the hub says another hash stays here', async () => {
  const store = await full();
  const { handIn } = desk(store, (path, options) => (path.endsWith('/1') ? { sha256: 'other' } : hub(path, options)));
  await handIn.run();
  assert.deepEqual(await store.numbers('t'), [1]);
  assert.deepEqual([handIn.phase, handIn.refused], ['waiting', 1]);
});

test('a hub that goes away is waited for, and only the rest is sent', async () => {
  const store = await full();
  let away = true;
  const { handIn, clock, calls } = desk(store, (path, options) => {
    if (away && path.endsWith('/1')) throw new ApiError('network', '', 0);
    return hub(path, options);
  });
  await handIn.run();
  assert.deepEqual([handIn.phase, handIn.trouble, await store.numbers('t')], ['waiting', 'network', [1, 2]]);
  away = false;
  calls.length = 0;
  await clock.pass(6);
  assert.deepEqual(calls.filter((call) => call.startsWith('PUT')), ['PUT /api/takes/t/pieces/1', 'PUT /api/takes/t/pieces/2']);
  assert.equal(handIn.phase, 'done');
});

test('somebody of another point is told, and the take waits for its own people', async () => {
  const store = await full();
  const { handIn } = desk(store, refusing('not_found', (path) => path === '/api/takes'));
  await handIn.run();
  assert.deepEqual([handIn.phase, handIn.foreign, store.pieces.size], ['waiting', 1, 3]);
});

test('a piece that the hub cannot read does not hold up the others', async () => {
  const store = await full();
  const { handIn, calls } = desk(store, refusing('take.sealed_otherwise', (path) => path.endsWith('/1')));
  await handIn.run();
  assert.ok(calls.includes('POST /api/takes/t/filed'));
  assert.deepEqual([await store.numbers('t'), handIn.refused], [[1], 1]);
});

test('beside a running session it is sent slowly', async () => {
  const store = await full();
  const { handIn, clock } = desk(store, hub, true);
  const work = handIn.run();
  await clock.pass(0.4);
  assert.equal(handIn.sent, 1);
  await clock.pass(5);
  await work;
  assert.equal(handIn.filed, 1);
});

test('what another page of this browser is writing is left alone', async () => {
  const store = await full();
  store.held.add('t');
  const { handIn, calls } = desk(store, hub);
  await handIn.run();
  assert.deepEqual([calls, store.pieces.size], [[], 3]);
});
