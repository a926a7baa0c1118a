import assert from 'node:assert/strict';
import test from 'node:test';

import { LocalMedia } from '../../../web/static/js/lib/devices.js';
import { settle } from './virtual.js';

// A machine with microphones that can be pulled out and plugged in.
class Machine extends EventTarget {
  constructor(...plugged) {
    super();
    this.plugged = plugged;
    this.asked = [];
  }

  async enumerateDevices() {
    return this.plugged.map((name) => ({ kind: 'audioinput', deviceId: name, groupId: `group of ${name}`, label: name }));
  }

  async getUserMedia({ audio }) {
    const name = audio.deviceId?.exact ?? this.plugged[0];
    this.asked.push(name);
    if (!this.plugged.includes(name)) throw new DOMException('', 'NotFoundError');
    const track = { kind: 'audio', stop() {}, getSettings: () => ({ deviceId: name, groupId: `group of ${name}` }) };
    this.track = track;
    return { getTracks: () => [track] };
  }

  async plug(...plugged) {
    const gone = this.track && !plugged.includes(this.track.getSettings().deviceId);
    this.plugged = plugged;
    if (gone) this.track.onended?.();
    this.dispatchEvent(new Event('devicechange'));
    await settle();
  }
}

function media(machine) {
  const told = [];
  const local = new LocalMedia({
    devices: machine,
    ontrack: (source, track) => told.push(track ? track.getSettings().deviceId : 'off'),
    ontrouble: (trouble) => told.push(trouble.kind),
  });
  return { local, told };
}

test('a microphone that was pulled out is taken again when it is back', async () => {
  const machine = new Machine('desk', 'laptop');
  const { local, told } = media(machine);
  await local.start('mic', 'desk');
  await machine.plug('laptop');
  assert.deepEqual(told, ['desk', 'off', 'unplugged']);
  await machine.plug('laptop', 'headset');
  assert.equal(told.length, 3); // nobody asked for another one
  await machine.plug('desk', 'laptop');
  assert.deepEqual(told.slice(3), ['desk']);
});

test('one that was replaced, or let go of, is not', async () => {
  for (const after of [(local) => local.start('mic', 'laptop'), (local) => local.stop('mic'), (local) => local.stopAll()]) {
    const machine = new Machine('desk', 'laptop');
    const { local, told } = media(machine);
    await local.start('mic', 'desk');
    await machine.plug('laptop');
    await after(local);
    const before = told.length;
    await machine.plug('desk', 'laptop');
    assert.equal(told.length, before);
  }
});
