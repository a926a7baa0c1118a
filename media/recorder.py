"""The recorder: one more subscriber of the relay. Collects each track's packets and decides when they go to disk.

Pure: it never blocks, opens nothing and takes time as an argument. Packets gather in memory per track; ``poll``, called
every ``period`` seconds, hands them to a ``Sink`` (``media.journalwriter`` runs it in a thread) and returns what the
hub must know. Whether a disk is full or stuck shows in reports alone: forwarding never waits.

Times: ``now`` is monotonic seconds, ``utc`` UNIX seconds. Format: docs/formats.md.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from media import journal, messages
from media.messages import ReportBody
from media.types import Buffer, SessionId, TrackInfo

POLL_S = 0.5
"""Between two calls of ``poll`` while something is recorded: each costs a small relay three wake-ups."""
QUICK_POLL_S, FEW_TRACKS = 0.25, 32
"""The same with more than so many tracks: their syncs take a good part of the second that may be lost."""
DUE = 0.8
"""Of a period: records older than this are handed over, so that nothing waits longer than between two polls."""
FLUSH_BYTES = 256 * 1024
ANCHOR_S = 10.0
HEADS_S = 10.0
END_S = 3.0  # after the end of a session: its last journal becomes durable
STALL_S = 3.0
"""What was handed over and is not on disk after so long: disk_stalled (the alarm is due within 10 s)."""

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


# --- what goes to the sink -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Open:
    """Make the journal ``name`` of ``session`` and write its HEAD."""

    key: int
    session: str
    name: str
    header: bytes


@dataclass(frozen=True, slots=True)
class Append:
    """Write one DATA block. ``number`` counts the blocks of the file from 1."""

    key: int
    number: int
    payload: bytearray


@dataclass(frozen=True, slots=True)
class Close:
    """Write TAIL and finish the journal."""

    key: int
    tail: journal.Tail


@dataclass(frozen=True, slots=True)
class EndSession:
    """All journals of the session were closed before: say so when they are on disk."""

    session: str
    epoch: int


Job = Open | Append | Close | EndSession


# --- what comes back -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Durable:
    """Blocks up to ``number`` survive a power cut; ``head`` and ``length`` describe the file up to there."""

    key: int
    number: int
    head: bytes
    length: int


@dataclass(frozen=True, slots=True)
class Failed:
    """The file cannot be written now; the sink tries again. ``code``: disk_full or disk_error."""

    key: int
    code: str


@dataclass(frozen=True, slots=True)
class Closed:
    """The journal is finished on disk. ``recovered``: not with all that was handed over, because the disk refused for
    too long; then it says what is there."""

    key: int
    length: int
    sha256: str
    recovered: messages.Recovered | messages.TrackClosed | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """Nothing more comes of the session; ``files``: every journal in its folder."""

    session: str
    epoch: int
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """The scan at start found and closed a journal of an earlier process."""

    session: str
    epoch: int
    body: messages.Recovered | messages.TrackClosed


Result = Durable | Failed | Closed | Ended | Found


class Sink(Protocol):
    """Takes jobs without blocking, from the relay's loop; ``media.journalwriter.JournalWriter`` is one."""

    def submit(self, job: Job) -> bool:
        """False: the queue is full and an ``Append`` was not taken. Other jobs are always taken."""

    def wake(self) -> None:
        """That was all for now: write it. Once for the ``Append`` of all tracks, since waking a thread costs more than
        a track's packets do."""

    def results(self) -> list[Result]:
        """What happened since the last call, in order."""


@dataclass(slots=True)
class Counters:
    """For metrics. ``octets``: handed to the disk; ``dropped``: records given up because the disk was stuck;
    ``failures`` by code."""

    packets: int = 0
    octets: int = 0
    dropped: int = 0
    failures: dict[str, int] = field(default_factory=dict)


