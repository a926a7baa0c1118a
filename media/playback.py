"""Replay files read back: pictures and sound of one point at any moment of a time line, always forward.

What cannot be read costs what it holds and is named in ``problems``: a file that is missing, empty, cut, or not media.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import av
from av.audio.resampler import AudioResampler

from media.composition import Feed, Piece

SOUND_RATE = 48_000
SAMPLE = 4
"""Bytes of a sample: 32-bit floats, one channel."""
JITTER = SOUND_RATE // 50
"""Sound that stands less than 20 ms from where the last ended goes on without a seam."""

Problems = list[tuple[str, str]]
"""(stable code, file name)"""


class Pictures:
    """The pictures of a feed. ``problems`` is added to."""

    def __init__(self, feed: Feed, problems: Problems, threads: int = 1) -> None:
        self._problems = problems
        self._threads = threads
        self._piece: Piece | None = None
        self._frames: Iterator[tuple[int, Any]] = iter(())
        self._next: tuple[int, Any] | None = None
        self._shown: Any = None
        self.feed = feed
        self.failed = False

    def at(self, at_us: int, piece: Piece) -> Any:
        """The picture shown at a moment that ``piece`` covers; None before its first. Moments never go back."""
        if piece is not self._piece:
            self._piece, self._shown, self.failed = piece, None, False
            self._frames = self._decoded(piece)
            self._next = next(self._frames, None)
        while self._next is not None and self._next[0] <= at_us:
            self._shown = self._next[1]
            self._next = next(self._frames, None)
        return self._shown

    def _decoded(self, piece: Piece) -> Iterator[tuple[int, Any]]:
        try:
            with av.open(str(piece.path)) as container:
                stream: Any = container.streams.video[0]
                stream.thread_count, stream.thread_type = self._threads, "AUTO"
                packets = container.demux(stream)
                for frame in _patiently(packets):
                    if frame.time is not None:
                        yield piece.start_us + round(frame.time * 1e6), frame
        except (av.FFmpegError, OSError, IndexError, ValueError):
            self.failed = True
            self._problems.append(("replay_unreadable", piece.path.name))


def _patiently(packets: Iterator[Any]) -> Iterator[Any]:
    """Decoded frames; a packet that cannot be decoded is left out, what comes after it is not."""
    for packet in packets:
        frames: Sequence[Any] = ()
        with suppress(av.InvalidDataError):
            frames = packet.decode()
        yield from frames


class Sound:
    """The sound of a feed as one stretch of samples from the beginning of the plan, silence where there is none."""

    def __init__(self, feed: Feed, problems: Problems) -> None:
        self._problems = problems
        self._blocks = self._placed(feed)
        self._pending: tuple[int, bytes] | None = None  # what comes after a silence that is not over
        self._ready = bytearray()
        self._at = 0  # samples that were taken
        self._ended = False
        self._feed = feed

    def read(self, count: int) -> bytes:
        """The next ``count`` samples."""
        while len(self._ready) < count * SAMPLE and not self._ended:
            block, self._pending = self._pending or next(self._blocks, None), None
            if block is None:
                self._ended = True
                break
            start, data = block
            end = self._at + len(self._ready) // SAMPLE
            if start > end + JITTER:
                # Only as much silence as is asked for: a pause of an hour is not held in memory.
                missing = min(start - end, count)
                self._ready += bytes(missing * SAMPLE)
                if start > end + missing:
                    self._pending = block
                    continue
            elif start < end - JITTER:
                data = data[(end - start) * SAMPLE :]
            self._ready += data
        taken = bytes(self._ready[: count * SAMPLE]).ljust(count * SAMPLE, b"\0")
        del self._ready[: count * SAMPLE]
        self._at += count
        return self._hushed(taken, count)

    def _hushed(self, samples: bytes, count: int) -> bytes:
        start_us = (self._at - count) * 1_000_000 // SOUND_RATE
        # A hole is nothing that may be heard, even where the file has something.
        return bytes(len(samples)) if any(hole.covers(start_us) for hole in self._feed.holes) else samples

    def _placed(self, feed: Feed) -> Iterator[tuple[int, bytes]]:
        for piece in feed.pieces:
            first = piece.start_us * SOUND_RATE // 1_000_000
            try:
                with av.open(str(piece.path)) as container:
                    if not container.streams.audio:
                        continue
                    to_mono = AudioResampler(format="flt", layout="mono", rate=SOUND_RATE)
                    for frame in _patiently(container.demux(container.streams.audio[0])):
                        at = first + round((frame.time or 0.0) * SOUND_RATE)
                        for made in to_mono.resample(frame):
                            yield at, bytes(made.planes[0])[: made.samples * SAMPLE]
                            at += made.samples
            except (av.FFmpegError, OSError, ValueError):
                self._problems.append(("replay_unreadable", piece.path.name))
