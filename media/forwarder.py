"""One publication to its subscribers and its journal: the path of every packet.

Per packet the payload is copied once, and one tuple is built and cached that all copies are written from. Per
subscriber, that tuple and the subscriber's stint are named in the queue of its leg: two references, nothing is built.
``sender`` writes the copies when they leave.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from media.codecs import NO_VP8, h264_starts_key, vp8_info
from media.layer import AFTER_FENCE, FENCE_MARGIN, Layer
from media.layerchoice import WantedLayers
from media.layering import awaited, is_sent, is_settled, may_show, note_key_frame, settle_now
from media.packetcache import Cached
from media.red import Red
from media.seq import time_delta
from media.speaker import Voice
from media.subscription import Subscription
from media.types import Batch, Buffer, PublishedMedia

MAX_JUMP = 1000  # numbers; beyond that the sender has restarted or the packet is stray (RFC 3550 A.1: 3000)
MAX_LATE = 1000
MAX_PAYLOAD = 1400  # bytes: with our header and the SRTP tag it stays below a datagram's 1,500
PRELUDE = 3  # packets of sound sent along when a microphone is passed on again ...
PRELUDE_S = 0.1  # s ... if they are not older


class Tap(Protocol):
    """Where the packets of an open publication are also written (the recorder). ``expected_since``: since when packets
    that arrive must be written (monotonic seconds)."""

    expected_since: float

    def write(self, packet: Buffer, now: float) -> None:
        """One packet as received (RTX unwrapped)."""

    def report(self, ntp: int, rtp_time: int, now: float) -> None:
        """The publisher's NTP time and RTP time about now."""

    def mark(self, kind: str, now: float) -> None:
        """Something that explains what follows."""


