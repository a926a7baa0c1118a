"""The two legs of a peer as the relay's core sees them: which SSRC is what, and what was counted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from media.arrivals import Arrivals, PlainArrivals
from media.bandwidth import BandwidthEstimator
from media.ceiling import Ceilings, Meter
from media.feedback import ReceiveStats
from media.forwarder import Publication
from media.rtp import find_extensions, text_value
from media.seq import FIRST_CYCLE, extend
from media.subscription import Subscription
from media.types import Buffer, Codec, ParticipantId, PublishedMedia, SendQueue, Source, SubscribedMedia

MAX_LEARNED = 64  # SSRCs that a leg may introduce beyond the announced ones, over its life


class Stream:
    """One incoming SSRC: a layer of a publication, or the retransmissions of that layer."""

    __slots__ = (
        "index", "meter", "payload_type", "publication", "red_type", "report_at", "report_ntp", "rtx", "rtx_stats",
        "ssrc",
    )  # fmt: skip

    def __init__(self, publication: Publication, index: int, ssrc: int, rtx: bool, meter: Meter) -> None:
        codec = publication.media.codec
        self.publication = publication
        self.meter = meter  # of the publication, shared by its SSRCs
        self.index = index
        self.ssrc = ssrc
        self.rtx = rtx
        self.payload_type = (codec.rtx_pt or 0) if rtx else codec.payload_type
        self.red_type = -1 if rtx or codec.red_pt is None else codec.red_pt
        self.rtx_stats = ReceiveStats(codec.clock_rate) if rtx else None
        self.report_ntp = 0  # middle 32 bits of the last SR's NTP time, and when it came
        self.report_at = 0.0

    def widen(self, seq: int) -> int:
        """Extended number of a packet on a retransmission SSRC."""
        highest = self.stats.highest
        return FIRST_CYCLE + seq if highest < 0 else extend(highest, seq)

    @property
    def stats(self) -> ReceiveStats:
        """Reception statistics of this SSRC."""
        return self.rtx_stats or self.publication.layers[self.index].stats


def _types(codec: Codec) -> tuple[int | None, ...]:
    return codec.payload_type, codec.rtx_pt, codec.red_pt


class PublishLeg:
    """A publisher's connection. ``streams`` is only ever added to: extensions that name an SSRC stop early."""

    __slots__ = (
        "_began", "_ceilings", "_meters", "arrivals", "estimator", "learned", "level_id", "octets", "peer",
        "publications", "quality_at", "quality_expected", "quality_octets", "quality_received", "quality_sound",
        "queue", "remb", "report_due", "rtt", "streams", "time_id", "timed", "wide_id",
    )  # fmt: skip

    def __init__(
        self, peer: str, queue: SendQueue, estimator: BandwidthEstimator, ceilings: Ceilings, now: float
    ) -> None:
        self.peer = peer
        self.queue = queue
        self.estimator = estimator
        self._ceilings = ceilings
        self._began = now
        self._meters: dict[str, Meter] = {}  # by mid
        self.publications: dict[str, Publication] = {}  # by mid
        self.streams: dict[int, Stream] = {}
        self.learned = 0
        self.level_id = 0
        self.time_id = 0
        self.timed: Publication | None = None  # whose RTP times stand in for abs-send-time where that is missing
        self.octets = 0
        self.report_due = now + 0.2
        self.remb = False
        self.wide_id = 0
        self.arrivals: PlainArrivals | None = None  # where the client numbers its packets transport-wide
        self.quality_at = now
        self.quality_octets = 0
        self.quality_expected = 0
        self.quality_received = 0
        self.quality_sound = (0, 0)  # packets of sound expected, and those that came or were mended
        self.rtt = 0.0  # s, by the publisher's answers to our reference times; 0: it gives none

    def update(self, media: Sequence[PublishedMedia]) -> list[Publication]:
        """Take the negotiated sections; unchanged ones keep running. The publications that ended."""
        ended = dict(self.publications)
        self.publications = {}
        for section in media:
            publication = ended.get(section.mid)
            if publication is not None and publication.media == section:
                del ended[section.mid]
            else:
                publication = Publication(self.peer, section)
                self._announce(publication)
            self.publications[section.mid] = publication
            self.level_id = section.extensions.audio_level or self.level_id
            self.time_id = section.extensions.abs_send_time or self.time_id
        self.wide_id = next((item.extensions.transport_cc for item in media if item.extensions.transport_cc), 0)
        if not self.wide_id:
            self.arrivals = None
        elif self.arrivals is None:
            self.arrivals = Arrivals(self._began)
        gone = list(ended.values())
        self.streams = {ssrc: stream for ssrc, stream in self.streams.items() if stream.publication not in gone}
        pictures = [item for item in self.publications.values() if not item.audio]
        self.timed = pictures[0] if pictures and not self.time_id and not self.wide_id else None
        self.remb = not self.wide_id and any("goog-remb" in section.codec.feedback for section in media)
        self.set_ceilings()
        return gone

    def set_ceilings(self) -> None:
        """Take what the ceilings are now: for the meters, and for what the publisher is told."""
        for publication in self.publications.values():
            self._meter(publication).set_ceiling(self._ceilings.of(publication.source))
        self.estimator.ceiling_bps = sum(self._ceilings.of(item.source) for item in self.publications.values())

    def _meter(self, publication: Publication) -> Meter:
        mid = publication.media.mid
        if mid not in self._meters:
            self._meters[mid] = Meter(self._ceilings.of(publication.source), publication.source, self._began)
        return self._meters[mid]

    def _announce(self, publication: Publication) -> None:
        media = publication.media
        for index, layer in enumerate(publication.layers):
            if index < len(media.ssrcs):
                layer.ssrc = media.ssrcs[index]
                self.streams[layer.ssrc] = Stream(publication, index, layer.ssrc, False, self._meter(publication))
            if index < len(media.rtx_ssrcs):
                layer.rtx_ssrc = media.rtx_ssrcs[index]
                meter = self._meter(publication)
                self.streams[layer.rtx_ssrc] = Stream(publication, index, layer.rtx_ssrc, True, meter)

    def learn(self, data: Buffer, start: int, ssrc: int, payload_type: int, now: float) -> Stream | None:
        """Find out what an unknown SSRC is, from mid and rid in the packet, else from a payload type used once."""
        if self.learned >= MAX_LEARNED:
            return None
        publication, elements = self._named(data, start)
        named = publication is not None
        if publication is None:
            users = [item for item in self.publications.values() if payload_type in _types(item.media.codec)]
            if len(users) != 1:
                return None
            publication = users[0]
        codec = publication.media.codec
        if payload_type not in _types(codec):
            return None
        rtx = payload_type == codec.rtx_pt
        ids = publication.media.extensions
        rid = text_value(elements.get(ids.rrid if rtx and ids.rrid else ids.rid)) if ids.rid or ids.rrid else ""
        index = self._layer_index(publication, rid)
        if index < 0:
            return None
        layer = publication.layers[index]
        if rtx:
            layer.rtx_ssrc = ssrc
        elif layer.ssrc != ssrc:
            if layer.ssrc and layer.highest >= 0:
                if not named and layer.alive(now):
                    return None  # a stray SSRC does not push out the one that runs
                layer = publication.replace_layer(index, ssrc, now)
            layer.ssrc = ssrc
        stale = [old for old, item in self.streams.items() if _same_place(item, publication, index, rtx)]
        for old in stale:
            del self.streams[old]
        self.learned += 1
        self.report_due = min(self.report_due, now)  # until then the sender repeats mid and rid in every packet
        stream = Stream(publication, index, ssrc, rtx, self._meter(publication))
        self.streams[ssrc] = stream
        return stream

    def _named(self, data: Buffer, start: int) -> tuple[Publication | None, dict[int, bytes]]:
        elements = find_extensions(data, start)
        for publication in self.publications.values():
            ident = publication.media.extensions.mid
            if ident and text_value(elements.get(ident)) == publication.media.mid:
                return publication, elements
        return None, elements

    @staticmethod
    def _layer_index(publication: Publication, rid: str) -> int:
        if len(publication.layers) == 1:
            return 0
        for index, layer in enumerate(publication.layers):
            if layer.rid == rid:
                return index
        return -1

    def report_blocks(self, now: float) -> Iterator[tuple[int, int, int, int, int, int, int]]:
        """Report blocks of the SSRCs that sent something since their last one."""
        for ssrc, stream in self.streams.items():
            stats = stream.stats
            if stats.packets == 0 or stats.last_at <= stats.reported_at:
                continue
            stats.reported_at = now
            fraction, lost = stats.report(0 if stream.rtx else stream.publication.layers[stream.index].mended)
            delay = int((now - stream.report_at) * 65536) if stream.report_ntp else 0
            highest = stats.extended_highest
            yield ssrc, fraction, lost, highest, int(stats.jitter), stream.report_ntp, min(delay, 0xFFFFFFFF)

    def sound(self) -> tuple[int, int]:
        """(packets of sound expected, packets that came, also late or mended) so far."""
        expected = came = 0
        for publication in self.publications.values():
            for layer in publication.layers if publication.audio else ():
                if layer.stats.base >= 0:
                    expected += layer.stats.highest - layer.stats.base + 1
                    came += layer.stats.packets + layer.mended
        return expected, came

    def counted(self) -> tuple[int, int]:
        """(packets expected, packets received) of the media SSRCs so far."""
        expected = received = 0
        for stream in self.streams.values():
            if not stream.rtx:
                stats = stream.stats
                if stats.base >= 0:
                    expected += stats.highest - stats.base + 1
                    received += stats.packets
        return expected, received


