// @ts-check
/**
 * Records tracks in segments of a few seconds, each a whole WebM file of its own. The next recorder starts before the
 * one before stops, so that nothing is lost between them. No DOM; MediaRecorder and clock are given.
 *
 * Time 0 of a segment is the moment of `start()`: measured in Chromium against pictures with their moments burnt in, the
 * difference is below 50 ms.
 */

const SLICE_MS = 1000; // data comes out of the encoder by itself, also where timers are slowed down
const SOUND_BPS = 48_000;
const SMALL_BPS = 500_000; // the last seconds before a loss, while the camera is being sent as well
const LARGE_BPS = 1_200_000; // the only picture that there is
const SMALL = { width: { max: 640 }, height: { max: 360 }, frameRate: { max: 15 } };

/**
 * @typedef {{sources: string[], start: number, end: number, device: number, media: Uint8Array}} Segment
 *   `start`, `end`: seconds of the clock; `device`: the device's own clock at the start, milliseconds
 * @typedef {{clock: import('./clock.js').Clock, wall: () => number, make: (tracks: MediaStreamTrack[], options: MediaRecorderOptions) => MediaRecorder,
 *   onsegment: (segment: Promise<Segment | null>) => void}} Options
 */

/** @param {string[]} sources */
export const mimeOf = (sources) => (sources.includes('camera') ? 'video/webm' : 'audio/webm');
/** @param {string[]} sources */
const codecsOf = (sources) => (sources.includes('camera') ? `video/webm;codecs=${sources.includes('mic') ? 'vp8,opus' : 'vp8'}` : 'audio/webm;codecs=opus');

/** Whether this browser records in the only format that the hub can replay. */
export function canRecord() {
  const known = globalThis.MediaRecorder;
  return Boolean(known?.isTypeSupported?.('video/webm;codecs=vp8,opus') && known.isTypeSupported('audio/webm;codecs=opus'));
}

export class TakeRecorder {
  /** @param {Options} options */
  constructor(options) {
    this.options = options;
    /** @type {{recorder: MediaRecorder, sources: string[], ids: string, large: boolean, start: number} | null} */
    this.current = null;
    /** @type {Map<string, MediaStreamTrack>} small copies of cameras, by the id of the track they were made of */
    this.small = new Map();
  }

  /**
   * See to it that these are being recorded; a new segment begins when they changed or the running one is `longest`.
   * @param {{source: string, track: MediaStreamTrack}[]} tracks
   * @param {boolean} large
   * @param {number} longest seconds
   */
  record(tracks, large, longest) {
    const now = this.options.clock.now();
    const ids = tracks.map(({ track }) => track.id).join();
    const { current } = this;
    if (!tracks.some(({ source }) => source === 'camera')) this._forget();
    if (current && current.ids === ids && current.large === large && now - current.start < longest) return;
    if (tracks.length) this._start(tracks, ids, large);
    else this.current = null;
    if (current) this._end(current);
  }

  /** End the running segment; what it holds comes as every other one. */
  stop() {
    const { current } = this;
    this.current = null;
    if (current) this._end(current);
    this._forget();
  }

  /** Let go of copies of cameras, so that their lights go out. */
  _forget() {
    for (const track of this.small.values()) track.stop();
    this.small.clear();
  }

  /** @param {{source: string, track: MediaStreamTrack}[]} tracks @param {string} ids @param {boolean} large */
  _start(tracks, ids, large) {
    const { clock, wall, make, onsegment } = this.options;
    const sources = tracks.map(({ source }) => source).sort();
    const chosen = tracks.map(({ source, track }) => (source === 'camera' && !large ? this._small(track) : track));
    this.current = null;
    /** @type {Blob[]} */
    const parts = [];
    const recorder = make(chosen, {
      mimeType: codecsOf(sources), audioBitsPerSecond: SOUND_BPS, videoBitsPerSecond: large ? LARGE_BPS : SMALL_BPS,
    });
    const one = { recorder, sources, ids, large, start: clock.now(), end: 0 };
    const device = wall();
    onsegment(new Promise((resolve) => {
      recorder.ondataavailable = (event) => {
        if (event.data.size) parts.push(event.data);
      };
      recorder.onstop = async () => {
        if (this.current === one) this.current = null; // a track ended: the next look begins another
        const media = new Uint8Array(await new Blob(parts).arrayBuffer());
        const end = one.end || clock.now();
        resolve(media.length ? { sources, start: one.start, end, device, media } : null);
      };
      recorder.onerror = () => {
        if (this.current === one) this.current = null;
      };
    }));
    recorder.start(SLICE_MS);
    this.current = one;
  }

  /** @param {any} one */
  _end(one) {
    one.end = this.options.clock.now();
    if (one.recorder.state !== 'inactive') one.recorder.stop();
  }

  /** @param {MediaStreamTrack} track */
  _small(track) {
    const there = this.small.get(track.id);
    if (there && there.readyState === 'live') {
      there.enabled = track.enabled;
      return there;
    }
    this._forget();
    const copy = track.clone();
    void copy.applyConstraints?.(SMALL).catch(() => {}); // then the picture is as large as the camera's
    this.small.set(track.id, copy);
    return copy;
  }
}
