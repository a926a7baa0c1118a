// @ts-check
/**
 * What the room page knows, in one place: the hub's view, the media, and what the user chose on this screen.
 * Components read it and ask through it; nothing here touches the document.
 */

import { HubClock, systemClock } from '../lib/clock.js';
import { _ } from '../lib/i18n.js';
import { readMinutes } from '../lib/minutes.js';

const CROSSTALK_S = 25; // what was not repeated for so long is over

export class RoomState {
  /** @param {any} data the page's JSON block (web/pages/room.py) */
  constructor(data) {
    this.data = data;
    this.clock = systemClock;
    this.hub = new HubClock(this.clock);
    /** @type {any} */
    this.session = { ...data.session, participants: data.session.participants ?? [], alarms: [], question: null, side_talk: [], side_talk_on: false, rings: [], unsaved: 0 };
    this.me = '';
    /** @type {Set<string>} */
    this.may = new Set();
    this.minutes = readMinutes(null);
    /** @type {any[]} */
    this.events = [];
    /** @type {{text: string, name: string, utc: number}[]} */
    this.chat = [];
    /** @type {import('../lib/signaling.js').Status} */
    this.status = { phase: 'connecting' };
    /** @type {{publish: string, subscribe: string, lostSince: number | null, reason: string}} */
    this.link = { publish: 'closed', subscribe: 'closed', lostSince: null, reason: '' };
    /** @type {Map<string, MediaStreamTrack>} `participant/source` -> track */
    this.incoming = new Map();
    /** @type {Set<string>} keys of pictures that are laid out nowhere: the relay sends nothing of them */
    this.unseen = new Set();
    /** @type {{pairs: [string, string][], at: number}} rooms that hear each other: louder one, the one to mute */
    this.crosstalk = { pairs: [], at: 0 };
    /** @type {{utc: number, points: any[]}} the figures of all lines, for operators */
    this.figures = { utc: 0, points: [] };
    this.pinned = '';
    this.speaker = '';
    this.lastSpeaker = '';
    this.soundBlocked = false;
    this.goingOverUntil = 0;
    /** @type {Map<string, import('../lib/devices.js').Trouble>} */
    this.troubles = new Map();
    /** @type {Map<string, number>} participant -> clock time of the loss */
    this.away = new Map();
    /** @type {import('../lib/devices.js').LocalMedia} */
    this.media = /** @type {any} */ (null);
    /** @type {import('../lib/signaling.js').SessionSocket} */
    this.socket = /** @type {any} */ (null);
    /** @type {import('./room-takes.js').RoomTakes | null} */
    this.takes = null;
    this.render = () => {};
    /** @type {(text: string, tone?: 'good' | 'bad') => void} */
    this.say = () => {};
  }

  /** @returns {any} our own ParticipantView, null before the welcome */
  get self() {
    return this.session.participants.find((/** @type {any} */ one) => one.participant === this.me) ?? null;
  }

  /** Admitted to the session, so that pictures and sound are ours to have. */
  get inside() {
    return Boolean(this.self && ['admitted', 'joined', 'lost'].includes(this.self.state));
  }

  /** This point turned to a denunciation and was cut off from all others (design 7). */
  get cutOff() {
    return this.events.some((event) => event.kind === 'restricted.denunciation' && event.body.participant === this.me);
  }

  /** The session was ended to go on with the sitting's next visit: the page is about to be taken along. */
  get goingOver() {
    return this.clock.now() < this.goingOverUntil;
  }

  get isOperator() {
    return Boolean(this.me) && this.session.operator === this.me;
  }

  get live() {
    return ['open', 'running', 'suspended'].includes(this.session.state);
  }

  /** @param {string} participant */
  nameOf(participant) {
    const found = this.session.participants.find((/** @type {any} */ one) => one.participant === participant);
    return found ? found.name || _('Thiết bị xem qua đường dẫn') : _('điểm cầu đã rời');
  }

  /** Seconds since our own line was lost, null while it is well. */
  lostFor() {
    const now = this.clock.now();
    const since = this.link.lostSince;
    return since === null ? null : Math.max(1, Math.floor(now - since));
  }

  /** @param {string} participant */
  awaySince(participant) {
    const since = this.away.get(participant);
    return since === undefined ? 0 : Math.floor(this.clock.now() - since);
  }

  /** Others send to us: something must be arriving. */
  expectsMedia() {
    if (!this.inside || this.session.state === 'suspended' || !this.live) return false;
    return this.session.participants.some((/** @type {any} */ one) => {
      if (one.participant === this.me || one.state !== 'joined' || one.apart) return false;
      return one.publishes.some((/** @type {string} */ source) => !one.muted.includes(source) && !one.muted_by_operator.includes(source) && !this.unseen.has(`${one.participant}/${source}`));
    });
  }

  /** Seconds on the session's clock as lines of the minutes carry them. */
  atNow() {
    return this.hub.utc() - this.session.opened_utc;
  }

  /**
   * A time of the session's clock as it is shown: counted from the start of the session, as the record is.
   * @param {number} at
   */
  shownAt(at) {
    const started = this.session.started_utc;
    return started ? at - (started - this.session.opened_utc) : at;
  }

  /** @param {[string, string][]} pairs */
  takeCrosstalk(pairs) {
    this.crosstalk = { pairs, at: this.clock.now() };
  }

  /** Rooms that hear each other now, as far as both microphones are still on. It is told again every 10 s. */
  hearEachOther() {
    if (this.clock.now() - this.crosstalk.at > CROSSTALK_S) return [];
    const on = (/** @type {string} */ id) => {
      const one = this.session.participants.find((/** @type {any} */ view) => view.participant === id);
      return Boolean(one) && !one.muted.includes('mic') && !one.muted_by_operator.includes('mic');
    };
    return this.crosstalk.pairs.filter((pair) => pair.every(on));
  }

  /** @param {any} session @param {string[]} may */
  take(session, may) {
    this.session = session;
    this.may = new Set(may);
    for (const one of session.participants) {
      const gone = one.state === 'lost' || one.line === 'lost';
      if (gone && !this.away.has(one.participant)) this.away.set(one.participant, this.clock.now());
      else if (!gone) this.away.delete(one.participant);
    }
  }

  /** @param {boolean} blocked */
  setSoundBlocked(blocked) {
    if (this.soundBlocked === blocked) return;
    this.soundBlocked = blocked;
    this.render();
  }

  /**
   * Ask the hub for something. A refusal is told to the user; resolves with the answer, or null.
   * @param {string} type
   * @param {Record<string, unknown>} [fields]
   * @returns {Promise<any>}
   */
  async ask(type, fields = {}) {
    try {
      return await this.socket.request(type, fields);
    } catch (error) {
      const refused = /** @type {import('../lib/signaling.js').RequestError} */ (error);
      const lost = refused.code === 'connection.lost';
      this.say(lost ? _('Chưa gửi được vì đang mất kết nối. Hãy thử lại khi đã kết nối.') : refused.message, 'bad');
      return null;
    }
  }
}
