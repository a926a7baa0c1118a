"""Test clips: a point's picture and sound, encoded once and then sent as often as needed without encoding.

A clip shows its label, a frame counter that a program can read back from any decoded picture, and once a second a
white flash together with a beep. Used by the demo, the tests and the benchmarks; never by a live reception.

Counter layout: two rows of 16 square cells along the lower edge, most significant bit left, white is 1; the second
row is the complement, so that a damaged picture is told from a wrong number. The top 4 bits are the clip's id, the
other 12 the frame number modulo 4,096.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame
from PIL import Image, ImageDraw, ImageFont

CELLS = 16
SOUND_RATE = 48_000
SOUND_FRAME = 960  # samples: 20 ms, what Opus senders use


@dataclass(frozen=True, slots=True)
class ClipOptions:
    """How a clip is made: size in pixels, pictures per second, seconds, bits per second of the picture."""

    width: int = 320
    height: int = 180
    rate: int = 15
    seconds: int = 40
    bitrate_bps: int = 180_000
    tone_hz: int = 440


@dataclass(frozen=True, slots=True)
class Clip:
    """An encoded clip in memory: (data, pts) of VP8 frames at ``rate`` and of Opus frames of 20 ms."""

    number: int
    rate: int
    pictures: tuple[bytes, ...]
    sounds: tuple[bytes, ...]

    @property
    def seconds(self) -> float:
        """Length; a sender starts over after it."""
        return len(self.pictures) / self.rate


def counter_value(number: int, frame: int) -> int:
    """The 16 bits shown in frame ``frame`` of clip ``number`` (0..15)."""
    return (number & 0xF) << 12 | frame & 0xFFF


def read_counter(luma: bytes | memoryview, width: int, height: int, stride: int) -> int | None:
    """The 16-bit counter of a decoded picture's luma plane, or None when the two rows disagree."""
    cell = width / CELLS
    upper = _read_row(luma, cell, height - 1.5 * cell, stride)
    lower = _read_row(luma, cell, height - 0.5 * cell, stride)
    return upper if upper ^ lower == 0xFFFF else None


def _read_row(luma: bytes | memoryview, cell: float, y: float, stride: int) -> int:
    value = 0
    for bit in range(CELLS):
        value = value << 1 | (luma[int(y) * stride + int((bit + 0.5) * cell)] > 127)
    return value


def read_frame(frame: VideoFrame) -> int | None:
    """``read_counter`` on a decoded frame (yuv420p)."""
    plane = frame.planes[0]
    return read_counter(memoryview(plane), frame.width, frame.height, plane.line_size)


def make_clip(number: int, label: str, fonts: Sequence[Path], options: ClipOptions = ClipOptions()) -> Clip:
    """Draw and encode a clip. ``fonts`` are tried per letter in order, since web fonts are cut into subsets."""
    return Clip(
        number=number,
        rate=options.rate,
        pictures=tuple(_encode_pictures(number, label, fonts, options)),
        sounds=tuple(_encode_sounds(options)),
    )


