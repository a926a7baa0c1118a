import assert from 'node:assert/strict';
import test from 'node:test';

import { HubChannel } from '../../../web/static/js/lib/hubchannel.js';
import { FakeWire, VirtualClock, settle } from './virtual.js';

async function setup(ticket = async () => ({ token: 'ticket', device: 'device1' })) {
  const clock = new VirtualClock();
  const wires = [];
  const statuses = [];
  const messages = [];
  const channel = new HubChannel({
    url: 'ws://hub/ws/hub',
    ticket,
    clock,
    random: () => 0.5,
    connect: (url) => {
      const wire = new FakeWire(url);
      wires.push(wire);
      return wire;
    },
    onstatus: (online, reason) => statuses.push([online, reason]),
    onmessage: (message) => messages.push(message),
  });
  await channel.start();
  return { channel, clock, wires, statuses, messages };
}

const last = (wire) => wire.sent.at(-1);

test('it presents the device with a fresh ticket', async () => {
  const { wires, messages, statuses } = await setup();
  wires[0].open();
  assert.deepEqual(last(wires[0]), { type: 'present', version: 1, token: 'ticket', device: 'device1' });
  wires[0].receive({ type: 'hub_state', utc: 1, sites: [], queue: [], sessions: [], alerts: [] });
  assert.equal(messages[0].type, 'hub_state');
  assert.deepEqual(statuses, [[true, '']]);
});

test('a request gets its own answer, a refusal its sentence', async () => {
  const { channel, wires } = await setup();
  wires[0].open();
  wires[0].receive({ type: 'hub_state' });
  const done = channel.request('help', { kind: 'technical' });
  wires[0].receive({ type: 'done', req: last(wires[0]).req, body: {} });
  assert.equal((await done).type, 'done');
  const refused = channel.request('wait', { visit: 'x' });
  wires[0].receive({ type: 'error', code: 'visit.unknown', message: 'Không có lượt tiếp này', req: last(wires[0]).req });
  await assert.rejects(refused, /Không có lượt tiếp này/);
});

test('a lost line comes back by itself and open requests are refused', async () => {
  const { channel, clock, wires, statuses } = await setup();
  wires[0].open();
  wires[0].receive({ type: 'hub_state' });
  const request = channel.request('help', { kind: 'technical' });
  wires[0].drop(1006);
  await assert.rejects(request);
  assert.deepEqual(statuses.at(-1), [false, 'lost']);
  await clock.pass(2);
  await settle();
  assert.equal(wires.length, 2);
});

test('a page that was replaced stays quiet', async () => {
  const { clock, wires, statuses } = await setup();
  wires[0].open();
  wires[0].drop(4001);
  await clock.pass(60);
  await settle();
  assert.equal(wires.length, 1);
  assert.deepEqual(statuses.at(-1), [false, 'replaced']);
});

test('without a log-in it stops asking', async () => {
  const { clock, wires, statuses } = await setup(async () => null);
  await clock.pass(60);
  await settle();
  assert.equal(wires.length, 0);
  assert.deepEqual(statuses, [[false, 'login']]);
});
