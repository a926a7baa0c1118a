import assert from 'node:assert/strict';
import test from 'node:test';

import { PictureJudge, SoundJudge, greyLevels, levelDb, meterPart } from '../../../web/static/js/lib/meters.js';

const tone = (level, count = 2048) => Float32Array.from({ length: count }, (_, i) => level * Math.sin((2 * Math.PI * 440 * i) / 48000));

test('levels in dBFS: full scale sine is -3, nothing is -100', () => {
  assert.ok(Math.abs(levelDb(tone(1, 48000)) + 3.01) < 0.05);
  assert.equal(levelDb(new Float32Array(100)), -100);
  assert.equal(meterPart(-100), 0);
  assert.equal(meterPart(0), 1);
});

function heard(...blocks) {
  const judge = new SoundJudge();
  blocks.forEach((block) => judge.take(block));
  return judge.verdict();
}

test('sound: silence, faint, good, clipping', () => {
  assert.equal(heard(), 'none');
  assert.equal(heard(new Float32Array(2048), tone(0.0003)), 'silent');
  assert.equal(heard(tone(0.004)), 'faint');
  assert.equal(heard(new Float32Array(2048), tone(0.2)), 'good');
  assert.equal(heard(tone(4).map((sample) => Math.max(-1, Math.min(1, sample)))), 'clipping');
});

test('one loud click in a long test is no clipping', () => {
  const click = tone(0.1);
  click[5] = 1;
  assert.equal(heard(click, ...Array.from({ length: 40 }, () => tone(0.1))), 'good');
});

function picture(seed, base = 120) {
  return Uint8Array.from({ length: 64 * 36 }, (_, i) => base + ((i * 7 + seed * 13) % 40));
}

function seen(frames, step = 0.1, frozenAfter = 3) {
  const judge = new PictureJudge(frozenAfter);
  frames.forEach((frame, index) => judge.take(frame, index * step));
  return judge.verdict();
}

test('a moving picture is good', () => {
  assert.equal(seen(Array.from({ length: 40 }, (_, i) => picture(i))), 'good');
});

test('a picture that stops for 3 s is frozen, a shorter stop is not', () => {
  const moving = Array.from({ length: 10 }, (_, i) => picture(i));
  assert.equal(seen([...moving, ...Array.from({ length: 31 }, () => picture(99))]), 'frozen');
  assert.equal(seen([...moving, ...Array.from({ length: 25 }, () => picture(99))]), 'good');
});

test('the noise of a still scene is not frozen', () => {
  const still = Array.from({ length: 60 }, (_, i) => picture(0).map((value, at) => value + ((at * 31 + i * 17) % 3)));
  assert.equal(seen(still), 'good');
});

test('a covered lens is black, a dark room is not', () => {
  const covered = Array.from({ length: 20 }, (_, i) => Uint8Array.from({ length: 2304 }, (_v, at) => 4 + ((at + i) % 5)));
  assert.equal(seen(covered), 'black');
  const dark = Array.from({ length: 20 }, (_, i) => Uint8Array.from({ length: 2304 }, (_v, at) => ((at * 3 + i) % 60)));
  assert.equal(seen(dark), 'good');
  assert.equal(new PictureJudge().verdict(), 'none');
});

test('grey levels', () => {
  assert.deepEqual([...greyLevels([255, 255, 255, 255, 0, 0, 0, 255, 0, 255, 0, 255])], [255, 0, 149]);
});