class JournalTrack:
    """A journal being written: ``TrackWriter`` of the relay's core."""

    __slots__ = (
        "_recorder",
        "anchored",
        "appended",
        "closed",
        "durable",
        "failed",
        "file",
        "first_block",
        "flushed",
        "head",
        "info",
        "key",
        "length",
        "lost_bytes",
        "lost_records",
        "pending",
        "pending_first",
        "pending_last",
        "pending_others",
        "pending_packets",
        "shift",
        "stalled",
        "tail",
        "unsettled",
        "written",
    )

    def __init__(self, recorder: SpoolRecorder, key: int, info: TrackInfo, file: str, clock: journal.Clock) -> None:
        self._recorder = recorder
        self.key = key
        self.info = info
        self.file = file
        self.shift = clock.utc_us - clock.mono_us
        self.tail = journal.Tail()
        self.pending = bytearray()
        self.pending_packets = self.pending_others = 0
        self.pending_first = self.pending_last = 0
        self.lost_records = self.lost_bytes = 0
        self.flushed = self.anchored = clock.mono_us / 1e6
        self.appended = self.durable = self.first_block = 0
        self.unsettled: deque[tuple[int, float]] = deque()
        self.head, self.length = b"", 0
        self.closed = self.written = self.stalled = False
        self.failed = ""

    def write_rtp(self, packet: Buffer, now: float) -> None:
        """One packet (``TrackWriter``)."""
        if self.closed or len(packet) > journal.MAX_BODY:
            return
        pending, mono_us = self.pending, int(now * 1e6)
        pending += journal.record_head(journal.RTP, len(packet), mono_us)
        pending += packet
        if not self.pending_packets:
            self.pending_first = mono_us
        self.pending_last = mono_us
        self.pending_packets += 1
        if len(pending) >= FLUSH_BYTES:
            self._recorder.flush(self, now)

    def write_report(self, ntp: int, rtp_time: int, now: float) -> None:
        """A sender report (``TrackWriter``)."""
        self.put(journal.SENDER_REPORT, journal.report_body(ntp, rtp_time), now)

    def write_mark(self, kind: str, now: float) -> None:
        """A mark (``TrackWriter``)."""
        self.put(journal.MARK, kind.encode("ascii", "replace")[:32], now)

    def confirm(self) -> None:
        """Report the first bytes from now on, too (``TrackWriter``)."""
        self.written, self.first_block = False, self.appended + 1

    def close(self, now: float) -> None:
        """Finish the journal (``TrackWriter``)."""
        self._recorder.close_track(self, now)

    def put(self, kind: int, body: bytes, now: float) -> None:
        """Any record that is not a packet."""
        if not self.closed:
            journal.put_record(self.pending, kind, int(now * 1e6), body)
            self.pending_others += 1


