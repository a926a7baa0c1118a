import assert from 'node:assert/strict';
import test from 'node:test';

import { adjust, encodingsFor, layerCount } from '../../../web/static/js/lib/encodings.js';
import { PublishLeg } from '../../../web/static/js/lib/peer.js';
import { ViewReporter } from '../../../web/static/js/lib/views.js';
import { VirtualClock, settle } from './virtual.js';

const HD = { width: 1280, height: 720 };
const SMALL = { width: 640, height: 360 };
const TINY = { width: 320, height: 240 };

test('a capture gives as many layers as Chromium would encode of it', () => {
  assert.deepEqual([HD, { width: 720, height: 1280 }, { width: 960, height: 540 }, SMALL, TINY, {}].map(layerCount), [3, 3, 3, 2, 1, 3]);
});

test('the highest layer that comes always has the full picture', () => {
  const scales = (size) => encodingsFor('camera', size).map((one) => one.scaleResolutionDownBy);
  assert.deepEqual(scales(HD), [4, 2, 1]);
  assert.deepEqual(scales(SMALL), [2, 1, 1]);
  assert.deepEqual(scales(TINY), [1, 1, 1]);
  assert.deepEqual(encodingsFor('camera', HD).map((one) => one.rid), ['q', 'h', 'f']);
  const rates = encodingsFor('camera', HD).map((one) => one.maxBitrate);
  assert.ok(rates[0] < rates[1] && rates[1] < rates[2] && rates.reduce((a, b) => a + b) < 2_500_000, rates);
});

test('sound and papers come in one', () => {
  assert.equal(encodingsFor('mic').length, 1);
  const [screen] = encodingsFor('screen', HD);
  assert.equal(screen.rid, undefined);
  assert.equal(screen.maxFramerate, 15);
});

test('layers nobody takes rest; the lowest never does', () => {
  const parameters = { encodings: encodingsFor('camera', HD).map((one) => ({ ...one, active: true })) };
  assert.equal(adjust(parameters, HD, null), false);
  assert.equal(adjust(parameters, HD, ['q', 'h']), true);
  assert.deepEqual(parameters.encodings.map((one) => one.active), [true, true, false]);
  assert.equal(adjust(parameters, HD, ['q', 'h']), false, 'said twice is done once');
  adjust(parameters, HD, ['f']);
  assert.deepEqual(parameters.encodings.map((one) => one.active), [true, false, true]);
});

test('a smaller camera on the same sender keeps its full picture', () => {
  const parameters = { encodings: encodingsFor('camera', HD) };
  assert.equal(adjust(parameters, SMALL, null), true);
  assert.deepEqual(parameters.encodings.map((one) => one.scaleResolutionDownBy), [2, 1, 1]);
});

function publisher() {
  const senders = [];
  const pc = {
    addTransceiver(track, init) {
      const sender = {
        track,
        parameters: { encodings: init.sendEncodings.map((one) => ({ active: true, ...one })) },
        calls: 0,
        getParameters: () => structuredClone(sender.parameters),
        setParameters: async (next) => {
          sender.calls += 1;
          sender.parameters = next;
        },
        replaceTrack: async (next) => (sender.track = next),
      };
      senders.push(sender);
      return { mid: String(senders.length - 1), direction: init.direction, sender };
    },
    createOffer: async () => ({ type: 'offer', sdp: 'offer' }),
    setLocalDescription: async () => {},
    setRemoteDescription: async () => {},
    close() {},
  };
  const leg = new PublishLeg({ make: () => pc, request: async () => ({ sdp: '' }), send: () => true, onstate() {} });
  return { leg, senders };
}

const track = (size) => ({ kind: 'video', contentHint: '', getSettings: () => size });

test('the leg does what the relay wants, and a new camera is told to it', async () => {
  const { leg, senders } = publisher();
  await leg.setTrack('camera', track(HD));
  await leg.open();
  await leg.setLayers('camera', ['q']);
  const active = () => senders[0].parameters.encodings.map((one) => one.active);
  assert.deepEqual(active(), [true, false, false]);
  const calls = senders[0].calls;
  await leg.setLayers('camera', ['q']);
  assert.equal(senders[0].calls, calls);
  await leg.setTrack('camera', track(SMALL));
  await settle();
  assert.deepEqual(senders[0].parameters.encodings.map((one) => one.scaleResolutionDownBy), [2, 1, 1]);
  assert.deepEqual(active(), [true, false, false]);
  await leg.open();
  assert.equal(leg.wanted.size, 0, 'a new connection starts with all');
});

test('a shared screen keeps its sharpness', async () => {
  const { leg, senders } = publisher();
  const screen = track(HD);
  await leg.setTrack('screen', screen);
  await leg.open();
  await settle();
  assert.equal(screen.contentHint, 'text');
  assert.equal(senders[0].parameters.degradationPreference, 'maintain-resolution');
});

function reporter() {
  const clock = new VirtualClock();
  const sent = [];
  const world = { line: true };
  const views = new ViewReporter({ clock, send: (list) => world.line && sent.push(list) > 0 });
  return { clock, sent, views, world };
}

const view = (width, height = 360) => ({ participant: 'p', source: 'camera', width, height, main: true });

test('sizes are told at once, then gathered', async () => {
  const { clock, sent, views } = reporter();
  views.set([view(640)]);
  assert.equal(sent.length, 1);
  for (let width = 641; width < 900; width += 10) views.set([view(width)]);
  assert.equal(sent.length, 1);
  await clock.pass(0.3);
  assert.deepEqual(sent.map((list) => list[0].width), [640, 896]);
  await clock.pass(10);
  assert.equal(sent.length, 2);
});

test('a few pixels are no change, hidden is one', async () => {
  const { clock, sent, views } = reporter();
  views.set([view(640)]);
  await clock.pass(1);
  views.set([view(635)]);
  await clock.pass(1);
  assert.equal(sent.length, 1);
  views.set([view(0, 0)]);
  await clock.pass(1);
  assert.deepEqual([sent[1][0].width, sent[1][0].height], [0, 0]);
});

test('what could not be sent is sent when asked again, and so is what may be forgotten', async () => {
  const { clock, sent, views, world } = reporter();
  world.line = false;
  views.set([view(640)]);
  await clock.pass(1);
  world.line = true;
  views.again();
  await clock.pass(1);
  views.again();
  await clock.pass(1);
  assert.equal(sent.length, 2);
});
