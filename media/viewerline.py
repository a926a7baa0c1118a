"""What the line to each viewer carries, and how it is divided.

Each subscribe leg has one way of knowing, chosen when its sections are negotiated: transport-wide feedback, for which
it keeps a send-side estimator, probes with padding and paces; the receiver's own estimate (REMB) and its losses; or
nothing, then it is given its ceiling. Ten times a second sound is taken off what the line carries and the rest is
divided among the pictures (``allocation``): each section's ``target`` is set, and ``layering`` brings it about. A line
that carries much more than could be sent is looked at every other second only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from media.allocation import HEADROOM, Allocator, Wish
from media.layerchoice import NO_CAP, Offer, Rung, ladder
from media.layering import offers_of, settle_now
from media.pacer import QUANTUM, Pacer
from media.receiverside import ReceiverSide
from media.rtp import PATCH
from media.sendside import SendSideEstimator
from media.twcc import Buffer, Feedback
from media.types import Batch, Ready

if TYPE_CHECKING:
    from media.forwarder import Publication
    from media.legs import SubscribeLeg
    from media.subscription import Subscription

Mode = Literal["twcc", "remb", "none"]
Offers = dict[int, list[Offer]]
"""By the publication's id(), for one tick."""

START_BPS = 300_000
LEAST_BPS = 50_000
SOUND_BPS = 50_000  # taken off per sound that is sent: Opus with its headers
PADDING = 255  # bytes: the most that a padding count can say (RFC 3550 5.1)
SOUGHT = 2.0  # of what everything takes: so far a line is probed
AMPLE = 1.5  # of that: then nothing has to be divided ...
LOOK_SOON, LOOK_AGAIN = 1.0, 2.0  # s ... for so long, the longer when what everything takes is what it was before
STEADY, KNOWN = 0.25, 0.9  # by which that may differ, and s before
FREE_AFTER, FREE_LOSS = 2.0, 0.05  # s without congestion, share of loss: nothing shows that the line is full
BELIEVED = 0.6  # s before a layer's rate is: at first it is all key frame
BEGINNING = 3.0  # s in which the estimate is hardly more than a guess: the least of the main picture is tried
RESTS = 0.5  # s for which an ample line of which no bad news have come is not looked at at all
LATE = 0.16  # s between two ticks: the process was not scheduled
MAIN, THUMBNAIL = 0, 1


