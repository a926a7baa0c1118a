// @ts-check
/**
 * Which ways to the hub this network lets through: the socket, and for pictures and sound UDP, TCP and TURN. Each way is
 * tried for itself with a real connection (ICE and DTLS) to a relay; nothing is sent over it. No DOM; the connection
 * class, the hub and the clock are given.
 */

/** @typedef {'socket' | 'udp' | 'tcp' | 'turn_udp' | 'turn_tcp' | 'turn_tls'} Way */
/** @typedef {{address: string, port: number, protocol: string}} Place */
/** @typedef {{way: Way, state: 'running' | 'good' | 'bad', ms: number, failed: Place[], places: Place[]}} Step */

const TRY_S = 6;
export const MAX_RELAYS = 8;

/** The relay's addresses in a description. @param {string} sdp @returns {Place[]} */
export function placesOf(sdp) {
  const found = new Map();
  for (const line of sdp.split(/\r?\n/)) {
    const parts = line.startsWith('a=candidate:') ? line.split(' ') : [];
    if (parts.length < 8) continue;
    const place = { address: parts[4], port: Number(parts[5]), protocol: parts[2].toLowerCase() };
    found.set(`${place.protocol} ${place.address} ${place.port}`, place);
  }
  return [...found.values()];
}

/** The description with this protocol's addresses alone. @param {string} sdp @param {string} protocol */
export function onlyOver(sdp, protocol) {
  const isOther = (/** @type {string} */ line) => line.startsWith('a=candidate:') && line.split(' ')[2]?.toLowerCase() !== protocol;
  return sdp.split('\r\n').filter((line) => !isOther(line)).join('\r\n');
}

/** @param {string} url a turn: or turns: address @returns {Way} */
export function wayOf(url) {
  if (url.startsWith('turns:')) return 'turn_tls';
  return /[?&]transport=tcp/.test(url) ? 'turn_tcp' : 'turn_udp';
}

/** Where a turn: or turns: address leads. @param {string} url @returns {Place} */
export function placeOf(url) {
  const [, host, port] = /^turns?:(\[[^\]]+\]|[^:?]+)(?::(\d+))?/.exec(url) ?? [];
  const way = wayOf(url);
  return { address: host ?? url, port: Number(port ?? (way === 'turn_tls' ? 5349 : 3478)), protocol: way === 'turn_udp' ? 'udp' : 'tcp' };
}

/**
 * What the results mean. `good`: pictures and sound go the best way; `slow`: they go, by a detour; `none`: they do not
 * go at all; `socket`: not even the session's messages go. `blocked`: ways that failed.
 * @param {Step[]} steps
 * @returns {{kind: 'running' | 'good' | 'slow' | 'none' | 'socket', blocked: Step[]}}
 */
export function judge(steps) {
  const blocked = steps.filter((step) => step.state === 'bad');
  if (steps.some((step) => step.state === 'running')) return { kind: 'running', blocked };
  const works = (/** @type {Way} */ way) => steps.some((step) => step.way === way && step.state === 'good');
  if (!works('socket')) return { kind: 'socket', blocked };
  if (works('udp')) return { kind: 'good', blocked };
  const kind = steps.some((step) => step.way !== 'socket' && step.state === 'good') ? 'slow' : 'none';
  return { kind, blocked };
}

/**
 * What to ask the network's administrator for, in both languages; null when nothing is blocked.
 * @param {Step[]} blocked
 * @returns {{vi: string, en: string} | null}
 */
export function request(blocked) {
  /** @type {Map<string, Set<string>>} */
  const wanted = new Map();
  for (const step of blocked) {
    for (const place of step.failed) {
      const key = `${place.protocol.toUpperCase()} ${place.address}`;
      wanted.set(key, (wanted.get(key) ?? new Set()).add(String(place.port)));
    }
  }
  if (!wanted.size) return null;
  const list = (/** @type {string} */ to, /** @type {string} */ port) =>
    [...wanted].map(([key, ports]) => {
      const [protocol, address] = key.split(' ');
      return `${protocol} ${to} ${address} ${port} ${[...ports].join(', ')}`;
    }).join('; ');
  const socket = blocked.some((step) => step.way === 'socket');
  return {
    vi: `Đề nghị mở tường lửa cho máy này kết nối ra ngoài: ${list('tới', 'cổng')}.${socket ? ' Máy chủ proxy phải cho qua WebSocket (wss).' : ''} Chiều trả lời của các kết nối đó cũng phải được cho qua. Dùng cho hình và tiếng của hệ thống tiếp công dân trực tuyến Điểm Cầu.`,
    en: `Please allow outgoing connections from this device: ${list('to', 'port')}.${socket ? ' Proxies must let WebSocket (wss) through.' : ''} Answers to these connections must pass as well. They carry picture and sound of the citizen reception system Điểm Cầu.`,
  };
}

