import assert from 'node:assert/strict';
import test from 'node:test';

import { HubClock, clockTime, counter, dateTime, parseCounter } from '../../../web/static/js/lib/clock.js';
import { LocalMedia, constraintsFor, troubleOf } from '../../../web/static/js/lib/devices.js';
import { eventWords } from '../../../web/static/js/lib/eventwords.js';
import { _, install } from '../../../web/static/js/lib/i18n.js';
import { mainTile, shortName, thumbGrid, tilesOf } from '../../../web/static/js/lib/layout.js';
import { judgeLine } from '../../../web/static/js/lib/linetest.js';
import { foldLines, readMinutes } from '../../../web/static/js/lib/minutes.js';
import { alarmSentences, breakSentence, recordWords } from '../../../web/static/js/lib/record.js';
import { deviceSentence, overSentence } from '../../../web/static/js/lib/troubles.js';

const session = (fields) => ({ state: 'running', record: 'full', recording: true, record_since_utc: 1000, side_talk: [], alarms: [], ...fields });

test('the record in plain words', () => {
  const words = (fields) => {
    const { words: text, time } = recordWords(session(fields), 1761);
    return [text, time].filter(Boolean).join(' ');
  };
  assert.equal(words({}), 'ĐANG GHI HÌNH 12:41');
  assert.equal(words({ record: 'sound' }), 'CHỈ GHI ÂM 12:41');
  assert.equal(words({ record: 'off' }), 'KHÔNG GHI HÌNH');
  assert.equal(words({ state: 'open', record: 'full', recording: false }), 'KHÔNG GHI HÌNH');
  assert.equal(words({ state: 'suspended' }), 'TẠM DỪNG, KHÔNG GHI');
  assert.equal(words({ recording: false }), 'ĐANG MỞ BẢN GHI');
  assert.equal(words({ alarms: ['disk_full'] }), 'BẢN GHI GẶP SỰ CỐ 12:41');
});

test('it never says that it records while the hub has not confirmed it', () => {
  for (const state of ['planned', 'open', 'running', 'suspended', 'closed', 'locked']) {
    assert.notEqual(recordWords(session({ state, recording: false }), 1761).tone, 'on');
  }
});

test('alarms name the point', () => {
  const [text] = alarmSentences(['not_written:p1:mic'], () => 'Lục Ngạn');
  assert.equal(text, 'Chưa ghi được âm thanh của Lục Ngạn.');
  assert.match(alarmSentences(['disk_full'], () => '')[0], /đầy/);
});

test('counters and times', () => {
  assert.deepEqual([0, 59.99, 484, 3844].map(counter), ['00:00', '00:59', '08:04', '1:04:04']);
  assert.deepEqual(['8:04', '1:04:04', '484', 'x', '1:2:3:4', ''].map(parseCounter), [484, 3844, 484, null, null, null]);
  assert.equal(clockTime(1795331825), '14:17:05');
  assert.equal(dateTime(1795331825), '22/11/2026 14:17:05');
});

test('the hub clock trusts the quickest answer', () => {
  const clock = { now: () => 50 };
  const hub = new HubClock(clock);
  hub.learn(1000, 0.5);
  hub.learn(990, 3);
  assert.equal(hub.utc(), 1000.25);
  hub.learn(1001, 0.1);
  assert.equal(hub.utc(), 1001.05);
});

test('every device trouble has a sentence and a way on', () => {
  const texts = new Set();
  for (const source of ['mic', 'camera', 'document']) {
    for (const kind of ['refused', 'busy', 'missing', 'unplugged', 'insecure', 'failed']) {
      const sentence = deviceSentence({ source, kind });
      assert.ok(sentence.text.length > 20 && sentence.act && sentence.label);
      if (source !== 'document') texts.add(sentence.text);
    }
  }
  assert.equal(texts.size, 11);
  for (const reason of ['replaced', 'not_allowed', 'protocol', 'left', 'ended']) assert.ok(overSentence(reason).title);
});

test('browser errors by what they mean', () => {
  const named = (name) => Object.assign(new Error(''), { name });
  assert.deepEqual(['NotAllowedError', 'NotReadableError', 'NotFoundError', 'TypeError'].map((name) => troubleOf(named(name))), ['refused', 'busy', 'missing', 'failed']);
});

class FakeMediaTrack {
  constructor() {
    this.stopped = false;
  }

  stop() {
    this.stopped = true;
  }
}

function media(answers) {
  const told = { tracks: [], troubles: [], asked: [] };
  const local = new LocalMedia({
    devices: {
      getUserMedia: async (constraints) => {
        told.asked.push(constraints);
        const answer = answers.shift();
        if (answer instanceof Error) throw answer;
        return { getTracks: () => [answer] };
      },
      enumerateDevices: async () => [],
    },
    storage: { getItem: () => 'old-device', setItem() {} },
    ontrack: (source, track) => told.tracks.push([source, track]),
    ontrouble: (trouble) => told.troubles.push(trouble),
  });
  return { local, told };
}

