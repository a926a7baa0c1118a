"""Which layer of a picture a section shows, how many of its pictures, and which layers nobody needs. Pure decisions;
``media.layering`` brings them about.

What a section gets is the least of two wishes:

- *Size*: how large the viewer's page shows the picture (``View`` messages, pixels of the screen). A layer is large
  enough when it is stretched by no more than ``STRETCH``. Size 0: the picture is hidden, nothing is sent.
- *Bandwidth*: ``Subscription.target`` in bit/s of RTP payload, without resends. **Whoever divides a viewer's line
  (the allocator) sets it, at any time, and nobody else does**; the default ``NO_CAP`` is no limit. 0 stops the picture;
  with anything else at least the lowest rung is sent. Steps down in the order of sacrifice (design 4): first frame
  rate, then resolution. ``ladder`` gives the allocator the rungs of a section with their measured rates, up to what
  its size asks for; setting ``target`` to the rate of a rung chooses that rung, and a rung that is shown is kept until
  its rate exceeds the target by ``OVERRUN``, so that the ordinary ups and downs of an encoder change nothing.
  ``Subscription.cap`` names the rung besides: that one is shown while there is one, whatever is measured meanwhile.

Nothing here waits for a layer: only what is being sent is chosen from.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from media.thinning import ALL

NO_CAP: Final = 1 << 62
UNSEEN: Final = (1 << 14, 1 << 14)
"""Size of a picture whose viewer says nothing about it (WHEP, other people's clients): as large as there is."""
STRETCH = 1.25  # a layer may be shown so much larger than it is ...
STRETCH_DOWN = 1.05  # ... and one steps down to it only when it would fit nearly exactly
OVERRUN = 1.15
GROWTH = 3.0  # a layer's rate against the next lower one, while it was never measured ...
GUESS_BPS = 150_000  # ... and of the lowest while nothing was
OFF_AFTER_S = 5.0
"""So long a layer must have gone without a taker before the publisher is told to stop it."""


class Offer(NamedTuple):
    """A layer as it may be chosen. ``size``: pixels, (0, 0) while unknown. ``rates``: bit/s up to each temporal layer,
    empty while unknown. ``is_sent``: its packets arrive now."""

    size: tuple[int, int]
    rates: tuple[int, ...]
    is_sent: bool


class Choice(NamedTuple):
    """Index of a layer, and the highest of its temporal layers that passes (``ALL``: everything)."""

    layer: int
    temporal: int


class Rung(NamedTuple):
    """A choice and what it costs."""

    choice: Choice
    bitrate_bps: int


def ranked(offers: Sequence[Offer]) -> list[int]:
    """Indexes from the smallest layer to the largest. The publisher's order, unless the pictures say otherwise."""
    order = list(range(len(offers)))
    if all(offer.size[0] for offer in offers):
        order.sort(key=lambda index: offers[index].size[0] * offers[index].size[1])
    return order


def by_size(offers: Sequence[Offer], size: tuple[int, int], held: int, among: Sequence[int]) -> int:
    """The smallest layer of ``among`` (ranked, not empty) that is large enough; ``held``: index of the one that was
    chosen before, -1 for none."""
    up = _enough(offers, size, among, STRETCH)
    if held not in among or among.index(held) <= among.index(up):
        return up
    down = _enough(offers, size, among, STRETCH_DOWN)
    return min((held, down), key=among.index)


def _enough(offers: Sequence[Offer], size: tuple[int, int], among: Sequence[int], stretch: float) -> int:
    for index in among:
        width, height = picture_size(offers, index)
        # The picture is fitted into its frame, so the tighter side decides.
        if min(size[0] / width, size[1] / height) <= stretch:
            return index
    return among[-1]


def picture_size(offers: Sequence[Offer], index: int) -> tuple[int, int]:
    """The layer's size; while it is unknown, taken from the nearest known one, or from 720p for the largest."""
    if offers[index].size[0]:
        return offers[index].size
    known = [other for other in range(len(offers)) if offers[other].size[0]]
    if not known:
        return max(1, 1280 >> len(offers) - 1 - index), max(1, 720 >> len(offers) - 1 - index)
    nearest = min(known, key=lambda other: abs(other - index))
    scale = 2.0 ** (index - nearest)
    width, height = offers[nearest].size
    return max(1, int(width * scale)), max(1, int(height * scale))


def ladder(offers: Sequence[Offer], size: tuple[int, int], held: int, is_any_sent: bool = False) -> list[Rung]:
    """What a section may get, from the least to what its size asks for; empty while it is hidden or nothing is sent.

    ``held``: the layer chosen before, -1 for none. ``is_any_sent``: as if all layers were sent (which ones should be?).
    """
    among = [index for index in ranked(offers) if is_any_sent or offers[index].is_sent]
    if not among or not size[0] or not size[1]:
        return []
    top = among.index(by_size(offers, size, held, among))
    rungs = []
    for index in among[: top + 1]:
        rates = _rates(offers, index)
        for temporal, rate in enumerate(rates):
            rungs.append(Rung(Choice(index, ALL if temporal == len(rates) - 1 else temporal), rate))
    return rungs


def _rates(offers: Sequence[Offer], index: int) -> tuple[int, ...]:
    if offers[index].rates:
        return offers[index].rates
    known = [other for other in range(len(offers)) if offers[other].rates]
    if not known:
        return (int(GUESS_BPS * GROWTH**index),)
    nearest = min(known, key=lambda other: abs(other - index))
    return (int(offers[nearest].rates[-1] * GROWTH ** (index - nearest)),)


def choose(rungs: Sequence[Rung], target: int, held: Choice | None) -> Choice | None:
    """The best rung within ``target`` bit/s; None: nothing is to be sent. ``held``: what was chosen before."""
    if not rungs or target <= 0:
        return None
    for choice, rate in reversed(rungs):
        if rate <= (target * OVERRUN if choice == held else target):
            return choice
    return rungs[0].choice


def granted(rungs: Sequence[Rung], target: int, cap: Choice | None, held: Choice | None) -> Choice | None:
    """The rung with this choice, while there is one; else what ``target`` allows (``choose``)."""
    if target > 0:
        for rung in rungs:
            if rung.choice == cap:
                return cap
    return choose(rungs, target, held)


def demanded(offers: Sequence[Offer], size: tuple[int, int], target: int, held: int) -> int:
    """The layer that this section would show if the publisher sent all; -1: none."""
    choice = choose(ladder(offers, size, held, is_any_sent=True), target, None)
    return choice.layer if choice is not None else -1


class WantedLayers:
    """Which layers of one publication the publisher should send: on at once, off after a while without a taker.

    The lowest always stays: whoever comes next sees something at once.
    """

    __slots__ = ("_taken_at", "wanted")

    def __init__(self, count: int, now: float) -> None:
        self._taken_at = [now] * count
        self.wanted: tuple[int, ...] = tuple(range(count))

    def update(self, taken: Iterable[int], lowest: int, now: float) -> bool:
        """Take the layers that somebody would take now (indexes); True when ``wanted`` changed."""
        for index in (*taken, lowest):
            if index >= 0:
                self._taken_at[index] = now
        wanted = tuple(index for index, at in enumerate(self._taken_at) if now - at < OFF_AFTER_S)
        if wanted == self.wanted:
            return False
        self.wanted = wanted
        return True


__all__ = [
    "NO_CAP", "UNSEEN", "Choice", "Offer", "Rung", "WantedLayers", "by_size", "choose", "demanded", "granted",
    "ladder", "picture_size", "ranked",
]  # fmt: skip