def _encode_pictures(number: int, label: str, fonts: Sequence[Path], options: ClipOptions) -> Iterator[bytes]:
    encoder: Any = av.CodecContext.create("libvpx", "w")
    encoder.width, encoder.height, encoder.pix_fmt = options.width, options.height, "yuv420p"
    encoder.bit_rate, encoder.time_base, encoder.framerate = (
        options.bitrate_bps,
        Fraction(1, options.rate),
        Fraction(options.rate),
    )
    # Two key frames a second: the clip cannot answer a key frame request, so nobody may wait long for one.
    encoder.gop_size = max(1, options.rate // 2)
    encoder.thread_count = 1  # several clips are made side by side
    encoder.options = {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0", "error-resilient": "1"}
    base = _draw_base(label, fonts, options)
    for index in range(options.seconds * options.rate):
        made: Any = VideoFrame
        frame = made.from_image(_draw(base, number, index, options)).reformat(format="yuv420p")
        frame.pts, frame.time_base = index, Fraction(1, options.rate)
        yield from (bytes(packet) for packet in encoder.encode(frame))
    yield from (bytes(packet) for packet in encoder.encode(None))


def _draw_base(label: str, fonts: Sequence[Path], options: ClipOptions) -> Image.Image:
    image = Image.new("RGB", (options.width, options.height), "#22304d")
    pen = ImageDraw.Draw(image)
    middle, size = options.width // 2, options.height
    pen.ellipse((middle - size // 9, size // 8, middle + size // 9, size // 8 + size * 2 // 9), fill="#5d6f93")
    pen.pieslice((middle - size // 4, size * 3 // 8, middle + size // 4, size * 7 // 8), 180, 360, fill="#5d6f93")
    faces = [ImageFont.truetype(str(path), max(12, size // 12)) for path in fonts]
    x: float = options.width / 40
    for letter in label:
        face = next((f for f in faces if f.getmask(letter).getbbox()), faces[0] if faces else None)
        if face is None:
            break
        pen.text((x, size / 40), letter, font=face, fill="white")
        x += face.getlength(letter)
    return image


def _draw(base: Image.Image, number: int, index: int, options: ClipOptions) -> Image.Image:
    image = base.copy()
    pen = ImageDraw.Draw(image)
    cell = options.width / CELLS
    value = counter_value(number, index)
    for bit in range(CELLS):
        one = value >> (CELLS - 1 - bit) & 1
        left, top = bit * cell, options.height - 2 * cell
        pen.rectangle((left, top, left + cell, top + cell), fill="white" if one else "black")
        pen.rectangle((left, top + cell, left + cell, top + 2 * cell), fill="black" if one else "white")
    if index % options.rate < 2:
        pen.rectangle((options.width - 2 * cell, 0, options.width, 2 * cell), fill="white")
    angle = 2 * math.pi * index / options.rate / 4  # something that moves, so that a frozen picture is seen
    x, y = options.width * (0.82 + 0.08 * math.cos(angle)), options.height * (0.45 + 0.12 * math.sin(angle))
    pen.ellipse((x - 6, y - 6, x + 6, y + 6), fill="#ffb870")
    return image


def _encode_sounds(options: ClipOptions) -> Iterator[bytes]:
    encoder: Any = av.CodecContext.create("libopus", "w")
    encoder.sample_rate, encoder.layout, encoder.format = SOUND_RATE, "stereo", "s16"
    encoder.bit_rate, encoder.time_base = 32_000, Fraction(1, SOUND_RATE)
    encoder.options = {"application": "voip", "frame_duration": "20"}
    for index in range(options.seconds * SOUND_RATE // SOUND_FRAME):
        frame = AudioFrame(format="s16", layout="stereo", samples=SOUND_FRAME)
        frame.planes[0].update(_tone(index, options))
        frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, index * SOUND_FRAME, Fraction(1, SOUND_RATE)
        yield from (bytes(packet) for packet in encoder.encode(frame))


def _tone(index: int, options: ClipOptions) -> bytes:
    """20 ms of a quiet tone, with a loud beep in the first 100 ms of every second."""
    samples = bytearray()
    for n in range(index * SOUND_FRAME, (index + 1) * SOUND_FRAME):
        beep = n % SOUND_RATE < SOUND_RATE // 10
        level, pitch = (12_000, 1_000) if beep else (1_500, options.tone_hz)
        value = int(level * math.sin(2 * math.pi * pitch * n / SOUND_RATE))
        samples += struct.pack("<hh", value, value)
    return bytes(samples)


def missing_codecs() -> list[str]:
    """What this installation of PyAV cannot do of what the hub needs; for ``diemcau doctor``."""
    return [name for name in ("opus", "libopus", "vp8", "libvpx", "h264") if name not in av.codecs_available]