class Publication:
    """One source of one publisher: its layers, its subscriptions, its journal and its gate.

    ``open``: packets may pass; ``fence`` must be called whenever that or the audience's session changes.
    """

    __slots__ = (
        "allowed", "audio", "born", "clock_rate", "codec_name", "epoch", "hearers", "keyed", "last_at", "layers",
        "live", "media", "muted", "open", "parameters_known", "participant", "payload_type", "peer", "recorded",
        "running", "session", "settled", "source", "subscriptions", "tap", "told_at", "voice", "wanted_layers",
    )  # fmt: skip

    def __init__(self, peer: str, media: PublishedMedia) -> None:
        self.peer = peer
        self.media = media
        self.source = media.source
        codec = media.codec
        self.codec_name = codec.name.lower()
        self.payload_type = codec.payload_type
        self.clock_rate = codec.clock_rate
        self.audio = media.source == "mic"
        self.keyed = self.codec_name in ("vp8", "h264")
        self.parameters_known = "sprop-parameter-sets" in codec.fmtp
        rids = media.rids or ("",)
        self.layers = [self._layer(rid, 0) for rid in rids]
        self.subscriptions: list[Subscription] = []
        self.hearers = self.subscriptions  # those that get packets now: this very list, or less of it (``rest``)
        self.tap: Tap | None = None
        self.recorded: Layer | None = None  # the layer that the tap takes now
        self.session = ""
        self.epoch = 0
        self.participant = ""
        self.born = -1.0  # when it was first placed
        self.allowed = False
        self.running = False
        self.muted = False
        self.open = False
        self.live = False
        self.last_at = -1e9
        self.voice = Voice()
        self.wanted_layers: WantedLayers | None = None  # of a publication with several
        self.settled: dict[Subscription, tuple[object, ...]] = {}  # what each was settled for (``layering``)
        self.told_at = -1e9

    def _layer(self, rid: str, ssrc: int) -> Layer:
        nack = "nack" in self.media.codec.feedback
        return Layer(rid, ssrc, self.clock_rate, not self.audio, nack)

    def replace_layer(self, index: int, ssrc: int, now: float) -> Layer:
        """The sender of a layer starts anew (another SSRC, or its numbering jumped)."""
        old = self.layers[index]
        new = self._layer(old.rid, ssrc)
        new.rtx_ssrc = old.rtx_ssrc
        new.keys = old.keys
        new.size, new.rates, new.rated_at = old.size, old.rates, old.rated_at
        new.fenced_at, new.record_fenced_at = old.fenced_at, old.record_fenced_at
        if old.highest >= 0:
            # Numbers go on in a later cycle: what a fence closed stays closed.
            new.floor = old.highest
            for subscription in self.subscriptions:
                if subscription.layer is old:
                    subscription.end()
            if self.recorded is old:
                self.recorded = new
                if self.tap is not None:
                    self.tap.mark("new_ssrc", now)
            if self.keyed and self.open and (self.subscriptions or self.tap is not None):
                new.keys.want(now, fresh=True)
        self.layers[index] = new
        return new

    def fence(self, now: float) -> None:
        """Nothing sent before now passes from here on; every subscription begins a new stint when something may."""
        for layer in self.layers:
            layer.fence(now, now == self.born)
            layer.keys.cancel()
        for subscription in self.subscriptions:
            subscription.fence()
        self.recorded = None
        self.voice.clear()

    def add(self, subscription: Subscription, now: float) -> None:
        """A section shows this publication from now on."""
        subscription.publication = self
        # Sound may be on its way from before; a picture begins with a key frame that is asked for only now.
        margin = FENCE_MARGIN if self.audio else 0.0
        times = {layer.ssrc: layer.time_at(now, margin) for layer in self.layers if layer.highest >= 0}
        subscription.fence_time = times
        self.subscriptions.append(subscription)
        if not self.audio and settle_now(self, subscription, now) is None:
            self.ask_keyframe(now, fresh=True, joins=True)

    def remove(self, subscription: Subscription) -> None:
        """The section shows something else or nothing."""
        subscription.forget()
        subscription.publication = None
        self.settled.pop(subscription, None)
        self.subscriptions.remove(subscription)
        if self.is_resting and subscription in self.hearers:
            self.hearers.remove(subscription)

    # --- sound that is passed on to few, see media.loudest ---

    @property
    def is_resting(self) -> bool:
        """Only some of the subscriptions get packets."""
        return self.hearers is not self.subscriptions

    def rest(self, keeps: Callable[[Subscription], bool]) -> None:
        """From here on only those get packets whom ``keeps`` names."""
        self.hearers = [subscription for subscription in self.subscriptions if keeps(subscription)]
        for subscription in self.subscriptions:
            if subscription not in self.hearers:
                subscription.end()

    def wake(self, now: float = 0.0, batch: Batch | None = None) -> None:
        """All get packets again, with ``batch`` also the last few before now: words begin before they are loud."""
        if not self.is_resting:
            return
        rested = [subscription for subscription in self.subscriptions if subscription not in self.hearers]
        self.hearers = self.subscriptions
        if batch is None:
            return
        layer, newest = self.layers[0], self.layers[0].passed_time
        found = [layer.cache.get(number, now) for number in range(layer.passed - PRELUDE + 1, layer.passed + 1)]
        ticks = PRELUDE_S * self.clock_rate
        packets = [packet for packet in found if packet is not None and 0 <= time_delta(newest, packet[1]) < ticks]
        for subscription in rested:
            if packets and subscription.last_layer is layer and not subscription.fence_time:
                subscription.precede(layer, packets, now, batch)

    def best_layer(self, now: float) -> Layer:
        """The highest layer that is being sent; the lowest when none is."""
        if len(self.layers) > 1:
            for layer in reversed(self.layers):
                if is_sent(self, layer, now):
                    return layer
        return self.layers[0]

    def ask_keyframe(self, now: float, fresh: bool = False, layer: Layer | None = None, joins: bool = False) -> None:
        """Note that a key frame is needed; it is sent by ``KeyframeRequests`` when due."""
        if self.keyed and self.open:
            (layer or self.best_layer(now)).keys.want(now, fresh, joins)

    def ask_behind_fence(self, now: float) -> None:
        """A fence was set now: ask for a key frame that is newer than it."""
        for layer in awaited(self, now):
            self.ask_keyframe(now + AFTER_FENCE if layer.alive(now) else now, fresh=True, layer=layer)

    # --- the path of a packet ---------------------------------------------------------------------------------------

    def receive(
        self, index: int, seq: int, timestamp: int, marker: int, payload: bytes, level: int, packet: Buffer,
        now: float, batch: Batch, recovered: bool = False, red: Red | None = None,
    ) -> str:  # fmt: skip
        """Take a media packet (``recovered``: unwrapped from RTX) and pass it on. The reason if it was dropped, or "".

        ``marker``: 0x80 or 0. ``payload``: without padding, empty for a padding-only packet. ``red``: where it came
        from, for subscribers that negotiated RED; journal and resends get the sound alone.
        """
        layer = self.layers[index]
        highest = layer.highest
        if highest < 0:
            if recovered:
                return "rtx_unknown"
            number = layer.first(seq, timestamp, now)
            in_order = True
        else:
            number = highest + ((seq - highest + 0x8000) & 0xFFFF) - 0x8000
            step = number - highest
            if step > MAX_JUMP or step < -MAX_LATE:
                if recovered:
                    return "rtx_unknown"
                if seq != layer.expected:
                    layer.expected = (seq + 1) & 0xFFFF
                    return "jump"
                layer = self._restart(index, seq, timestamp, now)
                number = layer.highest
                in_order = True
            elif step > 0:
                in_order = True
                if (
                    step > 1
                    and self.open
                    and layer.nack is not None
                    and not layer.nack.add(highest + 1, number - 1, now)
                ):
                    self.ask_keyframe(now, layer=layer)
                layer.advance(number, timestamp, now)
            else:
                in_order = False
                if layer.nack is not None:
                    layer.nack.received(number, now)
        if not recovered:
            layer.stats.add(number, timestamp, len(packet), now)
        if not self.open:
            return "gated"
        if number <= layer.floor or (now < layer.fence_until and time_delta(timestamp, layer.fence_time) <= 0):
            return "fenced"
        if not payload and in_order:
            layer.map.drop(number)
            if self.recorded is layer and self.tap is not None:
                self.tap.write(packet, now)
            return "padding"
        clean = number + layer.map.offset if in_order else layer.map.lookup(number)
        if clean < 0 or (not in_order and layer.cache.holds(clean)):
            return "duplicate"
        vp8 = NO_VP8
        starts = in_order
        if self.keyed:
            if self.codec_name == "vp8":
                vp8 = vp8_info(payload)
                starts = vp8[0]
            else:
                starts = h264_starts_key(payload, self.parameters_known)
            if starts:
                layer.keys.arrived(now)
                note_key_frame(layer, self.codec_name, payload)
        cached = (clean, timestamp, marker, payload, level, vp8)
        layer.cache.put(cached, now)
        if recovered:
            layer.mended += 1
        tap = self.tap
        if tap is not None:
            if self.recorded is layer:
                if in_order or layer.recordable(number, timestamp):
                    tap.write(packet, now)
            elif self._take(layer, number, timestamp, starts, now):
                tap.write(packet, now)
                if layer.clock.ntp:
                    tap.report(*layer.clock.at(now), now)
        if self.hearers:
            if red is None or not red.blocks:
                self._forward(layer, cached, starts, now, batch)
            else:
                self._forward_red(layer, cached, red, starts, now, batch)
        layer.note_passed(clean, timestamp, len(payload), vp8, now)
        return ""

    def _restart(self, index: int, seq: int, timestamp: int, now: float) -> Layer:
        """The sender numbers anew: a new layer whose numbers lie beyond all the old ones."""
        old = self.layers[index]
        layer = self.replace_layer(index, old.ssrc, now)
        layer.clock = old.clock if abs(time_delta(timestamp, old.highest_time)) < self.clock_rate * 60 else layer.clock
        layer.first(seq, timestamp, now)
        return layer

    def record(self, tap: Tap | None, now: float) -> None:
        """What is sent from now on is written to ``tap`` (None: nothing more)."""
        self.tap = tap
        self.recorded = None
        if tap is not None:
            for layer in self.layers:
                layer.fence_record(now, now == self.born)
            self.ask_behind_fence(now)

    def _take(self, layer: Layer, number: int, timestamp: int, starts: bool, now: float) -> bool:
        """Whether the journal goes on with this layer: the only one, or the best one from a key frame on."""
        if not layer.recordable(number, timestamp):
            return False
        if len(self.layers) > 1 and not (starts and layer is self.best_layer(now)):
            return False
        if self.recorded is not None and self.tap is not None:
            self.tap.mark("new_ssrc", now)
        self.recorded = layer
        return True

    def _forward(self, layer: Layer, packet: Cached, starts: bool, now: float, batch: Batch) -> None:
        number = packet[0]
        for subscription in self.hearers:
            if subscription.layer is not layer:
                if not starts or not self._may_begin(subscription, layer, packet[1], now):
                    continue
                subscription.begin(layer, number, packet[1], packet[5], now)
                subscription.write_report(now, batch)
            stint = subscription.stint
            if number < stint.start:  # type: ignore[union-attr]  # a subscription with a layer has a stint
                stint = subscription.thinned(packet)
                if stint is None:
                    continue
            pairs = subscription.pairs
            if not pairs:
                batch.queues.append(subscription.queue)
            pairs.append(stint)
            pairs.append(packet)

    def _forward_red(self, layer: Layer, packet: Cached, red: Red, starts: bool, now: float, batch: Batch) -> None:
        """As ``_forward``, with what the packet repeats for those who negotiated RED: once all of it is from within
        their stint, so that nothing from before a fence comes along."""
        copies: dict[int, Cached] = {}
        oldest = packet[1] - red.span
        for subscription in self.hearers:
            if subscription.layer is not layer:
                if not starts or not self._may_begin(subscription, layer, packet[1], now):
                    continue
                subscription.begin(layer, packet[0], packet[1], packet[5], now)
                subscription.write_report(now, batch)
            stint, copy = subscription.stint, packet
            if packet[0] < stint.start:  # type: ignore[union-attr]  # a subscription with a layer has a stint
                continue
            if subscription.takes_red(oldest):
                stint = subscription.red_stint
                payload_type = subscription.header.payload_type
                copy = copies.get(payload_type) or (*packet[:3], red.with_type(payload_type), *packet[4:])
                copies[payload_type] = copy
            pairs = subscription.pairs
            if not pairs:
                batch.queues.append(subscription.queue)
            pairs.append(stint)
            pairs.append(copy)

    def _may_begin(self, subscription: Subscription, layer: Layer, timestamp: int, now: float) -> bool:
        """Whether a section may show ``layer`` from this packet on: it is newer than the fence, and the right one."""
        fence = subscription.fence_time.get(layer.ssrc)
        if fence is not None and time_delta(timestamp, fence) <= 0:
            return False
        return self.audio or (not is_settled(self, subscription, layer) and may_show(self, subscription, layer, now))


__all__ = ["MAX_PAYLOAD", "Publication", "Tap"]
