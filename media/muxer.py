"""Container files for replay: encoded frames in, WebM or fragmented MP4 out. Nothing is encoded or decoded.

One of the few files that import PyAV. VP8 and sound alone go into WebM, H.264 into MP4 (with a segment index in front,
so that browsers can seek by range requests). Times are microseconds from the start of the file; a time that does not
rise is moved to 1 ms after the one before and counted, since the containers refuse it.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import av

SILENCE = b"\xf8\xff\xfe"
"""20 ms of Opus silence (a CELT frame without content): fills gaps, because players drift where sound is missing."""
SILENCE_US = 20_000
MIN_FILL_US = 60_000
"""Gaps shorter than this are jitter of the clock and stay."""

_MICRO = Fraction(1, 1_000_000)
_STEP_US = 1000


@dataclass(frozen=True, slots=True)
class Picture:
    """How pictures are coded: "vp8" or "h264", and the size of the first one."""

    codec: str
    width: int
    height: int


class MuxError(OSError):
    """The container library refused: a full disk, most of the time."""


@dataclass(frozen=True, slots=True)
class Unit:
    """An encoded frame of a file that is read: Opus, or VP8 with the size of its stream."""

    sound: bool
    data: bytes
    time_us: int
    is_key: bool
    width: int = 0
    height: int = 0


def read_units(path: Path) -> list[Unit]:
    """The frames of a short WebM file that a browser wrote: VP8 and Opus only, in the file's order.

    Not decoded. Raises MuxError for what is no such file; what can be read before a cut is given.
    """
    found: list[Unit] = []
    try:
        # The format is given, not guessed, and nothing but this file is opened, whatever it names.
        with av.open(str(path), format="matroska", options={"protocol_whitelist": "file"}) as file:
            for stream in file.streams:
                if stream.codec_context.name not in ("vp8", "libvpx", "opus", "libopus"):
                    raise MuxError(f"{path.name}: {stream.codec_context.name} is not taken in")
            for packet in file.demux():
                if packet.pts is None or packet.time_base is None or not packet.size:
                    continue
                sound = packet.stream.type == "audio"
                time_us = round(packet.pts * packet.time_base * 1_000_000)
                coding: Any = packet.stream.codec_context
                size = (0, 0) if sound else (coding.width, coding.height)
                found.append(Unit(sound, bytes(packet), max(0, time_us), packet.is_keyframe, *size))
    except (av.FFmpegError, ValueError) as error:
        if not found:
            raise MuxError(f"{path.name}: {error}") from error
    return found


@cache
def _opus_template() -> Any:
    # The library gives no other way to an Opus stream with its header but without an encoder of its own.
    file = io.BytesIO()
    with av.open(file, "w", format="webm") as made:
        stream: Any = made.add_stream("libopus", rate=48_000, layout="stereo")
        frame: Any = av.AudioFrame(format="flt", layout="stereo", samples=960)
        frame.sample_rate, frame.pts, frame.time_base = 48_000, 0, Fraction(1, 48_000)
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        made.mux([*stream.encode(frame), *stream.encode(None)])
    file.seek(0)
    container = av.open(file, "r")
    return container, container.streams.audio[0]


class ReplayFile:
    """One file being written. Appears under its name at ``close``; ``discard`` leaves nothing."""

    def __init__(self, path: Path, picture: Picture | None, sound: bool) -> None:
        """Raises MuxError, and ValueError for neither picture nor sound."""
        if picture is None and not sound:
            raise ValueError("a replay file needs pictures or sound")
        is_mp4 = picture is not None and picture.codec == "h264"
        self.path = path
        self.media_type = "video/mp4" if is_mp4 else "video/webm" if picture else "audio/webm"
        self.clamped = 0
        self.filled = 0
        self._temporary = path.with_name(path.name + ".part")
        options = (
            {"movflags": "frag_keyframe+delay_moov+default_base_moof+global_sidx"}
            if is_mp4
            else {"cluster_time_limit": "2000"}
        )
        try:
            self._container: Any = av.open(
                str(self._temporary), "w", format="mp4" if is_mp4 else "webm", options=options
            )
            self._video: Any = None
            if picture is not None:
                self._video = self._container.add_mux_stream(picture.codec, width=picture.width, height=picture.height)
                self._video.time_base = Fraction(1, 90_000)
            self._audio: Any = None
            if sound:
                self._audio = self._container.add_stream_from_template(_opus_template()[1])
                self._audio.time_base = Fraction(1, 48_000)
        except (av.FFmpegError, ValueError) as error:
            raise MuxError(f"{path.name}: {error}") from error
        self._video_at = self._audio_at = -1
        self._sound_end = 0
        self.duration_us = 0

    def write_picture(self, data: bytes, is_key: bool, time_us: int) -> None:
        """One picture. Raises MuxError."""
        self._video_at = self._rising(self._video_at, time_us)
        self._mux(self._video, data, self._video_at, 0, is_key)
        self.duration_us = max(self.duration_us, self._video_at)

    def write_sound(self, data: bytes, time_us: int, duration_us: int) -> None:
        """One Opus packet; silence is put before it where something is missing. Raises MuxError."""
        self._fill(time_us)
        self._audio_at = self._rising(self._audio_at, time_us)
        self._mux(self._audio, data, self._audio_at, duration_us, True)
        self._sound_end = self._audio_at + duration_us
        self.duration_us = max(self.duration_us, self._sound_end)

    def close(self) -> None:
        """Finish the file. Raises MuxError."""
        if self._audio is not None and self._audio_at < 0:
            self.write_sound(SILENCE, 0, SILENCE_US)  # an announced track without content confuses players
            self.filled += 1
        try:
            self._container.close()
        except av.FFmpegError as error:
            raise MuxError(f"{self.path.name}: {error}") from error
        self._temporary.rename(self.path)

    def discard(self) -> None:
        """Give the file up."""
        try:
            self._container.close()
        except av.FFmpegError:
            pass  # it is thrown away anyhow
        self._temporary.unlink(missing_ok=True)

    def _fill(self, until_us: int) -> None:
        if until_us - self._sound_end < MIN_FILL_US:
            return
        while self._sound_end + SILENCE_US <= until_us:
            self._audio_at = self._rising(self._audio_at, self._sound_end)
            self._mux(self._audio, SILENCE, self._audio_at, SILENCE_US, True)
            self._sound_end = self._audio_at + SILENCE_US
            self.filled += 1

    def _rising(self, last_us: int, time_us: int) -> int:
        if time_us > last_us + _STEP_US - 1 or (last_us < 0 <= time_us):
            return time_us
        self.clamped += 1
        return last_us + _STEP_US

    def _mux(self, stream: Any, data: bytes, time_us: int, duration_us: int, is_key: bool) -> None:
        packet: Any = av.Packet(data)
        packet.stream = stream
        packet.time_base = _MICRO
        packet.pts = packet.dts = time_us
        packet.duration = duration_us
        packet.is_keyframe = is_key
        try:
            self._container.mux_one(packet)
        except (av.FFmpegError, ValueError) as error:
            raise MuxError(f"{self.path.name}: {error}") from error
