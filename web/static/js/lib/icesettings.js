// @ts-check
/**
 * TURN credentials of this page: fetched when one is let in, fetched again before their end. They are a help, not a
 * condition: when the hub does not give any in time, connections are made without.
 */

const WAIT_S = 3;
const AGAIN_S = 20; // after a failure, while connections are open

export class IceSettings {
  /**
   * @param {object} options
   * @param {() => Promise<{iceServers: RTCIceServer[], iceTransportPolicy: RTCIceTransportPolicy, refresh_s: number}>} options.fetch
   * @param {import('./clock.js').Clock} options.clock
   * @param {(configuration: RTCConfiguration) => void} options.onchange new credentials for connections that are open
   */
  constructor(options) {
    this.options = options;
    /** @type {RTCConfiguration} */
    this.configuration = { iceServers: [], bundlePolicy: 'max-bundle' };
    this.freshUntil = -1;
    this.timer = 0;
    /** @type {Promise<void> | null} */
    this.pending = null;
  }

  /** Resolves when the configuration is as good as it gets now; never rejects. */
  async ready() {
    const { clock } = this.options;
    if (clock.now() < this.freshUntil) return;
    const fetched = this._fetch();
    await new Promise((resolve) => {
      const timer = clock.after(() => resolve(undefined), WAIT_S);
      void fetched.then(() => {
        clock.cancel(timer);
        resolve(undefined);
      });
    });
  }

  /** Nothing is open any more: stop fetching. */
  stop() {
    this.options.clock.cancel(this.timer);
  }

  _fetch() {
    this.pending ??= this._take().finally(() => {
      this.pending = null;
    });
    return this.pending;
  }

  async _take() {
    const { clock } = this.options;
    clock.cancel(this.timer);
    let wait = AGAIN_S;
    try {
      const found = await this.options.fetch();
      wait = found.refresh_s;
      this.freshUntil = clock.now() + wait;
      this.configuration = { iceServers: found.iceServers, iceTransportPolicy: found.iceTransportPolicy, bundlePolicy: 'max-bundle' };
      this.options.onchange(this.configuration);
    } catch {
      // not let in yet, or the hub does not answer: connections are tried without
    }
    this.timer = clock.after(() => void this._fetch(), wait);
  }
}
