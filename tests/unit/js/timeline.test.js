import assert from 'node:assert/strict';
import test from 'node:test';

import { ReplayClock, covering, currentLine, emptyUntil, follow, neighbour, speakerAt } from '../../../web/static/js/lib/timeline.js';

test('the clock runs, pauses, jumps and changes speed without a step', () => {
  const clock = new ReplayClock(100);
  clock.play(10);
  assert.equal(clock.position(14), 4);
  clock.setRate(2, 14);
  assert.equal(clock.position(16), 8);
  clock.pause(16);
  assert.equal(clock.position(99), 8);
  clock.seek(50, 99);
  clock.play(100);
  assert.equal(clock.position(101), 52);
  clock.setRate(0.5, 101);
  assert.equal(clock.position(103), 53);
});

test('it stops at the end, and plays again from the beginning', () => {
  const clock = new ReplayClock(10);
  clock.play(0);
  assert.equal(clock.position(30), 10);
  clock.pause(30);
  clock.play(31);
  assert.equal(clock.position(32), 1);
});

test('jumps stay on the line', () => {
  const clock = new ReplayClock(10);
  clock.seek(-5, 0);
  assert.equal(clock.position(0), 0);
  clock.seek(99, 0);
  assert.equal(clock.position(0), 10);
});

const segments = [{ start: 0, end: 18 }, { start: 25, end: 42 }];

test('which segment covers a moment, and what a gap is', () => {
  assert.equal(covering(segments, 17.99), segments[0]);
  assert.equal(covering(segments, 18), null);
  assert.equal(covering(segments, 25), segments[1]);
});

test('a player in step is left alone, a little drift is worked off, a lot is jumped over', () => {
  assert.deepEqual(follow(10, 10.01, 1), { jump: false, rate: 1 });
  const late = follow(10.2, 10, 1);
  assert.ok(!late.jump && late.rate > 1.02 && late.rate <= 1.08);
  const early = follow(10, 10.2, 2);
  assert.ok(!early.jump && early.rate < 2 && early.rate >= 1.9);
  assert.equal(follow(12, 10, 1).jump, true);
});

test('drift is worked off to under 40 ms within a few seconds at any speed', () => {
  for (const rate of [0.5, 1, 2]) {
    let master = 10;
    let player = 9.7;
    for (let i = 0; i < 80; i++) {
      const step = follow(master, player, rate);
      player += 0.1 * step.rate;
      master += 0.1 * rate;
    }
    assert.ok(Math.abs(master - player) < 0.04, `${rate}: ${master - player}`);
  }
});

test('marks: next and previous, a mark just passed counts as passed', () => {
  assert.equal(neighbour([30, 5, 12], 5, 1), 12);
  assert.equal(neighbour([30, 5, 12], 12.8, -1), 5);
  assert.equal(neighbour([30, 5, 12], 14, -1), 12);
  assert.equal(neighbour([5], 6, 1), null);
});

test('the line of the minutes that is current', () => {
  const lines = [{ at: 2 }, { at: 9 }];
  assert.deepEqual([1, 2, 8.9, 9, 50].map((at) => currentLine(lines, at)), [-1, 0, 0, 1, 1]);
});

test('a gap of everybody may be skipped, one of a single point not', () => {
  const a = { segments: [{ start: 0, end: 10 }, { start: 40, end: 60 }], gaps: [] };
  const b = { segments: [{ start: 0, end: 60 }], gaps: [{ start: 8, end: 50 }] };
  assert.equal(emptyUntil([a, b], 5, 60), null);
  assert.equal(emptyUntil([a, b], 9, 60), null);
  assert.equal(emptyUntil([a, b], 12, 60), 40);
  assert.equal(emptyUntil([a], 70, 60), null);
  assert.equal(emptyUntil([{ segments: [{ start: 0, end: 5 }], gaps: [] }], 6, 60), null, 'nothing comes any more');
});

test('who began to speak last is large', () => {
  const points = [{ talk: [[0, 10]] }, { talk: [[4, 6], [20, 30]] }, {}];
  assert.equal(speakerAt(points, 1), 0);
  assert.equal(speakerAt(points, 5), 1);
  assert.equal(speakerAt(points, 7), 0);
  assert.equal(speakerAt(points, 15), -1);
});
