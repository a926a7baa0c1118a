"""The journal writer, stepped in virtual time over a disk that forgets whatever was not fdatasynced."""

from __future__ import annotations

import errno
import hashlib
import io
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from media import journal
from media.journalwriter import GIVE_UP_S, JournalWriter, OsFiles
from media.messages import Recovered
from media.recorder import Append, Close, Closed, Durable, Ended, EndSession, Failed, Open, SpoolRecorder
from media.types import Codec, ExtensionIds, ParticipantId, SessionId, TrackInfo

INFO = TrackInfo(
    SessionId("s1"), 1, ParticipantId("alice"), "mic", 0, Codec("opus", 111, 48000, channels=2), ExtensionIds()
)
HEADER = journal.header_payload(journal.header_of(INFO, "boot", journal.Clock(0, 0)))


class MemoryFiles:
    """A disk: ``cache`` is what was written, ``disk`` what survives a power cut."""

    def __init__(self) -> None:
        self.cache: list[bytearray] = []
        self.disk: list[bytes] = []
        self.listed: list[str] = []
        self.write_error = self.sync_error = self.recover_error = 0
        self.room = 1 << 40

    def create(self, session: str, name: str) -> int:
        self._fail(self.write_error)
        self.cache.append(bytearray())
        self.disk.append(b"")
        self.listed.append(name)
        return len(self.cache) - 1

    def write(self, handle: int, offset: int, data: bytes) -> None:
        self._fail(self.write_error)
        taken = max(0, min(len(data), self.room - offset))  # a full disk takes a part, then refuses
        file = self.cache[handle]
        file[offset : offset + taken] = data[:taken]
        if taken < len(data):
            self._fail(errno.ENOSPC)

    def sync(self, handles: Sequence[int]) -> list[OSError | None]:
        for handle in handles:
            if self.sync_error:
                self.cache[handle][:] = self.disk[handle]  # the kernel dropped the dirty pages
            self.disk[handle] = bytes(self.cache[handle])
        return [OSError(self.sync_error, "planned") if self.sync_error else None for _ in handles]

    def close(self, handle: int) -> None:
        pass

    def recover(self, session: str, name: str) -> Recovered | None:
        self._fail(self.recover_error)
        handle = self.listed.index(name)
        found = journal.survey(io.BytesIO(self.cache[handle]))
        return Recovered(
            participant="alice", source="mic", part=0, file=name, length=found.end, sha256="", first_utc=0.0,
            last_utc=0.0, packets=found.tail.packets, lost_bytes=0,
        )  # fmt: skip

    def names(self, session: str) -> tuple[str, ...]:
        return tuple(self.listed)

    @staticmethod
    def _fail(code: int) -> None:
        if code:
            raise OSError(code, "planned")


@pytest.fixture
def files() -> MemoryFiles:
    return MemoryFiles()


@pytest.fixture
def writer(files: MemoryFiles, tmp_path: Path) -> JournalWriter:
    return JournalWriter(tmp_path, files, queue_bytes=10_000)


def payload(length: int = 100) -> bytearray:
    out = bytearray()
    journal.put_record(out, journal.RTP, 1, bytes(length))
    return out


def open_one(writer: JournalWriter) -> None:
    writer.submit(Open(1, "s1", "alice.mic.0.x.dcj", HEADER))


def test_it_works(writer: JournalWriter, files: MemoryFiles) -> None:
    open_one(writer)
    writer.submit(Append(1, 1, payload()))
    writer.step(0.0)
    (durable,) = writer.results()
    assert isinstance(durable, Durable) and durable.number == 1 and durable.length == len(files.disk[0])
    writer.submit(Append(1, 2, payload()))
    writer.submit(Close(1, journal.Tail(packets=2)))
    writer.submit(EndSession("s1", 1))
    writer.step(0.1)
    _, closed, ended = writer.results()
    assert isinstance(closed, Closed) and closed.sha256 == hashlib.sha256(files.disk[0]).hexdigest()
    assert ended == Ended("s1", 1, ("alice.mic.0.x.dcj",))
    found = journal.survey(io.BytesIO(files.disk[0]))
    assert found.closed and not found.problem and writer.queued_bytes == 0


def test_a_file_is_synced_at_least_every_half_second(writer: JournalWriter) -> None:
    open_one(writer)
    submitted: dict[int, float] = {}
    worst = 0.0
    for step in range(100):
        now = step * 0.1  # the thread wakes at least so often
        writer.submit(Append(1, step, payload(40)))
        submitted[step] = now
        writer.step(now)
        for result in writer.results():
            assert isinstance(result, Durable)
            for number in [n for n in submitted if n <= result.number]:
                worst = max(worst, now - submitted.pop(number))
    assert worst <= 0.5


