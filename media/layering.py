"""Brings layers about: gives every section the one that ``layerchoice`` decides, and tells publishers which to stop.

What a section shows goes on until the first packet of a key frame of the other layer arrives, so a switch never
freezes. Decisions are made again when a view or a target changes, at key frames, and ten times a second where
something may have changed.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate
from typing import TYPE_CHECKING

from media.codecs import h264_sps, vp8_size
from media.depacketize import h264_size
from media.layerchoice import NO_CAP, Offer, WantedLayers, demanded, granted, ladder
from media.messages import View
from media.thinning import ALL
from media.types import PeerId

if TYPE_CHECKING:
    from media.forwarder import Publication
    from media.layer import Layer
    from media.legs import PublishLeg, SubscribeLeg
    from media.subscription import Subscription
    from media.types import Listener

STALLED = 0.5  # s without a packet while the other layers go on: this one is not sent any more
GOING_ON = 0.15  # s
SMOOTHING = 0.12  # of the rates, per tick: a time constant of about 0.8 s
LEAST_SHARE = 0.01  # of a layer's rate: what less of a temporal layer counts as none
REPEAT_S = 10.0
"""Publishers are told again so often, in case the message was lost."""
MAX_SPS = 64
SMALLEST = (1, 1)


def is_sent(publication: Publication, layer: Layer, now: float) -> bool:
    """Whether the publisher is sending this layer. One that falls behind the others is noticed sooner."""
    age = now - layer.highest_at
    if age < STALLED:
        return True
    if not layer.alive(now):
        return False
    return all(now - other.highest_at >= GOING_ON for other in publication.layers if other is not layer)


def note_key_frame(layer: Layer, codec: str, payload: bytes) -> None:
    """The first packet of a key frame tells the size of its pictures."""
    if codec == "vp8":
        size = vp8_size(payload)
    else:
        size = h264_size(h264_sps(payload)[:MAX_SPS]) or (0, 0)
    if size[0] and size[1]:
        layer.size = size


def offers_of(publication: Publication, now: float) -> list[Offer]:
    """The layers as they may be chosen now."""
    return [Offer(layer.size, _rates(layer), is_sent(publication, layer, now)) for layer in publication.layers]


def _rates(layer: Layer) -> tuple[int, ...]:
    """Bit/s up to each temporal layer that there is."""
    total = sum(layer.rates)
    if total <= 0:
        return ()
    top = max(temporal for temporal, rate in enumerate(layer.rates) if rate >= total * LEAST_SHARE)
    return tuple(int(rate) for rate in accumulate(layer.rates[: top + 1]))


def measure(publication: Publication, elapsed: float, now: float) -> None:
    """Take the rates of the last ``elapsed`` seconds; those of a layer that rests stay what they were."""
    for layer in publication.layers:
        octets, layer.octets = layer.octets, [0, 0, 0, 0]
        if publication.open and is_sent(publication, layer, now):
            share = SMOOTHING
            if not any(layer.rates):
                share = 1.0
                layer.rated_at = now
            layer.rates = tuple(  # type: ignore[assignment]  # four of them
                rate + (count * 8 / elapsed - rate) * share for rate, count in zip(layer.rates, octets, strict=True)
            )


def settle(publication: Publication, subscription: Subscription, offers: list[Offer], now: float) -> Layer | None:
    """Decide what a section is to show; the layer that it has to wait for, if any."""
    layers = publication.layers
    held = subscription.choice
    rungs = ladder(offers, subscription.size, held.layer if held is not None else -1)
    choice = granted(rungs, subscription.target, subscription.cap, held)
    subscription.choice = choice
    if len(layers) > 1:
        subscription.demand = demanded(offers, subscription.size, subscription.target, subscription.demand)
    shown = layers.index(subscription.layer) if subscription.layer in layers else -1
    if choice is None:
        is_unwanted = subscription.target <= 0 or not all(subscription.size)
        if is_unwanted and subscription.layer is not None:
            subscription.end()
        return None
    if choice.layer == shown:
        subscription.limit(choice.temporal)
        return None
    if shown >= 0:
        # On the way to a smaller layer the line gets air at once; on the way to a larger one nothing is taken.
        full = offers[shown].rates
        is_too_much = bool(full) and full[-1] > subscription.target
        subscription.limit(0 if is_too_much else ALL)
    return layers[choice.layer]


def settle_now(publication: Publication, subscription: Subscription, now: float) -> Layer | None:
    """``settle`` for one section; then its key frame is asked for if it waits."""
    waits_for = settle(publication, subscription, offers_of(publication, now), now)
    if waits_for is not None:
        publication.ask_keyframe(now, fresh=True, layer=waits_for, joins=True)
    return waits_for


def may_show(publication: Publication, subscription: Subscription, layer: Layer, now: float) -> bool:
    """Whether a section is to show ``layer``, of which a key frame begins just now."""
    settle(publication, subscription, offers_of(publication, now), now)
    choice = subscription.choice
    if choice is None or publication.layers[choice.layer] is not layer:
        return False
    subscription.temporal = choice.temporal
    return True


def is_settled(publication: Publication, subscription: Subscription, layer: Layer) -> bool:
    """Whether a section shows what was decided at the last tick, and a key frame of ``layer`` tells nothing that was
    not known then: it need not be decided again."""
    choice, key = subscription.choice, publication.settled.get(subscription)
    if choice is None or key is None or publication.layers[choice.layer] is not subscription.layer:
        return False
    state, target, cap = key
    told: tuple[object, ...] = state  # type: ignore[assignment]  # as _tick writes it
    is_known = told[publication.layers.index(layer)] == (layer.size, True)
    return is_known and target == subscription.target and cap == subscription.cap


def awaited(publication: Publication, now: float) -> set[Layer]:
    """The layers that somebody shows or waits for: those of the sections, and the best one for the journal."""
    found = {publication.layers[item.choice.layer] for item in publication.subscriptions if item.choice is not None}
    if publication.tap is not None or not found:
        found.add(publication.best_layer(now))
    return found


class Layering:
    """The layers of all publications of a relay."""

    def __init__(
        self, listener: Listener, publishers: dict[str, PublishLeg], subscribers: dict[str, SubscribeLeg]
    ) -> None:
        self._listener = listener
        self._publishers = publishers
        self._subscribers = subscribers
        self._views: dict[str, dict[tuple[str, str], View]] = {}  # peer -> (participant, source) -> view
        self._ticked_at: float | None = None

    def set_views(self, peer: str, views: Iterable[View], now: float) -> None:
        """How large a peer shows what it receives: the whole list. What it does not name it shows nowhere yet."""
        self._views[peer] = {(view.participant, view.source): view for view in views}
        leg = self._subscribers.get(peer)
        if leg is not None:
            for subscription in leg.subscriptions.values():
                self.look(subscription, peer, now)

    def shows_large(self, subscription: Subscription) -> bool:
        """Whether a viewer shows this participant large; True as long as it has not said what it shows."""
        views = self._views.get(subscription.queue.peer)
        if views is None:
            return True
        return any(view.main and view.participant == subscription.participant for view in views.values())

    def forget(self, peer: str) -> None:
        """The peer is gone."""
        self._views.pop(peer, None)

    def look(self, subscription: Subscription, peer: str, now: float) -> None:
        """Give a section the size at which its viewer shows what it carries."""
        views = self._views.get(peer)
        if views is None or subscription.audio:
            return
        view = views.get((subscription.participant, subscription.source))
        size = (view.width, view.height) if view is not None else SMALLEST
        subscription.is_main = view is not None and view.main
        before, subscription.size = subscription.size, size
        if size == before:
            return
        if not all(0.8 < new / max(1, old) < 1.25 for new, old in zip(size, before, strict=True)):
            subscription.choice, subscription.demand = None, -1  # another place on the screen: decide afresh
        publication: Publication | None = subscription.publication  # type: ignore[assignment]  # set by Publication.add
        if publication is not None:
            settle_now(publication, subscription, now)

    def tick(self, now: float) -> None:
        """Ten times a second."""
        elapsed = now - self._ticked_at if self._ticked_at is not None else 0.1
        self._ticked_at = now
        for leg in self._publishers.values():
            for publication in leg.publications.values():
                if not publication.audio:
                    self._tick(publication, max(0.01, elapsed), now)

    def _tick(self, publication: Publication, elapsed: float, now: float) -> None:
        measure(publication, elapsed, now)
        layers, settled = publication.layers, publication.settled
        state = tuple([(layer.size, is_sent(publication, layer, now)) for layer in layers])
        offers: list[Offer] | None = None
        for subscription in publication.subscriptions:
            # Most of the time nothing changes. A new size was settled at once (``look``); rates matter to a limit only.
            key = (state, subscription.target, subscription.cap)
            choice = subscription.choice
            if (
                subscription.target == NO_CAP
                and settled.get(subscription) == key
                and (choice is None or subscription.layer is layers[choice.layer])
            ):
                continue
            settled[subscription] = key
            offers = offers or offers_of(publication, now)
            waits_for = settle(publication, subscription, offers, now)
            if waits_for is not None and waits_for.keys.deadline is None:
                publication.ask_keyframe(now, layer=waits_for)
        if len(layers) > 1:
            self._tell(publication, now)

    def _tell(self, publication: Publication, now: float) -> None:
        """Tell the publisher which layers are wanted, when that changes."""
        wanted = publication.wanted_layers
        if wanted is None:
            wanted = publication.wanted_layers = WantedLayers(len(publication.layers), now)
        taken = {subscription.demand for subscription in publication.subscriptions}
        if publication.tap is not None:
            taken.add(len(publication.layers) - 1)  # the record takes the best there is
        if wanted.update(taken, 0, now) or now - publication.told_at >= REPEAT_S:
            publication.told_at = now
            rids = tuple(publication.layers[index].rid for index in wanted.wanted)
            self._listener.layers_wanted(PeerId(publication.peer), publication.source, rids)


__all__ = [
    "Layering", "awaited", "is_sent", "is_settled", "may_show", "measure", "note_key_frame", "offers_of", "settle",
    "settle_now",
]  # fmt: skip
