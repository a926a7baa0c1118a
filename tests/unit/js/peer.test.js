import assert from 'node:assert/strict';
import test from 'node:test';

import { MediaLink, preferredCodecs } from '../../../web/static/js/lib/peer.js';
import { VirtualClock, settle } from './virtual.js';

class FakeTrack {
  constructor(kind) {
    this.kind = kind;
  }
}

class FakePeer {
  constructor() {
    this.transceivers = [];
    this.connectionState = 'new';
    this.closed = false;
    this.stats = { received: 0, responses: 0 };
    this.remote = [];
    this.offers = [];
  }

  addTransceiver(track, init) {
    const line = {
      mid: null,
      direction: init.direction,
      sender: { track, replaceTrack: async (next) => (line.sender.track = next) },
      receiver: { track: new FakeTrack(track.kind) },
      setCodecPreferences() {},
    };
    this.transceivers.push(line);
    return line;
  }

  getTransceivers() {
    return this.transceivers;
  }

  async createOffer(options) {
    this.offers.push(options);
    return { type: 'offer', sdp: `offer ${this.transceivers.length}` };
  }

  async createAnswer() {
    return { type: 'answer', sdp: `answer ${this.remote.length}` };
  }

  async setLocalDescription(description) {
    this.localDescription = description;
    if (description.type === 'offer') this.transceivers.forEach((line, index) => (line.mid ??= String(index)));
  }

  async setRemoteDescription(description) {
    this.remoteDescription = description;
    this.remote.push(description.sdp);
    if (description.type !== 'offer') return;
    for (const mid of description.sdp.split(' ').slice(1)) {
      if (this.transceivers.some((line) => line.mid === mid)) continue;
      this.transceivers.push({ mid, direction: 'recvonly', receiver: { track: new FakeTrack(mid) } });
    }
  }

  become(state) {
    this.connectionState = state;
    this.onconnectionstatechange?.();
  }

  async getStats() {
    const pair = { type: 'candidate-pair', nominated: true, bytesReceived: this.stats.received, responsesReceived: this.stats.responses };
    return new Map([['pair', pair]]);
  }

  setConfiguration(configuration) {
    this.configuration = configuration;
  }

  close() {
    this.closed = true;
  }
}

function setup() {
  const clock = new VirtualClock();
  const peers = [];
  const requests = [];
  const sent = [];
  const states = [];
  const incoming = [];
  const world = { expected: true, refuse: false, restartRefused: '' };
  const link = new MediaLink({
    clock,
    make: () => {
      const peer = new FakePeer();
      peers.push(peer);
      return peer;
    },
    request: async (type, fields) => {
      requests.push({ type, ...fields });
      if (fields.restart && world.restartRefused) throw Object.assign(new Error('no'), { code: world.restartRefused });
      if (world.refuse) throw new Error('refused');
      return { sdp: 'answer' };
    },
    send: (type, fields) => {
      sent.push({ type, ...fields });
      return true;
    },
    onlines: (lines) => incoming.push(lines),
    onstate: (state) => states.push(state),
    expected: () => world.expected,
  });
  const connect = async () => {
    await link.setTrack('mic', new FakeTrack('audio'));
    await link.setTrack('camera', new FakeTrack('video'));
    link.open();
    await settle();
    peers.forEach((peer) => peer.become('connected'));
    return { publish: peers[0], subscribe: peers[1] };
  };
  return { clock, peers, requests, sent, states, incoming, link, world, connect };
}

test('both legs open at once, sound first in the offer', async () => {
  const { requests, connect, link } = setup();
  await connect();
  assert.deepEqual(requests.map((one) => one.type).sort(), ['publish', 'subscribe']);
  assert.deepEqual(requests.find((one) => one.type === 'publish').sources, { 0: 'mic', 1: 'camera' });
  assert.equal(link.connected, true);
});

test('without camera and microphone one still receives; a device that comes later opens the leg', async () => {
  const { requests, link, peers } = setup();
  link.open();
  await settle();
  assert.deepEqual(requests.map((one) => one.type), ['subscribe']);
  peers[0].become('connected');
  assert.equal(link.connected, true);
  await link.setTrack('mic', new FakeTrack('audio'));
  assert.deepEqual(requests.at(-1).sources, { 0: 'mic' });
});

test('a shared screen is one more line of the same connection, and goes inactive when it stops', async () => {
  const { requests, connect, link, peers } = setup();
  await connect();
  await link.setTrack('screen', new FakeTrack('video'));
  assert.equal(peers.length, 2);
  assert.deepEqual(requests.at(-1).sources, { 0: 'mic', 1: 'camera', 2: 'screen' });
  await link.setTrack('screen', null);
  assert.deepEqual(requests.at(-1).sources, { 0: 'mic', 1: 'camera' });
  await link.setTrack('screen', new FakeTrack('video'));
  assert.deepEqual(requests.at(-1).sources, { 0: 'mic', 1: 'camera', 2: 'screen' });
  assert.equal(peers[0].transceivers.length, 3);
});

