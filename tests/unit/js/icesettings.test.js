import assert from 'node:assert/strict';
import test from 'node:test';

import { IceSettings } from '../../../web/static/js/lib/icesettings.js';
import { VirtualClock } from './virtual.js';

function setup(fetch) {
  const clock = new VirtualClock();
  const changes = [];
  const asked = [];
  const settings = new IceSettings({
    clock,
    onchange: (configuration) => changes.push(configuration),
    fetch: () => {
      asked.push(clock.now());
      return fetch(asked.length);
    },
  });
  return { clock, changes, asked, settings };
}

const given = async (n) => ({ iceServers: [{ urls: ['turn:a'], username: String(n) }], iceTransportPolicy: 'relay', refresh_s: 600 });

test('credentials are fetched once, and again before their end', async () => {
  const { clock, changes, asked, settings } = setup(given);
  await Promise.all([settings.ready(), settings.ready()]);
  assert.equal(asked.length, 1);
  assert.equal(settings.configuration.iceTransportPolicy, 'relay');
  await settings.ready();
  assert.equal(asked.length, 1);
  await clock.pass(601);
  assert.equal(asked.length, 2);
  assert.equal(changes.at(-1).iceServers[0].username, '2');
});

test('without an answer connections are made all the same after three seconds', async () => {
  const { clock, settings } = setup(() => new Promise(() => {}));
  let done = false;
  void settings.ready().then(() => (done = true));
  await clock.pass(2.9);
  assert.equal(done, false);
  await clock.pass(0.2);
  assert.equal(done, true);
  assert.deepEqual(settings.configuration.iceServers, []);
});

test('a refusal is tried again while connections are open, and no longer', async () => {
  const { clock, asked, settings } = setup(async (n) => {
    if (n < 3) throw new Error('403');
    return given(n);
  });
  await settings.ready();
  assert.deepEqual(settings.configuration.iceServers, []);
  await clock.pass(45);
  assert.equal(asked.length, 3);
  assert.equal(settings.configuration.iceServers.length, 1);
  settings.stop();
  await clock.pass(3600);
  assert.equal(asked.length, 3);
});
