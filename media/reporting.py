"""RTCP in both directions: what we tell publishers and subscribers, and what their reports mean.

Publishers get NACK, PLI or FIR, receiver reports and REMB; subscribers get sender reports that say what the
publisher's own said. Key frame requests of all subscribers of an SSRC become one.
"""

from __future__ import annotations

from typing import Protocol

from media import rtcp
from media.arrivals import PlainArrivals
from media.forwarder import Publication
from media.layer import Layer
from media.legs import PublishLeg, SubscribeLeg
from media.patience import MUCH, needed
from media.subscription import Subscription
from media.twcc import FORMAT as WIDE
from media.twcc import BadFeedback
from media.twcc import read as read_wide
from media.types import Batch
from media.viewerline import ViewerLines

SENDER = 1  # our SSRC in feedback; publishers do not look at it
MAX_NACKS_OUT = 250  # numbers per NACK packet


class Options(Protocol):
    """What of the relay's options is needed here."""

    @property
    def report_interval_s(self) -> float: ...
    @property
    def record_keyframe_interval_s(self) -> float: ...


class Reporting:
    """All RTCP of a relay. ``due``: when ``ask`` wants to run next."""

    def __init__(
        self,
        options: Options,
        publishers: dict[str, PublishLeg],
        subscribers: dict[str, SubscribeLeg],
        lines: ViewerLines,
    ) -> None:
        self.due: float | None = None
        self._options = options
        self._publishers = publishers
        self._subscribers = subscribers
        self._lines = lines

    # --- what is due ------------------------------------------------------------------------------------------------

    def note(self, layer: Layer) -> None:
        """A packet of this layer came in: it may have made something due (the hot path)."""
        due = layer.keys.deadline
        if due is not None and (self.due is None or due < self.due):
            self.due = due
        nack = layer.nack
        if nack is not None:
            due = nack.deadline
            if due is not None and (self.due is None or due < self.due):
                self.due = due

    def schedule(self) -> None:
        """Look through all layers for the next thing that is due."""
        self.due = None
        for leg in self._publishers.values():
            for publication in leg.publications.values():
                for layer in publication.layers:
                    self.note(layer)

    def ask(self, now: float, batch: Batch) -> None:
        """Send the NACKs and key frame requests that are due."""
        for leg in self._publishers.values():
            for publication in leg.publications.values():
                for layer in publication.layers:
                    nack = layer.nack
                    if nack is not None and nack.deadline is not None and nack.deadline <= now:
                        self._nack(leg, publication, layer, now, batch)
                    deadline = layer.keys.deadline
                    if deadline is not None and deadline <= now:
                        self._request(leg, publication, layer, now, batch)
        self.schedule()

    def _nack(self, leg: PublishLeg, publication: Publication, layer: Layer, now: float, batch: Batch) -> None:
        if layer.nack is None:
            return
        if leg.rtt:
            layer.nack.rtt, layer.nack.is_measured = leg.rtt, True
            layer.nack.is_lossy = layer.stats.share.value >= MUCH
        missing, given_up = layer.nack.due(now)
        if given_up:
            publication.ask_keyframe(now, layer=layer)
        if missing and leg.queue.has_room():
            size = rtcp.write_nack(batch.scratch, 0, SENDER, layer.ssrc, missing[:MAX_NACKS_OUT])
            batch.add_rtcp(leg.queue, size)

    def _request(self, leg: PublishLeg, publication: Publication, layer: Layer, now: float, batch: Batch) -> None:
        if not publication.open or not (publication.subscriptions or publication.tap is not None):
            layer.keys.cancel()
            return
        if layer.highest < 0 and not layer.ssrc:
            layer.keys.cancel()  # nothing is sent, and the first thing sent will be a key frame
            return
        if not layer.keys.send(now, leg.rtt) or not leg.queue.has_room():
            return
        feedback = publication.media.codec.feedback
        if "ccm fir" in feedback and "nack pli" not in feedback:
            size = rtcp.write_fir(batch.scratch, 0, SENDER, layer.ssrc, layer.keys.number)
        else:
            size = rtcp.write_pli(batch.scratch, 0, SENDER, layer.ssrc)
        batch.add_rtcp(leg.queue, size)

    def tick(self, now: float, batch: Batch) -> None:
        """Every 100 ms: receiver reports, REMB, the recorder's key frames, layers that are no longer sent."""
        for leg in self._publishers.values():
            if now >= leg.report_due and self._receiver_report(leg, now, batch):
                leg.report_due = now + self._options.report_interval_s
            if leg.remb:
                leg.estimator.count(*leg.counted(), now)
                bitrate = leg.estimator.update(now)
                if bitrate and leg.queue.has_room():
                    ssrcs = [ssrc for ssrc, stream in leg.streams.items() if not stream.rtx]
                    size = rtcp.write_remb(batch.scratch, 0, SENDER, bitrate, ssrcs)
                    batch.add_rtcp(leg.queue, size)
            if leg.arrivals is not None:
                self._tell_arrivals(leg, leg.arrivals, now, batch)
            for publication in leg.publications.values():
                self._refresh_picture(publication, now)
        self.schedule()

    @staticmethod
    def _tell_arrivals(leg: PublishLeg, arrivals: PlainArrivals, now: float, batch: Batch) -> None:
        ssrc = next(iter(leg.streams), 0)
        while leg.queue.has_room() and (size := arrivals.build(batch.scratch, 0, SENDER, ssrc, now)):
            batch.add_rtcp(leg.queue, size)

    def _refresh_picture(self, publication: Publication, now: float) -> None:
        """Key frames for the journal, which cannot ask for them by RTCP (for those of viewers see ``layering``)."""
        if not publication.keyed or not publication.open or publication.tap is None:
            return
        layer = publication.best_layer(now)
        if not layer.alive(now):
            return
        interval = self._options.record_keyframe_interval_s
        if now - max(layer.keys.keyed_at, layer.keys.asked_at) >= interval:
            layer.keys.want(now)
        if layer.keys.deadline is None and publication.recorded is not layer and len(publication.layers) > 1:
            layer.keys.want(now)

    def _receiver_report(self, leg: PublishLeg, now: float, batch: Batch) -> bool:
        """Send one if there is something to report on; the first ones soon, the sender's start phase needs them."""
        if not leg.queue.has_room():
            return False
        blocks = list(leg.report_blocks(now))
        if not blocks:
            return False
        size = rtcp.write_receiver_report(batch.scratch, 0, SENDER, blocks)
        # Any clock will do for the reference time: only differences to what comes back are taken.
        size += rtcp.write_reference_time(batch.scratch, size, SENDER, int(now * 4294967296.0))
        batch.add_rtcp(leg.queue, size)
        return True

    # --- what comes in ----------------------------------------------------------------------------------------------

    def from_publisher(
        self, leg: PublishLeg, data: memoryview, now: float, batch: Batch
    ) -> tuple[str, list[Publication]]:
        """RTCP of a publisher: (why it was dropped or "", publications whose sender said goodbye)."""
        ended: list[Publication] = []
        understood = False
        for kind, count, at, end in rtcp.packets(data):
            understood = True
            if kind == rtcp.SR:
                report = rtcp.read_sender(data, at, end)
                if report is not None:
                    self._sender_report(leg, *report, now, batch)
            elif kind == rtcp.XR:
                self._round_trip(leg, rtcp.read_delays(data, at, end), now)
            elif kind == rtcp.BYE:
                for ssrc in rtcp.read_bye(data, count, at, end):
                    stream = leg.streams.get(ssrc)
                    if stream is not None and not stream.rtx and len(stream.publication.layers) == 1:
                        ended.append(stream.publication)
        return ("" if understood else "malformed_rtcp"), ended

    @staticmethod
    def _round_trip(leg: PublishLeg, delays: list[tuple[int, int, int]], now: float) -> None:
        for ssrc, reference, delay in delays:
            rtt = ((int(now * 65536) - reference - delay) & 0xFFFFFFFF) / 65536
            if ssrc == SENDER and reference and rtt < 10:
                leg.rtt = rtt if not leg.rtt else leg.rtt + 0.25 * (rtt - leg.rtt)

    def _sender_report(self, leg: PublishLeg, ssrc: int, ntp: int, rtp_time: int, now: float, batch: Batch) -> None:
        stream = leg.streams.get(ssrc)
        if stream is None:
            return
        stream.report_ntp = ntp >> 16 & 0xFFFFFFFF
        stream.report_at = now
        if stream.rtx or ntp == 0:
            return
        publication = stream.publication
        layer = publication.layers[stream.index]
        if 0 < layer.clock.ntp - ntp < 10 << 32:
            return  # overtaken by a newer one
        layer.clock.update(ntp, rtp_time, now)
        if not publication.open:
            return
        if publication.recorded is layer and publication.tap is not None:
            publication.tap.report(ntp, rtp_time, now)
        for subscription in publication.subscriptions:
            if subscription.layer is layer:
                subscription.write_report(now, batch)

    def from_subscriber(self, leg: SubscribeLeg, data: memoryview, now: float, batch: Batch) -> str:
        """RTCP of a subscriber: reports, NACK, PLI, FIR, REMB, transport-wide feedback. Why it was dropped, or ""."""
        understood = False
        asked = False
        line = self._lines.of(leg.peer)
        for kind, count, at, end in rtcp.packets(data):
            understood = True
            if kind in (rtcp.RR, rtcp.SR):
                worst = 0
                for ssrc, fraction, _, jitter, lsr, dlsr in rtcp.read_blocks(data, kind, count, at, end):
                    subscription = leg.by_ssrc.get(ssrc)
                    if subscription is not None:
                        subscription.note_report(fraction, jitter, lsr, dlsr, now)
                        self._hold(subscription, now)
                        worst = max(worst, fraction)
                if line is not None:
                    line.loss(worst / 256, now)
            elif kind == rtcp.RTPFB and count == WIDE:
                try:
                    if line is not None:
                        line.feedback(read_wide(data, at, end), now)
                except BadFeedback:
                    understood = False
            elif kind == rtcp.RTPFB and count == rtcp.NACK:
                ssrc, wanted = rtcp.read_nack(data, at, end)
                subscription = leg.by_ssrc.get(ssrc)
                if subscription is not None:
                    subscription.resend(wanted, now, batch)
                    if subscription.is_beyond:
                        subscription.is_beyond = False
                        asked = self._wants_keyframe(leg, ssrc, now) or asked
            elif kind == rtcp.PSFB and count in (rtcp.PLI, rtcp.FIR):
                for ssrc in rtcp.read_keyframe_request(data, count, at, end):
                    asked = self._wants_keyframe(leg, ssrc, now) or asked
            elif kind == rtcp.PSFB and count == rtcp.REMB:
                bitrate = rtcp.read_remb(data, at, end)
                if line is not None and bitrate > 0:
                    line.remb(bitrate, now)
        if asked:
            self.ask(now, batch)
        return "" if understood else "malformed_rtcp"

    def _hold(self, subscription: Subscription, now: float) -> None:
        """Let the viewer wait for what is sent again on both ways, the sender's and its own."""
        layer = subscription.layer
        if layer is None or not subscription.header.delay_at:
            return
        publication = subscription.publication
        leg = self._publishers.get(publication.peer) if isinstance(publication, Publication) else None
        ways = [(subscription.share.value, subscription.rtt)]
        if leg is not None:
            ways.append((layer.stats.share.value, leg.rtt))
        subscription.hold(needed(ways), now)

    @staticmethod
    def _wants_keyframe(leg: SubscribeLeg, ssrc: int, now: float) -> bool:
        subscription = leg.by_ssrc.get(ssrc)
        publication = subscription.publication if subscription is not None else None
        if subscription is None or not isinstance(publication, Publication):
            return False
        if not publication.audio and subscription.layer is None and subscription.choice is None:
            return False  # it is shown nothing now; when that changes, a key frame is asked for anyway
        if not subscription.may_ask_key_frame(now):
            return False
        publication.ask_keyframe(now, layer=subscription.layer)
        return True


__all__ = ["Reporting"]
