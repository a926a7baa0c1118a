"""The nouns of the relay's core and the seams between its parts. No I/O, no clock: ``now`` is always an argument.

Life of a packet: ``front`` (socket, SRTP in place) -> ``relay.receive_rtp`` -> ``forwarder`` copies the payload once
and names the packet in the ``SendQueue`` of each subscriber's leg -> ``sender`` writes each subscriber's copy, protects
it and hands it to the kernel, for all queues named in the ``Batch``, once per drained socket. So a copy exists only
while it is sent, and a packet that has to wait (pacing) is numbered and stamped when it really leaves.
The recorder is one more subscriber: it gets the same packet through ``TrackWriter``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NewType, Protocol

from media.messages import RecordMode, ReportBody, Source

PeerId = NewType("PeerId", str)
SessionId = NewType("SessionId", str)
ParticipantId = NewType("ParticipantId", str)
Ssrc = NewType("Ssrc", int)

MAX_DATAGRAM = 1500

Buffer = bytes | bytearray | memoryview
"""Octets that are only read."""


@dataclass(frozen=True, slots=True)
class Codec:
    """A negotiated codec of one media section. ``fmtp`` as in SDP. ``rtx_pt`` None: no retransmission format;
    ``red_pt`` None: no redundancy format (RFC 2198)."""

    name: str  # "opus", "vp8", "h264"
    payload_type: int
    clock_rate: int
    channels: int = 1
    fmtp: str = ""
    rtx_pt: int | None = None
    feedback: tuple[str, ...] = ()  # "nack", "nack pli", "goog-remb", "transport-cc", "ccm fir"
    red_pt: int | None = None


@dataclass(frozen=True, slots=True)
class ExtensionIds:
    """Header extension ids of one leg (RFC 8285); 0: not negotiated."""

    mid: int = 0
    rid: int = 0
    rrid: int = 0
    audio_level: int = 0
    abs_send_time: int = 0
    transport_cc: int = 0
    playout_delay: int = 0


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


class Ready:
    """A packet that is already written, except for what only its departure tells: RTCP, a resend, a probe.

    ``data``: plain RTP or RTCP. ``time_at``/``wide_at``: offsets in ``data`` of the three bytes of abs-send-time and of
    the two of the transport-wide number, stamped when the packet leaves; 0: it carries none. ``owner``: the ``header``
    of the section whose fence also holds for it; None: it shows nobody.
    """

    __slots__ = ("data", "is_rtcp", "owner", "time_at", "wide_at")

    def __init__(
        self, data: bytearray, is_rtcp: bool, time_at: int = 0, wide_at: int = 0, owner: object = None
    ) -> None:
        self.data = data
        self.is_rtcp = is_rtcp
        self.owner = owner
        self.time_at = time_at
        self.wide_at = wide_at


class SentLog(Protocol):
    """What a leg sent with a transport-wide number (draft-holmer-rmcat-transport-wide-cc-extensions-01, 2.2).
    ``next``: the next packet's, extended; its low 16 bits travel."""

    next: int

    def add_all(self, sizes: list[int], now: float) -> None:
        """Packets of these sizes in bytes leave now, numbered from ``next`` on."""


class SendQueue:
    """What one leg is about to be sent: a flat list of pairs, in order of departure.

    A pair is (stint, packet): a subscriber's copy that is not written yet, see ``subscription.Stint`` and
    ``packetcache.Cached``; or (None, ``Ready``). Whoever appends to an empty ``pairs`` names the queue in the batch
    (``Batch.touch``); ``pairs`` is emptied in place and never replaced, so others may hold on to the list.

    ``pacer``: None sends everything at the next flush, at no cost (see ``Pacer``). ``log``: set it where the leg
    negotiated transport-wide feedback; then every RTP packet whose header has a place for the number carries one.
    """

    CAPACITY = 64
    """Pairs beyond which nothing is added to answer a peer (resends, RTCP). Media passes: what may wait is bounded by
    the pacer, and without one the queue is sent every few datagrams."""
    __slots__ = ("log", "overflows", "pacer", "pairs", "peer")

    def __init__(self, peer: PeerId) -> None:
        self.peer = peer
        self.pairs: list[Any] = []
        self.pacer: Pacer | None = None
        self.log: SentLog | None = None
        self.overflows = 0

    def has_room(self) -> bool:
        """Whether an answer may be added; counts the refusals."""
        if len(self.pairs) >= 2 * self.CAPACITY:
            self.overflows += 1
            return False
        return True

    def add(self, packet: Ready, batch: Batch) -> None:
        """Queue a packet that is already written."""
        batch.touch(self)
        self.pairs += (None, packet)

    def forget(self, owner: object) -> None:
        """A fence: drop what waits of the section with this ``header`` (without a pacer nothing ever waits)."""
        pairs = self.pairs
        kept: list[Any] = []
        for at in range(0, len(pairs), 2):
            stint, packet = pairs[at], pairs[at + 1]
            if (stint.header if stint is not None else packet.owner) is not owner:
                kept += (stint, packet)
        pairs[:] = kept


