"""What the owner's clock says, told by question and answer: the owner's UTC minus this machine's. Pure.

A single message tells the time late, by as much as either side was busy. So the relay asks every ``ASK_S`` and believes
the quickest answer of the last ``KEEP_S``: it is wrong by half its round trip at most. Old answers go, because clocks
that nobody sets drift apart by some 50 microseconds a second.
"""

from __future__ import annotations

from collections import deque

from media.messages import AskTime, TimeIs

ASK_S = 10.0
KEEP_S = 60.0
MOST_S = 2.0
"""An answer that took longer says nothing worth having."""


class OwnerClock:
    """``offset``: seconds, None until an answer came. One for the app that this relay was linked to last."""

    def __init__(self) -> None:
        self._asked = -1e9
        self._open = False
        self._answers: deque[tuple[float, float, float]] = deque()  # (when, round trip, offset)

    def forget(self) -> None:
        """Another app, or none: ask anew, at once."""
        self._asked, self._open = -1e9, False
        self._answers.clear()

    def ask(self, now: float) -> AskTime | None:
        """The next question, when one is due."""
        if now - self._asked < ASK_S:
            return None
        self._asked, self._open = now, True
        return AskTime(mono=now)

    def take(self, answer: TimeIs, now: float, utc: float) -> None:
        """An answer that came just now; ``utc`` is this machine's. What was not asked, or took too long, is nothing."""
        if not self._open or answer.mono != self._asked:
            return
        self._open = False
        took = now - self._asked
        if took <= MOST_S:
            self._answers.append((now, took, answer.utc - (utc - took / 2)))
        while self._answers and now - self._answers[0][0] > KEEP_S:
            self._answers.popleft()

    @property
    def offset(self) -> float | None:
        """See the class."""
        return min(self._answers, key=lambda each: each[1])[2] if self._answers else None


__all__ = ["OwnerClock"]
