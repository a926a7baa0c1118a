"""What a relay makes of the journals that an earlier process left in its spool."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest

from media import journal
from media.journalscan import recover, scan, sha256_of
from media.messages import Recovered, TrackClosed
from media.types import Codec, ExtensionIds, ParticipantId, SessionId, TrackInfo

INFO = TrackInfo(SessionId("s1"), 4, ParticipantId("alice"), "camera", 2, Codec("vp8", 96, 90000), ExtensionIds())


def data(blocks: int, closed: bool) -> bytes:
    encoder = journal.Encoder()
    clock = journal.Clock(0, 1_000_000_000, None)
    parts = [encoder.block(journal.HEAD, journal.header_payload(journal.header_of(INFO, "boot", clock)))]
    for number in range(blocks):
        payload = bytearray()
        journal.put_record(payload, journal.RTP, number * 1_000_000, bytes(60))
        parts.append(encoder.block(journal.DATA, payload))
    if closed:
        parts.append(encoder.block(journal.TAIL, journal.tail_payload(journal.Tail(packets=blocks))))
    return b"".join(parts)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "s1"
    folder.mkdir()
    return folder / "alice.camera.2.rnd.dcj"


def test_it_works(path: Path) -> None:
    whole = data(3, closed=False)
    path.write_bytes(whole + b"DATAxxxx")
    found = recover(path)
    assert found is not None and (found.session, found.epoch) == ("s1", 4)
    body = found.body
    assert isinstance(body, Recovered)
    assert (body.participant, body.source, body.part, body.packets, body.lost_bytes) == ("alice", "camera", 2, 3, 8)
    assert (body.first_utc, body.last_utc) == (1000.0, 1002.0)
    assert body.length == path.stat().st_size and body.sha256 == sha256_of(path)
    assert path.with_name(path.name + ".cut").read_bytes() == b"DATAxxxx"
    with path.open("rb") as file:
        read = journal.survey(file)
    assert read.closed and not read.problem and read.tail.reason == "recovered" and read.tail.lost_bytes == 8


def test_a_second_scan_says_the_same_again(path: Path) -> None:
    path.write_bytes(data(3, closed=False)[:-5])
    assert recover(path) == recover(path)


def test_a_finished_journal_is_reported_and_left_alone(path: Path) -> None:
    path.write_bytes(data(2, closed=True))
    (found,) = scan([path])
    assert isinstance(found.body, TrackClosed) and found.body.packets == 2
    assert path.read_bytes() == data(2, closed=True)


def test_a_crash_in_the_midst_of_recovery_is_made_good(path: Path) -> None:
    path.with_name(path.name + ".cut").write_bytes(b"12345")  # kept and cut, then killed before TAIL
    path.write_bytes(data(1, closed=False))
    found = recover(path)
    assert found is not None and isinstance(found.body, Recovered) and found.body.lost_bytes == 5


def test_damage_in_the_middle_keeps_what_comes_after_it(path: Path) -> None:
    raw = bytearray(data(4, closed=True))
    raw[-400] ^= 1
    path.write_bytes(raw)
    found = recover(path)
    assert found is not None and isinstance(found.body, Recovered) and 0 < found.body.packets < 4
    kept = path.with_name(path.name + ".cut").read_bytes()
    assert len(kept) == found.body.lost_bytes and raw.endswith(kept)


@pytest.mark.parametrize("content", [b"", b"DCJ", data(0, closed=False)[:40], b"garbage" * 9])
def test_a_file_without_a_header_is_set_aside(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    found = recover(path)
    assert found is not None and isinstance(found.body, Recovered) and found.body.packets == 0
    assert not path.exists() and path.with_name(found.body.file).read_bytes() == content


def test_a_journal_that_somebody_writes_is_left_alone(path: Path) -> None:
    path.write_bytes(data(1, closed=False))
    with path.open("rb") as holder:
        fcntl.flock(holder, fcntl.LOCK_EX)
        assert recover(path) is None


def test_a_foreign_file_is_left_alone(path: Path) -> None:
    other = path.with_name("notes.dcj")
    other.write_bytes(b"x")
    assert list(scan([other, path.with_name("a.mic.0.gone.dcj")])) == [] and other.exists()
