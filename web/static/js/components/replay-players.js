// @ts-check
/** The players of a replay: one <video> a point, all following one master clock. */

import { el, icon, setText, show } from '../lib/dom.js';
import { _ } from '../lib/i18n.js';
import { shortName } from '../lib/layout.js';
import { covering, follow } from '../lib/timeline.js';

/**
 * @typedef {import('../lib/timeline.js').Segment} Segment
 * @typedef {{key: string, name: string, paper: boolean, segments: Segment[], gaps: import('../lib/timeline.js').Gap[], fills: {start: number, end: number}[], talk: [number, number][]}} Point
 */

const NEAR_END = 0.25; // a file may end a little before its segment does
const EDGE = 1.5; // points begin and end a little apart: within this the nearest picture stands still instead of "not recorded"

export class PointPlayer {
  /**
   * @param {Point} point
   * @param {number} index
   * @param {() => void} onpick
   */
  constructor(point, index, onpick) {
    this.point = point;
    /** @type {Segment | null} */
    this.segment = null;
    this.video = /** @type {HTMLVideoElement} */ (el('video', { playsinline: true, preload: 'auto', 'data-testid': 'replay-video' }));
    this.still = el('div', { class: 'sil' }, icon('user'));
    this.gap = el('div', { class: 'wait', 'data-testid': 'replay-gap' });
    this.error = '';
    this.hadNothingSince = 0;
    const number = index < 9 ? el('kbd', {}, String(index + 1)) : null;
    const label = shortName(point.name).replace(/^Điểm cầu (?=.)/u, '');
    this.pick = el('button', { type: 'button', class: 'pick', onclick: onpick, title: _('Phóng lớn {name}', { name: point.name }), 'aria-label': _('Phóng lớn {name}', { name: point.name }) });
    this.node = el('div', { class: `tile${point.paper ? ' paper' : ''}`, 'data-testid': 'replay-tile', 'data-participant': point.key },
      this.video, this.still, this.gap, this.pick, el('span', { class: 'name' }, number, el('span', {}, label)));
    if (!point.paper) this.node.append(this._volume());
    this.video.addEventListener('error', () => {
      if (!this.video.getAttribute('src')) return;
      const unknown = this.segment?.mime === 'video/mp4' && !this.video.canPlayType('video/mp4; codecs="avc1.42E01F"');
      this.error = unknown ? _('Trình duyệt này không mở được hình H.264. Hãy dùng Chromium, Edge hoặc Safari.')
        : _('Không mở được đoạn này. Hãy tải lại trang; bản gốc trong gói không bị ảnh hưởng.');
    });
  }

  _volume() {
    const name = this.point.name;
    this.speaker = el('button', { type: 'button', class: 'mute', 'data-testid': 'replay-mute', onclick: () => this.mute() }, icon('volume-2'));
    this.level = /** @type {HTMLInputElement} */ (el('input', { type: 'range', min: '0', max: '100', step: '5', value: '100', class: 'level', 'aria-label': _('Âm lượng {name}', { name }), 'data-testid': 'replay-volume' }));
    this.level.addEventListener('input', () => {
      this.video.volume = Number(this.level?.value) / 100;
      this.video.muted = this.video.volume === 0;
      this._sayVolume();
    });
    this._sayVolume();
    return el('span', { class: 'vol' }, this.speaker, this.level);
  }

  /** Sound of this point off, or on again. */
  mute() {
    if (!this.speaker) return;
    this.video.muted = !this.video.muted;
    if (!this.video.muted && this.video.volume === 0) this.video.volume = 1;
    if (this.level) this.level.value = String(Math.round(this.video.volume * 100));
    this._sayVolume();
  }

  _sayVolume() {
    const { name } = this.point;
    const words = this.video.muted ? _('Bật tiếng {name}', { name }) : _('Tắt tiếng {name}', { name });
    this.speaker?.replaceChildren(icon(this.video.muted ? 'volume-x' : 'volume-2'));
    this.speaker?.setAttribute('aria-label', words);
    this.speaker?.setAttribute('title', words);
    this.node?.classList.toggle('muted', this.video.muted);
  }

  /**
   * Bring this player to where the master clock stands.
   * @param {number} at session seconds
   * @param {boolean} playing
   * @param {number} rate
   */
  follow(at, playing, rate) {
    const { video } = this;
    const segment = covering(this.point.segments, at) ?? this._edge(at);
    if (segment !== this.segment) this._change(segment);
    show(video, Boolean(segment) && segment?.kind !== 'sound');
    show(this.still, !segment || segment.kind === 'sound');
    this._words(at, segment);
    if (!segment) return;
    const target = Math.max(0, Math.min(at, segment.end) - segment.start);
    if (Number.isFinite(video.duration) && target > video.duration - NEAR_END) {
      if (!video.paused) video.pause();
      return;
    }
    if (!playing || at < segment.start) {
      if (!video.paused) video.pause();
      if (Math.abs(video.currentTime - target) > 0.04 && !video.seeking) video.currentTime = target;
      return;
    }
    const step = follow(target, video.currentTime, rate);
    if (step.jump && !video.seeking) video.currentTime = target;
    if (Math.abs(video.playbackRate - step.rate) > 0.004) video.playbackRate = step.rate;
    if (video.paused) void video.play().catch(() => {});
  }

  /**
   * The first segment just before it begins, the last just after it has ended.
   * @param {number} at
   */
  _edge(at) {
    const first = this.point.segments[0];
    const last = this.point.segments.at(-1);
    if (covering(this.point.gaps, at)) return null;
    if (first && at < first.start && first.start - at < EDGE) return first;
    return last && at >= last.end && at - last.end < EDGE ? last : null;
  }

  /** @param {Segment | null} segment */
  _change(segment) {
    this.segment = segment;
    this.error = '';
    if (segment) {
      this.video.src = segment.url;
    } else {
      this.video.pause();
      this.video.removeAttribute('src');
      this.video.load();
    }
  }

  /**
   * @param {number} at
   * @param {Segment | null} segment
   */
  _words(at, segment) {
    let text = this.error;
    const held = covering(this.point.gaps, at);
    if (!segment || held) {
      text = held?.words ?? _('Không ghi');
      if (covering(this.point.fills, at)) text = _('{reason}; xem hình điểm cầu tự ghi', { reason: text });
    }
    else if (!text && segment.kind === 'sound') text = _('Chỉ ghi âm');
    else if (!text && this._isLate()) text = _('Đang tải hình…');
    setText(this.gap, text);
    show(this.gap, Boolean(text));
    this.node.classList.toggle('dimmed', !segment || Boolean(held));
  }

  /** Nothing has come for a moment that one notices. */
  _isLate() {
    if (!this.waiting) this.hadNothingSince = 0;
    else this.hadNothingSince ||= performance.now();
    return this.hadNothingSince > 0 && performance.now() - this.hadNothingSince > 300;
  }

  /** It should be running and has nothing to show yet. */
  get waiting() {
    return Boolean(this.segment) && !this.error && this.video.readyState < 2;
  }
}
