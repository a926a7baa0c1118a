"""Replay files of what a point recorded by itself: its pieces of a few seconds, joined without encoding anything.

Every piece is a small WebM file with a clock of its own (docs/formats.md, Take): its frames stand where the piece began
plus their time in it. Two pieces overlap by some frames, so that nothing is lost between them; of the earlier one goes
what the later one has again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from media.depacketize import opus_duration_us
from media.muxer import MuxError, Picture, ReplayFile, Unit, read_units
from media.replay import SILENCE_US, Replay, Segment


@dataclass(frozen=True, slots=True)
class Piece:
    """``start_us``: UTC microseconds at which the file's time 0 was."""

    path: Path
    start_us: int


def make_take(pieces: Sequence[Piece], folder: Path, name: str) -> Replay:
    """Write the replay files ``<name>.take.<number>.webm`` into ``folder``; a new one after a silence of 10 s.

    Pieces that cannot be read are named in ``problems``. Raises MuxError when the files cannot be written.
    """
    problems: list[tuple[str, str]] = []
    joined = _Joined(folder, name)
    ordered = sorted(pieces, key=lambda piece: (piece.start_us, piece.path.name))
    try:
        for number, piece in enumerate(ordered):
            try:
                units = read_units(piece.path)
            except MuxError:
                problems.append(("piece_unreadable", piece.path.name))
                continue
            until = ordered[number + 1].start_us if number + 1 < len(ordered) else None
            joined.add(piece.start_us, units, until)
        joined.close()
    except BaseException:
        joined.discard()
        raise
    return Replay(participant="", segments=tuple(joined.done), problems=tuple(problems))


class _Joined:
    """The file being written."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, name
        self._file: ReplayFile | None = None
        self._pictures = False
        self._start = self._last = 0
        self._frames: dict[str, int] = {}
        self.done: list[Segment] = []

    def add(self, start_us: int, units: Sequence[Unit], until_us: int | None) -> None:
        """A piece's frames, up to where the next one has them again."""
        pictures = any(not unit.sound for unit in units)
        if self._file is not None and (start_us - self._last > SILENCE_US or (pictures and not self._pictures)):
            self.close()
        for unit in sorted(units, key=lambda unit: unit.time_us):
            at = start_us + unit.time_us
            if until_us is not None and at >= until_us > start_us:
                break
            self._put(at, unit, units)

    def _put(self, at: int, unit: Unit, units: Sequence[Unit]) -> None:
        file = self._file or self._open(at, units)
        time_us = max(0, at - self._start)
        if unit.sound:
            file.write_sound(unit.data, time_us, opus_duration_us(unit.data))
        elif self._pictures:
            file.write_picture(unit.data, unit.is_key, time_us)
        source = "mic" if unit.sound else "camera"
        self._frames[source] = self._frames.get(source, 0) + 1
        self._last = max(self._last, at)

    def _open(self, at: int, units: Sequence[Unit]) -> ReplayFile:
        first = next((unit for unit in units if not unit.sound), None)
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