test('another microphone needs no new offer', async () => {
  const { requests, connect, link, peers } = setup();
  await connect();
  const before = requests.length;
  const track = new FakeTrack('audio');
  await link.setTrack('mic', track);
  assert.equal(requests.length, before);
  assert.equal(peers[0].transceivers[0].sender.track, track);
});

test('offers are answered in order and told as lines; idle lines are left out', async () => {
  const { connect, link, sent, incoming } = setup();
  await connect();
  link.take({ type: 'offer', offer: 1, sdp: 'offer a', lines: [{ mid: 'a', participant: 'p1', source: 'mic' }] });
  link.take({
    type: 'offer', offer: 2, sdp: 'offer a b',
    lines: [{ mid: 'a', participant: '', source: 'mic' }, { mid: 'b', participant: 'p2', source: 'camera' }],
  });
  await settle();
  await settle();
  assert.deepEqual(sent.filter((one) => one.type === 'subscribe_answer').map((one) => one.offer), [1, 2]);
  assert.deepEqual(incoming.at(-1).map((one) => [one.participant, one.source, one.track.kind]), [['p2', 'camera', 'b']]);
});

// Both legs live for some seconds, then the line is dead.
async function cut({ clock, connect }) {
  const { publish, subscribe } = await connect();
  for (let i = 0; i < 5; i++) {
    subscribe.stats.received += 1000;
    publish.stats.responses += 1;
    await clock.pass(1);
  }
  return { publish, subscribe };
}

test('a dead line is found within seconds and ICE starts again on the same connections', async () => {
  const world = setup();
  const { publish, subscribe } = await cut(world);
  const before = world.requests.length;
  await world.clock.pass(2);
  assert.deepEqual(world.requests.slice(before), [{ type: 'subscribe', restart: true }]);
  await world.clock.pass(2);
  const last = world.requests.at(-1);
  assert.deepEqual([last.type, last.restart], ['publish', true]);
  assert.equal(publish.offers.at(-1).iceRestart, true);
  assert.equal(subscribe.closed || publish.closed, false);
  assert.notEqual(world.link.lostSince, null);
});

test('whenever the line returns the legs are well within a second, without a new connection', async () => {
  for (const blackout of [3, 8, 11]) {
    const world = setup();
    const { publish, subscribe } = await cut(world);
    await world.clock.pass(blackout);
    publish.stats.responses += 1;
    subscribe.stats.received += 1000;
    await world.clock.pass(1);
    assert.equal(world.link.connected, true, String(blackout));
    assert.equal(world.link.lostSince, null);
    assert.equal(world.peers.length, 2);
  }
});

test('after three starts in vain the connections are made anew, again and again without a pause', async () => {
  const world = setup();
  await cut(world);
  await world.clock.pass(60);
  const publishes = world.requests.filter((one) => one.type === 'publish').slice(1);
  assert.deepEqual(publishes.slice(0, 4).map((one) => one.restart), [true, true, true, false]);
  assert.ok(world.peers.length >= 8, String(world.peers.length));
  world.peers.filter((peer) => !peer.closed).forEach((peer) => peer.become('connected'));
  assert.equal(world.link.connected, true);
});

test('a leg on which nothing but checks is answered, every 2.5 s, is left alone', async () => {
  const { clock, connect, requests, world } = setup();
  world.expected = false;
  const { publish } = await connect();
  const before = requests.length;
  for (let i = 0; i < 20; i++) {
    await clock.pass(2.5);
    publish.stats.responses += 1;
  }
  assert.equal(requests.length, before);
});

test('a leg that the relay has no more is opened anew at once', async () => {
  const world = setup();
  await cut(world);
  world.world.restartRefused = 'unknown_peer';
  await world.clock.pass(4.5);
  assert.deepEqual(world.peers.map((peer) => peer.closed), [true, true, false, false]);
});

test('without the hub ICE waits; when the hub is back it starts at once', async () => {
  const world = setup();
  const { publish, subscribe } = await cut(world);
  world.world.restartRefused = 'connection.lost';
  await world.clock.pass(40);
  assert.equal(world.peers.length, 2, 'what cannot be asked was no attempt');
  world.world.restartRefused = '';
  const before = world.requests.length;
  world.link.resumed();
  await settle();
  assert.deepEqual(world.requests.slice(before).map((one) => [one.type, one.restart]).sort(), [['publish', true], ['subscribe', true]]);
  assert.equal(publish.closed || subscribe.closed, false);
});

