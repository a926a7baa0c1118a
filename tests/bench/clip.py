"""The clip of the benchmarks as RTP payloads, encoded once and kept in build/bench.

A frame is cut as Chromium cuts it: as few packets as fit, of about equal size (the last ones one byte longer). Every
payload ends in eight bytes for the time at which it was sent; no server looks there.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import msgspec
from av.video.frame import VideoFrame
from PIL import Image, ImageChops

from media.clip import ClipOptions, make_clip

FOLDER = Path(__file__).parents[2] / "build" / "bench"
VERSION = 3
MAX_PAYLOAD = 1170
"""Chromium's packets have at most 1,200 bytes with their RTP header and extensions."""
STAMP = 8
LAYERS = (
    ClipOptions(width=320, height=180, rate=30, seconds=5, bitrate_bps=150_000),
    ClipOptions(width=640, height=360, rate=30, seconds=5, bitrate_bps=500_000),
    ClipOptions(width=1280, height=720, rate=30, seconds=5, bitrate_bps=1_500_000),
)
RIDS = ("q", "h", "f")


class Payloads(msgspec.Struct):
    """``layers``: smallest first; each a list of frames, each a list of payloads. ``sounds``: Opus frames of 20 ms."""

    rate: int
    layers: list[list[list[bytes]]]
    sounds: list[bytes]

    def packets_per_s(self, layer: int = -1) -> float:
        """Packets of one layer per second at 1x."""
        frames = self.layers[layer]
        return sum(len(frame) for frame in frames) * self.rate / len(frames)


def load() -> Payloads:
    """The clip; made on first use (half a minute)."""
    path = FOLDER / f"clip-{VERSION}.msgpack"
    if not path.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_bytes(msgspec.msgpack.encode(_make()))
        part.replace(path)
    return msgspec.msgpack.decode(path.read_bytes(), type=Payloads)


def _make() -> Payloads:
    layers = [[_cut(frame, number) for number, frame in enumerate(_encode(options))] for options in LAYERS]
    sounds = make_clip(1, "", [], ClipOptions(width=64, height=64, rate=30, seconds=LAYERS[0].seconds)).sounds
    return Payloads(LAYERS[0].rate, layers, [sound + bytes(STAMP) for sound in sounds])


def _encode(options: ClipOptions) -> Iterator[bytes]:
    """A camera that pans over something with texture, with the grain of a sensor: the rate is used up, as in a room."""
    encoder: Any = av.CodecContext.create("libvpx", "w")
    encoder.width, encoder.height, encoder.pix_fmt = options.width, options.height, "yuv420p"
    encoder.bit_rate, encoder.time_base = options.bitrate_bps, Fraction(1, options.rate)
    encoder.framerate, encoder.gop_size, encoder.thread_count = Fraction(options.rate), options.rate, 1
    rate = str(options.bitrate_bps)
    encoder.options = {
        "deadline": "realtime",
        "cpu-used": "-8",
        "lag-in-frames": "0",
        "error-resilient": "1",
        "minrate": rate,
        "maxrate": rate,
        "bufsize": rate,
    }
    size = (options.width, options.height)
    chance = random.Random(3)
    rough = _noise(chance, (options.width // 8 + 40, options.height // 8))
    scene = rough.resize((options.width + 320, options.height), Image.Resampling.BICUBIC)
    grain = [_noise(chance, size).point([128 + (value - 128) // 6 for value in range(256)]) for _ in range(7)]
    for index in range(options.seconds * options.rate):
        view = scene.crop((2 * index, 0, 2 * index + size[0], size[1]))
        picture = ImageChops.add(view, grain[index % 7], scale=2.0)
        made: Any = VideoFrame
        frame = made.from_image(picture.convert("RGB")).reformat(format="yuv420p")
        frame.pts, frame.time_base = index, Fraction(1, options.rate)
        yield from (bytes(packet) for packet in encoder.encode(frame))
    yield from (bytes(packet) for packet in encoder.encode(None))


def _noise(chance: random.Random, size: tuple[int, int]) -> Image.Image:
    return Image.frombytes("L", size, chance.randbytes(size[0] * size[1]))


def _cut(frame: bytes, number: int) -> list[bytes]:
    """One VP8 frame as payloads with descriptor (RFC 7741): 15-bit picture id, TL0PICIDX, temporal layer 0. The
    picture id and TL0PICIDX are filled in by the sender, since the clip is played over and over."""
    room = MAX_PAYLOAD - 6
    count = -(-(len(frame) + STAMP) // room)
    whole = frame + bytes(STAMP)
    size, larger = divmod(len(whole), count)
    found, at = [], 0
    for index in range(count):
        step = size + (index >= count - larger)
        start = 0x10 if index == 0 else 0
        body = whole[at : at + step]
        found.append(struct.pack("!BBHBB", 0x80 | start, 0xE0, 0x8000 | number, 0, 0) + body)
        at += step
    return found
