"""Replay files of one participant, made from its journals: one per segment, sound and picture muxed, nothing encoded.

Two passes over the journals: ``media.timeline`` finds the clock of every stretch, then frames are put in order and
written. A segment ends when nothing comes for ``SILENCE_US``, when the picture's coding changes, or when pictures start
in a file without any; always at a key frame. Gaps inside a segment keep their length. Missing, empty and cut journals
are named in ``problems`` and cost only what they do not hold.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from media import journal
from media.depacketize import Depacketizer, Frame, opus_duration_us
from media.extract import Cut
from media.muxer import Picture, ReplayFile
from media.rtp import LEVEL_UNKNOWN, payload_start, scan_extensions
from media.sessiontime import SessionTime
from media.speaker import AUDIBLE
from media.timeline import Placed, Stretch, Survey, place
from media.voices import Voices

SILENCE_US = 10_000_000
"""A longer silence of all tracks ends a segment."""
READ_AHEAD = 1 << 20
NEW_SSRC = b"new_ssrc"
_SSRC = struct.Struct(">I")
_TIME_SSRC = struct.Struct(">II")


@dataclass(frozen=True, slots=True)
class Segment:
    """One replay file. ``kind``: replay (camera and microphone), screen or document. ``start_utc``: UNIX seconds;
    ``frames``: real ones per source; ``filled``: packets of silence put into gaps of the sound; ``reencoded``:
    stretches (UTC microseconds) of an extract whose pictures are not the recorded ones but encoded again from them."""

    kind: str
    start_utc: float
    duration_s: float
    file: Path
    media_type: str
    frames: Mapping[str, int]
    filled: int = 0
    clamped: int = 0
    reencoded: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Replay:
    """What was made. ``problems``: (stable code, journal name). ``stretches``: how often clocks were anchored anew;
    ``lost``: packets that never came; ``dropped``: pictures given up for that."""

    participant: str
    segments: tuple[Segment, ...]
    problems: tuple[tuple[str, str], ...]
    stretches: int = 0
    lost: int = 0
    dropped: int = 0


@dataclass(slots=True)
class _Track:
    """A journal after the first pass."""

    path: Path
    header: journal.Header
    survey: Survey
    anchors: list[journal.Clock]
    placed: list[Placed] = field(default_factory=list)
    level_id: int = 0
    end: int = 0  # of what is whole
    heard: list[tuple[int, int]] = field(default_factory=list)  # (arrival, loudness) of what can be heard


@dataclass(slots=True)
class _Totals:
    lost: int = 0
    dropped: int = 0


Item = tuple[int, Frame]
"""(UTC microseconds, frame)"""


def make_replay(
    journals: Sequence[Path], folder: Path, name: str, between: tuple[int, int] | None = None,
    voices: Voices | None = None,
) -> Replay:  # fmt: skip
    """Write the replay files ``<name>.<kind>.<number>.webm`` (or mp4) into ``folder``.

    ``journals``: all of one participant in one session, in any order. ``between``: only what lies between these two
    moments (UTC microseconds, the end excluded). ``voices`` hears what was said in them. Raises ValueError when they
    are of several participants, MuxError when the files cannot be written (then none of this call stays half written).
    """
    problems: list[tuple[str, str]] = []
    tracks = [track for path in journals if (track := _survey(path, problems)) is not None]
    if len({(t.header.session, t.header.participant) for t in tracks}) > 1:
        raise ValueError("journals of more than one participant")
    times = _times(tracks)
    placed = place([(times[t.header.boot], t.survey.stretches) for t in tracks])
    for track, on_clock in zip(tracks, placed, strict=True):
        track.placed = on_clock
    begun = {id(t): t.survey.stretches[0].first_arrival for t in tracks}
    tracks.sort(key=lambda t: begun[id(t)] + times[t.header.boot].at(begun[id(t)]))
    if voices is not None:
        for track in tracks:
            at_utc = times[track.header.boot].at
            voices.hear(name, ((at + at_utc(at), loudness) for at, loudness in track.heard))
    totals = _Totals()
    segments: list[Segment] = []
    for kind, sources in (("replay", ("mic", "camera")), ("screen", ("screen",)), ("document", ("document",))):
        heard = _frames([t for t in tracks if t.header.source == "mic" and t.header.source in sources], totals)
        seen = _frames([t for t in tracks if t.header.source != "mic" and t.header.source in sources], totals)
        cut = Cut(between) if between is not None else None
        sound = _Stream(cut.sound(heard) if cut else heard)
        picture = _Stream(cut.picture(seen) if cut else seen)
        made = _Segments(kind, sources[-1], folder, name, sound, picture).write()
        segments += [replace(one, reencoded=within(cut.reencoded, one)) for one in made] if cut else made
    return Replay(
        participant=tracks[0].header.participant if tracks else "",
        segments=tuple(segments),
        problems=tuple(problems),
        stretches=sum(len(t.survey.stretches) for t in tracks),
        lost=totals.lost,
        dropped=totals.dropped,
    )


def within(spans: Sequence[tuple[int, int]], segment: Segment) -> tuple[tuple[int, int], ...]:
    """The spans (UTC microseconds) that belong to a segment."""
    start, end = segment.start_utc * 1e6, (segment.start_utc + segment.duration_s) * 1e6
    return tuple(span for span in spans if span[0] <= end and span[1] >= start)


# --- first pass ------------------------------------------------------------------------------------------------------


def _survey(path: Path, problems: list[tuple[str, str]]) -> _Track | None:
    track: _Track | None = None
    closed = False
    try:
        with path.open("rb", buffering=READ_AHEAD) as file:
            for block in journal.read_blocks(file):
                if block.kind == journal.HEAD:
                    header = journal.parse_header(block.payload)
                    level_id = header.extensions.get("audio_level", 0) if header.source == "mic" else 0
                    track = _Track(path, header, Survey(header.codec["clock_rate"]), [header.clock], level_id=level_id)
                elif block.kind == journal.DATA and track is not None:
                    _survey_block(track, block.payload)
                closed = block.kind == journal.TAIL
                if track is not None:
                    track.end = block.end
    except FileNotFoundError:
        problems.append(("journal_missing", path.name))
        return None
    except (journal.JournalError, OSError):
        problems.append(("journal_damaged", path.name))
    else:
        if not closed:
            problems.append(("journal_open", path.name))
    if track is None or not track.survey.packets:
        problems.append(("journal_empty", path.name))
        return None
    return track


def _survey_block(track: _Track, payload: bytes) -> None:
    survey, wanted = track.survey, track.header.codec["payload_type"]
    for record in journal.records_of(payload):
        body = record.body
        if record.kind == journal.RTP:
            if len(body) >= 12 and body[1] & 0x7F == wanted:
                rtp_time, ssrc = _TIME_SSRC.unpack_from(body, 4)
                survey.packet(ssrc, rtp_time, record.mono_us)
                if track.level_id:
                    _hear(track, body, record.mono_us)
        elif record.kind == journal.SENDER_REPORT:
            survey.report(*journal.parse_report(body))
        elif record.kind == journal.CLOCK:
            track.anchors.append(journal.parse_clock(record.mono_us, body))


def _hear(track: _Track, body: memoryview, mono_us: int) -> None:
    start = payload_start(body)
    level = scan_extensions(body, start, track.level_id, 0)[0] if start > 0 else LEVEL_UNKNOWN
    if level != LEVEL_UNKNOWN and 127 - (level & 0x7F) >= AUDIBLE:
        track.heard.append((mono_us, 127 - (level & 0x7F)))


def _times(tracks: Sequence[_Track]) -> dict[str, SessionTime]:
    """Per boot, by all its journals."""
    anchors: dict[str, list[journal.Clock]] = {}
    for track in tracks:
        anchors.setdefault(track.header.boot, []).extend(track.anchors)
    return {boot: SessionTime(seen) for boot, seen in anchors.items()}


# --- second pass -----------------------------------------------------------------------------------------------------


def _frames(tracks: Sequence[_Track], totals: _Totals) -> Iterator[Item]:
    for track in tracks:
        yield from _track_frames(track, totals)


class _Run:
    """One stretch being read: its depacketizer and its clock."""

    def __init__(self, placed: Placed, header: journal.Header) -> None:
        stretch: Stretch = placed.stretch
        self.placed = placed
        self.depacketizer = Depacketizer(header.codec["name"], stretch.first_time, header.codec.get("fmtp", ""))

    def items(self, frames: Iterable[Frame]) -> Iterator[Item]:
        """Frames with their time."""
        for frame in frames:
            yield self.placed.utc_us(frame.rtp_time), frame


def _track_frames(track: _Track, totals: _Totals) -> Iterator[Item]:
    runs = [_Run(placed, track.header) for placed in track.placed]
    starts = {run.placed.stretch.first_record: run for run in runs}
    current: dict[int, _Run] = {}
    wanted, number = track.header.codec["payload_type"], 0
    for kind, mono_us, body in _records(track):
        if kind != journal.RTP:
            if kind == journal.MARK and body == NEW_SSRC:
                # The journal goes on with another layer: what the one before did not bring by now it never will, and
                # what a layer sent while another one was written is not lost.
                for run in current.values():
                    yield from run.items(run.depacketizer.flush())
                    run.depacketizer.resume()
            continue
        if len(body) < 12 or body[1] & 0x7F != wanted:
            continue
        (ssrc,) = _SSRC.unpack_from(body, 8)
        if number in starts:
            before = current.get(ssrc)
            if before is not None:
                yield from before.items(before.depacketizer.flush())
            current[ssrc] = starts[number]
        number += 1
        run = current[ssrc]
        frames = run.depacketizer.push(body, mono_us)
        if frames:
            yield from run.items(frames)
    for run in current.values():
        yield from run.items(run.depacketizer.flush())
    totals.lost += sum(run.depacketizer.lost for run in runs)
    totals.dropped += sum(run.depacketizer.dropped for run in runs)


def _records(track: _Track) -> Iterator[journal.Record]:
    """All records that the first pass read."""
    with track.path.open("rb", buffering=READ_AHEAD) as file:
        for block in journal.read_blocks(file, track.end):
            if block.kind == journal.DATA:
                yield from journal.records_of(block.payload)


class _Stream:
    """An iterator that shows what comes next."""

    def __init__(self, items: Iterator[Item]) -> None:
        self._items = items
        self.head: Item | None = next(items, None)

    def take(self) -> Item:
        """The next item, which must be there."""
        item = self.head
        assert item is not None
        self.head = next(self._items, None)
        return item


class _Segments:
    """Merges sound and picture by time and cuts files."""

    def __init__(self, kind: str, source: str, folder: Path, name: str, sound: _Stream, picture: _Stream) -> None:
        self._kind, self._source = kind, source
        self._folder, self._name = folder, name
        self._sound, self._picture = sound, picture
        self._file: ReplayFile | None = None
        self._start = self._last = 0
        self._config: bytes | None = None  # of the open file's pictures; None: it has none
        self._frames: dict[str, int] = {}
        self._done: list[Segment] = []

    def write(self) -> list[Segment]:
        """All segments. Raises MuxError."""
        try:
            while self._sound.head is not None or self._picture.head is not None:
                sound, picture = self._sound.head, self._picture.head
                if picture is None or (sound is not None and sound[0] <= picture[0]):
                    self._put_sound(*self._sound.take())
                else:
                    self._put_picture(*self._picture.take())
            self._close()
        except BaseException:
            if self._file is not None:
                self._file.discard()
            raise
        return self._done

    def _put_sound(self, utc_us: int, frame: Frame) -> None:
        if self._is_over(utc_us):
            coming = self._picture.head
            if coming is None or coming[1].is_key or self._config is None:
                self._close()
        file = self._file or self._open(utc_us)
        file.write_sound(frame.data, max(0, utc_us - self._start), opus_duration_us(frame.data))
        self._count("mic", utc_us)

    def _put_picture(self, utc_us: int, frame: Frame) -> None:
        if frame.is_key and (self._is_over(utc_us) or (self._file is not None and frame.config != self._config)):
            self._close()
        if self._config is None and not frame.is_key:
            return  # cannot be: a depacketizer starts with a key frame and segments end at one
        file = self._file or self._open(utc_us, frame)
        file.write_picture(frame.data, frame.is_key, max(0, utc_us - self._start))
        self._count(self._source, utc_us)

    def _is_over(self, utc_us: int) -> bool:
        return self._file is not None and utc_us - self._last > SILENCE_US

    def _count(self, source: str, utc_us: int) -> None:
        self._frames[source] = self._frames.get(source, 0) + 1
        self._last = max(self._last, utc_us)

    def _open(self, utc_us: int, frame: Frame | None = None) -> ReplayFile:
        coming = frame
        near = self._picture.head
        if coming is None and near is not None and near[1].is_key and near[0] - utc_us <= SILENCE_US:
            coming = near[1]
        picture = Picture("h264" if coming.config else "vp8", coming.width, coming.height) if coming else None
        suffix = "mp4" if picture is not None and picture.codec == "h264" else "webm"
        path = self._folder / f"{self._name}.{self._kind}.{len(self._done)}.{suffix}"
        has_sound = frame is None or self._sound.head is not None
        self._file = ReplayFile(path, picture, has_sound)
        self._config = coming.config if coming is not None else None
        self._start = self._last = utc_us
        self._frames = {}
        return self._file

    def _close(self) -> None:
        file, self._file, self._config = self._file, None, None
        if file is None:
            return
        file.close()
        self._done.append(
            Segment(
                kind=self._kind,
                start_utc=self._start / 1e6,
                duration_s=file.duration_us / 1e6,
                file=file.path,
                media_type=file.media_type,
                frames=dict(self._frames),
                filled=file.filled,
                clamped=file.clamped,
            )
        )


__all__ = ["Replay", "Segment", "make_replay", "within"]