test('a remembered camera that is gone is replaced by another', async () => {
  const gone = Object.assign(new Error(''), { name: 'OverconstrainedError' });
  const track = new FakeMediaTrack();
  const { local, told } = media([gone, track]);
  assert.equal(await local.start('camera'), track);
  assert.equal(told.asked[0].video.deviceId.exact, 'old-device');
  assert.equal(told.asked[1].video.deviceId, undefined);
  assert.deepEqual(told.troubles, []);
});

test('an unplugged microphone is told, a shared screen that ends is not a trouble', async () => {
  const track = new FakeMediaTrack();
  const { local, told } = media([track, new FakeMediaTrack()]);
  await local.start('mic');
  track.onended();
  assert.deepEqual(told.troubles, [{ source: 'mic', kind: 'unplugged' }]);
  assert.deepEqual(told.tracks.at(-1), ['mic', null]);
  local._keep('screen', new FakeMediaTrack());
  local.tracks.get('screen').onended();
  assert.equal(told.troubles.length, 1);
});

test('without a secure connection there is a sentence, not an exception', async () => {
  const troubles = [];
  const local = new LocalMedia({ devices: undefined, ontrack() {}, ontrouble: (one) => troubles.push(one) });
  assert.equal(await local.start('camera'), null);
  assert.equal(troubles[0].kind, 'insecure');
});

test('a picture is asked for at 720p, measuring without processing of sound', () => {
  assert.deepEqual(constraintsFor('camera', '').video.width, { ideal: 1280 });
  assert.equal(constraintsFor('mic', '', true).audio.echoCancellation, false);
});

const point = (id, fields = {}) => ({ participant: id, role: 'point', state: 'joined', publishes: ['mic', 'camera'], muted: [], muted_by_operator: [], ...fields });

test('the stage: pin before shared picture before speaker', () => {
  const people = [point('me'), point('a'), point('b', { state: 'lost' }), point('w', { state: 'waiting' }), point('v', { role: 'viewer' })];
  const tiles = tilesOf(people, 'me', new Set(['b/document']));
  assert.deepEqual(tiles.map((one) => one.key), ['a/camera', 'b/camera', 'b/document', 'me/camera']);
  const none = { pinned: '', speaker: '', lastSpeaker: '' };
  assert.equal(mainTile(tiles, none), 'b/document');
  assert.equal(mainTile(tiles, { ...none, pinned: 'a/camera' }), 'a/camera');
  const faces = tilesOf(people, 'me');
  assert.equal(mainTile(faces, { ...none, speaker: 'b', lastSpeaker: 'a' }), 'b/camera');
  assert.equal(mainTile(faces, { ...none, speaker: 'me', lastSpeaker: 'b' }), 'b/camera');
  assert.equal(mainTile(tilesOf([point('me')], 'me'), none), 'me/camera');
  assert.equal(mainTile([], none), '');
});

test('places as they are said', () => {
  assert.equal(shortName('Điểm cầu Trụ sở Tiếp công dân huyện Lục Ngạn'), 'Điểm cầu huyện Lục Ngạn');
  assert.equal(shortName('Thanh tra tỉnh'), 'Thanh tra tỉnh');
});

test('thirteen points fit without scrolling', () => {
  assert.deepEqual(thumbGrid(3), { columns: 1, rows: 4 });
  assert.deepEqual(thumbGrid(12), { columns: 2, rows: 6 });
});

test('minutes: in the order of their moments, corrected ones marked, struck ones gone', () => {
  const lines = foldLines([
    { id: '1', at_s: 10, speaker: 'B', text: 'ba', kind: 'line', history: [{ text: 'một' }], struck: false },
    { id: '2', at_s: 5, speaker: '', text: '', kind: 'bookmark', history: [], struck: false },
    { id: '3', at_s: 7, speaker: 'A', text: '', kind: 'line', history: [{ text: 'sai' }], struck: true },
  ]);
  assert.deepEqual(lines.map((one) => [one.at, one.text, one.corrected, one.bookmark]), [[5, '', false, true], [10, 'ba', true, false]]);
  assert.equal(readMinutes(null).lines.length, 0);
  assert.equal(readMinutes({ state: 'frozen' }).frozen, true);
});

test('events of the log in words', () => {
  assert.deepEqual(eventWords({ kind: 'outage.started', body: { participant: 'p' } }, () => 'Lục Ngạn'), { tone: 'bad', text: 'Lục Ngạn mất kết nối' });
  assert.equal(eventWords({ kind: 'journal.heads', body: {} }, () => ''), null);
});

