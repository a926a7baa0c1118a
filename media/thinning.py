"""Fewer pictures a second for one section: VP8's upper temporal layers are left out and the rest is numbered anew.

A frame is left out whole or not at all. Its packets leave no hole in the sequence numbers, and it leaves none in the
picture ids (Chromium waits for a missing picture before it shows one that skips over it). Packets that got lost keep
their place, for whether their frame would have passed is not known: the viewer may ask for them as ever.

Limits fall at the next frame. They rise at a frame that needs nothing but the lowest temporal layer (Y bit,
RFC 7741 4.2), since what was left out is missing as a reference.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from media.codecs import Vp8Info

ALL = 3
"""The highest temporal layer that VP8 can name: as a limit, everything passes."""
MAX_RUNS = 256  # two or three seconds of every second frame being left out, far more than a NACK reaches back
OPEN = 1 << 62


class Run(Protocol):
    """Packets in a row that are numbered alike: the outgoing number is the layer's plus ``offset``. ``start``: the
    layer's number of the first. ``last``: outgoing number of the last one, -1 while it goes on."""

    @property
    def start(self) -> int: ...
    @property
    def offset(self) -> int: ...

    last: int


R = TypeVar("R", bound=Run)


class Thinning(Generic[R]):
    """The numbers of one section while temporal layers are left out.

    ``number`` everywhere: the layer's own, without holes. ``make``: a run from (first number, offset, picture shift).
    ``wanted``: the highest temporal layer that shall pass, may be set at any time. ``left_out``: (packets, octets) of
    the frames that did not pass. ``shift``: what to add to the newest picture id, even that of a frame left out.
    """

    __slots__ = (
        "_frame", "_is_open", "_limit", "_make", "_passes", "_starts", "_step", "_top", "highest", "left_out",
        "passed", "runs", "shift", "wanted",
    )  # fmt: skip

    def __init__(self, make: Callable[[int, int, int], R], run: R, shift: int, highest: int, frame: int) -> None:
        """What was shown up to ``highest`` is ``run``. ``frame``: timestamp of ``highest``."""
        self.wanted = ALL
        self.highest = highest
        self.passed = highest
        self.left_out = (0, 0)
        self.runs: list[R] = [run]
        self._starts = [run.start]
        self._make = make
        self._limit = ALL
        self._top = 0  # highest temporal layer seen
        self._step = run.offset  # of numbers beyond ``highest``
        self.shift = shift
        self._frame = frame
        self._passes = True
        self._is_open = True

    def is_over(self) -> bool:
        """Everything passes again."""
        return self.wanted >= ALL and self._limit >= self._top and self._passes

    def take(self, number: int, timestamp: int, size: int, vp8: Vp8Info) -> R | None:
        """How this packet is numbered, or None: it does not pass."""
        if number <= self.highest:
            return self._run_of(number)
        starts = timestamp != self._frame
        if starts:
            self._frame = timestamp
            self._begin_frame(vp8)
        if self._passes:
            if not self._is_open:
                self._open(self.highest + 1)
            self.passed = number
            self.highest = number
            return self.runs[-1]
        # What is missing within a frame shares its fate; between two frames it keeps its place.
        self._leave_out(number if starts else self.highest + 1, number)
        packets, octets = self.left_out
        self.left_out = packets + 1, octets + size
        self.highest = number
        return None

    def _begin_frame(self, vp8: Vp8Info) -> None:
        temporal = vp8[6]
        if temporal > self._top:
            self._top = temporal
        if vp8[0] or self.wanted < self._limit:  # a key frame refers to nothing
            self._limit = self.wanted
        elif vp8[7] and temporal == self._limit + 1 <= self.wanted:
            self._limit = temporal
        self._passes = temporal <= self._limit
        if not self._passes:
            self.shift -= 1

    def _open(self, first: int) -> None:
        self._is_open = True
        self.runs.append(self._make(first, self._step, self.shift))
        self._starts.append(first)
        if len(self.runs) > MAX_RUNS:
            del self.runs[: MAX_RUNS // 2]
            del self._starts[: MAX_RUNS // 2]

    def _leave_out(self, first: int, last: int) -> None:
        if not self._is_open and first > self.highest + 1:
            self.shift += 1  # the missing ones stand before this frame
            self._open(self.highest + 1)
            self.shift -= 1
        if self._is_open:
            self.runs[-1].last = first - 1 + self._step
            self._is_open = False
        self._step -= last + 1 - first

    def _run_of(self, number: int) -> R | None:
        at = bisect_right(self._starts, number) - 1
        if at < 0:
            return None
        run = self.runs[at]
        return run if run.last < 0 or number + run.offset <= run.last else None

    def find(self, out: int) -> R | None:
        """The run of an outgoing number; None when it is none of these."""
        for run in reversed(self.runs):
            if out >= run.start + run.offset:
                last = run.last if run.last >= 0 else self.last_out
                return run if out <= last else None
        return None

    @property
    def last_out(self) -> int:
        """Outgoing number of the newest packet that passed."""
        run = self._run_of(self.passed)
        return self.passed + (run.offset if run is not None else self._step)


__all__ = ["ALL", "Run", "Thinning"]
