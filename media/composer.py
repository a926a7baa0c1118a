"""Composed files: one MP4 that shows a session as it went, or its sound alone, made from replay files.

One of the few files that import PyAV. H.264 and AAC, index in front. Everything is decoded once, in order of time, and
memory does not grow with the length. Nothing appears under the file's name until it is whole.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.audio.frame import AudioFrame
from av.filter import Graph

from media.canvas import Canvas, Tile, tile_of
from media.composition import Feed, Plan, Rect, Scene, Span, card_at, fitted, places, scenes
from media.lettering import STILL, Lettering
from media.muxer import MuxError
from media.playback import SAMPLE, SOUND_RATE, Pictures, Problems, Sound

BLOCK = 1024
"""Samples that are mixed at a time: a frame of AAC."""
SOUND_BPS = 64_000
KEY_EVERY_S = 2
QUALITY = {"preset": "superfast", "crf": "26"}

Told = Callable[[float], None]
"""Called often with how much is done, 0 to 1; may wait, and may raise to give the work up."""


@dataclass(frozen=True, slots=True)
class Composed:
    """What was made. ``problems``: (stable code, file name) of what could not be read."""

    file: Path
    media_type: str
    duration_s: float
    frames: int
    problems: tuple[tuple[str, str], ...]


def compose(plan: Plan, target: Path, fonts: Sequence[Path], told: Told) -> Composed:
    """Picture and sound. Raises MuxError, and whatever ``told`` raises; then no file is left."""
    problems: Problems = []
    with _Output(target, "mp4") as out:
        painter = Painter(plan, Lettering(fonts), problems)
        mixer = Mixer(plan, problems)
        video = out.video(plan)
        sound = out.sound()
        count = max(1, plan.length_us * plan.rate // 1_000_000)
        for number in range(count):
            at_us = number * 1_000_000 // plan.rate
            frame = painter.frame(at_us)
            frame.pts, frame.time_base = number, Fraction(1, plan.rate)
            out.write(video, frame)
            mixer.feed(sound, out, at_us)
            told(number / count)
        mixer.feed(sound, out, plan.length_us)
        out.finish(video, sound)
    return Composed(target, "video/mp4", plan.length_us / 1e6, count, tuple(dict.fromkeys(problems)))


def compose_sound(plan: Plan, target: Path, told: Told) -> Composed:
    """The sound of all points mixed. Raises as ``compose``."""
    problems: Problems = []
    with _Output(target, "ipod") as out:
        mixer, sound = Mixer(plan, problems), out.sound()
        for at_us in range(0, plan.length_us, 1_000_000):
            mixer.feed(sound, out, at_us)
            told(at_us / max(1, plan.length_us))
        mixer.feed(sound, out, plan.length_us)
        out.finish(sound)
    return Composed(target, "audio/mp4", plan.length_us / 1e6, 0, tuple(dict.fromkeys(problems)))


class _Output:
    """The file being written; it gets its name when the block ends well."""

    def __init__(self, target: Path, form: str) -> None:
        self._target = target
        self._part = target.with_name(target.name + ".part")
        try:
            self._container: Any = av.open(str(self._part), "w", format=form, options={"movflags": "+faststart"})
        except (av.FFmpegError, OSError) as error:
            raise MuxError(f"{target.name}: {error}") from error

    def __enter__(self) -> _Output:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            self._container.close()
            if kind is None:
                self._part.rename(self._target)
        except av.FFmpegError as error:
            self._part.unlink(missing_ok=True)
            if kind is None:
                raise MuxError(f"{self._target.name}: {error}") from error
        if kind is not None:
            self._part.unlink(missing_ok=True)

    def video(self, plan: Plan) -> Any:
        """A stream of pictures."""
        stream = self._container.add_stream("libx264", rate=plan.rate, options=QUALITY)
        stream.width, stream.height, stream.pix_fmt = plan.width, plan.height, "yuv420p"
        stream.codec_context.gop_size = plan.rate * KEY_EVERY_S
        stream.codec_context.thread_count = plan.threads
        return stream

    def sound(self) -> Any:
        """A stream of sound, one channel."""
        stream = self._container.add_stream("aac", rate=SOUND_RATE, layout="mono")
        stream.codec_context.bit_rate = SOUND_BPS
        return stream

    def write(self, stream: Any, frame: Any) -> None:
        """Encode and write. Raises MuxError."""
        try:
            for packet in stream.encode(frame):
                self._container.mux(packet)
        except (av.FFmpegError, ValueError) as error:
            raise MuxError(f"{self._target.name}: {error}") from error

    def finish(self, *streams: Any) -> None:
        """What the encoders still hold."""
        for stream in streams:
            self.write(stream, None)


class Mixer:
    """The voices of all points as one, kept from clipping."""

    def __init__(self, plan: Plan, problems: Problems) -> None:
        self._sounds = [Sound(feed, problems) for feed in plan.voices]
        self._cards = plan.cards
        self._blocks = 0
        self._graph = Graph()
        self._inputs = [
            self._graph.add_abuffer(
                sample_rate=SOUND_RATE, format="flt", layout="mono", time_base=Fraction(1, SOUND_RATE)
            )
            for _ in self._sounds
        ]
        self._configure()

    def _configure(self) -> None:
        graph = self._graph
        if not self._inputs:
            return
        limiter = graph.add("alimiter", "limit=0.95:level=false")
        if len(self._inputs) == 1:
            self._inputs[0].link_to(limiter)
        else:
            mix = graph.add("amix", f"inputs={len(self._inputs)}:normalize=0:dropout_transition=0")
            for index, source in enumerate(self._inputs):
                source.link_to(mix, 0, index)
            mix.link_to(limiter)
        form = graph.add("aformat", f"sample_fmts=fltp:sample_rates={SOUND_RATE}:channel_layouts=mono")
        limiter.link_to(form)
        form.link_to(graph.add("abuffersink"))
        graph.configure()

    def feed(self, stream: Any, out: _Output, until_us: int) -> None:
        """Write sound up to a moment."""
        while self._blocks * BLOCK * 1_000_000 < until_us * SOUND_RATE:
            for frame in self._mixed():
                out.write(stream, frame)

    def _mixed(self) -> Iterator[Any]:
        start = self._blocks * BLOCK
        self._blocks += 1
        covered = bool(card_at(self._cards, start * 1_000_000 // SOUND_RATE))
        for source, sound in zip(self._inputs, self._sounds, strict=True):
            samples = sound.read(BLOCK)
            source.push(_sound_frame(bytes(BLOCK * SAMPLE) if covered else samples, start))
        if not self._inputs:
            yield _sound_frame(bytes(BLOCK * SAMPLE), start)
            return
        while True:
            try:
                frame: Any = self._graph.pull()
            except (av.BlockingIOError, av.EOFError):
                return
            yield frame


def _sound_frame(samples: bytes, start: int) -> Any:
    frame: Any = AudioFrame(format="flt", layout="mono", samples=BLOCK)
    frame.planes[0].update(samples)
    frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, start, Fraction(1, SOUND_RATE)
    return frame


class Painter:
    """Draws the picture of each moment, in order of time."""

    def __init__(self, plan: Plan, letters: Lettering, problems: Problems) -> None:
        self._plan, self._letters = plan, letters
        self._canvas = Canvas(plan.width, plan.height)
        self._feeds = {feed.key: feed for feed in plan.feeds}
        self._pictures = {feed.key: Pictures(feed, problems, 2 if plan.threads > 1 else 1) for feed in plan.feeds}
        self._scenes = scenes(plan)
        self._scene: Scene | None = None
        self._places: dict[str, Rect] = {}
        self._drawn: dict[str, object] = {}  # what stands at each place now
        self._clock = (-1, Tile(0, 0, (b"", b"", b"")))
        self._labels: dict[tuple[str, int], Tile] = {}

    def frame(self, at_us: int) -> Any:
        """The picture of a moment."""
        self._set_scene(at_us)
        shown = [(key, self._shown(key, at_us)) for key in self._feeds]  # every feed is decoded, also those not seen
        card = card_at(self._plan.cards, at_us)
        touched = False
        if card:
            touched = self._cover(card)
        else:
            if self._drawn.pop("card", None) is not None:
                self._canvas.clear(Rect(0, 0, self._plan.width, self._plan.height))
                self._drawn.clear()
            for key, what in shown:
                if key in self._places and self._drawn.get(key) is not what and self._drawn.get(key) != what:
                    self._draw(key, what)
                    touched = True
        self._draw_clock(at_us, touched)
        return self._canvas.frame()

    def _set_scene(self, at_us: int) -> None:
        changed = False
        while self._scenes and self._scenes[0].at_us <= at_us:
            self._scene, changed = self._scenes.pop(0), True
        if changed and self._scene is not None:
            self._places = places(self._scene, self._plan.width, self._plan.height)
            self._canvas.clear(Rect(0, 0, self._plan.width, self._plan.height))
            self._drawn.clear()

    def _shown(self, key: str, at_us: int) -> object:
        """A decoded picture, or the words that stand in its place."""
        feed, pictures, words = self._feeds[key], self._pictures[key], self._plan.words
        piece = feed.piece_at(at_us)
        if piece is None:
            return feed.reason_at(at_us) or words.unrecorded
        if not piece.has_picture:
            return words.sound_only
        picture = pictures.at(at_us, piece)
        return words.unreadable if picture is None and pictures.failed else picture or ""

    def _draw(self, key: str, what: object) -> None:
        place, feed = self._places[key], self._feeds[key]
        if isinstance(what, str):
            ground = STILL if what == self._plan.words.sound_only else "#0b1120"
            self._canvas.put(tile_of(self._letters.card(what, place.width, place.height, ground)), place.x, place.y)
        else:
            picture: Any = what
            inner = fitted(picture.width, picture.height, place)
            before = self._drawn.get(key)
            if isinstance(before, str) or before is None or self._size_of(before) != (picture.width, picture.height):
                self._canvas.clear(place)
            self._canvas.put_picture(key, picture, inner)
        self._drawn[key] = what
        self._draw_label(feed, place)

    @staticmethod
    def _size_of(picture: Any) -> tuple[int, int]:
        return picture.width, picture.height

    def _draw_label(self, feed: Feed, place: Rect) -> None:
        size = 22 if place.width > self._plan.width // 2 else 14
        tile = self._labels.get((feed.key, size))
        if tile is None:
            tile = tile_of(self._letters.label(feed.name, size, (place.width - size) // 2 * 2, feed.mark))
            self._labels[feed.key, size] = tile
        self._canvas.put(tile, place.x + 8, place.y + place.height - tile.height - 8)

    def _cover(self, card: str) -> bool:
        if self._drawn.get("card") == card:
            return False
        self._canvas.put(tile_of(self._letters.card(card, self._plan.width, self._plan.height)), 0, 0)
        self._drawn = {"card": card}
        return True

    def _draw_clock(self, at_us: int, touched: bool) -> None:
        second = (self._plan.zero_us + at_us) // 1_000_000 + self._plan.utc_offset_s
        if second != self._clock[0]:
            shown = dt.datetime.fromtimestamp(second, dt.UTC).strftime("%d/%m/%Y %H:%M:%S")
            self._clock = (second, tile_of(self._letters.label(shown, 22, 400)))
            touched = True
        if touched:
            self._canvas.put(self._clock[1], 12, 12)


__all__ = ["Composed", "Span", "compose", "compose_sound"]
