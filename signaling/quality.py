"""What the pages measure of their own lines (``seen``, every 10 s), folded into words and few events. Pure.

The board and the tiles show a word at once. The log gets one ``quality.seen`` per participant and minute, and one
whenever the word turns, so that a bad hour can be explained years later without swelling the record.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from signaling.messages import Seen

Word = Literal["good", "weak", "sound_only"]

FOLD_S = 60.0
WEAK_FROZEN_S = 1.0
"""Seconds of still picture within ten that a viewer calls bad."""
WEAK_CONCEALED = 0.05
WEAK_RTT_S = 0.4
SOUND_BPS = 80_000
"""Opus of three speakers; less than this, while others send pictures, means that only sound comes through."""

MAX_BPS = 10**10
RANK = ("sound_only", "weak", "good")


def word_of(seen: Seen, pictures: bool) -> Word:
    """The line in one word; ``pictures``: somebody sends this page pictures."""
    if pictures and seen.received_bps < SOUND_BPS:
        return "sound_only"
    if seen.frozen_s > WEAK_FROZEN_S or seen.concealed > WEAK_CONCEALED or seen.rtt_s > WEAK_RTT_S:
        return "weak"
    return "good"


def worst(*words: str) -> str:
    """The worst of several words, "" when none is known."""
    return next((word for word in RANK if word in words), "")


@dataclass(slots=True)
class Fold:
    """One participant's figures since the last event. ``take`` gives the body of the next event when one is due."""

    word: str = ""
    since: float = 0.0
    figures: list[Seen] = field(default_factory=list)

    def take(self, seen: Seen, word: Word, now: float) -> dict[str, Any] | None:
        """One more ``seen`` at ``now`` (UTC)."""
        turned = word != self.word
        if not self.figures and not self.word:
            self.since = now
        self.figures.append(seen)
        if not turned and now - self.since < FOLD_S:
            return None
        body = {"word": word, "since": round(self.since, 3), **_summed(self.figures)}
        self.word, self.since, self.figures = word, now, []
        return body


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
