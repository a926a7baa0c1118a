// @ts-check
/** Numbers out of getStats reports (W3C webrtc-stats): what arrives, what is concealed, how long pictures froze. */

/**
 * @typedef {object} LegNumbers
 * @property {number} received bytes on the nominated pair
 * @property {number} sent bytes on the nominated pair
 * @property {number} alive grows with every sign of life of the far end: bytes and answers to consent checks
 * @property {number} rtt seconds
 * @property {number} freezes
 * @property {number} frozen seconds
 * @property {number} concealed samples
 * @property {number} samples
 * @property {number} pictures frames decoded
 * @property {number} limited 1 when the sender lowers quality for bandwidth
 */

/**
 * @param {Iterable<any> | Map<string, any>} report an RTCStatsReport, or its values
 * @returns {LegNumbers}
 */
export function legNumbers(report) {
  const numbers = { received: 0, sent: 0, alive: 0, rtt: 0, freezes: 0, frozen: 0, concealed: 0, samples: 0, limited: 0, pictures: 0 };
  const values = report instanceof Map || 'values' in report ? /** @type {any} */ (report).values() : report;
  for (const stat of values) {
    if (stat.type === 'candidate-pair' && (stat.nominated || stat.selected)) {
      numbers.received += stat.bytesReceived ?? 0;
      numbers.sent += stat.bytesSent ?? 0;
      numbers.alive += (stat.bytesReceived ?? 0) + (stat.responsesReceived ?? 0);
      numbers.rtt = stat.currentRoundTripTime ?? numbers.rtt;
    } else if (stat.type === 'inbound-rtp' && stat.kind === 'video') {
      numbers.freezes += stat.freezeCount ?? 0;
      numbers.frozen += stat.totalFreezesDuration ?? 0;
      numbers.pictures += stat.framesDecoded ?? 0;
    } else if (stat.type === 'inbound-rtp' && stat.kind === 'audio') {
      numbers.concealed += (stat.concealedSamples ?? 0) - (stat.silentConcealedSamples ?? 0);
      numbers.samples += stat.totalSamplesReceived ?? 0;
    } else if (stat.type === 'outbound-rtp' && stat.qualityLimitationReason === 'bandwidth') {
      numbers.limited = 1;
    }
  }
  return numbers;
}

/**
 * The `seen` message for the time between two looks at both legs.
 * @param {{publish: LegNumbers, subscribe: LegNumbers}} before
 * @param {{publish: LegNumbers, subscribe: LegNumbers}} after
 * @param {number} seconds between them
 */
export function seenBetween(before, after, seconds) {
  const grown = (/** @type {number} */ a, /** @type {number} */ b) => Math.max(0, b - a);
  const samples = grown(before.subscribe.samples, after.subscribe.samples);
  const concealed = grown(before.subscribe.concealed, after.subscribe.concealed);
  return {
    freezes: grown(before.subscribe.freezes, after.subscribe.freezes),
    frozen_s: Math.round(grown(before.subscribe.frozen, after.subscribe.frozen) * 1000) / 1000,
    concealed: samples ? Math.min(1, concealed / samples) : 0,
    received_bps: Math.round((grown(before.subscribe.received, after.subscribe.received) * 8) / seconds),
    sent_bps: Math.round((grown(before.publish.sent, after.publish.sent) * 8) / seconds),
    rtt_s: after.publish.rtt || after.subscribe.rtt,
    limited: after.publish.limited === 1,
    // a connection that was made anew counts from nothing
    pictures: after.subscribe.pictures - (after.subscribe.pictures >= before.subscribe.pictures ? before.subscribe.pictures : 0),
  };
}
