import assert from 'node:assert/strict';
import test from 'node:test';

import { Notices } from '../../../web/static/js/components/notices.js';
import { RoomState } from '../../../web/static/js/components/room-state.js';
import { recordWords, ringWords } from '../../../web/static/js/lib/record.js';

const point = (participant, fields) => ({
  participant, name: participant, role: 'point', state: 'joined', publishes: ['mic', 'camera'], muted: [], muted_by_operator: [], people: [],
  notice: 'heard', line: 'good', protected: false, apart: false, ...fields,
});

function roomOf(me, session) {
  const room = new RoomState({ session: {} });
  room.me = me;
  room.take({
    state: 'running', record: 'full', recording: true, record_since_utc: 1, opened_utc: 0, started_utc: 1, side_talk: [], side_talk_on: false,
    notice_read: true, alarms: [], unsaved: 0, rings: [], operator: 'op', participants: [], ...session,
  }, []);
  return room;
}

const notes = (room) => new Notices(room, /** @type {any} */ (null), () => {}).list().map((one) => `${one.name}: ${one.text}`);

test('who is outside a side talk is told so, and does not take the silence for a broken line', () => {
  const others = [point('a', { apart: true }), point('b', { apart: true })];
  const outside = roomOf('c', { side_talk_on: true, participants: [...others, point('c')] });
  assert.deepEqual(notes(outside), ['side-talk: Chủ trì đang hội ý riêng. Xin chờ trong ít phút.']);
  assert.equal(outside.expectsMedia(), false);
  assert.equal(recordWords(outside.session, 60, 'c').words, 'ĐANG GHI HÌNH');
  const inside = roomOf('a', { side_talk_on: true, side_talk: ['a', 'b'], participants: [point('a'), point('b'), point('c', { apart: true })] });
  assert.match(notes(inside)[0], /^side-talk: Đang hội ý với: b\./);
  assert.equal(inside.expectsMedia(), true);
  assert.equal(recordWords(inside.session, 60, 'a').words, 'HỘI Ý, KHÔNG GHI');
});

test('a protected point reads on its own screen that it is not recorded', () => {
  const { session } = roomOf('a', { participants: [point('a', { protected: true }), point('b')] });
  assert.equal(recordWords(session, 60, 'a').words, 'KHÔNG GHI ĐIỂM CẦU NÀY');
  assert.equal(recordWords(session, 60, 'b').words, 'ĐANG GHI HÌNH');
});

test('what could not be saved yet stands on the screen until it is', () => {
  assert.match(notes(roomOf('a', { unsaved: 2, participants: [point('a')] }))[0], /^unsaved: .*sẽ lưu khi cơ sở dữ liệu trở lại/);
  assert.deepEqual(notes(roomOf('a', { participants: [point('a')] })), []);
});

test('who is asked, step by step', () => {
  const words = (stage, who, phone = '') => ringWords({ stage, who, phone });
  assert.equal(words('duty', 'Hoàng Minh Thảo'), 'đang gọi Hoàng Minh Thảo…');
  assert.equal(words('substitute', 'Nguyễn Văn Bốn'), 'đang gọi người thay Nguyễn Văn Bốn…');
  assert.equal(words('phone', 'Hoàng Minh Thảo', '02043 880'), 'không ai trả lời; hãy gọi điện cho Hoàng Minh Thảo: 02043 880');
  assert.equal(words('phone', ''), 'không ai trả lời; chưa có số điện thoại trực');
  assert.equal(words('duty', ''), 'đang gọi…');
  const ring = { ring: 'r', site: 's', name: 'Sơn Động', stage: 'duty', who: 'Hoàng Minh Thảo', phone: '' };
  assert.deepEqual(notes(roomOf('op', { rings: [ring], participants: [point('op', { role: 'operator' })] })), ['ring: Sơn Động: đang gọi Hoàng Minh Thảo…']);
});

test('rooms that hear each other: the operator may mute one, the quieter one is asked to, and it ends by itself', () => {
  const session = { participants: [point('op', { role: 'operator' }), point('a'), point('b')] };
  const words = (me, changes = {}) => {
    const room = roomOf(me, { ...session, ...changes });
    room.clock = { now: () => 100, after: () => 0, cancel: () => {} };
    room.takeCrosstalk([['a', 'b']]);
    return room;
  };
  const note = (room) => new Notices(room, /** @type {any} */ (null), () => {}).list().find((one) => one.name === 'crosstalk');
  assert.equal(note(words('op')).act, 'mute:b');
  assert.equal(note(words('b')).act, 'mute-own');
  assert.equal(note(words('a')).act, undefined);
  const muted = { participants: [point('op', { role: 'operator' }), point('a'), point('b', { muted_by_operator: ['mic'] })] };
  assert.equal(note(words('op', muted)), undefined, 'done is done');
  const old = words('op');
  old.clock.now = () => 130;
  assert.equal(note(old), undefined);
});
