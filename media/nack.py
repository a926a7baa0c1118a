"""What is missing of an incoming stream, when to ask for it again, and when to give up (RFC 4585, engineering 2.2)."""

from __future__ import annotations

FIRST_DELAY = 0.015  # s: most reordering is over by then
MAX_TRIES = 10
MAX_TRIES_LOSSY = 40
MAX_AGE = 1.0  # s
MAX_AGE_LOSSY = 2.0  # s, while a key frame has been asked for, too: whichever comes first ends the wait
MAX_MISSING = 256
MAX_GAP = 128  # a longer gap is an outage, not loss: a key frame helps, resending does not
MIN_RETRY, MAX_RETRY = 0.03, 0.4  # s
GUESSED, MEASURED = 1.25, 0.6
"""Of the round trip until the next try. Where it is measured by reference times, in between, for the question may have
been lost; senders that answer them send nothing twice within a round trip (libwebrtc)."""
LOSSY = 0.2
"""The same where much is lost: what the sender ignores costs a few bytes, but a question that comes to it just when it
would answer again saves up to a whole round trip, and that is what pictures stand still for."""


class NackTracker:
    """Missing extended sequence numbers of one stream with their next try."""

    __slots__ = ("_missing", "deadline", "is_lossy", "is_measured", "lost", "rtt")

    def __init__(self) -> None:
        self._missing: dict[int, list[float]] = {}
        """number -> [first seen missing, next try, tries, last try, 1 once it is taken for lost]"""
        self.deadline: float | None = None  # earliest next try
        self.rtt = 0.1  # s, smoothed time from asking to getting
        self.is_measured = False  # ``rtt`` was set from outside
        self.is_lossy = False  # the way here loses much: ask as often as makes sense
        self.lost = 0  # numbers given up

    def __len__(self) -> int:
        return len(self._missing)

    def add(self, first: int, last: int, now: float) -> bool:
        """Numbers ``first..last`` were skipped. False: too many, they are given up at once."""
        count = last - first + 1
        if count > MAX_GAP or len(self._missing) + count > MAX_MISSING:
            self.lost += count + len(self._missing)
            self.clear()
            return False
        due = now + FIRST_DELAY
        for number in range(first, last + 1):
            self._missing[number] = [now, due, 0, 0.0, 0]
        if self.deadline is None or due < self.deadline:
            self.deadline = due
        return True

    def received(self, number: int, now: float) -> bool:
        """A late packet came; True when it was missing."""
        entry = self._missing.pop(number, None)
        if entry is None:
            return False
        if entry[2] == 1 and not self.is_measured:  # asked exactly once, so the answer is to that question (Karn)
            self.rtt += 0.125 * (now - entry[3] - self.rtt)
        if not self._missing:
            self.deadline = None
        return True

    def due(self, now: float) -> tuple[list[int], int]:
        """(ascending numbers to ask for now, how many are taken for lost since the last call: only a key frame helps);
        sets the next deadline."""
        ask: list[int] = []
        given_up: list[int] = []
        lost = 0
        factor, most, latest = MEASURED if self.is_measured else GUESSED, MAX_TRIES, MAX_AGE
        if self.is_measured and self.is_lossy:
            factor, most, latest = LOSSY, MAX_TRIES_LOSSY, MAX_AGE_LOSSY
        retry = min(MAX_RETRY, max(MIN_RETRY, self.rtt * factor))
        deadline = None
        for number, entry in self._missing.items():
            if entry[1] <= now:
                age = now - entry[0]
                is_over = entry[2] >= most or age > latest
                if not entry[4] and (is_over or age > MAX_AGE):
                    entry[4] = 1
                    lost += 1
                if is_over:
                    given_up.append(number)
                    continue
                entry[2] += 1
                entry[3] = now
                entry[1] = now + retry
                ask.append(number)
            if deadline is None or entry[1] < deadline:
                deadline = entry[1]
        for number in given_up:
            del self._missing[number]
        self.lost += lost
        self.deadline = deadline
        ask.sort()
        return ask, lost

    def clear(self) -> None:
        """Stop asking (a fence, a restart, a key frame that makes the past useless)."""
        self._missing.clear()
        self.deadline = None


__all__ = ["NackTracker"]