class ViewerLine:
    """The line of one subscribe leg."""

    __slots__ = (
        "_allocator", "_ample_bps", "_ample_until", "_began", "_ceiling_bps", "_ideal_bps", "_is_steady", "_known_at",
        "_limited", "estimator", "leg", "mode", "pacer", "receiver", "rests_until", "wanted_bps",
    )  # fmt: skip

    def __init__(self, leg: SubscribeLeg, ceiling_bps: int) -> None:
        self.leg = leg
        self.mode: Mode = "none"
        self.estimator: SendSideEstimator | None = None
        self.pacer: Pacer | None = None
        self.receiver: ReceiverSide | None = None
        self._ceiling_bps = ceiling_bps
        self._allocator = Allocator()
        self._began = -1e9  # when there was a picture to show for the first time
        self._limited: set[str] = set()  # sections (mid) whose targets were set here
        self.wanted_bps = 0.0  # what everything would take that could be sent
        self._ample_bps = 0.0  # down to this rate ...
        self._ample_until = -1e9  # ... and until then everything is sent without looking
        self._ideal_bps = 0.0  # what all pictures would take, and ...
        self._known_at = -1e9  # ... when that was noted
        self._is_steady = False  # it is about the same since then
        self.rests_until = -1e9  # ``tick`` need not be called until then

    # --- how it knows -----------------------------------------------------------------------------------------------

    def negotiated(self, now: float) -> None:
        """The leg's sections are known (again)."""
        media = [subscription.media for subscription in self.leg.subscriptions.values()]
        self._ample_until = self.rests_until = -1e9
        if any(item.extensions.transport_cc and "transport-cc" in item.codec.feedback for item in media):
            mode: Mode = "twcc"
        else:
            mode = "remb" if any("goog-remb" in item.codec.feedback for item in media) else "none"
        if mode == "twcc":
            for subscription in self.leg.subscriptions.values():
                if subscription.video and subscription.choice is None and subscription.target == NO_CAP:
                    subscription.target = START_BPS - SOUND_BPS  # until the first look
                    self._limited.add(subscription.media.mid)
        if mode == self.mode:
            return
        self.mode = mode
        self.estimator = self.pacer = self.receiver = None
        if mode == "twcc":
            self.estimator = SendSideEstimator(START_BPS, LEAST_BPS, self._ceiling_bps, now)
            self.pacer = Pacer(self.estimator.target_bps, now)
        elif mode == "remb":
            self.receiver = ReceiverSide(self._ceiling_bps, now)
        self.leg.queue.log = self.estimator.log if self.estimator is not None else None
        self.leg.queue.pacer = self.pacer

    def set_ceiling(self, ceiling_bps: int) -> None:
        """The most that this line is given, whatever it carries."""
        self._ceiling_bps = ceiling_bps
        self._ample_until = self.rests_until = -1e9
        if self.estimator is not None:
            self.estimator.set_ceiling(ceiling_bps)
        if self.receiver is not None:
            self.receiver.set_ceiling(ceiling_bps)

    def feedback(self, told: Feedback, now: float) -> None:
        """Transport-wide feedback; ignored unless that is the mode, as the others are."""
        if self.estimator is not None:
            self.rests_until = -1e9
            self.estimator.feedback(told, now)

    def remb(self, bitrate_bps: int, now: float) -> None:
        """The receiver's own estimate."""
        if self.receiver is not None:
            self.receiver.estimate(bitrate_bps, now)

    def loss(self, share: float, now: float) -> None:
        """A receiver report: the worst share of packets lost on any section since the one before."""
        if self.receiver is not None:
            self.receiver.loss(share, now)

    @property
    def target_bps(self) -> float:
        """What may be sent now, all in all."""
        if self.estimator is not None:
            return self.estimator.target_bps
        return self.receiver.target_bps if self.receiver is not None else float(self._ceiling_bps)

    # --- how it is divided ------------------------------------------------------------------------------------------

    def tick(self, offers: Offers, now: float) -> None:
        """Ten times a second: divide what the line carries."""
        if self.estimator is not None:
            self.estimator.tick(now)
        elif self.receiver is not None:
            self.receiver.tick(self.leg.sent(), now)
        target = self.target_bps
        if now >= self._ample_until or target < self._ample_bps:
            self._divide(target, offers, now)
        if self.pacer is not None and self.estimator is not None:
            # After dividing: a line that is looked at again, and is ample still, must not be paced until the next tick.
            self.estimator.is_ample = now < self._ample_until and target >= self._ample_bps
            self.pacer.set_target(target, self.estimator.is_ample, self.estimator.trains.at_once)
            if self._is_steady and self.estimator.is_ample and not self.estimator.is_probing:
                self.rests_until = min(now + RESTS, self._ample_until)

    def _divide(self, target: float, offers: Offers, now: float) -> None:
        sections = self.leg.subscriptions.values()
        sound = SOUND_BPS * sum(1 for item in sections if item.audio and item.layer is not None)
        shown = [item for item in sections if item.video and item.publication is not None]
        has_main = any(item.is_main for item in shown)
        wishes, ideal = [], 0.0
        for subscription in shown:
            found = _offers(subscription, offers, now)
            held = subscription.choice.layer if subscription.choice is not None else -1
            priority = MAIN if subscription.is_main or not has_main else THUMBNAIL
            wishes.append(Wish(subscription.media.mid, priority, tuple(ladder(found, subscription.size, held))))
            # With the layers that the publisher would have to send for it.
            best = ladder(found, subscription.size, held, is_any_sent=True)
            ideal += max((rung.bitrate_bps for rung in best), default=0)
        budget = max(0.0, target - sound)
        estimator = self.estimator
        if estimator is not None and wishes:
            budget = max(budget, self._tried(wishes, now))
        is_free = estimator is not None and now - estimator.congested_at > FREE_AFTER and estimator.loss < FREE_LOSS
        granted = self._allocator.decide(wishes, budget, now, is_free)
        is_ample = budget >= AMPLE * ideal
        self.wanted_bps = sound + ideal
        spare = max(0.0, budget / HEADROOM - self._allocator.plan.used_bps)
        for wish, subscription in zip(wishes, shown, strict=True):
            if wish.rungs:  # while nothing is sent, or the picture is hidden, what was granted stands
                self._grant(subscription, wish, granted[wish.key], None if is_ample else spare, now)
        # In the beginning layers that are not known yet take nothing: whoever comes must not wait for a second look.
        is_known = now - self._known_at >= KNOWN
        self._is_steady = is_known and 0 < ideal and abs(ideal - self._ideal_bps) <= STEADY * ideal
        if is_known:
            self._ideal_bps, self._known_at = ideal, now
        if is_ample:
            self._ample_bps = sound + HEADROOM * ideal
            self._ample_until = now + (LOOK_AGAIN if self._is_steady else LOOK_SOON)
        if estimator is not None:
            estimator.wanted_bps = sound + SOUGHT * ideal

    def _tried(self, wishes: list[Wish], now: float) -> float:
        """What the least of the main picture takes, at the beginning, while no queue has grown: whoever comes sees
        something at once, by the key frame that is asked for when it comes, and not only when the line is known."""
        estimator = self.estimator
        least = [min(rung.bitrate_bps for rung in wish.rungs) for wish in wishes if wish.rungs and not wish.priority]
        if least and self._began < 0:
            self._began = now
        if not least or now - self._began > BEGINNING or estimator is None or estimator.overused_at >= self._began:
            return 0.0
        return HEADROOM * least[0]

    def _grant(
        self, subscription: Subscription, wish: Wish, rung: Rung | None, spare: float | None, now: float
    ) -> None:
        """``spare``: bit/s that are left (None: more than enough). The best that is sent may have them, so that the
        publisher is asked for a better one if there is room for it."""
        before = subscription.target, subscription.cap
        if spare is None:
            if subscription.media.mid not in self._limited:
                return
            self._limited.discard(subscription.media.mid)
            subscription.target, subscription.cap = NO_CAP, None
        elif rung is None:
            subscription.target, subscription.cap = 0, None
        else:
            is_best = rung.choice == wish.rungs[-1].choice
            subscription.target = max(1, rung.bitrate_bps + int(spare if is_best else 0))
            subscription.cap = rung.choice
        if spare is not None:
            self._limited.add(subscription.media.mid)
        if subscription.target < before[0] or subscription.cap != before[1]:
            settle_now(subscription.publication, subscription, now)  # type: ignore[arg-type]  # a Publication
        if subscription.target == 0 and before[0]:
            subscription.fence()  # what waits to be sent would be a picture that nobody goes on with

    # --- padding ----------------------------------------------------------------------------------------------------

    @property
    def is_probing(self) -> bool:
        """``pad`` wants to be called every 5 ms."""
        return self.estimator is not None and self.estimator.is_probing

    def pad(self, now: float, batch: Batch) -> None:
        """Send the padding that the running probe needs now, on the RTX stream of a section."""
        estimator = self.estimator
        if estimator is None:
            return
        missing = estimator.padding(now)
        if missing <= 0:
            return
        carrier = self._carrier()
        if carrier is None:
            return
        while missing > 0 and self.leg.queue.has_room():
            packet = _padding(carrier)
            self.leg.queue.add(packet, batch)
            missing -= len(packet.data) + 16

    def _carrier(self) -> Subscription | None:
        """A section whose RTX stream may carry padding: one that shows something, for others are unknown there."""
        for subscription in self.leg.subscriptions.values():
            if subscription.rtx_header is not None and subscription.rtx_header.wide_at and subscription.last_time >= 0:
                return subscription
        for subscription in self.leg.subscriptions.values():
            if subscription.rtx_header is not None and subscription.rtx_header.wide_at and subscription.participant:
                return subscription
        return None