def _same_place(stream: Stream, publication: Publication, index: int, rtx: bool) -> bool:
    return stream.publication is publication and stream.index == index and stream.rtx == rtx


class SubscribeLeg:
    """A subscriber's connection and its sections."""

    def __init__(self, peer: str, queue: SendQueue, now: float) -> None:
        self.peer = peer
        self.queue = queue
        self.subscriptions: dict[str, Subscription] = {}  # by mid
        self.by_ssrc: dict[int, Subscription] = {}
        self.told: list[tuple[ParticipantId, Source]] = []  # what the listener knows to be wanted
        self.quality_at = now
        self.quality_octets = 0

    def update(self, lines: Sequence[tuple[SubscribedMedia, str, Source]]) -> list[Subscription]:
        """Take the negotiated sections; a section keeps its numbers. The subscriptions that ended."""
        old = self.subscriptions
        self.subscriptions = {}
        self.by_ssrc = {}
        for media, participant, source in lines:
            subscription = old.get(media.mid)
            if subscription is not None and subscription.media == media:
                del old[media.mid]
            else:
                before = subscription
                subscription = Subscription(media, self.queue)
                if before is not None and before.media.ssrc == media.ssrc:
                    subscription.follow(before)
            subscription.participant = participant
            subscription.source = source
            self.subscriptions[media.mid] = subscription
            self.by_ssrc[media.ssrc] = subscription
        return list(old.values())

    def sent(self) -> int:
        """Payload octets sent on all sections."""
        return sum(subscription.sent()[1] for subscription in self.subscriptions.values())


__all__ = ["PublishLeg", "Stream", "SubscribeLeg"]
