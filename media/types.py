"""The nouns of the relay's core and the seams between its parts. No I/O, no clock: ``now`` is always an argument.

Life of a packet: ``front`` (socket) -> ``peer`` (SRTP in place) -> ``relay.receive_rtp`` -> ``forwarder`` writes
rewritten copies into each subscriber's ``Slab`` -> the caller protects and sends the slabs named in the ``Batch``.
The recorder is one more subscriber: it gets the same packet through ``TrackWriter``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NewType, Protocol

from media.messages import RecordMode, ReportBody, Source

PeerId = NewType("PeerId", str)
SessionId = NewType("SessionId", str)
ParticipantId = NewType("ParticipantId", str)
Ssrc = NewType("Ssrc", int)

SLOT = 1536  # bytes per outgoing packet: 1,200 of media, rewritten extensions, SRTP tag
MAX_DATAGRAM = 1500


@dataclass(frozen=True, slots=True)
class Codec:
    """A negotiated codec of one media section. ``fmtp`` as in SDP. ``rtx_pt`` None: no retransmission format."""

    name: str  # "opus", "vp8", "h264"
    payload_type: int
    clock_rate: int
    channels: int = 1
    fmtp: str = ""
    rtx_pt: int | None = None
    feedback: tuple[str, ...] = ()  # "nack", "nack pli", "goog-remb", "transport-cc", "ccm fir"


@dataclass(frozen=True, slots=True)
class ExtensionIds:
    """Header extension ids of one leg (RFC 8285); 0: not negotiated."""

    mid: int = 0
    rid: int = 0
    rrid: int = 0
    audio_level: int = 0
    abs_send_time: int = 0
    transport_cc: int = 0


@dataclass(frozen=True, slots=True)
class PublishedMedia:
    """One media section of a publish leg after negotiation. ``ssrcs``/``rtx_ssrcs`` as announced (may be empty:
    then learnt from mid/rid extensions). ``rids``: simulcast layers, lowest first ("" when not simulcast)."""

    mid: str
    source: Source
    codec: Codec
    extensions: ExtensionIds
    ssrcs: tuple[Ssrc, ...] = ()
    rtx_ssrcs: tuple[Ssrc, ...] = ()
    rids: tuple[str, ...] = ("",)


@dataclass(frozen=True, slots=True)
class SubscribedMedia:
    """One media section of a subscribe leg: the relay's own SSRCs there, fixed for the section's life."""

    mid: str
    kind: str  # "audio", "video"
    codec: Codec
    extensions: ExtensionIds
    ssrc: Ssrc
    rtx_ssrc: Ssrc


class Slab:
    """Outgoing packets of one leg: ``count`` packets, packet i in ``buffer[i*SLOT : i*SLOT+lengths[i]]``.

    Plain RTP and RTCP until the caller protects them in place. ``capacity`` packets; a full slab refuses
    (``reserve`` returns -1) and counts, the caller flushes between datagrams so that this stays rare.
    """

    __slots__ = ("buffer", "capacity", "count", "lengths", "overflows", "peer", "rtcp", "view")

    def __init__(self, peer: PeerId, capacity: int = 64) -> None:
        self.peer = peer
        self.capacity = capacity
        self.buffer = bytearray(capacity * SLOT)
        self.view = memoryview(self.buffer)
        self.lengths = [0] * capacity
        self.rtcp = [False] * capacity
        self.count = 0
        self.overflows = 0

    def reserve(self) -> int:
        """Index of the next free slot, or -1. The slot counts once ``commit`` is called."""
        if self.count >= self.capacity:
            self.overflows += 1
            return -1
        return self.count

    def commit(self, length: int, rtcp: bool = False) -> None:
        """The reserved slot now holds ``length`` bytes."""
        self.lengths[self.count] = length
        self.rtcp[self.count] = rtcp
        self.count += 1

    def clear(self) -> None:
        """All packets were sent."""
        self.count = 0


class Batch:
    """The slabs that have something to send, in the order in which they got it. Reused by the caller."""

    __slots__ = ("slabs",)

    def __init__(self) -> None:
        self.slabs: list[Slab] = []

    def touch(self, slab: Slab) -> None:
        """Name a slab once: call before its first ``commit`` since the last flush (``slab.count == 0``)."""
        if slab.count == 0:
            self.slabs.append(slab)


@dataclass(frozen=True, slots=True)
class TrackInfo:
    """What a recorder needs to know when a track starts (written into the journal's header)."""

    session: SessionId
    epoch: int
    participant: ParticipantId
    source: Source
    part: int
    codec: Codec
    extensions: ExtensionIds


class TrackWriter(Protocol):
    """Takes one track's packets: plain RTP as received, RTX unwrapped, fenced already. Never blocks, never raises."""

    def write_rtp(self, packet: memoryview, now: float) -> None:
        """One packet; the view is only valid during the call."""

    def write_report(self, ntp: int, rtp_time: int, now: float) -> None:
        """A sender report of the publisher: 64-bit NTP time and RTP time (RFC 3550 6.4.1)."""

    def write_mark(self, kind: str, now: float) -> None:
        """Something that explains what follows: mute, unmute, pause, resume, silent, live, new_ssrc."""

    def close(self, now: float) -> None:
        """No more packets; the journal is finished and reported."""


class Recorder(Protocol):
    """Opens journals. The relay's core calls it; the process drives its writer thread."""

    def open_track(self, info: TrackInfo, now: float) -> TrackWriter:
        """A new journal for this track."""

    def end_session(self, session: SessionId, epoch: int, now: float) -> None:
        """All tracks were closed: report ``session_ended`` once the last journal is on disk."""


class Listener(Protocol):
    """What the relay's core tells its process. Calls are synchronous and must not call back into the core."""

    def report(self, session: SessionId, epoch: int, body: ReportBody) -> None:
        """Something the hub must know, exactly once."""

    def speaker(self, session: SessionId, participant: str) -> None:
        """The loudest participant changed."""

    def subscriptions_changed(self, peer: PeerId) -> None:
        """What this peer should receive changed: renegotiate its subscribe leg when convenient."""


__all__ = [
    "MAX_DATAGRAM", "SLOT", "Batch", "Codec", "ExtensionIds", "Listener", "ParticipantId", "PeerId", "PublishedMedia",
    "RecordMode", "Recorder", "SessionId", "Slab", "Source", "Ssrc", "SubscribedMedia", "TrackInfo", "TrackWriter",
]  # fmt: skip