def test_a_full_disk_loses_nothing_once_there_is_room_again(writer: JournalWriter, files: MemoryFiles) -> None:
    open_one(writer)
    files.room = len(HEADER) + 150
    for number in range(1, 4):
        writer.submit(Append(1, number, payload()))
        writer.step(number * 1.0)
    assert [r for r in writer.results() if isinstance(r, Failed)] == [Failed(1, "disk_full")]
    files.room = 1 << 40
    writer.submit(Close(1, journal.Tail(packets=3)))
    writer.step(10.0)
    found = journal.survey(io.BytesIO(files.disk[0]))
    assert found.closed and not found.problem and found.blocks == 5


def test_a_failed_fdatasync_writes_the_blocks_again(writer: JournalWriter, files: MemoryFiles) -> None:
    open_one(writer)
    writer.step(0.0)
    files.sync_error = errno.EIO
    writer.submit(Append(1, 1, payload()))
    writer.step(1.0)
    writer.submit(Append(1, 2, payload()))
    writer.step(1.1)
    files.sync_error = 0
    writer.step(2.0)
    results = writer.results()
    assert results[1] == Failed(1, "disk_error") and isinstance(results[-1], Durable)
    assert journal.survey(io.BytesIO(files.disk[0])).blocks == 3


def test_the_queue_is_bounded(writer: JournalWriter, files: MemoryFiles) -> None:
    open_one(writer)
    files.write_error = errno.EIO
    taken = sum(writer.submit(Append(1, n, payload(988))) for n in range(1, 30))
    writer.step(0.0)
    assert taken == 10 and not writer.submit(Append(1, 11, payload(988)))
    files.write_error = 0
    writer.step(1.0)
    assert writer.submit(Append(1, 11, payload(988)))


def test_a_close_on_a_dead_disk_ends_after_a_while(writer: JournalWriter, files: MemoryFiles) -> None:
    open_one(writer)
    writer.submit(Append(1, 1, payload()))
    writer.step(0.0)
    files.room = len(files.disk[0])
    writer.submit(Append(1, 2, payload()))
    writer.submit(Close(1, journal.Tail(packets=2)))
    writer.submit(EndSession("s1", 1))
    files.recover_error = errno.EROFS
    for step in range(int(GIVE_UP_S) + 3):
        writer.step(1.0 + step)
    assert not any(isinstance(result, Closed) for result in writer.results())
    files.recover_error = 0
    writer.step(100.0)
    closed, ended = writer.results()
    assert isinstance(closed, Closed) and isinstance(ended, Ended) and closed.recovered is not None
    assert closed.length == len(files.disk[0]) and closed.recovered.packets == 1
    assert writer.lost == 2 and writer.queued_bytes == 0


@pytest.mark.parametrize("seed", range(20))
def test_a_power_cut_at_any_moment_loses_under_a_second(seed: int, tmp_path: Path) -> None:
    files = MemoryFiles()
    writer = JournalWriter(tmp_path, files)
    recorder = SpoolRecorder(writer, lambda: "x", "boot", 0.0, 1e9)
    rng = random.Random(seed)
    track = recorder.open_track(INFO, 0.0)
    cut = rng.uniform(2.0, 6.0)
    next_step = next_poll = 0.0
    now = 0.0
    while now < cut:
        track.write_rtp(memoryview(bytes(50)), now)
        if now >= next_poll:
            recorder.poll(now, 1e9 + now)
            next_poll = now + rng.uniform(0.09, 0.12)
        if now >= next_step:
            writer.step(now)
            next_step = now + rng.uniform(0.01, 0.1)
        now += 0.005
    records = list(journal.read_records(io.BytesIO(files.disk[0])))
    last = records[-1]
    assert isinstance(last, journal.Record)
    assert cut - last.mono_us / 1e6 <= 1.0


def test_real_files_are_locked_private_and_refuse_a_second_of_the_same_name(tmp_path: Path) -> None:
    files = OsFiles(tmp_path)
    handle = files.create("s1", "a.dcj")
    files.write(handle, 0, b"abc")
    assert files.sync([handle]) == [None]
    assert (tmp_path / "s1" / "a.dcj").read_bytes() == b"abc"
    assert (tmp_path / "s1" / "a.dcj").stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        files.create("s1", "a.dcj")
    files.close(handle)
    assert files.names("s1") == ("a.dcj",) and files.names("s2") == ()
