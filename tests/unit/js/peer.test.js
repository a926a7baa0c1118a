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

  async createOffer() {
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
  const world = { expected: true, refuse: false };
  const link = new MediaLink({
    clock,
    make: () => {
      const peer = new FakePeer();
      peers.push(peer);
      return peer;
    },
    request: async (type, fields) => {
      requests.push({ type, ...fields });
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

test('a subscribe leg on which nothing arrives for 2.5 s although others send is opened again', async () => {
  const { clock, requests, connect, link } = setup();
  const { publish, subscribe } = await connect();
  for (let i = 0; i < 5; i++) {
    subscribe.stats.received += 1000;
    publish.stats.responses += 1;
    await clock.pass(1);
  }
  const before = requests.length;
  for (let i = 0; i < 3; i++) {
    publish.stats.responses += 1;
    await clock.pass(1);
  }
  assert.deepEqual(requests.slice(before).map((one) => one.type), ['subscribe']);
  assert.equal(subscribe.closed, true);
  assert.equal(publish.closed, false);
  assert.notEqual(link.lostSince, null);
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

test('a failed connection is opened again at once, then with growing pauses', async () => {
  const { clock, requests, connect, peers, world } = setup();
  const { publish } = await connect();
  world.expected = false;
  world.refuse = true;
  const before = requests.length;
  publish.become('failed');
  await clock.pass(0.1);
  const tried = () => requests.slice(before).filter((one) => one.type === 'publish').length;
  assert.equal(tried(), 1);
  await clock.pass(1.1);
  assert.equal(tried(), 2);
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
  link.reopen('resumed', false);
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
