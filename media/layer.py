"""One incoming SSRC of a publication: order, holes, recent packets, statistics and its fence."""

from __future__ import annotations

from media.codecs import NO_VP8, Vp8Info
from media.feedback import KeyframeRequests, ReceiveStats, SenderClock
from media.nack import NackTracker
from media.packetcache import PacketCache
from media.seq import FIRST_CYCLE, SequenceMap, extend, time_delta

FENCE_TIME = 10.0  # s: how long a fence also looks at timestamps; nothing is resent later than that
FENCE_MARGIN = 0.1  # s: what arrives within it may still have been sent before (the way here takes time)
AFTER_FENCE = 0.12  # s to wait before asking for a key frame, so that the answer is newer than the fence
FENCE_REACH = 1.0  # s: a stream silent for longer has stopped its clock, so it is not extrapolated
ALIVE = 1.0  # s without a packet after which a layer is no longer one that is sent


class Layer:
    """The state of one incoming SSRC. A restart of the sender's numbering makes a new one.

    ``highest``: extended number of the newest packet, tracked also while nothing may pass. ``passed_*``: the newest
    packet that went to subscribers, in numbers without holes; subscriptions derive their own counters from it.
    """

    __slots__ = (
        "before_at", "before_time", "cache", "clock", "expected", "fence_time", "fence_until", "fenced_at", "floor",
        "highest", "highest_at", "highest_time", "keys", "map", "mended", "nack", "octets", "passed", "passed_at",
        "passed_layer", "passed_octets", "passed_packets", "passed_picture", "passed_time", "rated_at", "rates",
        "record_fenced_at", "record_floor", "record_time", "rid", "rtx_ssrc", "size", "ssrc", "stats",
    )  # fmt: skip

    def __init__(self, rid: str, ssrc: int, clock_rate: int, video: bool, nack: bool) -> None:
        self.rid = rid
        self.ssrc = ssrc
        self.rtx_ssrc = 0
        self.highest = -1
        self.highest_time = 0
        self.highest_at = -1e9
        self.before_at = -1e9  # the newest packet from before the process stood still: when it came ...
        self.before_time = 0  # ... and its RTP time
        self.expected = -1  # where the sender goes on if it has really jumped
        self.map = SequenceMap()
        # 2 s of video at 4 Mbit/s are 830 packets; of sound, 100.
        self.cache = PacketCache(1024 if video else 256)
        self.nack = NackTracker() if nack else None
        self.stats = ReceiveStats(clock_rate)
        self.clock = SenderClock(clock_rate)
        self.keys = KeyframeRequests()
        self.floor = -1  # numbers up to here are fenced off for good
        self.fence_time = 0
        self.fence_until = -1e9
        self.fenced_at = self.record_fenced_at = -1e9  # when the last fences were drawn that knew no RTP time for now
        self.record_floor = -1  # numbers up to here are not written (the record began later)
        self.record_time = -1  # nor what is not newer than this RTP time; -1: no packet had come
        self.mended = 0  # packets that were lost and came by RTX or RED
        self.passed = -1
        self.passed_time = 0
        self.passed_at = 0.0
        self.passed_picture = -1
        self.passed_layer = -1
        self.passed_packets = 0
        self.passed_octets = 0
        self.size = (0, 0)  # width and height that the last key frame told
        self.octets = [0, 0, 0, 0]  # passed, by temporal layer
        self.rates = (0.0, 0.0, 0.0, 0.0)  # bit/s by temporal layer, smoothed (``layering``)
        self.rated_at = 1e18  # when that began

    def first(self, seq: int, timestamp: int, now: float) -> int:
        """The first packet; its extended number, in a cycle beyond everything that was fenced off."""
        self.highest = FIRST_CYCLE + seq if self.floor < 0 else ((self.floor >> 16) + 2) * FIRST_CYCLE + seq
        self.highest_time = timestamp
        self.highest_at = now
        self.revived(timestamp, now)
        return self.highest

    def advance(self, number: int, timestamp: int, now: float) -> None:
        """A packet newer than all before it."""
        if now - self.highest_at > FENCE_REACH:
            self.revived(timestamp, now)
        self.highest = number
        self.highest_time = timestamp
        self.highest_at = now

    def revived(self, timestamp: int, now: float) -> None:
        """The first packet, or the first after a silence of ``FENCE_REACH``: a fence that was drawn meanwhile knew no
        RTP time, and what comes within ``FENCE_MARGIN`` of it may still have been sent before."""
        rate = self.stats.clock_rate
        if self.fenced_at + FENCE_MARGIN > now:
            time = (timestamp + int((self.fenced_at + FENCE_MARGIN - now) * rate)) & 0xFFFFFFFF
            if self.fence_until < now or time_delta(time, self.fence_time) > 0:
                self.fence_time, self.fence_until = time, now + FENCE_TIME
        if self.record_fenced_at + FENCE_MARGIN > now:
            time = (timestamp + int((self.record_fenced_at + FENCE_MARGIN - now) * rate)) & 0xFFFFFFFF
            if self.record_time < 0 or time_delta(time, self.record_time) > 0:
                self.record_time = time

    def pass_by(self, seq: int, timestamp: int, now: float) -> None:
        """A packet of somebody who is not let in: the fence of an admission lies behind it, however late it comes."""
        if self.highest < 0:
            self.first(seq, timestamp, now)
            return
        number = extend(self.highest, seq)
        if number > self.highest:
            self.advance(number, timestamp, now)

    def fence(self, now: float, new: bool = False) -> None:
        """Nothing that was sent before now passes from here on (RTP time now is carried on from the last packet).
        ``new``: the publication came just now, so nothing of it can have been sent yet."""
        self.cache.clear()
        if self.nack is not None:
            self.nack.clear()
        self.floor = self.highest
        self.fenced_at = -1e9 if new or self._tells(now) else now
        if self.highest >= 0:
            self.fence_time = self.time_at(now)
            self.fence_until = now + FENCE_TIME

    def fence_record(self, now: float, new: bool = False) -> None:
        """Nothing that was sent before now is written."""
        self.record_floor = self.highest
        self.record_fenced_at = -1e9 if new or self._tells(now) else now
        self.record_time = self.time_at(now) if self.highest >= 0 else -1

    def recordable(self, number: int, timestamp: int) -> bool:
        """Whether a packet is newer than the record's fence."""
        if number <= self.record_floor:
            return False
        return self.record_time < 0 or time_delta(timestamp, self.record_time) > 0

    def stood_still(self, since: float, now: float) -> None:
        """Nobody looked at the network since then: what came meanwhile is not here yet, or some of it, or is lost. A
        stream that was alive went on, so its packet from before tells best what has been sent by now."""
        if self.highest >= 0 and since - self.highest_at <= FENCE_REACH:
            if now - self.before_at > FENCE_TIME or self._ahead(self.highest_time, self.highest_at, now) > 0:
                self.before_at, self.before_time = self.highest_at, self.highest_time

    def _ahead(self, timestamp: int, at: float, now: float) -> int:
        """How much later than what ``before_time`` tells for now another packet's time carried on to now is."""
        rate = self.stats.clock_rate
        return time_delta(timestamp, self.before_time) + int((now - at) * rate) - int((now - self.before_at) * rate)

    def time_at(self, now: float, margin: float = FENCE_MARGIN) -> int:
        """The newest RTP time that anything sent before ``now`` can carry, as far as arrival tells."""
        elapsed, rate = now - self.highest_at, self.stats.clock_rate
        found = self.highest_time + int((elapsed + margin if elapsed <= FENCE_REACH else 0.0) * rate)
        if now - self.before_at <= FENCE_TIME:
            before = self.before_time + int((now - self.before_at + margin) * rate)
            if time_delta(before & 0xFFFFFFFF, found & 0xFFFFFFFF) > 0:
                found = before
        return found & 0xFFFFFFFF

    def _tells(self, now: float) -> bool:
        """Whether the newest packet is young enough to tell which RTP time it is now."""
        return self.highest >= 0 and now - self.highest_at <= FENCE_REACH

    def note_passed(self, number: int, timestamp: int, size: int, vp8: Vp8Info, now: float) -> None:
        """A packet goes to the subscribers."""
        self.passed_packets += 1
        self.passed_octets += size
        self.octets[vp8[6]] += size
        if number > self.passed:
            self.passed = number
            self.passed_time = timestamp
            self.passed_at = now
            if vp8 is not NO_VP8:
                self.passed_picture = vp8[3]
                self.passed_layer = vp8[5]

    def alive(self, now: float) -> bool:
        """Whether the sender is sending this layer."""
        return now - self.highest_at < ALIVE


__all__ = ["AFTER_FENCE", "FENCE_MARGIN", "Layer"]
