"""The whole way of a record: packets, journals on disk, a killed process, lock, verification, replay, export."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import av
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from media import journal
from media.clip import ClipOptions, make_clip, read_frame
from media.journalscan import recover
from media.journalwriter import JournalWriter
from media.messages import Heads, ReportBody, TrackClosed
from media.recorder import SpoolRecorder
from media.replay import make_replay
from media.types import ExtensionIds, ParticipantId, SessionId, TrackInfo
from rooms import manifest, package, verifier
from rooms.package import DerivedFile, TrackFile
from rooms.signing import Signer
from tests.support.journals import OPUS, VP8, Sender

SESSION = "s" * 24
UTC0 = 1_700_000_000.0


def record(spool: Path) -> list[ReportBody]:
    """12 s of one point, as fast as the disk takes them; times are made up, the writer is real."""
    clip = make_clip(5, "B", [], ClipOptions(width=160, height=96, rate=10, seconds=12, bitrate_bps=60_000))
    sound, picture = Sender(OPUS, "mic", ssrc=1), Sender(VP8, "camera", ssrc=2)
    sound.sounds(clip.sounds, 0, 12)
    picture.pictures(clip.pictures, 0, 120, 10)
    writer = JournalWriter(spool)
    recorder = SpoolRecorder(writer, lambda: "rnd", "boot", 5000.0, UTC0)
    writer.start()
    person, reports = ParticipantId("p" * 24), []
    tracks = {
        sender.source: recorder.open_track(
            TrackInfo(SessionId(SESSION), 1, person, sender.source, 1, sender.codec, ExtensionIds()), 5000.0
        )
        for sender in (sound, picture)
    }
    arrivals = sorted((at, s.source, kind, body) for s in (sound, picture) for at, _, kind, body in s.arrivals)
    for at, source, kind, body in arrivals:
        now = at / 1e6
        if kind == journal.RTP:
            tracks[source].write_rtp(memoryview(body), now)
        else:
            tracks[source].write_report(*journal.parse_report(memoryview(body)), now)
        reports += [body for _, _, body in recorder.poll(now, UTC0 + now - 5000)]
    time.sleep(0.3)  # what was written gets durable, so that the next heads are not empty
    reports += [body for _, _, body in recorder.poll(5021.0, UTC0 + 21)]
    recorder.end_session(SessionId(SESSION), 1, 5021.1)
    assert writer.stop(10)
    return reports + [body for _, _, body in recorder.poll(5021.2, UTC0 + 21.2)]


def log_of(reports: list[ReportBody]) -> list[bytes]:
    lines, previous = [], manifest.NO_EVENT
    for number, body in enumerate((b for b in reports if isinstance(b, Heads)), start=1):
        files = {name: list(value) for name, value in body.files.items()}
        line, previous = manifest.event_line(
            session=SESSION, number=number, epoch=1, kind="journal.heads", utc=UTC0 + 21, body={"files": files},
            previous=previous,
        )  # fmt: skip
        lines.append(line)
    return lines


def test_it_works(tmp_path: Path) -> None:
    spool, folder = tmp_path / "spool", tmp_path / "packages" / SESSION
    reports = record(spool)
    closed = [body for body in reports if isinstance(body, TrackClosed)]
    lines = log_of(reports)
    assert len(closed) == 2 and lines and b'.dcj":["' in b"".join(lines)
    tracks = [
        TrackFile(
            path=spool / SESSION / body.file, participant=body.participant, source=body.source, part=body.part,
            first_utc_us=round(body.first_utc * 1e6), last_utc_us=round(body.last_utc * 1e6), packets=body.packets,
            length=body.length, sha256=body.sha256,
        )
        for body in closed
    ]  # fmt: skip
    signer, now = Signer(Ed25519PrivateKey.generate()), datetime(2026, 1, 31, tzinfo=UTC)
    locked = package.lock_session(folder, SESSION, tracks, lines, [], [], {}, signer, now)
    assert locked.complete and locked.problems == ()

    made = make_replay(sorted(folder.glob("journals/*.dcj")), tmp_path, "r")
    (segment,) = made.segments
    assert made.problems == () and segment.frames == {"mic": 600, "camera": 120}
    with av.open(str(segment.file)) as container:
        counters = [value & 0xFFF for f in container.decode(video=0) if (value := read_frame(f)) is not None]
    assert counters == list(range(120))
    derived = DerivedFile(segment.file, segment.media_type, "p" * 24, "replay", 0, 0, segment.frames, [])
    package.set_derived(folder, [derived], signer, now)

    for derived_too in (False, True):
        package.export_zip(folder, tmp_path / "p.zip", derived=derived_too)
        for place in (folder, tmp_path / "p.zip"):
            seen = verifier.verify(str(place), [signer.public])
            assert seen["result"] == "intact", seen["problems"]
            assert seen["checked"]["journals"] == 2
            assert seen["checked"]["packets"] == sum(body.packets for body in closed)


def test_a_recovered_journal_locks_and_verifies(tmp_path: Path) -> None:
    spool, folder = tmp_path / "spool", tmp_path / SESSION
    reports = record(spool)
    lines = log_of(reports)
    tracks = []
    for path in sorted(spool.glob("*/*.dcj")):
        data = path.read_bytes()
        path.write_bytes(data[: len(data) - 3000])  # the end never came to the disk
        found = recover(path)
        assert found is not None
        body = found.body
        tracks.append(
            TrackFile(
                path, body.participant, body.source, body.part, packets=body.packets, sha256=body.sha256,
                state="recovered",
            )
        )  # fmt: skip
    signer = Signer(Ed25519PrivateKey.generate())
    loss = manifest.Gap("p" * 24, "", 0, 1_000_000, "crash", 700_000)
    locked = package.lock_session(folder, SESSION, tracks, lines, [], [loss], {}, signer, datetime.now(UTC))
    assert not locked.complete and locked.lost_s == 0.7
    seen = verifier.verify(str(folder), [signer.public])
    assert seen["result"] == "intact", seen["problems"]
