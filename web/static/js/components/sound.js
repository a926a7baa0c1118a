// @ts-check
/** Sound in and out by Web Audio: how loud a microphone is, and a test sound for the loudspeaker. */

import { levelDb } from '../lib/meters.js';

/** Listens to a microphone's track without playing it. */
export class Listener {
  constructor() {
    /** @type {AudioContext | null} */
    this.context = null;
    /** @type {AnalyserNode | null} */
    this.analyser = null;
    /** @type {MediaStreamAudioSourceNode | null} */
    this.source = null;
    this.block = new Float32Array(2048);
  }

  /** @param {MediaStreamTrack | null} track */
  listen(track) {
    this.source?.disconnect();
    this.source = null;
    if (!track) return;
    this.context ??= new AudioContext();
    void this.context.resume().catch(() => {});
    this.analyser = new AnalyserNode(this.context, { fftSize: 2048 }); // a used one still holds the last microphone's sound
    this.source = this.context.createMediaStreamSource(new MediaStream([track]));
    this.source.connect(this.analyser);
  }

  /** @returns {Float32Array | null} the newest samples, null when nothing is listened to */
  samples() {
    if (!this.source || !this.analyser || this.context?.state !== 'running') return null;
    this.analyser.getFloatTimeDomainData(this.block);
    return this.block;
  }

  /** @returns {number} dBFS, -100 when nothing is heard */
  level() {
    const samples = this.samples();
    return samples ? levelDb(samples) : -100;
  }

  close() {
    this.listen(null);
    void this.context?.close().catch(() => {});
    this.context = null;
    this.analyser = null;
  }
}

/**
 * Two tones, one after another, as a doorbell: heard well on small loudspeakers.
 * @param {string} [device] loudspeaker, "" for the system's choice
 * @returns {Promise<boolean>} whether the browser let it sound
 */
export async function playTestSound(device = '') {
  const context = new AudioContext();
  const sink = /** @type {any} */ (context).setSinkId;
  if (device && sink) await sink.call(context, device).catch(() => {});
  await context.resume().catch(() => {});
  if (context.state !== 'running') return false;
  [660, 528].forEach((frequency, index) => {
    const start = context.currentTime + 0.05 + index * 0.45;
    const tone = new OscillatorNode(context, { frequency });
    const gain = new GainNode(context, { gain: 0 });
    gain.gain.linearRampToValueAtTime(0.35, start + 0.03);
    gain.gain.setValueAtTime(0.35, start + 0.25);
    gain.gain.exponentialRampToValueAtTime(0.001, start + 0.7);
    tone.connect(gain).connect(context.destination);
    tone.start(start);
    tone.stop(start + 0.75);
  });
  setTimeout(() => void context.close(), 2000);
  return true;
}
