"""Replay files of what a point recorded by itself: its pieces of a few seconds, joined without encoding anything.

Every piece is a small WebM file with a clock of its own (docs/formats.md, Take): its frames stand where the piece began
plus their time in it. Two pieces overlap by some frames, so that nothing is lost between them; of the earlier one goes
what the later one has again. An extract is cut out of them as out of journals (``media.extract``): sound at its
packets, pictures to the picture, those before the first key frame encoded again and stated.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from media.depacketize import Frame, opus_duration_us
from media.extract import Cut
from media.muxer import MuxError, Picture, ReplayFile, Unit, read_units
from media.replay import SILENCE_US, Replay, Segment, within

MOST_PIXELS = 4096 * 2304
"""Larger pictures are not decoded: the cut begins at the next key frame. Pieces come from outside."""


@dataclass(frozen=True, slots=True)
class Piece:
    """``start_us``: UTC microseconds at which the file's time 0 was."""

    path: Path
    start_us: int


def make_take(pieces: Sequence[Piece], folder: Path, name: str, between: tuple[int, int] | None = None) -> Replay:
    """Write the replay files ``<name>.take.<number>.webm`` into ``folder``; a new one after a silence of 10 s.

    ``between``: only what lies between these two moments (UTC microseconds, the end excluded); other pieces are not
    even read. Pieces that cannot be read are named in ``problems``. Raises MuxError when the files cannot be written.
    """
    problems: list[tuple[str, str]] = []
    joined = _Joined(folder, name)
    spans: list[tuple[int, int]] = []
    ordered = sorted(pieces, key=lambda piece: (piece.start_us, piece.path.name))
    try:
        for number, piece in enumerate(ordered):
            until = ordered[number + 1].start_us if number + 1 < len(ordered) else None
            if until is not None and until <= piece.start_us:
                until = None
            if between is not None and (piece.start_us >= between[1] or (until is not None and until <= between[0])):
                continue
            try:
                units = read_units(piece.path)
            except MuxError:
                problems.append(("piece_unreadable", piece.path.name))
                continue
            placed = _placed(piece.start_us, units, until)
            if between is not None:
                placed, again = _cut(placed, between if until is None else (between[0], min(between[1], until)))
                spans += again
            joined.add(placed)
        joined.close()
    except BaseException:
        joined.discard()
        raise
    done = [replace(one, reencoded=within(spans, one)) for one in joined.done] if spans else joined.done
    return Replay(participant="", segments=tuple(done), problems=tuple(problems))


Placed = list[tuple[int, Unit]]
"""(UTC microseconds, frame), in order of time."""


def _placed(start_us: int, units: Sequence[Unit], until_us: int | None) -> Placed:
    """A piece's frames at their moments, up to where the next piece has them again."""
    found = [(start_us + unit.time_us, unit) for unit in sorted(units, key=lambda unit: unit.time_us)]
    return [(at, unit) for at, unit in found if until_us is None or at < until_us]


def _cut(placed: Placed, between: tuple[int, int]) -> tuple[Placed, list[tuple[int, int]]]:
    """What of a piece lies between two moments, and the stretches whose pictures were encoded again.

    A piece begins with a key frame, so nothing before it is needed.
    """
    cut = Cut(between)
    seen = [one for one in placed if not one[1].sound]
    if any(_too_large(unit) for _, unit in seen):
        first = next((at for at, unit in seen if unit.is_key and at >= between[0]), None)
        shown = [] if first is None else [one for one in seen if first <= one[0] < between[1]]
    else:
        shown = list(_pictures(cut, seen))
    sound = [one for one in placed if one[1].sound and between[0] <= one[0] < between[1]]
    return sorted([*sound, *shown], key=lambda one: one[0]), cut.reencoded


def _pictures(cut: Cut, seen: Placed) -> Iterator[tuple[int, Unit]]:
    # A frame's number stands for its RTP time: unique within the piece, which is all that a cut asks of it.
    items = (
        (at, Frame(number, unit.data, unit.is_key, unit.width, unit.height)) for number, (at, unit) in enumerate(seen)
    )
    for at, frame in cut.picture(items):
        was = seen[frame.rtp_time][1]
        yield at, Unit(False, frame.data, was.time_us, frame.is_key, was.width, was.height)


def _too_large(unit: Unit) -> bool:
    """By what the container says and by the key frame's own header (RFC 6386 9.1)."""
    said = unit.width * unit.height
    if unit.is_key and len(unit.data) >= 10:
        width, height = (int.from_bytes(unit.data[at : at + 2], "little") & 0x3FFF for at in (6, 8))
        said = max(said, width * height)
    return said > MOST_PIXELS


class _Joined:
    """The file being written."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, name
        self._file: ReplayFile | None = None
        self._pictures = False
        self._start = self._last = 0
        self._frames: dict[str, int] = {}
        self.done: list[Segment] = []

    def add(self, placed: Placed) -> None:
        """A piece's frames."""
        if not placed:
            return
        pictures = any(not unit.sound for _, unit in placed)
        if self._file is not None and (placed[0][0] - self._last > SILENCE_US or (pictures and not self._pictures)):
            self.close()
        for at, unit in placed:
            self._put(at, unit, placed)

    def _put(self, at: int, unit: Unit, placed: Placed) -> None:
        file = self._file or self._open(at, placed)
        time_us = max(0, at - self._start)
        if unit.sound:
            file.write_sound(unit.data, time_us, opus_duration_us(unit.data))
        elif self._pictures:
            file.write_picture(unit.data, unit.is_key, time_us)
        source = "mic" if unit.sound else "camera"
        self._frames[source] = self._frames.get(source, 0) + 1
        self._last = max(self._last, at)

    def _open(self, at: int, placed: Placed) -> ReplayFile:
        first = next((unit for _, unit in placed if not unit.sound), None)
        picture = Picture("vp8", first.width, first.height) if first is not None else None
        path = self._folder / f"{self._name}.take.{len(self.done)}.webm"
        self._file = ReplayFile(path, picture, True)
        self._pictures = picture is not None
        self._start = self._last = at
        self._frames = {}
        return self._file

    def close(self) -> None:
        """Finish the open file. Raises MuxError."""
        file, self._file = self._file, None
        if file is None:
            return
        file.close()
        self.done.append(
            Segment(
                kind="take", start_utc=self._start / 1e6, duration_s=file.duration_us / 1e6, file=file.path,
                media_type=file.media_type, frames=dict(self._frames), filled=file.filled, clamped=file.clamped,
            )
        )  # fmt: skip

    def discard(self) -> None:
        """Give the open file up."""
        if self._file is not None:
            self._file.discard()
