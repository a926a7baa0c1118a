"""The relay's core: who sends what to whom, as one state machine without I/O or clock.

``now`` is monotonic seconds and is always an argument; ``Batch`` is preallocated and handed in by the caller, who
sends what the queues named in it hold after each call (or after a few). Nothing here raises because of a peer's
bytes: a packet that cannot be used is dropped and counted by reason in ``dropped``.

How the process drives it:

    relay.apply(desired, now)                           # whenever an app sent one; raises StaleEpoch
    relay.attach_publisher(peer, media, queue, now)      # publish leg: DTLS is up, the offer is answered
    relay.attach_subscriber(peer, queue, now)            # subscribe leg: DTLS is up
    relay.wanted(peer)                                  # what to offer it; listener.subscriptions_changed says when
    relay.set_subscribed(peer, lines, now)              # the offer was answered: these sections exist now
    relay.set_views(peer, views, now)                   # how large its page shows them
    relay.receive_rtp(peer, data, now, batch)           # decrypted, from the publish leg
    relay.receive_rtcp(peer, leg, data, now, batch)     # decrypted, from either leg
    relay.next_deadline() / handle_deadline(now, batch) # timers: NACK, reports, key frames, silence
    relay.detach(peer, leg, now)

``apply``, ``attach_*``, ``set_subscribed`` and ``detach`` may make something due at once: look at ``next_deadline``
after them as after packets.

Closures: ``detach`` ends a leg only; what a session wants stays. ``apply`` with state "closed" ends the session's
routes and journals; its peers stay attached and may be named by the next session. A leg that is attached again
replaces the old one (do not call ``detach`` for the replaced one).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from struct import Struct
from typing import Any

from media.bandwidth import BandwidthEstimator
from media.ceiling import Ceilings
from media.crosstalk import Crosstalk
from media.figures import of_publisher, of_subscriber
from media.forwarder import MAX_PAYLOAD, Publication
from media.gates import Gates
from media.layering import Layering
from media.legs import PublishLeg, Stream, SubscribeLeg
from media.loudest import Loudest
from media.messages import Desired, Leg, LegQuality, Member, SessionEnded, Source, View, WriteFailed
from media.ordinary import take, take_from
from media.redundancy import unwrap
from media.reporting import Reporting
from media.rtp import TIME_UNKNOWN, build, parse, payload_start
from media.sessions import Sessions, records
from media.speaker import Speakers
from media.subscription import Subscription
from media.tracks import TrackKey, Tracks
from media.types import (
    MAX_DATAGRAM,
    Batch,
    Buffer,
    Listener,
    ParticipantId,
    PeerId,
    PublishedMedia,
    Recorder,
    SendQueue,
    SessionId,
    SubscribedMedia,
)
from media.viewerline import ViewerLines

TICK = 0.1  # s: reports, silence, speaker
BLIND = 0.4  # s that a tick is late: the process stood still
_fields = Struct(">BBHII").unpack_from


@dataclass(frozen=True, slots=True)
class RelayOptions:
    """Ceilings and periods of a relay. Rates in bit/s, times in seconds."""

    start_bitrate_bps: int = 600_000  # first REMB to a publisher
    max_viewer_bps: int = 8_000_000  # ceiling per viewer, sound and pictures
    min_bitrate_bps: int = 100_000
    audio_bitrate_bps: int = 96_000  # ceiling per source; the REMB ceiling of a leg is their sum
    camera_bitrate_bps: int = 2_500_000
    screen_bitrate_bps: int = 3_000_000
    silence_s: float = 2.0
    loudest: int = 4  # microphones of a session that are passed on at a time; 0: all
    report_interval_s: float = 1.0
    record_keyframe_interval_s: float = 10.0


class Relay:
    """The graph of sessions, publications and subscriptions of one relay process."""

    def __init__(
        self, listener: Listener, recorder: Recorder | None, options: RelayOptions | None = None, is_native: bool = True
    ) -> None:
        self.dropped: dict[str, int] = {}
        """Packets not passed on, by reason. The set of reasons is fixed and small."""
        self.packets_in = 0
        self._listener = listener
        self._recorder = recorder
        self._options = options or RelayOptions()
        self._take = take if is_native else None
        self._sessions = Sessions()
        self._tracks = Tracks(recorder, self._write_failed) if recorder is not None else None
        self._gates = Gates(listener, self._sessions, self._tracks)
        self._publishers: dict[str, PublishLeg] = {}
        self._subscribers: dict[str, SubscribeLeg] = {}
        self._speakers = Speakers()
        options = self._options
        self._ceilings = Ceilings(
            options.audio_bitrate_bps, options.camera_bitrate_bps, options.screen_bitrate_bps, options.max_viewer_bps
        )
        self._lines = ViewerLines(options.max_viewer_bps)
        self._crosstalk = Crosstalk()
        self._reporting = Reporting(self._options, self._publishers, self._subscribers, self._lines)
        self._layering = Layering(listener, self._publishers, self._subscribers)
        self._loudest = Loudest(self._options.loudest, self._layering.shows_large)
        self._tick_at = 0.0
        self._packets_out = 0  # of subscriptions that ended

    @property
    def utc_offset(self) -> float:
        """UTC seconds minus monotonic seconds; the process sets and refreshes it (for ``SourceSilent.since``)."""
        return self._gates.utc_offset

    @utc_offset.setter
    def utc_offset(self, seconds: float) -> None:
        self._gates.utc_offset = seconds

    @property
    def packets_out(self) -> int:
        """Media packets written to subscribers, without retransmissions."""
        return self._packets_out + sum(
            subscription.sent()[0] for leg in self._subscribers.values() for subscription in leg.subscriptions.values()
        )

    # --- desired state ----------------------------------------------------------------------------------------------

    def apply(self, desired: Desired, now: float) -> None:
        """Make a session so. Idempotent: a version already seen within the epoch is ignored.

        A peer named by several sessions belongs to the one that named it last (next visit, design 4).
        Raises StaleEpoch when a higher epoch of this session was seen.
        """
        if not self._sessions.apply(desired):
            return
        self.wakes(now)  # before fences are set
        if self._tracks is not None:
            wanted = [
                (member.participant, source)
                for member in desired.members
                for source in member.publish
                if desired.state != "closed" and records(desired, member, source)
            ]
            self._route(now)  # marks and gates first: what is closed here must not write another byte
            self._tracks.want(desired.session, desired.epoch, desired.part, wanted, now)
        self._route(now)
        if desired.state == "closed":
            if self._recorder is not None:
                self._recorder.end_session(SessionId(desired.session), desired.epoch, now)
            else:
                self._listener.report(SessionId(desired.session), desired.epoch, SessionEnded(files=()))

    def sessions(self) -> dict[str, int]:
        """Session id -> epoch of every session that is not closed."""
        return {session: desired.epoch for session, desired in self._sessions.running.items()}

    # --- legs -------------------------------------------------------------------------------------------------------

    def attach_publisher(self, peer: PeerId, media: Sequence[PublishedMedia], queue: SendQueue, now: float) -> None:
        """The publish leg of ``peer`` is up and carries these sections (the whole list, after every negotiation).

        ``queue``: where RTCP feedback to this publisher goes (RR, NACK, PLI, REMB). With the same queue, sections that
        did not change keep running untouched; with another queue the leg is a new connection and starts afresh.
        """
        leg = self._publishers.get(peer)
        if leg is None or leg.queue is not queue:
            if leg is not None:
                self._end_publications(list(leg.publications.values()), now)
            estimator = BandwidthEstimator(self._options.start_bitrate_bps, self._options.min_bitrate_bps)
            leg = self._publishers[peer] = PublishLeg(peer, queue, estimator, self._ceilings, now)
        self._end_publications(leg.update(media), now)
        self._wake(now)
        self._route(now)

    def attach_subscriber(self, peer: PeerId, queue: SendQueue, now: float) -> None:
        """The subscribe leg of ``peer`` is up; media and SRs for it go to ``queue``.

        Another queue than before is a new connection: its lines are forgotten until ``set_subscribed``.
        """
        leg = self._subscribers.get(peer)
        if leg is None or leg.queue is not queue:
            if leg is not None:
                self._end_subscriber(leg)
            leg = self._subscribers[peer] = SubscribeLeg(peer, queue, now)
            self._lines.attach(leg)
        self._wake(now)
        self._route(now)

    def wanted(self, peer: PeerId) -> list[tuple[ParticipantId, Source]]:
        """What this peer should receive now, in a stable order: the sources that the others of its session have
        attached and may publish, screened by ``receives``. A muted or paused source stays in the list."""
        found: list[tuple[ParticipantId, Source]] = []
        for member in self._sessions.audience(peer):
            for source in member.publish:
                if self._publication(member, source) is not None:
                    found.append((ParticipantId(member.participant), source))
        return found

    def set_subscribed(self, peer: PeerId, lines: Sequence[tuple[SubscribedMedia, str, Source]], now: float) -> None:
        """The sections of the subscribe leg after negotiation: (section, participant, source), all of them.

        Idle sections have participant "". A line whose participant is not (or no longer) to be received gets nothing,
        nor does one whose codec is not the publisher's. A section keeps its outgoing sequence, timestamps and picture
        ids when it changes its participant. Unknown peers are ignored (the leg has just gone).
        """
        leg = self._subscribers.get(peer)
        if leg is None:
            return
        for subscription in leg.update(lines):
            self._detach_subscription(subscription.publication, subscription)
            self._packets_out += subscription.sent()[0]
        line = self._lines.of(peer)
        if line is not None:
            line.negotiated(now)
        self._route(now)

    def set_views(self, peer: PeerId, views: Sequence[View], now: float) -> None:
        """How large ``peer`` shows each picture it receives, all of them: it gets layers to match (``layerchoice``).
        Without a word of it a peer gets the largest. Forgotten when its subscribe leg is detached."""
        self._layering.set_views(peer, views, now)
        leg = self._subscribers.get(peer)
        self._loudest.look(leg.subscriptions.values() if leg is not None else ())
        self._reporting.schedule()

    def set_ceilings(self, source_bps: int, viewer_bps: int) -> None:
        """The most that each picture and each viewer may take, in bit/s; 0 keeps what there is."""
        self._ceilings.set(source_bps, viewer_bps)
        self._lines.set_ceiling(self._ceilings.viewer_bps)
        for leg in self._publishers.values():
            leg.set_ceilings()

    def most_bps(self, source: Source) -> int:
        """The most that a source may send now."""
        return self._ceilings.of(source)

    def codec_of(self, participant: str, source: Source, peer: PeerId) -> PublishedMedia | None:
        """The published section that ``peer`` would receive for (participant, source), for matching codecs in an
        offer; None while nothing is attached or it is not wanted."""
        for member in self._sessions.audience(peer):
            if member.participant == participant:
                publication = self._publication(member, source)
                return publication.media if publication is not None else None
        return None

    def detach(self, peer: PeerId, leg: Leg, now: float) -> None:
        """The leg is gone; unknown legs are ignored. A publisher's live sources are reported silent."""
        if leg == "publish":
            publisher = self._publishers.pop(peer, None)
            if publisher is not None:
                self._end_publications(list(publisher.publications.values()), now)
        else:
            self._layering.forget(peer)
            self._lines.detach(peer)
            subscriber = self._subscribers.pop(peer, None)
            if subscriber is not None:
                self._end_subscriber(subscriber)
        self._route(now)

    def _end_publications(self, publications: list[Publication], now: float) -> None:
        for publication in publications:
            self._gates.silence(publication, now)
            publication.open = False
            for subscription in list(publication.subscriptions):
                publication.remove(subscription)
            publication.tap = None

    def _end_subscriber(self, leg: SubscribeLeg) -> None:
        for subscription in leg.subscriptions.values():
            self._detach_subscription(subscription.publication, subscription)
            self._packets_out += subscription.sent()[0]

    @staticmethod
    def _detach_subscription(publication: object, subscription: Subscription) -> None:
        if isinstance(publication, Publication):
            publication.remove(subscription)

    # --- routing ----------------------------------------------------------------------------------------------------

    def _publication(self, member: Member, source: Source) -> Publication | None:
        """What a member has attached for a source that it may publish."""
        leg = self._publishers.get(member.peer) if member.peer is not None and source in member.publish else None
        if leg is not None:
            for publication in leg.publications.values():
                if publication.source == source:
                    return publication
        return None

    def _route(self, now: float) -> None:
        """Bring gates, journals and subscriptions in line with what is wanted. Rare, so it looks at everything."""
        for leg in self._publishers.values():
            place = self._sessions.of_peer(leg.peer)
            for publication in leg.publications.values():
                self._gates.place(publication, place, now)
        for subscriber in self._subscribers.values():
            audience = {member.participant: member for member in self._sessions.audience(subscriber.peer)}
            for subscription in subscriber.subscriptions.values():
                member = audience.get(subscription.participant)
                target = self._publication(member, subscription.source) if member is not None else None
                if target is not None and target.codec_name != subscription.media.codec.name.lower():
                    target = None
                if target is not subscription.publication:
                    self._detach_subscription(subscription.publication, subscription)
                    if target is not None:
                        self._layering.look(subscription, subscriber.peer, now)
                        subscription.cname = subscription.participant
                        target.add(subscription, now)
                        self._loudest.look((subscription,))
            wanted = self.wanted(PeerId(subscriber.peer))
            if wanted != subscriber.told:
                subscriber.told = wanted
                self._listener.subscriptions_changed(PeerId(subscriber.peer))
        self._reporting.schedule()

    def _write_failed(self, key: TrackKey, epoch: int) -> None:
        self._listener.report(SessionId(key[0]), epoch, WriteFailed(code="disk_error"))

    # --- packets ----------------------------------------------------------------------------------------------------

    def wakes(self, now: float) -> None:
        """The process looks at the network again; to be called before what it finds there is handed in. Ticks come
        ten times a second, so one that is long overdue tells that nobody looked meanwhile, and for how long."""
        if self._publishers and now > self._tick_at + BLIND:
            for leg in self._publishers.values():
                for publication in leg.publications.values():
                    for layer in publication.layers:
                        layer.stood_still(self._tick_at, now)

    def receive_ordinary(self, found: list[Any], at: int, now: float, batch: Batch) -> int:
        """Of packets that were drained together (threes of connection, packet and seconds since ``now``), take those
        from index ``at`` on that are ordinary (see ``ordinary``); the index of the first that is not."""
        if self._take is None or take_from is None:
            return at
        end = take_from(found, at, now, self._publishers, batch)
        self.packets_in += (end - at) // 3
        return end

    def ordinary_legs(self) -> dict[str, PublishLeg] | None:
        """What passes ordinary packets on without them being handed in (``media.waiting``); None: nothing does."""
        return self._publishers if self._take is not None else None

    def passed_by(self, packets: int) -> None:
        """So many ordinary packets went that way."""
        self.packets_in += packets

    @property
    def blind_at(self) -> float:
        """When nobody will have looked for too long; ``wakes`` is to be called then."""
        return self._tick_at + BLIND if self._publishers else math.inf

    def receive_rtp(self, peer: PeerId, data: Buffer, now: float, batch: Batch) -> None:
        """One decrypted RTP packet of the publish leg; ``data`` is only read, and only during the call."""
        self.packets_in += 1
        leg = self._publishers.get(peer)
        if leg is None:
            reason = "no_leg"
        elif self._take is not None and self._take(leg, data, now, batch):
            return
        else:
            reason = self._receive_rtp(leg, data, now, batch)
        if reason:
            self.dropped[reason] = self.dropped.get(reason, 0) + 1

    def _receive_rtp(self, leg: PublishLeg, data: Buffer, now: float, batch: Batch) -> str:
        """The way of every packet; most take the same one compiled (``ordinary``)."""
        size = len(data)
        if size > MAX_DATAGRAM:
            return "too_long"
        parsed = parse(data, leg.level_id, leg.time_id, leg.wide_id)
        if parsed is None:
            return "malformed"
        second, seq, timestamp, ssrc, level, send_time, wide, payload = parsed
        if wide >= 0 and leg.arrivals is not None:
            leg.arrivals.add(wide, now)
        if len(payload) > MAX_PAYLOAD:
            return "too_long"
        stream = leg.streams.get(ssrc)
        payload_type = second & 0x7F
        if stream is None:
            stream = leg.learn(data, payload_start(data), ssrc, payload_type, now)
            if stream is None:
                return "unknown_ssrc"
        if payload_type != stream.payload_type and payload_type != stream.red_type:
            return "payload_type"
        leg.octets += size
        publication = stream.publication
        if leg.arrivals is None:  # then the bandwidth is estimated here and told in REMB
            if send_time != TIME_UNKNOWN:
                leg.estimator.add(send_time, size, now)
            if not leg.time_id:
                if publication is leg.timed and not stream.rtx:
                    leg.estimator.add(timestamp * 262144 // publication.clock_rate & 0xFFFFFF, size, now)
                else:
                    leg.estimator.add_size(size)
        meter = stream.meter
        meter.octets -= size
        meter.packets -= 1
        if (meter.octets < 0 or meter.packets < 0) and not meter.refill(size, now):
            return "over_ceiling"
        publication.last_at = now
        if not publication.allowed:
            if not stream.rtx:
                publication.layers[stream.index].pass_by(seq, timestamp, now)
            return "not_allowed"
        if not publication.live:
            self._gates.revive(publication, now)
        if level >= 0 and publication.open and not stream.rtx:
            loudness = 127 - (level & 0x7F)
            publication.voice.take(loudness, now)
            if publication.is_resting:
                self._loudest.hear(publication, loudness, now, batch)
        if payload_type == stream.red_type:
            reason = unwrap(stream, seq, timestamp, second & 0x80, payload, level, now, batch)
        elif stream.rtx:
            reason = self._recover(stream, seq, timestamp, second & 0x80, payload, level, now, batch)
        else:
            reason = publication.receive(stream.index, seq, timestamp, second & 0x80, payload, level, data, now, batch)
        self._reporting.note(publication.layers[stream.index])
        return reason

    def _recover(
        self, stream: Stream, seq: int, timestamp: int, marker: int, payload: bytes, level: int, now: float,
        batch: Batch,
    ) -> str:  # fmt: skip
        """A packet on a retransmission SSRC (RFC 4588): the original number, then the original payload."""
        stats = stream.stats
        stats.add(stream.widen(seq), timestamp, len(payload), now)
        if len(payload) < 3:
            return "rtx_padding"  # probing: no original inside
        publication = stream.publication
        original = int.from_bytes(payload[:2], "big")
        packet = build(
            publication.payload_type, original, timestamp, publication.layers[stream.index].ssrc, payload[2:],
            marker != 0,
        )  # fmt: skip
        return publication.receive(
            stream.index, original, timestamp, marker, payload[2:], level, memoryview(packet), now, batch,
            recovered=True,
        )  # fmt: skip

    def receive_rtcp(self, peer: PeerId, leg: Leg, data: memoryview, now: float, batch: Batch) -> None:
        """One decrypted compound (or reduced-size) RTCP packet of either leg."""
        self.packets_in += 1
        if len(data) > MAX_DATAGRAM:
            reason = "too_long"
        elif leg == "publish":
            publisher = self._publishers.get(peer)
            reason = "no_leg"
            if publisher is not None:
                reason, ended = self._reporting.from_publisher(publisher, data, now, batch)
                for publication in ended:
                    self._gates.silence(publication, now)
        elif self._lines.takes(peer, data, now):
            return
        else:
            subscriber = self._subscribers.get(peer)
            reason = (
                self._reporting.from_subscriber(subscriber, data, now, batch) if subscriber is not None else "no_leg"
            )
        if reason:
            self.dropped[reason] = self.dropped.get(reason, 0) + 1

    # --- time -------------------------------------------------------------------------------------------------------

    def next_deadline(self) -> float | None:
        """When ``handle_deadline`` wants to be called next (monotonic seconds); None while nothing is attached."""
        if not self._publishers and not self._subscribers:
            return None
        due, soon, padding = self._tick_at, self._reporting.due, self._lines.due  # asked after every wake-up
        if soon is not None and soon < due:
            due = soon
        return padding if padding is not None and padding < due else due

    def handle_deadline(self, now: float, batch: Batch) -> None:
        """Do what is due by ``now``: NACK, receiver reports, REMB, key frame requests, silence, active speaker."""
        soon = self._reporting.due
        if soon is not None and now >= soon:
            self._reporting.ask(now, batch)
        soon = self._lines.due
        if soon is not None and now >= soon:
            self._lines.pad(now, batch)
        if now < self._tick_at:
            return
        self.wakes(now)
        self._tick_at = now + TICK
        for leg in self._publishers.values():
            for publication in leg.publications.values():
                if publication.live and now - publication.last_at >= self._options.silence_s:
                    self._gates.silence(publication, now)
                elif publication.tap is not None and publication.live and publication.open:
                    self._watch_journal(publication, now)
        self._layering.tick(now)
        self._lines.tick(now, batch)
        self._reporting.tick(now, batch)
        microphones = [
            publication
            for leg in self._publishers.values()
            for publication in leg.publications.values()
            if publication.audio and publication.open
        ]
        voices = [(item.session, item.participant, item.voice) for item in microphones]
        for session, speaker in self._speakers.update(self._sessions.running, voices, now):
            self._listener.speaker(SessionId(session), speaker)
        for session, pairs in self._crosstalk.update(self._sessions.running, voices):
            self._listener.crosstalk(SessionId(session), pairs)
        self._loudest.update(microphones)

    def _watch_journal(self, publication: Publication, now: float) -> None:
        """Media arrives: it must be written (issue 4, the watchdog)."""
        if self._tracks is None or not any(layer.alive(now) for layer in publication.layers):
            return
        track = self._tracks.get(publication.session, publication.participant, publication.source)
        if track is None or track.writer is None or not track.is_starved(now):
            return
        since = max(track.wrote_at, track.expected_since) + self._gates.utc_offset
        body = WriteFailed(code="not_written", file=track.writer.file, since=since)
        self._listener.report(SessionId(publication.session), publication.epoch, body)

    def _wake(self, now: float) -> None:
        """A leg came: tick at once, for the first REMB of a publisher should come before its first picture."""
        self._tick_at = min(self._tick_at, now)

    def quality(self, now: float) -> list[LegQuality]:
        """Figures of every leg since the last call."""
        found = []
        for publisher in self._publishers.values():
            session, participant = self._place(publisher.peer)
            found.append(of_publisher(publisher, self._subscribers.get(publisher.peer), session, participant, now))
        for subscriber in self._subscribers.values():
            session, participant = self._place(subscriber.peer)
            found.append(of_subscriber(subscriber, self._lines.of(subscriber.peer), session, participant, now))
        return found

    def _place(self, peer: str) -> tuple[str, str]:
        place = self._sessions.of_peer(peer)
        return (place[0].session, place[1].participant) if place is not None else ("", "")


__all__ = ["Relay", "RelayOptions"]