def _padding(subscription: Subscription) -> Ready:
    """A packet of nothing but padding (RFC 3550 5.1) with the next number of the RTX stream."""
    template = subscription.rtx_header
    assert template is not None
    subscription.rtx_number += 1
    header = template.buffer
    PATCH.pack_into(header, 1, template.payload_type, subscription.rtx_number & 0xFFFF, max(0, subscription.last_time))
    data = header + bytes(PADDING - 1) + bytes((PADDING,))
    data[0] |= 0x20
    return Ready(data, False, template.time_at, template.wide_at)


def _offers(subscription: Subscription, offers: Offers, now: float) -> list[Offer]:
    """The layers of what a section shows."""
    publication: Publication = subscription.publication  # type: ignore[assignment]  # set by Publication.add
    found = offers.get(id(publication))
    if found is None:
        found = [
            offer if now - layer.rated_at >= BELIEVED else offer._replace(rates=())
            for offer, layer in zip(offers_of(publication, now), publication.layers, strict=True)
        ]
        offers[id(publication)] = found
    return found


class ViewerLines:
    """The lines of all viewers of a relay. ``due``: when ``pad`` wants to be called next; None: nobody probes."""

    def __init__(self, ceiling_bps: int) -> None:
        self.due: float | None = None
        self._ceiling_bps = ceiling_bps
        self._lines: dict[str, ViewerLine] = {}
        self._ticked_at = 1e18

    def attach(self, leg: SubscribeLeg) -> None:
        """A new leg, or a new connection of a peer."""
        self._lines[leg.peer] = ViewerLine(leg, self._ceiling_bps)

    def detach(self, peer: str) -> None:
        """The leg has gone."""
        self._lines.pop(peer, None)

    def of(self, peer: str) -> ViewerLine | None:
        """The line of a peer that receives."""
        return self._lines.get(peer)

    def takes(self, peer: str, data: Buffer, now: float) -> bool:
        """Whether a compound RTCP packet of a viewer was nothing but good news of its line: then it is taken."""
        line = self._lines.get(peer)
        return line is not None and line.estimator is not None and line.estimator.heard.take(data, now)

    def set_ceiling(self, ceiling_bps: int) -> None:
        """The most for each viewer, in bit/s."""
        self._ceiling_bps = ceiling_bps
        for line in self._lines.values():
            line.set_ceiling(ceiling_bps)

    def tick(self, now: float, batch: Batch) -> None:
        """Ten times a second."""
        offers: Offers = {}
        is_late = now - self._ticked_at > LATE
        self._ticked_at = now
        for line in self._lines.values():
            if is_late and line.estimator is not None:
                line.estimator.excuse(now)
            if now >= line.rests_until:
                line.tick(offers, now)
        self.pad(now, batch)

    def pad(self, now: float, batch: Batch) -> None:
        """Send the padding that is due."""
        probing = [line for line in self._lines.values() if line.is_probing]
        for line in probing:
            line.pad(now, batch)
        self.due = now + QUANTUM if probing else None


__all__ = ["LEAST_BPS", "Mode", "SOUND_BPS", "START_BPS", "ViewerLine", "ViewerLines"]