test('the line: good, weak, bad', () => {
  assert.equal(judgeLine([0.5, ...Array(11).fill(0.02)]).kind, 'good');
  assert.equal(judgeLine([0.1, ...Array(11).fill(0.4)]).kind, 'weak');
  assert.equal(judgeLine([0.1, ...Array(10).fill(0.02), null]).kind, 'weak');
  assert.equal(judgeLine([null, ...Array(11).fill(null)]).kind, 'bad');
});

test('another language', () => {
  install({ 'Phiên {number}': 'Session {number}' });
  assert.equal(_('Phiên {number}', { number: 7 }), 'Session 7');
  assert.equal(_('Chưa dịch'), 'Chưa dịch');
  install(null);
});

test('a disk with little room is told, and does not unsay that it records', () => {
  assert.equal(recordWords(session({ alarms: ['disk_low'] }), 1761).words, 'ĐANG GHI HÌNH');
  assert.match(alarmSentences(['disk_low'], () => '')[0], /sắp hết chỗ/);
});

test('a break in words, while it lasts and after', () => {
  const name = () => 'Lục Ngạn';
  assert.equal(breakSentence({ since_utc: 1795331825, until_utc: null, cause: 'line', participants: ['p1'] }, name), 'Bản ghi đang gián đoạn từ 14:17:05, lâu hơn mức cho phép: mất kết nối (Lục Ngạn).');
  assert.equal(breakSentence({ since_utc: 1795331825, until_utc: 1795331909, cause: 'disk', participants: [] }, name), 'Bản ghi đã gián đoạn 01:24 từ 14:17:05, lâu hơn mức cho phép: không ghi được xuống ổ đĩa.');
});

test('a picture that rests says whose line it is, and that sound goes on', async () => {
  const { restWords } = await import('../../../web/static/js/lib/lines.js');
  const seen = { still: true, smaller: false, silent: false, name: 'Điểm cầu Lục Ngạn', mine: [], theirs: [], theirLine: 'good' };
  assert.equal(restWords(seen), '', 'no line is to blame');
  assert.match(restWords({ ...seen, mine: ['down'] }), /ở đây yếu.*Tiếng vẫn tiếp tục/);
  assert.equal(restWords({ ...seen, mine: ['up'] }), '', 'what is sent from here does not hold up what comes');
  assert.match(restWords({ ...seen, theirs: ['up'] }), /của Điểm cầu Lục Ngạn yếu nên tạm dừng/);
  assert.match(restWords({ ...seen, still: false, smaller: true, theirLine: 'weak' }), /kém nét/);
  assert.doesNotMatch(restWords({ ...seen, mine: ['down'], silent: true }), /Tiếng/, 'a muted point has no sound that goes on');
  assert.equal(restWords({ ...seen, still: false, mine: ['down'] }), '', 'a picture that moves in full needs no excuse');
});

test('the sentence about a resting picture stays while pictures come one by one', async () => {
  const { RestSentence } = await import('../../../web/static/js/lib/lines.js');
  const sentence = new RestSentence();
  assert.equal(sentence.say(0, '', true), '');
  assert.equal(sentence.say(1, 'tạm dừng hình', true), 'tạm dừng hình');
  assert.equal(sentence.say(4, '', true), 'tạm dừng hình', 'a single picture came');
  assert.equal(sentence.say(5, '', true), '', 'it moves again');
  sentence.say(6, 'tạm dừng hình', true);
  assert.equal(sentence.say(7, '', false), '', 'muted, paused or gone: at once');
  assert.equal(sentence.say(7.5, '', true), '');
});

test('a way of a line is a sentence for officers and figures for technicians', async () => {
  const { wayFigures, wayWords } = await import('../../../web/static/js/lib/lines.js');
  const good = { kbps: 1250, loss: 0.001, rtt_s: 0.04, jitter_s: 0.003, mos: 4.3 };
  assert.equal(wayWords(good, false), 'tốt');
  assert.equal(wayWords(undefined, false), 'chưa có số đo');
  assert.equal(wayWords({ ...good, mos: 2.5, loss: 0.2 }, false), 'tiếng khó nghe');
  assert.equal(wayWords({ ...good, frozen_s: 3 }, false), 'hình bị đứng');
  assert.match(wayWords(good, true), /ưu tiên giữ tiếng/);
  const rows = Object.fromEntries(wayFigures({ ...good, freezes: 2, frozen_s: 1.5, concealed: 0.012, layer: 'h' }));
  assert.deepEqual(rows, { 'Tốc độ': '1.250 kbit/s', 'Mất gói': '0,1 %', 'Khứ hồi': '40 ms', 'Dao động trễ': '3 ms', 'Điểm tiếng nói': '4,3 / 4,4', 'Lớp hình': 'h', 'Hình đứng': '2 lần, 1,5 giây', 'Tiếng phải vá': '1,2 %' });
});
