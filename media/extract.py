"""Cuts of replay files between two moments: what lies before and after is left out, to the packet and the picture.

Sound is cut at its packets (20 ms). Pictures are copied as they are; only where the beginning lies between two key
frames, the pictures up to the next one are encoded again (``media.reencode``), and that stretch is stated. Where that
fails, the picture begins at the next key frame, and that is stated by the time of the first picture. I/O-free but for
the codec.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from media.depacketize import Frame
from media.reencode import encode_from

Item = tuple[int, Frame]
"""(UTC microseconds, frame), as in media.replay."""

AHEAD_US = 10_000_000
"""Streams of several layers overlap a little; what comes so long after the end is the end."""


@dataclass
class Cut:
    """One cut of one lane. ``between``: UTC microseconds, the end excluded. ``reencoded``: stretches of pictures that
    were encoded again. ``first_picture_us``: when the picture really begins, None without one."""

    between: tuple[int, int]
    reencoded: list[tuple[int, int]] = field(default_factory=list)
    first_picture_us: int | None = None

    def sound(self, items: Iterator[Item]) -> Iterator[Item]:
        """Sound within the cut."""
        start, end = self.between
        for at, frame in items:
            if start <= at < end:
                yield at, frame
            elif at >= end + AHEAD_US:
                return

    def picture(self, items: Iterator[Item]) -> Iterator[Item]:
        """Pictures within the cut, the first one a key frame."""
        for at, frame in self._pictures(items):
            if self.first_picture_us is None:
                self.first_picture_us = at
            yield at, frame

    def _pictures(self, items: Iterator[Item]) -> Iterator[Item]:
        start, end = self.between
        gop: list[Item] = []  # since the last key frame, while the cut has not really begun
        begun = False
        for at, frame in items:
            if at >= end + AHEAD_US:
                break
            if not begun and frame.is_key:
                if at >= start:
                    yield from self._lead(gop, min(at, end))
                    begun = True
                gop = []
            if not begun:
                gop.append((at, frame))
            elif start <= at < end:
                yield at, frame
        if not begun:
            yield from self._lead(gop, end)

    def _lead(self, gop: list[Item], until: int) -> Iterator[Item]:
        """The pictures of the cut before its first key frame, encoded again."""
        start = self.between[0]
        inside = [number for number, (at, _) in enumerate(gop) if start <= at < until]
        if not inside:
            return
        times = {frame.rtp_time: at for at, frame in gop}
        made = [frame for frame in encode_from([frame for _, frame in gop], inside[0]) if times[frame.rtp_time] < until]
        if made:
            self.reencoded.append((times[made[0].rtp_time], until))
        for frame in made:
            yield times[frame.rtp_time], frame