class Pacer(Protocol):
    """Holds back what a leg may not be sent yet. Set ``SendQueue.pacer`` to one; take it away at any time.

    At each flush of a batch that names the queue, and again at ``due``, the sender asks for what may leave. What the
    pacer leaves in ``queue.pairs`` waits there: references, not copies; the queue then stays named in the batch, so
    new packets line up behind. A pacer lets sound (``stint.audio``) and RTCP (``Ready.is_rtcp``) pass at once, and
    bounds what waits, in time and number; ``Stint.size_of`` tells how many bytes a pair will be.
    """

    @property
    def due(self) -> float:
        """When to ask again, while something waits (monotonic seconds; at most 5 ms ahead)."""

    def take(self, queue: SendQueue, now: float) -> list[Any]:
        """Remove from ``queue.pairs`` and return the pairs that leave now, in order."""


class Batch:
    """The queues that have something to send, in the order in which they got it. Reused by the caller.

    ``scratch``: where RTCP is written (one packet at a time, from offset 0) before ``add_rtcp`` copies it.
    """

    __slots__ = ("queues", "scratch")

    def __init__(self) -> None:
        self.queues: list[SendQueue] = []
        self.scratch = bytearray(2048)

    def touch(self, queue: SendQueue) -> None:
        """Name a queue once: call before appending to it."""
        if not queue.pairs:
            self.queues.append(queue)

    def add_rtcp(self, queue: SendQueue, size: int) -> None:
        """Queue the RTCP packet, compound or reduced-size, that stands in the first ``size`` bytes of ``scratch``."""
        queue.add(Ready(self.scratch[:size], True), self)


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
    """Takes one track's packets: plain RTP as received, RTX unwrapped, fenced already. Never blocks, never raises.
    ``file``: the journal's name."""

    file: str

    def write_rtp(self, packet: Buffer, now: float) -> None:
        """One packet; the view is only valid during the call."""

    def write_report(self, ntp: int, rtp_time: int, now: float) -> None:
        """A sender report of the publisher: 64-bit NTP time and RTP time (RFC 3550 6.4.1)."""

    def write_mark(self, kind: str, now: float) -> None:
        """Something that explains what follows: mute, unmute, pause, resume, silent, live, new_ssrc."""

    def confirm(self) -> None:
        """Report ``track_written`` once more when what comes from now on is on disk: nothing had come for a while."""

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

    def crosstalk(self, session: SessionId, pairs: tuple[tuple[str, str], ...]) -> None:
        """These participants' microphones hear the same sound: (the louder one, the one to mute); told again."""

    def subscriptions_changed(self, peer: PeerId) -> None:
        """What this peer should receive changed: renegotiate its subscribe leg when convenient."""

    def layers_wanted(self, peer: PeerId, source: Source, rids: tuple[str, ...]) -> None:
        """Of a source that comes in layers, the publisher need send only these now; told again every few seconds."""


__all__ = [
    "MAX_DATAGRAM", "Batch", "Buffer", "Codec", "ExtensionIds", "Listener", "Pacer", "ParticipantId", "PeerId",
    "PublishedMedia", "Ready", "RecordMode", "Recorder", "SendQueue", "SentLog", "SessionId", "Source", "Ssrc",
    "SubscribedMedia", "TrackInfo", "TrackWriter",
]  # fmt: skip