/**
 * @typedef {object} ReachOptions
 * @property {(configuration: RTCConfiguration) => RTCPeerConnection} make
 * @property {() => Promise<{relays: number, iceServers: RTCIceServer[]}>} plan
 * @property {(sdp: string, relay: number) => Promise<{sdp: string}>} leg opens a test leg; the relay's answer
 * @property {() => WebSocket} socket
 * @property {Place} web where the socket leads
 * @property {import('./clock.js').Clock} clock
 * @property {(steps: Step[]) => void} onstep
 */

export class ReachTest {
  /** @param {ReachOptions} options */
  constructor(options) {
    this.options = options;
    /** @type {Step[]} */
    this.steps = [];
  }

  /** Try every way; rejects when the hub does not answer at all. */
  async run() {
    const plan = await this.options.plan();
    const relays = Array.from({ length: Math.min(plan.relays, MAX_RELAYS) }, (_, index) => index);
    const turns = plan.iceServers.flatMap((server) => [server.urls].flat().map((url) => ({ ...server, urls: url })));
    this.steps = [];
    const jobs = [this._step('socket', [() => this._socket()])];
    for (const protocol of /** @type {const} */ (['udp', 'tcp'])) {
      jobs.push(this._step(protocol, relays.map((relay) => () => this._direct(protocol, relay))));
    }
    for (const way of /** @type {const} */ (['turn_udp', 'turn_tcp', 'turn_tls'])) {
      const mine = turns.filter((server) => wayOf(server.urls) === way);
      if (mine.length && relays.length) jobs.push(this._step(way, mine.map((server) => () => this._turn(server))));
    }
    this.options.onstep(this.steps);
    await Promise.all(jobs);
    return judge(this.steps);
  }

  /**
   * @param {Way} way
   * @param {(() => Promise<{good: boolean, places: Place[]}>)[]} tries all must succeed
   */
  async _step(way, tries) {
    /** @type {Step} */
    const step = { way, state: 'running', ms: 0, failed: [], places: [] };
    this.steps.push(step);
    const began = this.options.clock.now();
    const results = await Promise.all(tries.map((attempt) => attempt()));
    step.ms = Math.round((this.options.clock.now() - began) * 1000);
    step.places = results.flatMap((one) => one.places);
    step.failed = results.flatMap((one) => (one.good ? [] : one.places));
    step.state = results.length && results.every((one) => one.good) ? 'good' : 'bad';
    this.options.onstep(this.steps);
  }

  async _socket() {
    const wire = this.options.socket();
    const good = await this._within(new Promise((resolve) => {
      wire.onopen = () => resolve(true);
      wire.onclose = () => resolve(false);
    }));
    wire.close();
    return { good, places: [this.options.web] };
  }

  /** @param {'udp' | 'tcp'} protocol @param {number} relay */
  _direct(protocol, relay) {
    return this._connect({ iceServers: [], bundlePolicy: 'max-bundle' }, relay, (sdp) => onlyOver(sdp, protocol), (sdp) => placesOf(onlyOver(sdp, protocol)));
  }

  /** @param {RTCIceServer & {urls: string}} server */
  _turn(server) {
    const configuration = { iceServers: [server], iceTransportPolicy: /** @type {const} */ ('relay'), bundlePolicy: /** @type {const} */ ('max-bundle') };
    return this._connect(configuration, 0, (sdp) => sdp, () => [placeOf(server.urls)]);
  }

  /**
   * @param {RTCConfiguration} configuration
   * @param {number} relay
   * @param {(sdp: string) => string} cut what of the answer is used
   * @param {(sdp: string) => Place[]} where what is being tried
   */
  async _connect(configuration, relay, cut, where) {
    const pc = this.options.make(configuration);
    /** @type {Place[]} */
    let places = [];
    try {
      pc.addTransceiver('audio', { direction: 'sendonly' });
      await pc.setLocalDescription(await pc.createOffer());
      const answer = await this.options.leg(pc.localDescription?.sdp ?? '', relay);
      places = where(answer.sdp);
      if (!placesOf(cut(answer.sdp)).length) return { good: false, places };
      const connected = new Promise((resolve) => {
        pc.onconnectionstatechange = () => {
          if (pc.connectionState === 'connected') resolve(true);
          if (pc.connectionState === 'failed') resolve(false);
        };
      });
      await pc.setRemoteDescription({ type: 'answer', sdp: cut(answer.sdp) });
      return { good: await this._within(connected), places };
    } catch {
      return { good: false, places };
    } finally {
      pc.onconnectionstatechange = null;
      pc.close();
    }
  }

  /** @param {Promise<unknown>} promise @returns {Promise<boolean>} false when it takes too long */
  async _within(promise) {
    let timer = 0;
    const late = new Promise((resolve) => {
      timer = this.options.clock.after(() => resolve(false), TRY_S);
    });
    const result = await Promise.race([promise, late]);
    this.options.clock.cancel(timer);
    return result === true;
  }
}
