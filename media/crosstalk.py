"""Two rooms that hear each other: microphones of different points that pick up the same sound. Pure.

In one building, or in one hall, what is said before one microphone is also heard by another; with loudspeakers between
them it howls. Each microphone's loudness is taken ten times a second from the levels in its packets (RFC 6464); when
two of them rise and fall together, with at most 0.2 s between them, for several seconds, they hear the same. People who
talk in turn, or at once, do not: their loudness has nothing in common. What a loudspeaker plays and the browser's echo
cancellation takes out again is too quiet to count. Nothing of the sound is looked at but how loud it is.

The thresholds come from made-up talk (``tests/unit/media/test_crosstalk.py``): independent speakers stay below 0.65.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import combinations
from math import sqrt

from media.speaker import AUDIBLE, Voice

WINDOW = 80  # ticks of 0.1 s that are compared
LAGS = (-2, -1, 0, 1, 2)  # ticks by which one may hear it later than the other
EVERY = 20  # ticks between two looks
HEARD = 15  # ticks of the window in which a microphone must have heard something
ALIKE = 0.8  # correlation from which two hear the same ...
APART = 0.5  # ... and below which they do not
NEEDED = 2  # looks in a row
REPEAT = 100  # ticks after which what still holds is told again
MAX_MICROPHONES = 8  # of a session, those that heard most: more do not talk at once

Pair = tuple[str, str]
"""(who hears it louder, who hears it less and should be muted)"""


def correlation(left: list[float], right: list[float]) -> float:
    """Pearson's, -1 to 1; 0 where one of them does not change."""
    count = len(left)
    mean_left, mean_right = sum(left) / count, sum(right) / count
    both = square_left = square_right = 0.0
    for one, other in zip(left, right, strict=True):
        one -= mean_left
        other -= mean_right
        both += one * other
        square_left += one * one
        square_right += other * other
    if square_left <= 0 or square_right <= 0:
        return 0.0
    return both / sqrt(square_left * square_right)


def alikeness(left: list[float], right: list[float]) -> float:
    """The best correlation of two envelopes of one length, over all lags."""
    size = len(left)
    best = 0.0
    for lag in LAGS:
        first, second = (left[: size - lag], right[lag:]) if lag >= 0 else (left[-lag:], right[: size + lag])
        best = max(best, correlation(first, second))
    return best


class SessionEars:
    """The microphones of one session. ``pairs``: those that hear each other now."""

    __slots__ = ("_counts", "_envelopes", "_ticks", "pairs")

    def __init__(self) -> None:
        self.pairs: tuple[Pair, ...] = ()
        self._envelopes: dict[str, deque[float]] = {}
        self._counts: dict[Pair, int] = {}  # looks in a row at which two (in order of name) were alike
        self._ticks = 0

    def update(self, levels: Iterable[tuple[str, float]]) -> bool:
        """Take how loud every open microphone was in this tick (dB above audible, 0: silent); True when ``pairs``
        changed."""
        before = self._envelopes
        self._envelopes = {}
        for name, level in levels:
            envelope = self._envelopes[name] = before.get(name) or deque(maxlen=WINDOW)
            envelope.append(level)
        self._ticks += 1
        if self._ticks % EVERY and all(one in self._envelopes for pair in self.pairs for one in pair):
            return False
        return self._look()

    def _look(self) -> bool:
        heard = {name: sum(level > 0 for level in envelope) for name, envelope in self._envelopes.items()}
        full = [name for name, envelope in self._envelopes.items() if len(envelope) == WINDOW]
        names = sorted(full, key=lambda name: (-heard[name], name))[:MAX_MICROPHONES]
        envelopes = {name: list(self._envelopes[name]) for name in sorted(names)}
        known = {frozenset(pair) for pair in self.pairs}
        counts: dict[Pair, int] = {}
        pairs: list[Pair] = []
        for pair in combinations(envelopes, 2):
            was = frozenset(pair) in known
            if heard[pair[0]] < HEARD or heard[pair[1]] < HEARD:
                # While nobody talks nothing is learnt: it stays as it was.
                count = NEEDED if was else 0
            else:
                count = self._count(pair, was, alikeness(envelopes[pair[0]], envelopes[pair[1]]))
            counts[pair] = max(0, count)
            if counts[pair] >= NEEDED or (was and counts[pair] > 0):
                pairs.append(self._ordered(pair, envelopes))
        self._counts = counts
        if [frozenset(pair) for pair in pairs] == [frozenset(pair) for pair in self.pairs]:
            return False
        self.pairs = tuple(pairs)
        return True

    def _count(self, pair: Pair, was: bool, likeness: float) -> int:
        """Looks that speak for two: up while they are alike; what was told goes down when they are clearly apart."""
        count = self._counts.get(pair, NEEDED if was else 0)
        if likeness >= ALIKE:
            return min(NEEDED, count + 1)
        return count - (likeness < APART) if was else 0

    @staticmethod
    def _ordered(pair: Pair, envelopes: dict[str, list[float]]) -> Pair:
        left, right = pair
        return pair if sum(envelopes[left]) >= sum(envelopes[right]) else (right, left)


class Crosstalk:
    """All sessions of a relay."""

    def __init__(self) -> None:
        self._sessions: dict[str, SessionEars] = {}
        self._ticks = 0

    def update(
        self, running: Iterable[str], microphones: Iterable[tuple[str, str, Voice]]
    ) -> list[tuple[str, tuple[Pair, ...]]]:
        """Take (session, participant, voice) of every open microphone at a tick, after its ``turn``; (session, pairs)
        where they changed, and now and then where there are any."""
        levels: dict[str, list[tuple[str, float]]] = {session: [] for session in running}
        for session, participant, voice in microphones:
            levels.setdefault(session, []).append((participant, max(0.0, voice.level - AUDIBLE + 1)))
        self._ticks += 1
        is_time = self._ticks % REPEAT == 0
        self._sessions = {session: self._sessions.get(session) or SessionEars() for session in levels}
        return [
            (session, ears.pairs)
            for session, ears in self._sessions.items()
            if ears.update(levels[session]) or (is_time and ears.pairs)
        ]


__all__ = ["Crosstalk", "Pair", "SessionEars", "alikeness", "correlation"]
