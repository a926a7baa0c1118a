"""Derived media as jobs, on a real database, real journals and real maker processes."""

from __future__ import annotations

import datetime as dt
import threading
import time
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import av
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from media.clip import Clip, ClipOptions, make_clip
from rooms import derived, recordings, sessions
from rooms import jobs as queue
from rooms.actor import SYSTEM
from rooms.db import Database
from rooms.errors import Conflict, Invalid, NotFound, WrongState
from rooms.files import FileStore
from rooms.models import Gap, Job, Participant, ReceptionSession, Relay, ReplayFile
from rooms.signing import Signer
from rooms.words import JobState, SessionState
from tests.support.journals import OPUS, UTC0_US, VP8, Sender
from web import composing, jobs, replays
from web.hub import Hub

NOW = dt.datetime.fromtimestamp(UTC0_US / 1e6 + 3600, dt.UTC)
SIGNER = Signer(Ed25519PrivateKey.from_private_bytes(bytes(32)))
RATE = 10
LENGTH = 3


@cache
def clip() -> Clip:
    return make_clip(3, "A", [], ClipOptions(width=160, height=96, rate=RATE, seconds=LENGTH, bitrate_bps=60_000))


@pytest.fixture
def hub(database: Database, tmp_path: Path) -> Hub:
    config = SimpleNamespace(data=tmp_path, derived_cpu_percent=50, language="vi")
    files = FileStore(tmp_path / "files")
    made = SimpleNamespace(database=database, files=files, signer=SIGNER, now=lambda: NOW, config=config)
    made.store, made.recovered = None, tmp_path / "recovered"
    return cast(Hub, made)


@pytest.fixture
def session(hub: Hub, tmp_path: Path) -> str:
    """A closed session of two points, the second without a picture; both said something."""
    with hub.database.write() as db:
        row = sessions.open_plain(db, SYSTEM, "thử", NOW)
        db.add(Relay(id="r" * 24, name="r", public_key="k", spool=str(tmp_path / "spool"), enrolled_at=NOW))
        db.flush()
        one, two = (sessions.add_participant(db, row.id, name, NOW).id for name in ("Điểm cầu Lục Ngạn", "Trung ương"))
        place = tmp_path / "spool" / row.id
        place.mkdir(parents=True)
        for who, source in ((one, "mic"), (one, "camera"), (two, "mic")):
            sender = Sender(OPUS if source == "mic" else VP8, cast(Any, source), ssrc=7, participant=who)
            if source == "mic":
                sender.sounds(clip().sounds, 0, LENGTH)
            else:
                sender.pictures(clip().pictures, 0, LENGTH * RATE, RATE)
            path = sender.journal(place)
            body = {"participant": who, "source": source, "part": 0, "file": path.name, "length": 1, "sha256": "0" * 64,
                    "packets": 1, "first_utc": 1.0, "last_utc": 2.0}  # fmt: skip
            recordings.track_reported(db, "r" * 24, row.id, "track_closed", body, NOW)
        row.state, row.part, row.closed_at = SessionState.CLOSED, 1, NOW
        return row.id


def ask(hub: Hub, session: str, kind: str) -> str:
    with hub.database.write() as db:
        job = derived.ask(db, SYSTEM, session, kind, NOW)
        queue.claim(db, "here", NOW)
        return job.id


def state(hub: Hub, job: str) -> Job:
    with hub.database.read() as db:
        return db.get_one(Job, job)


def files(hub: Hub, session: str, kind: str) -> list[ReplayFile]:
    with hub.database.read() as db:
        rows = db.query(ReplayFile).filter_by(session_id=session, kind=kind)
        return list(rows)


def left(hub: Hub) -> list[Path]:
    return [path for path in (hub.config.data / "files" / "replay").rglob("*composing*")]