test('what the browser calls disconnected is not waited for until it fails', async () => {
  const { requests, connect, world } = setup();
  world.expected = false;
  const { subscribe } = await connect();
  const before = requests.length;
  subscribe.become('disconnected');
  await settle();
  assert.deepEqual(requests.slice(before), [{ type: 'subscribe', restart: true }]);
});

test('another network: both legs look for new ways before the old one is missed', async () => {
  const { requests, connect, link, states } = setup();
  await connect();
  const before = requests.length;
  link.networkChanged();
  await settle();
  assert.deepEqual(requests.slice(before).map((one) => [one.type, one.restart]).sort(), [['publish', true], ['subscribe', true]]);
  assert.equal(states.at(-1).lostSince, null, 'nobody sees anything of it');
});

test('another network while the hub is away: as soon as it is back', async () => {
  const { requests, connect, link, world } = setup();
  await connect();
  world.restartRefused = 'connection.lost';
  link.networkChanged();
  await settle();
  world.restartRefused = '';
  const before = requests.length;
  link.resumed();
  await settle();
  assert.equal(requests.length - before, 2);
  link.resumed();
  await settle();
  assert.equal(requests.length - before, 2);
});

test('with the way open and no media for eight seconds the leg is made anew', async () => {
  const { clock, connect, peers, requests } = setup();
  const { publish, subscribe } = await connect();
  for (let i = 0; i < 10; i++) {
    publish.stats.responses += 1;
    subscribe.stats.responses += 1;
    await clock.pass(1);
  }
  assert.equal(peers.length, 3);
  assert.equal(requests.some((one) => one.restart), false);
});

test('new credentials reach connections that are open', async () => {
  const { connect, link, peers } = setup();
  await connect();
  link.configure({ iceServers: [{ urls: 'turn:a' }] });
  assert.deepEqual(peers.map((peer) => peer.configuration.iceServers.length), [1, 1]);
});

test('silence is no fault while nobody sends', async () => {
  const { clock, requests, connect, world } = setup();
  world.expected = false;
  const { publish } = await connect();
  const before = requests.length;
  for (let i = 0; i < 30; i++) {
    publish.stats.responses += 1;
    await clock.pass(1);
  }
  assert.equal(requests.length, before);
});

test('a dead relay: both legs are opened again at once', async () => {
  const { requests, connect, link, peers } = setup();
  await connect();
  const before = requests.length;
  link.take({ type: 'relay_lost', reason: 'died' });
  await settle();
  assert.deepEqual(requests.slice(before).map((one) => one.type).sort(), ['publish', 'subscribe']);
  assert.equal(peers.length, 4);
  peers.slice(2).forEach((peer) => peer.become('connected'));
  assert.equal(link.lostSince, null);
});

test('a connection that the hub refuses is asked for with growing pauses', async () => {
  const { clock, requests, connect, peers, world } = setup();
  const { publish } = await connect();
  world.expected = false;
  world.refuse = true;
  const before = requests.length;
  publish.become('failed');
  await clock.pass(0.1);
  const tried = () => requests.slice(before).filter((one) => one.type === 'publish' && !one.restart).length;
  assert.ok(tried() >= 1 && tried() <= 2, String(tried()));
  await clock.pass(1.1);
  assert.ok(tried() >= 2 && tried() <= 3, String(tried()));
  await clock.pass(20);
  assert.ok(tried() >= 5 && tried() <= 9, String(tried()));
  world.refuse = false;
  await clock.pass(4.1);
  peers.at(-1).become('connected');
});

test('a resumed socket leaves connections alone that live', async () => {
  const { requests, connect, link } = setup();
  await connect();
  const before = requests.length;
  link.resumed();
  await settle();
  assert.equal(requests.length, before);
});

test('closing tells that nothing comes in any more and stops watching', async () => {
  const { clock, connect, link, incoming, peers, requests } = setup();
  await connect();
  link.close();
  assert.deepEqual(incoming.at(-1), []);
  assert.ok(peers.every((peer) => peer.closed));
  const before = requests.length;
  await clock.pass(60);
  assert.equal(requests.length, before);
});

test('VP8 goes first, codecs that cannot be replayed are not offered', () => {
  const names = ['video/AV1', 'video/H264', 'video/rtx', 'video/VP9', 'video/VP8', 'video/red'];
  assert.deepEqual(preferredCodecs(names.map((mimeType) => ({ mimeType }))).map((one) => one.mimeType), ['video/VP8', 'video/H264', 'video/rtx']);
});
