"""A test clip with its picture in H.264, as cameras and hardware encoders send it: baseline, no B frames."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

import av

from media.client import MediaClient
from media.clip import Clip


def as_h264(clip: Clip) -> Clip:
    """The same clip, its pictures encoded anew as Annex B access units, two key frames a second."""
    return replace(clip, pictures=tuple(_encode(clip)))


def _encode(clip: Clip) -> Iterator[bytes]:
    decoder: Any = av.CodecContext.create("vp8", "r")
    encoder: Any = None
    for index, data in enumerate(clip.pictures):
        for frame in decoder.decode(av.Packet(data)):
            encoder = encoder or _encoder(clip, frame.width, frame.height)
            frame.pts, frame.time_base, frame.pict_type = index, Fraction(1, clip.rate), 0
            yield from (bytes(packet) for packet in encoder.encode(frame))
    yield from (bytes(packet) for packet in encoder.encode(None))


def _encoder(clip: Clip, width: int, height: int) -> Any:
    encoder: Any = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, clip.rate), Fraction(clip.rate)
    encoder.gop_size, encoder.bit_rate = max(1, clip.rate // 2), 300_000
    encoder.options = {"preset": "ultrafast", "tune": "zerolatency", "profile": "baseline", "level": "3.1"}
    return encoder


class H264Client(MediaClient):
    """A client that offers H.264 alone for its picture."""

    @staticmethod
    def _prefer_vp8(connection: Any) -> None:
        from aiortc import RTCRtpSender

        codecs = RTCRtpSender.getCapabilities("video").codecs
        wanted = [codec for codec in codecs if codec.mimeType.lower() in ("video/h264", "video/rtx")]
        for transceiver in connection.getTransceivers():
            if transceiver.kind == "video":
                transceiver.setCodecPreferences(wanted)
