// @ts-check
/** The room's own recording while it has no hub, on the screen: record words, notices, and how the officer ends it. */

import { call } from '../lib/api.js';
import { counter } from '../lib/clock.js';
import { csrfToken, el, icon } from '../lib/dom.js';
import { _ } from '../lib/i18n.js';
import { HandIn } from '../lib/takehandin.js';
import { TakeKeeper } from '../lib/takekeeper.js';
import { isLost, onRecord, sourcesOnRecord } from '../lib/takeplan.js';
import { canRecord } from '../lib/takerecorder.js';
import { browserTakeStore } from '../lib/takestore.js';
import { openDialog } from './dialogs.js';

/** @typedef {import('./room-state.js').RoomState} RoomState */
/** @typedef {import('./notices.js').Note} Note */

const TOLD_S = 60; // how long it stays on the screen that something was handed in

export class RoomTakes {
  /** @param {RoomState} room */
  constructor(room) {
    this.room = room;
    const store = browserTakeStore();
    /** @type {TakeKeeper | null} */
    this.keeper = null;
    /** @type {HandIn | null} */
    this.handIn = null;
    this.doneAt = -Infinity;
    if (!store) return;
    this.handIn = new HandIn({
      store, clock: room.clock, gentle: () => room.inside && room.live, onchange: () => room.render(),
      call: (path, options) => call(path, { csrf: csrfToken(), ...options }),
    });
    if (room.data.watches || !canRecord() || !globalThis.crypto?.subtle) return;
    void store.persist();
    this.keeper = new TakeKeeper({
      clock: room.clock, hub: room.hub, wall: () => Date.now(), crypto: globalThis.crypto, store,
      make: (tracks, options) => new MediaRecorder(new MediaStream(tracks), options),
      onchange: () => room.render(),
      onended: () => void this.hand(),
    });
  }

  /** @param {any} grant of a welcome, null: nothing may be recorded here */
  welcome(grant) {
    this.keeper?.welcome(grant, this.room.session.session, this.room.me);
    void this.hand();
  }

  /** Hand in what is there, now. */
  async hand() {
    if (!this.handIn || this.keeper?.keeping || this.room.status.phase !== 'open') return;
    const before = this.handIn.filed;
    await this.handIn.run();
    if (this.handIn.filed > before) this.doneAt = this.room.clock.now();
  }

  /** Once a second, and whenever session, line or devices have changed. */
  look() {
    const { room, keeper } = this;
    if (!keeper) return;
    const tracks = room.media?.tracks ?? new Map();
    const sends = (/** @type {string} */ source) => {
      const track = tracks.get(/** @type {any} */ (source));
      return Boolean(track && track.enabled && track.readyState === 'live');
    };
    const allowed = onRecord(room.session, room.self) && !room.cutOff && !room.goingOver;
    const sources = allowed ? sourcesOnRecord(room.session, room.self, sends) : [];
    keeper.look(
      { allowed, over: room.status.phase === 'over', lost: isLost(room.clock.now(), room.link, room.status) },
      sources.map((source) => ({ source, track: /** @type {MediaStreamTrack} */ (tracks.get(/** @type {any} */ (source))) })),
    );
  }

  get keeping() {
    return Boolean(this.keeper?.keeping);
  }

  /** What stands where the record's state stands, null while the hub's own word holds. */
  words() {
    if (!this.keeper?.keeping) return null;
    return { tone: 'alarm', words: _('ĐANG GHI TẠM TẠI ĐIỂM CẦU'), time: counter(this.keeper.seconds()) };
  }

  /** @param {(note: Note) => void} add */
  notes(add) {
    const { keeper, handIn, room } = this;
    if (keeper?.keeping) {
      const minutes = Math.round((keeper.seat?.grant.limit_s ?? 0) / 60);
      add({ name: 'take', tone: 'warn', image: 'hard-drive', label: _('Dừng ghi tạm'), act: 'take-stop',
        text: _('Đang ghi tạm tại điểm cầu: tiếng và hình của phòng này được ghi, niêm mã trên máy này và tự nộp khi nối lại được. Tối đa {minutes} phút.', { minutes }) });
    } else if (keeper?.ended) {
      const text = endSentence(keeper.ended);
      if (text) add({ name: 'take-ended', tone: 'warn', image: 'hard-drive', text });
    } else if (keeper?.trouble) add({ name: 'take-ended', tone: 'warn', image: 'hard-drive', text: endSentence(keeper.trouble) });
    if (!handIn || this.keeping || room.status.phase !== 'open') return;
    if (handIn.phase === 'sending' && handIn.total) {
      add({ name: 'take-sending', tone: 'info', image: 'upload', text: _('Đang nộp bản ghi tạm: phần {n} trên {total}. Phiên không bị ảnh hưởng.', { n: Math.min(handIn.sent + 1, handIn.total), total: handIn.total }) });
    } else if (handIn.phase === 'done' && room.clock.now() - this.doneAt < TOLD_S) {
      add({ name: 'take-done', tone: 'info', image: 'circle-check', text: _('Bản ghi tạm đã nộp vào hồ sơ của phiên, ghi rõ là từ điểm cầu.') });
    }
  }

  /** The officer wants it to end: kept, or discarded because it became a denunciation. */
  ask() {
    const { keeper } = this;
    if (!keeper?.keeping) return;
    openDialog({ title: _('Dừng ghi tạm'), name: 'take-stop' }, (close) => {
      const row = (/** @type {string} */ name, /** @type {string} */ image, /** @type {string} */ label, /** @type {string} */ note, /** @type {() => void} */ run) =>
        el('li', {}, el('button', { type: 'button', class: 'menu-row', 'data-testid': name, onclick: () => {
          close();
          run();
        } }, icon(image), el('span', {}, el('b', {}, label), el('small', {}, note))));
      return [el('ul', { class: 'plain' },
        row('take-keep', 'circle-stop', _('Dừng, giữ phần đã ghi'), _('Phần đã ghi tự nộp vào hồ sơ khi nối lại được. Trong lần mất kết nối này sẽ không ghi tiếp.'), () => keeper.stop()),
        row('take-discard', 'shield-alert', _('Công dân chuyển sang tố cáo: dừng và xóa'), _('Xóa ngay phần đã ghi trên máy này, không khôi phục được. Khi nối lại, hãy bấm Chuyển sang tố cáo.'), () => void keeper.discard()))];
    });
  }
}

/** @param {string} reason */
export function endSentence(reason) {
  if (reason === 'limit') return _('Đã dừng ghi tạm vì đủ thời gian cho phép. Phần đã ghi tự nộp khi nối lại được.');
  if (reason === 'storage') return _('Máy này không còn đủ chỗ trống nên không ghi tạm được. Hãy dọn bớt ổ đĩa; phần đã ghi vẫn còn.');
  if (reason === 'stopped') return _('Đã dừng ghi tạm theo yêu cầu. Phần đã ghi tự nộp khi nối lại được.');
  if (reason === 'denunciation') return _('Đã dừng và xóa bản ghi tạm. Khi nối lại, hãy bấm Chuyển sang tố cáo.');
  if (reason === 'clock') return _('Đã dừng ghi tạm vì máy này vừa ngủ hoặc vừa đổi giờ. Phần đã ghi tự nộp khi nối lại được.');
  if (reason === 'failed') return _('Không ghi tạm được trên máy này. Hãy báo bộ phận kỹ thuật.');
  return '';
}
