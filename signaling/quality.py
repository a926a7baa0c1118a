"""Figures of lines, from the relay (every 2 s) and from pages (``seen``, every 10 s), as words and few events. Pure.

The board and the tiles show a word at once. The log gets one ``quality.measured`` for all points of a session every
10 s, 0.3 kB a point, so that a bad hour can be explained years later, and one ``quality.seen`` whenever the word of a
page turns.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from media.messages import LegQuality
from signaling.messages import Seen
from signaling.mos import delay_of, mos

Word = Literal["good", "weak", "sound_only"]
Way = Literal["up", "down"]

WEAK_FROZEN_S = 1.0
"""Seconds of still picture within ten that a viewer calls bad."""
WEAK_CONCEALED = 0.05
WEAK_RTT_S = 0.4
SOUND_BPS = 80_000
"""Opus of three speakers; less than this, while others send pictures, means that only sound comes through."""

WEAK_LOSS = 0.05
WEAK_MOS = 3.1
"""Below this most people complain (G.107 Annex B)."""

NARROW = 0.9
"""Of what everything would take that could be sent to a viewer: with less, pictures rest or come smaller."""
NARROW_LOOKS = 3
"""In a row (2 s each): a line that was just opened is not known at once."""

MAX_BPS = 10**10
MAX_FOLDED = 360
"""Looks of a page that an event sums up: an hour."""
RANK = ("sound_only", "weak", "good")


def word_of(seen: Seen, pictures: bool) -> Word:
    """The line in one word; ``pictures``: somebody sends this page pictures."""
    # A small layer of a still scene is less than sound used to be: where frames are told, they count.
    if pictures and (seen.pictures == 0 if seen.pictures >= 0 else seen.received_bps < SOUND_BPS):
        return "sound_only"
    if seen.frozen_s > WEAK_FROZEN_S or seen.concealed > WEAK_CONCEALED or seen.rtt_s > WEAK_RTT_S:
        return "weak"
    return "good"


def worst(*words: str) -> str:
    """The worst of several words, "" when none is known."""
    return next((word for word in RANK if word in words), "")


@dataclass(slots=True)
class Fold:
    """What one participant's page saw since its word turned. ``take`` gives the body of an event when it turns."""

    word: str = ""
    since: float = 0.0
    figures: list[Seen] = field(default_factory=list)

    def take(self, seen: Seen, word: Word, now: float) -> dict[str, Any] | None:
        """One more ``seen`` at ``now`` (UTC)."""
        if not self.figures and not self.word:
            self.since = now
        self.figures = [*self.figures[-MAX_FOLDED:], seen]
        if word == self.word:
            return None
        body = {"word": word, "since": round(self.since, 3), **_summed(self.figures)}
        self.word, self.since, self.figures = word, now, []
        return body


@dataclass(slots=True)
class Line:
    """One participant's line over some seconds, both ways: *up* from it to the hub, *down* from the hub to it."""

    participant: str
    legs: dict[str, list[LegQuality]] = field(default_factory=dict)
    short: int = 0
    limited: bool = False
    seen: list[Seen] = field(default_factory=list)

    def add(self, leg: LegQuality) -> None:
        """What the relay measured of one leg."""
        self.legs.setdefault(leg.leg, []).append(leg)
        if leg.leg == "subscribe":
            self.short = self.short + 1 if 0 < leg.estimate_bps < NARROW * leg.wanted_bps else 0

    def see(self, seen: Seen) -> None:
        """What the page measured."""
        self.seen.append(seen)
        self.limited = seen.limited

    def narrow(self) -> tuple[Way, ...]:
        """The ways that carry less than there is to send."""
        return (*(("up",) if self.limited else ()), *(("down",) if self.short >= NARROW_LOOKS else ()))

    def word_up(self) -> Word:
        """The way up in one word, by the last measurement."""
        leg = self.legs["publish"][-1]
        speech = mos(leg.sound_loss, delay_of(leg.rtt_s, leg.jitter_s))
        weak = leg.loss > WEAK_LOSS or leg.rtt_s > WEAK_RTT_S or speech < WEAK_MOS
        return "weak" if weak else "good"

    def take(self) -> dict[str, Any]:
        """The figures since the last call (docs/protocol.md, ``quality.measured``); empty when nothing was measured.
        What the page heard counts before what its reports say: it knows what could be mended."""
        body: dict[str, Any] = {}
        if up := self.legs.get("publish"):
            body["up"] = _way(up, _mean(leg.sound_loss for leg in up))
        if down := self.legs.get("subscribe"):
            concealed = max((_bounded(one.concealed, 1.0) for one in self.seen), default=None)
            body["down"] = _way(down, _mean(leg.sound_loss for leg in down) if concealed is None else concealed)
            if self.seen:
                body["down"] |= {
                    "freezes": sum(_bounded(one.freezes, 10_000) for one in self.seen),
                    "frozen_s": round(sum(_bounded(one.frozen_s, 60.0) for one in self.seen), 1),
                    "concealed": round(concealed or 0.0, 4),
                }
        self.legs, self.seen = {}, []
        return {"participant": self.participant, **body} if body else {}


def _way(legs: list[LegQuality], sound_loss: float) -> dict[str, Any]:
    rtt, jitter = _mean(leg.rtt_s for leg in legs), _mean(leg.jitter_s for leg in legs)
    layer = legs[-1].layer[:32]
    return {
        "kbps": round(_mean(leg.bitrate_bps for leg in legs) / 1000),
        "loss": round(_mean(leg.loss for leg in legs), 4),
        "rtt_s": round(rtt, 3),
        "jitter_s": round(jitter, 4),
        "mos": mos(sound_loss, delay_of(rtt, jitter)),
        **({"layer": layer} if layer else {}),
    }


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return sum(found) / len(found)


def _summed(figures: list[Seen]) -> dict[str, Any]:
    """Freezes and frozen time added up, the worst share of concealed sound, mean rates, the longest round trip."""
    count = len(figures)
    return {
        "freezes": sum(_bounded(one.freezes, 10_000) for one in figures),
        "frozen_s": round(sum(_bounded(one.frozen_s, 60.0) for one in figures), 1),
        "concealed": round(max(_bounded(one.concealed, 1.0) for one in figures), 4),
        "received_bps": sum(_bounded(one.received_bps, MAX_BPS) for one in figures) // count,
        "sent_bps": sum(_bounded(one.sent_bps, MAX_BPS) for one in figures) // count,
        "rtt_s": round(max(_bounded(one.rtt_s, 60.0) for one in figures), 3),
    }


N = TypeVar("N", int, float)


def _bounded(value: N, most: N) -> N:
    """A figure of a page within reason: pages may send anything."""
    return min(max(value, type(most)(0)), most)
