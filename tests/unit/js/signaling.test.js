import assert from 'node:assert/strict';
import test from 'node:test';

import { SessionSocket } from '../../../web/static/js/lib/signaling.js';
import { FakeWire, VirtualClock, settle } from './virtual.js';

function setup({ renew } = {}) {
  const clock = new VirtualClock();
  const wires = [];
  const statuses = [];
  const messages = [];
  const socket = new SessionSocket({
    url: 'ws://hub/ws/session/abc',
    token: 'ticket',
    device: 'device1',
    clock,
    random: () => 0.5,
    renew,
    connect: (url) => {
      const wire = new FakeWire(url);
      wires.push(wire);
      return wire;
    },
    onstatus: (status) => statuses.push(status),
    onmessage: (message) => messages.push(message),
  });
  const welcome = (wire, resume = 'resume1') => wire.receive({ type: 'welcome', version: 1, resume, utc: 5000, last_event: 0 });
  const open = () => {
    socket.start();
    wires[0].open();
    welcome(wires[0]);
    return wires[0];
  };
  return { clock, wires, statuses, messages, socket, welcome, open };
}

test('it says hello with version, ticket and device', () => {
  const { socket, wires } = setup();
  socket.start();
  wires[0].open();
  assert.deepEqual(wires[0].sent, [{ type: 'hello', version: 1, token: 'ticket', device: 'device1', last_event: 0 }]);
});

test('a lost line is resumed with the new token and the last event', async () => {
  const { clock, wires, open, socket, statuses } = setup();
  open();
  wires[0].receive({ type: 'event', number: 7, utc: 1, at_s: 1, kind: 'session.started', body: {} });
  wires[0].drop();
  assert.equal(socket.status.phase, 'reconnecting');
  await clock.pass(1.4);
  assert.equal(wires.length, 1);
  await clock.pass(0.2);
  wires[1].open();
  assert.deepEqual(wires[1].sent[0], { type: 'hello', version: 1, token: 'resume1', device: 'device1', last_event: 7 });
  assert.equal(statuses.at(-1).phase, 'reconnecting');
});

test('events that come twice after a resume are told once, chat lines always', () => {
  const { wires, open, messages } = setup();
  open();
  for (const number of [1, 2, 2, 1, 3]) wires[0].receive({ type: 'event', number, kind: 'x', body: {} });
  for (let i = 0; i < 2; i++) wires[0].receive({ type: 'event', number: 0, kind: 'chat.line', body: {} });
  assert.deepEqual(messages.filter((one) => one.type === 'event').map((one) => one.number), [1, 2, 3, 0, 0]);
});

test('it retries every 1 to 2 s for two minutes, then slower, and never stops', async () => {
  const { clock, wires, open } = setup();
  open();
  wires[0].drop();
  const fail = () => wires.at(-1).drop();
  for (let i = 0; i < 79; i++) {
    await clock.pass(1.5);
    fail();
  }
  assert.equal(wires.length, 80);
  await clock.pass(2);
  fail();
  const before = wires.length;
  await clock.pass(11);
  assert.equal(wires.length, before);
  await clock.pass(1);
  assert.equal(wires.length, before + 1);
});

test('a socket that was replaced stays closed', async () => {
  const { clock, wires, open, socket } = setup();
  open();
  wires[0].drop(4001);
  assert.deepEqual(socket.status, { phase: 'over', reason: 'replaced' });
  await clock.pass(600);
  assert.equal(wires.length, 1);
});

test('the end of the session is not retried', async () => {
  const { clock, wires, open, socket } = setup();
  open();
  wires[0].drop(4004);
  await clock.pass(60);
  assert.equal(socket.status.reason, 'ended');
  assert.equal(wires.length, 1);
});

test('a refused token is renewed once, then it is over', async () => {
  const { clock, wires, open, socket } = setup({ renew: async () => 'fresh' });
  open();
  wires[0].drop(4003);
  await settle();
  wires[1].open();
  assert.equal(wires[1].sent[0].token, 'fresh');
  wires[1].drop(4003);
  await clock.pass(60);
  assert.deepEqual(socket.status, { phase: 'over', reason: 'not_allowed' });
  assert.equal(wires.length, 2);
});