def test_a_composed_file_and_a_sound_file_are_made_from_the_originals(hub: Hub, session: str) -> None:
    job = ask(hub, session, "composed")
    jobs.execute(hub, job)
    assert state(hub, job).state is JobState.DONE, state(hub, job).error
    (made,) = files(hub, session, "composed")
    assert made.mime == "video/mp4" and made.duration_s == pytest.approx(LENGTH, abs=0.3)
    assert len(made.originals) == 3 and all(name.startswith("journals/") for name in made.originals)
    with av.open(str(hub.files.path_of(made.path))) as file:
        assert [stream.codec_context.name for stream in file.streams] == ["h264", "aac"]
        assert (file.streams.video[0].width, file.streams.video[0].height) == (1280, 720)
    again = ask(hub, session, "sound")
    jobs.execute(hub, again)
    (sound,) = files(hub, session, "sound")
    assert sound.mime == "audio/mp4" and sound.path.endswith(".m4a")
    assert left(hub) == []
    with hub.database.read() as db:
        shown = derived.of_session(db, SYSTEM, session, NOW)
    assert shown["composed"][0] is not None and shown["sound"][1] is not None


def test_cancelling_stops_it_within_a_second_and_leaves_no_file(
    hub: Hub, session: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    replays.build(hub, session, lambda done, note: None, lambda: None)
    monkeypatch.setattr(replays, "share_now", lambda hub: 0.0)  # a session runs and has everything
    job = ask(hub, session, "composed")
    worker = threading.Thread(target=jobs.execute, args=(hub, job))
    worker.start()
    until(lambda: bool(left(hub)))
    with hub.database.write() as db:
        derived.cancel(db, SYSTEM, job, NOW)
    asked = time.monotonic()
    worker.join(10)
    assert time.monotonic() - asked < 1.0
    assert state(hub, job).state is JobState.CANCELLED
    assert left(hub) == [] and files(hub, session, "composed") == []
    with hub.database.write() as db:
        assert derived.retry(db, SYSTEM, job, NOW).state is JobState.QUEUED
        with pytest.raises(WrongState):
            derived.retry(db, SYSTEM, job, NOW)


def until(condition: Any) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_maker_that_dies_is_tried_again(hub: Hub, session: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(composing, "FONTS", Path("/nonexistent"))
    job = ask(hub, session, "sound")
    monkeypatch.setattr("web.makers.sys.executable", "/bin/false")
    jobs.execute(hub, job)
    row = state(hub, job)
    assert (row.state, row.attempts) == (JobState.QUEUED, 1) and row.error.startswith("replay.failed")
    monkeypatch.undo()
    jobs.execute(hub, job)
    assert state(hub, job).state is JobState.DONE


def test_a_file_that_is_gone_or_cut_costs_only_what_it_held(hub: Hub, session: str) -> None:
    replays.build(hub, session, lambda done, note: None, lambda: None)
    with_picture, other = sorted(files(hub, session, "point"), key=lambda row: row.mime != "video/webm")
    path = hub.files.path_of(with_picture.path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    hub.files.path_of(other.path).write_bytes(b"")
    job = ask(hub, session, "composed")
    jobs.execute(hub, job)
    row = state(hub, job)
    assert row.state is JobState.DONE and row.result["problems"] == 1


def test_what_is_removed_for_its_age_is_made_again_when_asked_for(hub: Hub, session: str) -> None:
    replays.build(hub, session, lambda done, note: None, lambda: None)
    assert replays.all_there(hub, session)
    for row in files(hub, session, "point"):
        hub.files.remove(row.path)
    assert not replays.all_there(hub, session)
    jobs.execute(hub, ask(hub, session, "sound"))
    assert replays.all_there(hub, session) and len(files(hub, session, "sound")) == 1


def test_a_restricted_session_shows_places_and_loses_what_was_composed_before(hub: Hub, session: str) -> None:
    replays.build(hub, session, lambda done, note: None, lambda: None)
    with hub.database.write() as db:
        for one in db.query(Participant).filter_by(session_id=session):
            one.name, one.receives_visit = f"Nguyễn Văn Thử {one.position}", one.position == 0
        recordings.add_replay(
            db, session, "", NOW, part=1, segment=0, mime="video/mp4", path="replay/xx/x.mp4", length=1,
            sha256="0" * 64, start_utc=0.0, duration_s=1.0, kind="composed",
        )  # fmt: skip
        sessions.restrict(db, session, NOW)
        plan, _ = composing.plan_of(hub, db, db.get_one(ReceptionSession, session))
    assert files(hub, session, "composed") == []
    assert "Nguyễn" not in str(plan["feeds"])


def test_what_a_point_recorded_by_itself_is_there_only_where_the_relay_lost_it(hub: Hub, session: str) -> None:
    replays.build(hub, session, lambda done, note: None, lambda: None)
    (first, *_) = files(hub, session, "point")
    with hub.database.write() as db:
        one = db.get_one(ReplayFile, first.id)
        begins, ends = one.start_utc, one.start_utc + one.duration_s
        recordings.add_replay(
            db, session, one.participant_id, NOW, part=1, segment=1, mime=one.mime, path=one.path, length=one.length,
            sha256=one.sha256, start_utc=ends + 20, duration_s=one.duration_s, kind="point",
        )  # fmt: skip
        db.add(Gap(session_id=session, participant_id=one.participant_id, from_utc=ends, to_utc=ends + 20,
                   reason="network"))  # fmt: skip
        recordings.add_replay(
            db, session, one.participant_id, NOW, part=1, segment=0, mime=one.mime, path=one.path, length=one.length,
            sha256=one.sha256, start_utc=ends - 1, duration_s=30, kind="take",
        )  # fmt: skip
        plan, _ = composing.plan_of(hub, db, db.get_one(ReceptionSession, session))
    (taken,) = (feed for feed in plan["feeds"] if feed["stands_for"])
    owner = next(feed for feed in plan["feeds"] if feed["key"] == taken["stands_for"])
    zero = plan["zero_us"]
    lost = (round(ends * 1e6) - zero, round((ends + 20) * 1e6) - zero)
    assert [end for _, end, _ in taken["holes"]][:1] == [pytest.approx(lost[0], abs=2000)]
    assert [start for start, _, _ in taken["holes"]][1:] == [pytest.approx(lost[1], abs=2000)]
    assert len(owner["pieces"]) == 2 and begins < ends


def test_refusals(hub: Hub, session: str) -> None:
    with hub.database.write() as db:
        with pytest.raises(Invalid, match="no such kind"):
            derived.ask(db, SYSTEM, session, "gif", NOW)
        with pytest.raises(NotFound):
            derived.cancel(db, SYSTEM, "j" * 24, NOW)
        row = db.get_one(ReceptionSession, session)
        row.part = 0
        with pytest.raises(Conflict, match="Nothing was recorded"):
            derived.ask(db, SYSTEM, session, "composed", NOW)
        row.part, row.state = 1, SessionState.RUNNING
        with pytest.raises(WrongState):
            derived.ask(db, SYSTEM, session, "composed", NOW)
    with pytest.raises(Conflict, match="opened again"):
        composing.build(hub, session, "composed", jobs.Progress(hub, ask_anyhow(hub, session)))


def ask_anyhow(hub: Hub, session: str) -> str:
    with hub.database.write() as db:
        return queue.enqueue(db, "compose", {"session": session}, NOW, key=session).id


def test_a_job_that_kills_its_worker_every_time_fails_in_the_end(hub: Hub, session: str) -> None:
    job, now = ask_anyhow(hub, session), NOW
    for _ in range(5):
        with hub.database.write() as db:
            assert queue.claim(db, "here", now) is not None
        now += dt.timedelta(minutes=3)
    with hub.database.write() as db:
        assert queue.claim(db, "here", now) is None
    assert state(hub, job).state is JobState.FAILED and state(hub, job).error.startswith("job.worker_died")
