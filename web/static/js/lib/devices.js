// @ts-check
/**
 * Own camera, microphone and shared pictures. Knows navigator.mediaDevices, not the document. Every way in which a
 * device can fail ends in one of a few named troubles; the pages have a sentence and a way on for each.
 */

/**
 * @typedef {'camera' | 'mic' | 'screen' | 'document'} Source
 * @typedef {'refused' | 'busy' | 'missing' | 'unplugged' | 'insecure' | 'failed'} TroubleKind
 * @typedef {{source: Source, kind: TroubleKind}} Trouble
 */

/** What a browser's error means. @param {unknown} error @returns {TroubleKind} */
export function troubleOf(error) {
  const name = error instanceof Error || error instanceof DOMException ? error.name : '';
  if (name === 'NotAllowedError' || name === 'SecurityError') return 'refused';
  if (name === 'NotReadableError' || name === 'AbortError' || name === 'TrackStartError') return 'busy';
  if (name === 'NotFoundError' || name === 'OverconstrainedError' || name === 'DevicesNotFoundError') return 'missing';
  return 'failed';
}

const PICTURE = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30, max: 30 } };
const DOCUMENT = { width: { ideal: 1920 }, height: { ideal: 1080 }, frameRate: { ideal: 15, max: 30 } };

/**
 * @param {Source} source
 * @param {string} deviceId "" for the system's choice
 * @param {boolean} plain no processing of sound, for measuring
 * @returns {MediaStreamConstraints}
 */
export function constraintsFor(source, deviceId, plain = false) {
  const device = deviceId ? { deviceId: { exact: deviceId } } : {};
  if (source === 'mic') {
    const processing = { echoCancellation: !plain, noiseSuppression: !plain, autoGainControl: !plain };
    return { audio: { ...processing, channelCount: { ideal: 1 }, ...device } };
  }
  return { video: { ...(source === 'document' ? DOCUMENT : PICTURE), ...device } };
}

export class LocalMedia {
  /**
   * @param {object} options
   * @param {MediaDevices | undefined} options.devices navigator.mediaDevices; absent without a secure connection
   * @param {Storage | null} [options.storage] remembers the chosen devices on this machine
   * @param {(source: Source, track: MediaStreamTrack | null) => void} options.ontrack
   * @param {(trouble: Trouble) => void} options.ontrouble
   * @param {() => void} [options.onlist] the list of devices changed
   */
  constructor(options) {
    this.options = options;
    this.devices = options.devices;
    this.plain = false;
    /** @type {Map<Source, MediaStreamTrack>} */
    this.tracks = new Map();
    /** @type {MediaDeviceInfo[]} */
    this.list = [];
    /** @type {Map<Source, string>} devices that vanished while they were used, by the machine they are part of */
    this.vanished = new Map();
    this.devices?.addEventListener?.('devicechange', () => void this._listChanged());
  }

  /**
   * The device chosen for a source, "" for the system's choice.
   * @param {string} source
   */
  chosen(source) {
    return this.options.storage?.getItem(`diemcau.${source}`) ?? '';
  }

  /**
   * @param {string} source
   * @param {string} deviceId
   */
  remember(source, deviceId) {
    this.options.storage?.setItem(`diemcau.${source}`, deviceId);
  }

  /**
   * Switch a camera or microphone on. Resolves with its track, or null after telling the trouble.
   * @param {Source} source
   * @param {string} [deviceId]
   * @returns {Promise<MediaStreamTrack | null>}
   */
  async start(source, deviceId = this.chosen(source)) {
    if (!this.devices) return this._trouble(source, 'insecure');
    this.stop(source, false);
    this.vanished.delete(source);
    let stream;
    try {
      stream = await this.devices.getUserMedia(constraintsFor(source, deviceId, this.plain));
    } catch (error) {
      // the remembered device is gone: take another instead of none
      if (deviceId && ['missing'].includes(troubleOf(error))) return this.start(source, '');
      return this._trouble(source, troubleOf(error));
    }
    await this._readList();
    return this._keep(source, stream.getTracks()[0]);
  }

  /** Share a screen or window; null when the user thought better of it. */
  async startScreen() {
    if (!this.devices?.getDisplayMedia) return this._trouble('screen', this.devices ? 'failed' : 'insecure');
    try {
      const stream = await this.devices.getDisplayMedia({ video: { frameRate: { ideal: 10, max: 15 } }, audio: false });
      return this._keep('screen', stream.getVideoTracks()[0]);
    } catch (error) {
      return troubleOf(error) === 'refused' ? null : this._trouble('screen', troubleOf(error));
    }
  }

  /**
   * @param {Source} source
   * @param {boolean} [tell]
   */
  stop(source, tell = true) {
    const track = this.tracks.get(source);
    this.vanished.delete(source);
    if (!track) return;
    this.tracks.delete(source);
    track.onended = null;
    track.stop();
    if (tell) this.options.ontrack(source, null);
  }

  stopAll() {
    this.vanished.clear();
    for (const source of [...this.tracks.keys()]) this.stop(source, false);
  }

  /**
   * @param {Source} source
   * @param {MediaStreamTrack} track
   */
  _keep(source, track) {
    this.tracks.set(source, track);
    track.onended = () => {
      if (this.tracks.get(source) !== track) return;
      this.tracks.delete(source);
      this.vanished.set(source, track.getSettings?.().groupId ?? '');
      this.options.ontrack(source, null);
      // ending a shared screen is how the browser's own bar stops it
      if (source !== 'screen') this._trouble(source, 'unplugged');
    };
    this.options.ontrack(source, track);
    return track;
  }

  /**
   * @param {Source} source
   * @param {TroubleKind} kind
   * @returns {null}
   */
  _trouble(source, kind) {
    this.options.ontrouble({ source, kind });
    return null;
  }

  async _readList() {
    this.list = (await this.devices?.enumerateDevices?.().catch(() => [])) ?? [];
    this.options.onlist?.();
  }

  /** A camera or microphone that was pulled out is taken again when it is back, unless another was chosen meanwhile. */
  async _listChanged() {
    await this._readList();
    for (const [source, group] of [...this.vanished]) {
      const kind = source === 'mic' ? 'audioinput' : 'videoinput';
      const back = this.of(kind).find((one) => group && one.groupId === group && one.deviceId !== 'default');
      if (back && source !== 'screen') await this.start(source, back.deviceId);
    }
  }

  /** Devices of a kind. @param {'audioinput' | 'videoinput' | 'audiooutput'} kind */
  of(kind) {
    return this.list.filter((device) => device.kind === kind);
  }
}
