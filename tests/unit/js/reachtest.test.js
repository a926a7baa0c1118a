import assert from 'node:assert/strict';
import test from 'node:test';

import { ReachTest, judge, onlyOver, placeOf, placesOf, request, wayOf } from '../../../web/static/js/lib/reachtest.js';
import { VirtualClock, settle } from './virtual.js';

const ANSWER = [
  'v=0', 'm=audio 40000 UDP/TLS/RTP/SAVPF 111', 'a=candidate:1 1 udp 2130706431 203.0.113.7 40000 typ host',
  'a=candidate:2 1 tcp 1518280447 203.0.113.7 40000 typ host tcptype passive', 'a=end-of-candidates', '',
].join('\r\n');

class FakePeer {
  constructor(configuration, world) {
    this.configuration = configuration;
    this.world = world;
    this.connectionState = 'new';
  }
  addTransceiver() {}
  async createOffer() {
    return { type: 'offer', sdp: 'v=0' };
  }
  async setLocalDescription(description) {
    this.localDescription = description;
  }
  async setRemoteDescription(description) {
    const server = this.configuration.iceServers[0];
    const way = server ? wayOf(server.urls) : placesOf(description.sdp)[0]?.protocol;
    if (this.world.open.includes(way)) {
      this.connectionState = 'connected';
      queueMicrotask(() => this.onconnectionstatechange?.());
    }
  }
  close() {
    this.world.closed += 1;
  }
}

async function run(open, plan = {}) {
  const clock = new VirtualClock();
  const world = { open, closed: 0, legs: [] };
  const reach = new ReachTest({
    clock,
    make: (configuration) => new FakePeer(configuration, world),
    plan: async () => ({
      relays: 1,
      iceServers: [{ urls: ['turn:turn.example?transport=udp', 'turn:turn.example:443?transport=tcp', 'turns:turn.example'], username: 'u' }],
      ...plan,
    }),
    leg: async (sdp, relay) => {
      world.legs.push(relay);
      return { sdp: ANSWER };
    },
    socket: () => {
      const wire = { close() {} };
      if (open.includes('socket')) queueMicrotask(() => wire.onopen());
      return wire;
    },
    web: { address: 'hub.example', port: 443, protocol: 'tcp' },
    onstep() {},
  });
  const done = reach.run();
  await settle();
  await clock.pass(7);
  return { verdict: await done, steps: reach.steps, world };
}

test('an open network: every way is tried for itself, and every connection is closed', async () => {
  const { verdict, steps, world } = await run(['socket', 'udp', 'tcp', 'turn_udp', 'turn_tcp', 'turn_tls']);
  assert.equal(verdict.kind, 'good');
  assert.deepEqual(steps.map((step) => [step.way, step.state]), [
    ['socket', 'good'], ['udp', 'good'], ['tcp', 'good'], ['turn_udp', 'good'], ['turn_tcp', 'good'], ['turn_tls', 'good'],
  ]);
  assert.equal(world.closed, 5);
  assert.equal(request(verdict.blocked), null);
});

test('UDP blocked: it goes by a detour, and the sentence names address and port', async () => {
  const { verdict } = await run(['socket', 'tcp'], { iceServers: [] });
  assert.equal(verdict.kind, 'slow');
  assert.deepEqual(verdict.blocked.map((step) => step.way), ['udp']);
  const wanted = request(verdict.blocked);
  assert.match(wanted.vi, /UDP tới 203\.0\.113\.7 cổng 40000/);
  assert.match(wanted.en, /UDP to 203\.0\.113\.7 port 40000/);
});

test('nothing but the web: it says so and asks for everything', async () => {
  const { verdict } = await run(['socket']);
  assert.equal(verdict.kind, 'none');
  const { en } = request(verdict.blocked);
  for (const part of ['UDP to 203.0.113.7 port 40000', 'TCP to 203.0.113.7 port 40000', 'UDP to turn.example port 3478', 'TCP to turn.example port 443, 5349']) assert.ok(en.includes(part), en);
});

test('a proxy that breaks the socket is named before all else', async () => {
  const { verdict } = await run(['udp', 'tcp'], { iceServers: [] });
  assert.equal(verdict.kind, 'socket');
  assert.match(request(verdict.blocked).vi, /hub\.example cổng 443.*WebSocket/);
});

test('every relay has to be reached; without a relay nothing is', async () => {
  const two = await run(['socket', 'udp', 'tcp'], { relays: 2, iceServers: [] });
  assert.deepEqual(two.world.legs.sort(), [0, 0, 1, 1]);
  const none = await run(['socket', 'udp', 'tcp'], { relays: 0 });
  assert.equal(none.verdict.kind, 'none');
  assert.equal(none.steps.some((step) => step.way.startsWith('turn')), false);
});

test('addresses are read as they stand', () => {
  assert.deepEqual(placesOf(onlyOver(ANSWER, 'tcp')), [{ address: '203.0.113.7', port: 40000, protocol: 'tcp' }]);
  assert.deepEqual(placeOf('turns:[2001:db8::1]:443'), { address: '[2001:db8::1]', port: 443, protocol: 'tcp' });
  assert.deepEqual(placeOf('turn:a.b'), { address: 'a.b', port: 3478, protocol: 'udp' });
  assert.deepEqual(placesOf('garbage\na=candidate:1'), []);
  assert.equal(judge([]).kind, 'socket');
});