class SpoolRecorder:
    """Implements ``media.types.Recorder``. The process owns it and its sink::

        writer = JournalWriter(spool)            # media.journalwriter; starts threads in start()
        recorder = SpoolRecorder(writer, new_id, boot, now, utc)
        while is_busy, every ``period``; else every second:
                       for session, epoch, body in recorder.poll(now, utc): listener.report(session, epoch, body)
        on Welcome:    recorder.set_clock_offset(owner_utc - utc)
        on shutdown:   recorder.close_all(now); writer.stop(5.0); for ... in recorder.poll(now, utc): ...

    ``new_id`` gives random letters for file names, ``boot`` is the id of this process start. All calls from one thread.
    """

    def __init__(self, sink: Sink, new_id: Callable[[], str], boot: str, now: float, utc: float) -> None:
        self._sink = sink
        self._new_id = new_id
        self._boot = boot
        self._now = now
        self._utc = utc
        self._offset_us: int | None = None
        self._tracks: dict[int, JournalTrack] = {}
        self._next_key = 1
        self._handed = False  # something since the sink was woken
        self._busy_until = now
        self._heads_at: dict[str, float] = {}
        self.counters = Counters()
        self._lengths: dict[str, dict[str, int]] = {}

    @property
    def is_busy(self) -> bool:
        """Something is to be flushed or settled, or was so a moment ago."""
        return bool(self._tracks) or self._now < self._busy_until

    @property
    def period(self) -> float:
        """Seconds between two calls of ``poll``."""
        return POLL_S if len(self._tracks) <= FEW_TRACKS else QUICK_POLL_S

    def lengths(self) -> dict[str, dict[str, int]]:
        """Session -> journal -> how much of it is durable, for copies; may be asked from another thread."""
        return {session: dict(files) for session, files in list(self._lengths.items())}

    def forget_lengths(self, session: str) -> None:
        """Nothing more of the session will be copied."""
        self._lengths.pop(session, None)

    def set_clock_offset(self, seconds: float | None) -> None:
        """The owner's clock minus this machine's, from now on; None when it is not known any more."""
        self._offset_us = None if seconds is None else round(seconds * 1e6)

    def open_track(self, info: TrackInfo, now: float) -> JournalTrack:
        """A new journal (``Recorder``). Raises ValueError for ids that cannot be file names: our own bug."""
        for name in (info.session, info.participant, info.source):
            if not _NAME.fullmatch(name):
                raise ValueError("an id that cannot be part of a file name")
        key, self._next_key = self._next_key, self._next_key + 1
        file = f"{info.participant}.{info.source}.{info.part}.{self._new_id()}.dcj"
        clock = self._clock(now)
        track = JournalTrack(self, key, info, file, clock)
        self._tracks[key] = track
        self._heads_at.setdefault(info.session, now + HEADS_S)
        header = journal.header_of(info, self._boot, clock)
        self._sink.submit(Open(key, info.session, file, journal.header_payload(header)))
        return track

    def end_session(self, session: SessionId, epoch: int, now: float) -> None:
        """Report ``session_ended`` once the last journal is on disk (``Recorder``)."""
        for track in list(self._tracks.values()):
            if track.info.session == session:
                self.close_track(track, now)
        self._heads_at.pop(session, None)
        self._busy_until = now + END_S
        self._sink.submit(EndSession(session, epoch))

    def close_all(self, now: float) -> None:
        """The process ends: finish every journal."""
        for track in list(self._tracks.values()):
            self.close_track(track, now)

    def poll(self, now: float, utc: float) -> list[tuple[SessionId, int, ReportBody]]:
        """Hand over what is due and return what the hub must know: (session, epoch, report)."""
        self._now, self._utc = now, utc
        reports: list[tuple[SessionId, int, ReportBody]] = []
        for result in self._sink.results():
            self._settle(result, reports)
        due = DUE * self.period
        for track in self._tracks.values():
            if not track.closed:
                if now - track.anchored >= ANCHOR_S:
                    track.anchored = now
                    track.put(journal.CLOCK, journal.clock_body(self._clock(now)), now)
                if now - track.flushed >= due:
                    self.flush(track, now)
            self._watch(track, now, reports)
        if self._handed:
            self._handed = False
            self._sink.wake()
        self._report_heads(now, reports)
        return reports

    # --- for the tracks ------------------------------------------------------------------------------------------

    def flush(self, track: JournalTrack, now: float) -> None:
        """Hand a track's records over, or drop and count them when the queue is full."""
        track.flushed = now
        if not track.pending:
            return
        payload, track.pending = track.pending, bytearray()
        size = len(payload)
        packets = track.pending_packets
        records = packets + track.pending_others
        track.pending_packets = track.pending_others = 0
        if track.lost_records:
            before = bytearray()
            body = journal.dropped_body(track.lost_records, track.lost_bytes)
            journal.put_record(before, journal.DROPPED, int(now * 1e6), body)
            payload[:0] = before
        if not self._sink.submit(Append(track.key, track.appended + 1, payload)):
            track.lost_records += records
            track.lost_bytes += size
            self.counters.dropped += records
            return
        track.appended += 1
        self._handed = True
        self.counters.octets += size
        track.unsettled.append((track.appended, now))
        track.tail.dropped += track.lost_records
        track.lost_records = track.lost_bytes = 0
        if packets:
            tail = track.tail
            tail.packets += packets
            tail.last_utc_us = track.pending_last + track.shift
            if tail.first_utc_us is None:
                tail.first_utc_us = track.pending_first + track.shift
                track.first_block = track.appended
            self.counters.packets += packets

    def close_track(self, track: JournalTrack, now: float) -> None:
        """Nothing more comes of this track."""
        if track.closed:
            return
        self.flush(track, now)
        track.closed = True
        track.tail.dropped += track.lost_records
        self._sink.submit(Close(track.key, track.tail))

    # --- inner ---------------------------------------------------------------------------------------------------

    def _clock(self, now: float) -> journal.Clock:
        utc = self._utc + (now - self._now)
        return journal.Clock(int(now * 1e6), round(utc * 1e6), self._offset_us)

    def _settle(self, result: Result, reports: list[tuple[SessionId, int, ReportBody]]) -> None:
        if isinstance(result, Ended):
            body = messages.SessionEnded(files=result.files)
            reports.append((SessionId(result.session), result.epoch, body))
            return
        if isinstance(result, Found):
            self._note_length(result.session, result.body.file, result.body.length)
            reports.append((SessionId(result.session), result.epoch, result.body))
            return
        track = self._tracks.get(result.key)
        if track is None:
            return
        if isinstance(result, Durable):
            self._durable(track, result, reports)
        elif isinstance(result, Failed):
            track.failed = result.code
            self._failed(track, result.code, reports)
        else:
            del self._tracks[result.key]
            self._note_length(track.info.session, track.file, result.length)
            closed = result.recovered or _closed(track, result)
            reports.append((track.info.session, track.info.epoch, closed))

    def _note_length(self, session: str, file: str, length: int) -> None:
        if file.endswith(".dcj"):
            self._lengths.setdefault(session, {})[file] = length

    def _durable(self, track: JournalTrack, result: Durable, reports: list[tuple[SessionId, int, ReportBody]]) -> None:
        track.durable, track.head, track.length = result.number, result.head, result.length
        self._note_length(track.info.session, track.file, result.length)
        while track.unsettled and track.unsettled[0][0] <= result.number:
            track.unsettled.popleft()
        has_media = 0 < track.first_block <= result.number
        if has_media and (not track.written or track.failed or track.stalled):
            # Also after a failure: the hub learns in this way that the track is written again.
            track.written, track.failed, track.stalled = True, "", False
            info = track.info
            body = messages.TrackWritten(
                participant=info.participant, source=info.source, part=info.part, file=track.file,
                dropped=track.tail.dropped + track.lost_records,
            )  # fmt: skip
            reports.append((info.session, info.epoch, body))

    def _watch(self, track: JournalTrack, now: float, reports: list[tuple[SessionId, int, ReportBody]]) -> None:
        if track.unsettled and not track.stalled and not track.failed and now - track.unsettled[0][1] > STALL_S:
            track.stalled = True
            self._failed(track, "disk_stalled", reports)

    def _failed(self, track: JournalTrack, code: str, reports: list[tuple[SessionId, int, ReportBody]]) -> None:
        self.counters.failures[code] = self.counters.failures.get(code, 0) + 1
        body = messages.WriteFailed(code=code, file=track.file)
        reports.append((track.info.session, track.info.epoch, body))

    def _report_heads(self, now: float, reports: list[tuple[SessionId, int, ReportBody]]) -> None:
        for session, due in self._heads_at.items():
            if now < due:
                continue
            self._heads_at[session] = now + HEADS_S
            tracks = [t for t in self._tracks.values() if t.info.session == session and t.length]
            if tracks:
                files = {t.file: (t.head.hex(), t.length) for t in tracks}
                epoch = max(t.info.epoch for t in tracks)
                reports.append((SessionId(session), epoch, messages.Heads(files=files)))


def _closed(track: JournalTrack, result: Closed) -> messages.TrackClosed:
    tail = track.tail
    return messages.TrackClosed(
        participant=track.info.participant,
        source=track.info.source,
        part=track.info.part,
        file=track.file,
        length=result.length,
        sha256=result.sha256,
        first_utc=(tail.first_utc_us or 0) / 1e6,
        last_utc=(tail.last_utc_us or 0) / 1e6,
        packets=tail.packets,
    )
