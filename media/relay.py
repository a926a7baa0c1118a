"""The relay's core: who sends what to whom, as one state machine without I/O or clock.

``now`` is monotonic seconds and is always an argument; ``Batch`` is preallocated and handed in by the caller, who
protects and sends the slabs named in it after each call (or after a few). Nothing here raises because of a peer's
bytes: a packet that cannot be used is dropped and counted by reason in ``dropped``.

How the process drives it:

    relay.apply(desired, now)                           # whenever an app sent one; raises StaleEpoch
    relay.attach_publisher(peer, media, slab, now)      # publish leg: DTLS is up, the offer is answered
    relay.attach_subscriber(peer, slab, now)            # subscribe leg: DTLS is up
    relay.wanted(peer)                                  # what to offer it; listener.subscriptions_changed says when
    relay.set_subscribed(peer, lines, now)              # the offer was answered: these sections exist now
    relay.receive_rtp(peer, data, now, batch)           # decrypted, from the publish leg
    relay.receive_rtcp(peer, leg, data, now, batch)     # decrypted, from either leg
    relay.next_deadline() / handle_deadline(now, batch) # timers: NACK, reports, key frames, silence
    relay.detach(peer, leg, now)

Closures: ``detach`` ends a leg only; what a session wants stays. ``apply`` with state "closed" ends the session's
routes and journals; its peers stay attached and may be named by the next session. A leg that is attached again
replaces the old one (do not call ``detach`` for the replaced one).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from media.messages import Desired, Leg, LegQuality, Source
from media.types import Batch, Listener, ParticipantId, PeerId, PublishedMedia, Recorder, Slab, SubscribedMedia


@dataclass(frozen=True, slots=True)
class RelayOptions:
    """Ceilings and periods of a relay. Rates in bit/s, times in seconds."""

    start_bitrate_bps: int = 600_000  # first REMB to a publisher
    min_bitrate_bps: int = 100_000
    audio_bitrate_bps: int = 96_000  # ceiling per source; the REMB ceiling of a leg is their sum
    camera_bitrate_bps: int = 2_500_000
    screen_bitrate_bps: int = 3_000_000
    silence_s: float = 2.0
    report_interval_s: float = 1.0
    record_keyframe_interval_s: float = 10.0


class Relay:
    """The graph of sessions, publications and subscriptions of one relay process."""

    def __init__(self, listener: Listener, recorder: Recorder | None, options: RelayOptions | None = None) -> None:
        self.dropped: dict[str, int] = {}
        """Packets dropped, by reason. The set of reasons is fixed and small."""
        self.packets_in = 0
        self.packets_out = 0
        self.utc_offset = 0.0
        """UTC seconds minus monotonic seconds; the process sets and refreshes it (for ``SourceSilent.since``)."""

    # --- desired state ----------------------------------------------------------------------------------------------

    def apply(self, desired: Desired, now: float) -> None:
        """Make a session so. Idempotent: a version already seen within the epoch is ignored.

        A peer named by several sessions belongs to the one that named it last (next visit, design 4).
        Raises StaleEpoch when a higher epoch of this session was seen.
        """
        raise NotImplementedError

    def sessions(self) -> dict[str, int]:
        """Session id -> epoch of every session that is not closed."""
        raise NotImplementedError

    # --- legs -------------------------------------------------------------------------------------------------------

    def attach_publisher(self, peer: PeerId, media: Sequence[PublishedMedia], slab: Slab, now: float) -> None:
        """The publish leg of ``peer`` is up and carries these sections (the whole list, after every negotiation).

        ``slab``: where RTCP feedback to this publisher goes (RR, NACK, PLI, REMB). With the same slab, sections that
        did not change keep running untouched; with another slab the leg is a new connection and starts afresh.
        """
        raise NotImplementedError

    def attach_subscriber(self, peer: PeerId, slab: Slab, now: float) -> None:
        """The subscribe leg of ``peer`` is up; media and SRs for it go to ``slab``.

        Another slab than before is a new connection: its lines are forgotten until ``set_subscribed``.
        """
        raise NotImplementedError

    def wanted(self, peer: PeerId) -> list[tuple[ParticipantId, Source]]:
        """What this peer should receive now, in a stable order: the sources that the others of its session have
        attached and may publish, screened by ``receives``. A muted or paused source stays in the list."""
        raise NotImplementedError

    def set_subscribed(self, peer: PeerId, lines: Sequence[tuple[SubscribedMedia, str, Source]], now: float) -> None:
        """The sections of the subscribe leg after negotiation: (section, participant, source), all of them.

        Idle sections have participant "". A line whose participant is not (or no longer) to be received gets nothing.
        A section keeps its outgoing sequence, timestamps and picture ids when it changes its participant.
        """
        raise NotImplementedError

    def codec_of(self, participant: str, source: Source, peer: PeerId) -> PublishedMedia | None:
        """The published section that ``peer`` would receive for (participant, source), for matching codecs in an
        offer; None while nothing is attached or it is not wanted."""
        raise NotImplementedError

    def detach(self, peer: PeerId, leg: Leg, now: float) -> None:
        """The leg is gone; unknown legs are ignored. A publisher's live sources are reported silent."""
        raise NotImplementedError

    # --- packets ----------------------------------------------------------------------------------------------------

    def receive_rtp(self, peer: PeerId, data: memoryview, now: float, batch: Batch) -> None:
        """One decrypted RTP packet of the publish leg; ``data`` is only read, and only during the call."""
        raise NotImplementedError

    def receive_rtcp(self, peer: PeerId, leg: Leg, data: memoryview, now: float, batch: Batch) -> None:
        """One decrypted compound (or reduced-size) RTCP packet of either leg."""
        raise NotImplementedError

    # --- time -------------------------------------------------------------------------------------------------------

    def next_deadline(self) -> float | None:
        """When ``handle_deadline`` wants to be called next (monotonic seconds); None while nothing is attached."""
        raise NotImplementedError

    def handle_deadline(self, now: float, batch: Batch) -> None:
        """Do what is due by ``now``: NACK, receiver reports, REMB, key frame requests, silence, active speaker."""
        raise NotImplementedError

    def quality(self, now: float) -> list[LegQuality]:
        """Figures of every leg since the last call."""
        raise NotImplementedError


__all__ = ["Relay", "RelayOptions"]