test('a refused token without renewal is over', async () => {
  const { wires, open, socket } = setup({ renew: async () => null });
  open();
  wires[0].drop(4003);
  await settle();
  assert.equal(socket.status.reason, 'not_allowed');
});

test('a hub that goes down for an update is visited again within 2 s even after a long loss', async () => {
  const { clock, wires, open } = setup();
  open();
  wires[0].drop(4013);
  await clock.pass(1.6);
  assert.equal(wires.length, 2);
});

test('a silent line is given up after 5 s without waiting for TCP', async () => {
  const { clock, wires, open, socket } = setup();
  open();
  await clock.pass(4);
  assert.equal(socket.status.phase, 'open');
  await clock.pass(4);
  assert.equal(socket.status.phase, 'reconnecting');
  assert.notEqual(wires[0].closed, null);
});

test('answered pings keep the line', async () => {
  const { clock, wires, open, socket } = setup();
  open();
  for (let i = 0; i < 10; i++) {
    const ping = wires[0].sent.filter((one) => one.type === 'ping').at(-1);
    wires[0].receive({ type: 'pong', n: ping.n, utc: 5000 + i * 3 });
    await clock.pass(3);
  }
  assert.equal(socket.status.phase, 'open');
});

test('a late answer of a socket that was given up changes nothing', async () => {
  const { clock, wires, open, socket } = setup();
  open();
  await clock.pass(8);
  wires[0].receive({ type: 'welcome', version: 1, resume: 'stale', utc: 1 });
  wires[0].drop(4001);
  assert.equal(socket.status.phase, 'reconnecting');
  assert.equal(socket.token, 'resume1');
});

test('requests are answered by number, refused with code and sentence', async () => {
  const { wires, open, socket } = setup();
  open();
  const first = socket.request('admit', { participant: 'p1' });
  const second = socket.request('start', { record: 'full' });
  const [one, two] = wires[0].sent.slice(-2);
  assert.deepEqual([one.type, one.participant, two.record], ['admit', 'p1', 'full']);
  wires[0].receive({ type: 'error', req: two.req, code: 'notice.unread', message: 'Hãy đọc thông báo trước.' });
  wires[0].receive({ type: 'done', req: one.req, body: { ok: 1 } });
  assert.deepEqual((await first).body, { ok: 1 });
  await assert.rejects(second, { code: 'notice.unread', message: 'Hãy đọc thông báo trước.' });
});

test('requests that were under way when the line broke are rejected, not sent twice', async () => {
  const { clock, wires, open, socket } = setup();
  open();
  const waiting = socket.request('bookmark', { text: '' });
  wires[0].drop();
  await assert.rejects(waiting, { code: 'connection.lost' });
  await assert.rejects(socket.request('bookmark', { text: '' }), { code: 'connection.lost' });
  await clock.pass(2);
  wires[1].open();
  assert.equal(wires[1].sent.length, 1);
});

test('a hub that never welcomes is tried again', async () => {
  const { clock, wires, socket } = setup();
  socket.start();
  wires[0].open();
  await clock.pass(6.1);
  await clock.pass(1.6);
  assert.equal(wires.length, 2);
});

test('leaving closes for good', async () => {
  const { clock, wires, open, socket } = setup();
  open();
  socket.stop();
  assert.equal(wires[0].closed, 1000);
  await clock.pass(60);
  assert.equal(wires.length, 1);
});

test('the device coming online skips the wait', () => {
  const { wires, open, socket } = setup();
  open();
  wires[0].drop();
  socket.retryNow();
  assert.equal(wires.length, 2);
});

test('who leaves has left, also when the hub closes the line before it answers', async () => {
  const { open, socket, statuses } = setup();
  const wire = open();
  const leaving = socket.leave();
  assert.equal(wire.sent.at(-1).type, 'leave');
  wire.drop(4004);
  await leaving;
  assert.deepEqual(statuses.at(-1), { phase: 'over', reason: 'left' });
});
