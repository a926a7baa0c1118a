"""Journals on a real disk: killed processes, a full file system, a folder that cannot be written."""

from __future__ import annotations

import os
import random
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from media import journal
from media.journalscan import recover, sha256_of
from media.journalwriter import JournalWriter
from media.messages import Recovered, ReportBody, SessionEnded, TrackClosed, TrackWritten, WriteFailed
from media.recorder import SpoolRecorder
from media.types import Codec, ExtensionIds, ParticipantId, SessionId, TrackInfo

ROOT = Path(__file__).parents[2]
INFO = TrackInfo(SessionId("s1"), 1, ParticipantId("alice"), "mic", 0, Codec("opus", 111, 48_000), ExtensionIds())
PACKET = memoryview(bytes.fromhex("806f000100000000000000aa") + bytes(1000))


@pytest.mark.parametrize("seed", range(4))
def test_kill_9_loses_at_most_a_second_of_what_had_arrived(tmp_path: Path, seed: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.journalling", str(tmp_path), "4"], cwd=ROOT, stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"TrackWritten\n"
        time.sleep(random.Random(seed).uniform(0.5, 2.0))
        process.send_signal(signal.SIGKILL)
        killed = time.monotonic()
    finally:
        process.kill()
        process.communicate()
    paths = sorted(tmp_path.glob("session/*.dcj"))
    assert len(paths) == 4
    for path in paths:
        found = recover(path)
        assert found is not None and isinstance(found.body, Recovered) and found.body.packets > 50
        with path.open("rb") as file:
            records = [r for r in journal.read_records(file) if isinstance(r, journal.Record) and r.kind == journal.RTP]
        sent = [struct.unpack(">d", r.body[12:20])[0] for r in records]
        assert len(sent) == found.body.packets and killed - sent[-1] <= 1.0
        assert max(b - a for a, b in zip(sent, sent[1:], strict=False)) < 0.5  # nothing missing before that


class Loop:
    """A relay's loop, as far as recording goes."""

    def __init__(self, spool: Path) -> None:
        self.writer = JournalWriter(spool)
        self.recorder = SpoolRecorder(self.writer, lambda: "rnd", "boot", time.monotonic(), time.time())
        self.reports: list[ReportBody] = []
        self.writer.start()

    def run_until(self, done: Callable[[], bool], each: Callable[[float], None] = lambda now: None) -> None:
        deadline = time.monotonic() + 20
        while not done():
            assert time.monotonic() < deadline, self.reports
            now = time.monotonic()
            each(now)
            self.reports += [body for _, _, body in self.recorder.poll(now, time.time())]
            time.sleep(0.02)

    def has(self, kind: type) -> bool:
        return any(isinstance(body, kind) for body in self.reports)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB. Needs root; where mounting is not allowed the test says so."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a tmpfs is not permitted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_it_works(tmp_path: Path) -> None:
    loop = Loop(tmp_path)
    track = loop.recorder.open_track(INFO, time.monotonic())
    loop.run_until(lambda: loop.has(TrackWritten), lambda now: track.write_rtp(PACKET, now))
    loop.recorder.end_session(SessionId("s1"), 1, time.monotonic())
    loop.run_until(lambda: loop.has(SessionEnded))
    _, closed, ended = loop.reports
    assert isinstance(closed, TrackClosed) and isinstance(ended, SessionEnded)
    path = tmp_path / "s1" / closed.file
    assert ended.files == (closed.file,) and sha256_of(path) == closed.sha256 and path.stat().st_size == closed.length
    assert loop.writer.stop(5)


def test_a_disk_that_fills_up_is_reported_and_nothing_is_lost_when_there_is_room_again(small_disk: Path) -> None:
    loop = Loop(small_disk)
    track = loop.recorder.open_track(INFO, time.monotonic())
    sent = 0

    def send(now: float) -> None:
        nonlocal sent
        for _ in range(20):
            track.write_rtp(PACKET, now)
            sent += 1

    loop.run_until(lambda: loop.has(WriteFailed), send)
    assert [body.code for body in loop.reports if isinstance(body, WriteFailed)] == ["disk_full"]
    for _ in range(20):
        send(time.monotonic())
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    written = [i for i, body in enumerate(loop.reports) if isinstance(body, TrackWritten)]
    loop.run_until(lambda: sum(isinstance(b, TrackWritten) for b in loop.reports) > len(written))
    loop.recorder.end_session(SessionId("s1"), 1, time.monotonic())
    loop.run_until(lambda: loop.has(SessionEnded))
    (closed,) = [body for body in loop.reports if isinstance(body, TrackClosed)]
    with (small_disk / "s1" / closed.file).open("rb") as file:
        found = journal.survey(file)
    assert found.closed and not found.problem and found.tail.packets == closed.packets == sent
    assert loop.writer.stop(5)


def test_a_disk_that_is_full_from_the_start_is_reported(small_disk: Path) -> None:
    (small_disk / "ballast").write_bytes(bytes(1 << 20))
    loop = Loop(small_disk)
    track = loop.recorder.open_track(INFO, time.monotonic())
    loop.run_until(lambda: loop.has(WriteFailed), lambda now: track.write_rtp(PACKET, now))
    assert not loop.has(TrackWritten)
    (small_disk / "ballast").unlink()
    loop.run_until(lambda: loop.has(TrackWritten), lambda now: track.write_rtp(PACKET, now))
    loop.recorder.close_all(time.monotonic())
    assert loop.writer.stop(5)


def test_a_spool_that_vanishes_is_reported_and_comes_back(tmp_path: Path) -> None:
    """A file where the session's folder should be, as after a broken mount."""
    spool = tmp_path / "spool"
    spool.mkdir()
    (spool / "s1").write_bytes(b"")
    loop = Loop(spool)
    track = loop.recorder.open_track(INFO, time.monotonic())
    loop.run_until(lambda: loop.has(WriteFailed), lambda now: track.write_rtp(PACKET, now))
    assert [b.code for b in loop.reports if isinstance(b, WriteFailed)] == ["disk_error"]
    os.unlink(spool / "s1")
    loop.run_until(lambda: loop.has(TrackWritten), lambda now: track.write_rtp(PACKET, now))
    loop.recorder.close_all(time.monotonic())
    assert loop.writer.stop(5)


def test_a_restarted_process_tells_of_the_journals_it_finds_before_the_session_ends(tmp_path: Path) -> None:
    first = Loop(tmp_path)
    track = first.recorder.open_track(INFO, time.monotonic())
    first.run_until(lambda: first.has(TrackWritten), lambda now: track.write_rtp(PACKET, now))
    first.writer.stop(5)  # never closed: as if it had died, but for its lock
    for item in first.writer._journals.values():
        os.close(item.handle)
    second = Loop(tmp_path)
    second.recorder.end_session(SessionId("s1"), 1, time.monotonic())
    second.run_until(lambda: second.has(SessionEnded))
    recovered, ended = second.reports
    assert isinstance(recovered, Recovered) and recovered.packets > 0
    assert isinstance(ended, SessionEnded) and ended.files == (recovered.file,)
    assert second.writer.stop(5)
