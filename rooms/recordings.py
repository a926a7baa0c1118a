"""What relays report of the record, the lock, replay files. Takes plain values: rooms knows no media types."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from rooms import access, audit, filed, papers, supplements
from rooms import takes as point_takes
from rooms.access import Right
from rooms.actor import SYSTEM, Actor
from rooms.db import Database
from rooms.errors import Conflict, Forbidden, Invalid, NotFound, WrongState
from rooms.files import FileStore, Stream, make_folder, translated
from rooms.gaps import CRASH_LOSS_S, MACHINE_LOSS_S, LogEvent, Written, find_gaps
from rooms.manifest import Gap as FoundGap
from rooms.manifest import utc_text
from rooms.models import (
    CaseLink,
    Gap,
    Minutes,
    Package,
    Paper,
    ReceptionSession,
    Relay,
    ReplayFile,
    SessionEvent,
    Supplement,
    Take,
    Track,
)
from rooms.package import Locked, PaperFile, TrackFile, lock_session
from rooms.signing import Signer
from rooms.words import SessionState, TrackState


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """What there is to see of one session's record."""

    session_id: str
    title: str
    started_at: dt.datetime | None
    tracks: int
    replayable: bool
    locked: bool
    complete: bool | None
    lost_s: float | None
    restricted: bool


# --- what relays report ----------------------------------------------------------------------------------------------


def track_reported(
    db: Session, relay_id: str, session_id: str, kind: str, body: Mapping[str, Any], now: dt.datetime
) -> Track | None:
    """Keep a report about a track: ``kind`` track_written, track_closed, recovered, heads, session_ended, write_failed;
    ``body`` its fields as plain values (media.messages). Reported twice, or after the lock, is harmless; None when no
    single track is meant. Raises NotFound for an unknown session.
    """
    session = db.get(ReceptionSession, session_id)
    if session is None:
        raise NotFound()
    if session.state is SessionState.LOCKED:
        return None
    if kind == "heads":
        for file, (head, length) in body["files"].items():
            row = _track_row(db, session_id, file)
            if row is not None and row.state is TrackState.WRITING:
                row.head, row.length = head, int(length)
        return None
    if kind == "session_ended":
        _note_lost(db, relay_id, session_id, set(body["files"]))
        return None
    if kind not in ("track_written", "track_closed", "recovered"):
        return None
    track = _track_row(db, session_id, body["file"]) or _new_track(db, relay_id, session_id, body, now)
    if kind != "track_written" and track.state is not TrackState.CLOSED:
        track.state = TrackState.CLOSED if kind == "track_closed" else TrackState.RECOVERED
        track.length, track.sha256, track.packets = int(body["length"]), body["sha256"], int(body["packets"])
        track.lost_bytes = int(body.get("lost_bytes", 0))
        if track.packets:
            track.first_utc, track.last_utc = float(body["first_utc"]), float(body["last_utc"])
    db.flush()
    return track


def _note_lost(db: Session, relay_id: str, session_id: str, files: set[str]) -> None:
    """The relay names all journals that it has of the session: what it once wrote and is not there will not come."""
    writing = sa.select(Track).where(
        Track.session_id == session_id, Track.relay_id == relay_id, Track.state == TrackState.WRITING
    )
    for track in db.scalars(writing):
        if track.file not in files:
            track.state = TrackState.MISSING
    db.flush()


def unclosed_on(db: Session, relay_id: str) -> list[tuple[str, int]]:
    """Sessions (with their epochs) that wait for journals of this relay, which does not carry them or not any more."""
    found = (
        sa.select(ReceptionSession.id, ReceptionSession.epoch)
        .join(Track, Track.session_id == ReceptionSession.id)
        .where(Track.relay_id == relay_id, Track.state == TrackState.WRITING)
        .where(
            ReceptionSession.state != SessionState.LOCKED,
            sa.or_(
                ReceptionSession.state == SessionState.CLOSED,
                ReceptionSession.relay_id.is_(None),
                ReceptionSession.relay_id != relay_id,
            ),
        )
    )
    return [(session, epoch) for session, epoch in db.execute(found.distinct())]


def _track_row(db: Session, session_id: str, file: str) -> Track | None:
    return db.scalar(sa.select(Track).where(Track.session_id == session_id, Track.file == file))


def _new_track(db: Session, relay_id: str, session_id: str, body: Mapping[str, Any], now: dt.datetime) -> Track:
    known = db.get(Relay, relay_id) is not None if relay_id else False
    track = Track(
        session_id=session_id, participant_id=body["participant"], source=body["source"], part=int(body["part"]),
        relay_id=relay_id if known else None, file=body["file"], state=TrackState.WRITING, created_at=now,
    )  # fmt: skip
    db.add(track)
    db.flush()
    return track


def tracks_of(db: Session, session_id: str) -> list[Track]:
    """Tracks of a session by participant, source, part; the caller has loaded the session."""
    found = sa.select(Track).where(Track.session_id == session_id)
    return list(db.scalars(found.order_by(Track.participant_id, Track.source, Track.part, Track.created_at)))


# --- locking ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LockPlan:
    """All that the package is built from, read in one transaction."""

    session_id: str
    path: str
    tracks: list[TrackFile]
    lines: list[bytes]
    papers: list[PaperFile]
    gaps: list[FoundGap]
    facts: dict[str, Any]
    takes: list[str]
    take_files: list[PaperFile]


def plan_lock(
    db: Session, files: FileStore, session_id: str, now: dt.datetime, *, spool: Path | None = None, force: bool = False,
    recovered: Path | None = None,
) -> LockPlan:  # fmt: skip
    """Read what the package needs. ``spool`` overrides where the relays' journals lie; ``recovered``: where those lie
    that were put together from copies, because no spool has them any more; ``force`` takes journals that
    nobody closed (their relay is gone for good) as they are.

    Raises NotFound, WrongState unless closed, Conflict recording.tracks_open.
    """
    session = db.get(ReceptionSession, session_id)
    if session is None:
        raise NotFound()
    if session.state is not SessionState.CLOSED or session.closed_at is None:
        raise WrongState("session", session.state.value)
    tracks = tracks_of(db, session_id)
    if not force and any(track.state is TrackState.WRITING for track in tracks):
        raise Conflict("recording.tracks_open", "The relay is still closing the recording.")
    events = list(
        db.scalars(sa.select(SessionEvent).where(SessionEvent.session_id == session_id).order_by(SessionEvent.number))
    )
    takes = [take for take in point_takes.of_session(db, session_id) if not take.placed]
    stated = [point_takes.facts_of(take, point_takes.pieces_of(db, take.id)) for take in takes]
    return LockPlan(
        session_id=session_id,
        path=f"packages/{session_id[:2]}/{session_id}",
        tracks=[_track_file(db, track, spool, recovered) for track in tracks],
        lines=[event.line.encode() for event in events],
        papers=_papers(db, files, session_id),
        gaps=_found_gaps(tracks, events, session.closed_at, recovered),
        facts={
            **_facts(db, session),
            **({"takes": stated} if stated else {}),
        },
        takes=[take.id for take in takes],
        take_files=[item for take in takes for item in point_takes.files_of(db, files, take)],
    )


def _track_file(db: Session, track: Track, spool: Path | None, recovered: Path | None) -> TrackFile:
    relay = db.get(Relay, track.relay_id) if track.relay_id else None
    root = spool or Path(relay.spool if relay is not None and relay.spool else "/nonexistent")
    if _from_copy(track, recovered):
        root = recovered or root
    states = {TrackState.CLOSED: "closed", TrackState.RECOVERED: "recovered"}
    closed = track.state in states
    return TrackFile(
        path=root / track.session_id / track.file,
        participant=track.participant_id,
        source=track.source,
        part=track.part,
        first_utc_us=None if track.first_utc is None else round(track.first_utc * 1_000_000),
        last_utc_us=None if track.last_utc is None else round(track.last_utc * 1_000_000),
        packets=track.packets,
        length=track.length if closed else -1,
        sha256=track.sha256 if closed else "",
        state=states.get(track.state, "damaged"),
        lost_bytes=track.lost_bytes,
    )


def _from_copy(track: Track, recovered: Path | None) -> bool:
    return recovered is not None and (recovered / track.session_id / track.file).exists()


def _papers(db: Session, files: FileStore, session_id: str) -> list[PaperFile]:
    """Papers of the session and of its minutes. Those of the visit stay in the file: they have a life of their own."""
    minutes = sa.select(Minutes.id).where(Minutes.session_id == session_id)
    found = sa.select(Paper).where(
        Paper.withdrawn_at.is_(None), sa.or_(Paper.owner_id == session_id, Paper.owner_id.in_(minutes))
    )
    return [
        PaperFile(files.where(paper.path), f"{paper.id}{papers.SUFFIXES[paper.mime]}")
        for paper in db.scalars(found.order_by(Paper.added_at, Paper.id))
    ]


def _found_gaps(
    tracks: Sequence[Track], events: Sequence[SessionEvent], closed_at: dt.datetime, recovered: Path | None
) -> list[FoundGap]:
    written = [
        Written(
            t.participant_id, t.source, t.part, t.first_utc, t.last_utc, t.state is TrackState.RECOVERED,
            MACHINE_LOSS_S if _from_copy(t, recovered) else CRASH_LOSS_S,
        )
        for t in tracks
        if t.first_utc is not None and t.last_utc is not None
    ]  # fmt: skip
    return find_gaps([LogEvent(e.kind, e.utc, e.body) for e in events], written, closed_at.timestamp())


def _facts(db: Session, session: ReceptionSession) -> dict[str, Any]:
    """What else the hub states: states and counts. No visit and no case: those links are outside the package."""
    minutes = db.scalar(sa.select(Minutes.frozen_sha256).where(Minutes.session_id == session.id))
    moments = {"created": session.created_at, "started": session.started_at, "closed": session.closed_at}
    return {
        "minutes_sha256": minutes or "",
        "restricted": session.restricted,
        "training": session.training_space_id is not None,
        "participants": [
            {"id": p.id, "role": p.role.value, "people": len(p.people), "by_phone": p.by_phone}
            for p in session.participants
        ],
        **{f"{name}_utc": utc_text(at) if at is not None else None for name, at in moments.items()},
    }


def build_package(files: FileStore, plan: LockPlan, signer: Signer, now: dt.datetime) -> Locked:
    """Write and sign the package; outside any transaction, for journals are large. Twice gives the same.

    Raises StorageFailed, package.BrokenPackage.
    """
    folder = files.root / plan.path
    for paper in plan.papers:
        files.at_hand(paper.path.relative_to(files.root.resolve()).as_posix())
    try:
        make_folder(folder.parent)
        return lock_session(
            folder, plan.session_id, plan.tracks, plan.lines, plan.papers, plan.gaps, plan.facts, signer, now,
            plan.take_files,
        )  # fmt: skip
    except OSError as error:
        raise translated(error) from error


def note_lock(db: Session, plan: LockPlan, locked: Locked, now: dt.datetime) -> Package:
    """Write down that the package is there; the session is locked from here on. Twice gives the same row."""
    there = package_of(db, plan.session_id)
    if there is not None:
        return there
    session = db.get_one(ReceptionSession, plan.session_id, with_for_update=True)
    if session.state is not SessionState.CLOSED:  # resumed while the package was built
        raise WrongState("session", session.state.value)
    package = Package(session_id=plan.session_id, path=plan.path, length=locked.length, key_id=locked.key_id)
    package.manifest_sha256, package.locked_at = locked.manifest_sha256, now
    package.problems = [f"{code} {file}" for code, file in locked.problems]
    db.add(package)
    for gap in locked.gaps:
        row = Gap(session_id=plan.session_id, participant_id=gap.participant, source=gap.source, reason=gap.reason)
        row.from_utc, row.to_utc, row.lost_s = gap.start_utc_us / 1e6, gap.end_utc_us / 1e6, gap.lost_us / 1e6
        db.add(row)
    for code, file in locked.problems:
        track = _track_row(db, plan.session_id, file)
        if track is not None and code == "journal_missing":
            track.state = TrackState.MISSING
    for take in plan.takes:
        db.get_one(Take, take).placed = "package"
    session.state, session.locked_at, session.lock_error = SessionState.LOCKED, now, ""
    session.complete, session.lost_s = locked.complete, locked.lost_s
    audit.log(db, SYSTEM, "session.locked", "session", plan.session_id, now)
    db.flush()
    return package


def lock(
    db: Session, files: FileStore, session_id: str, signer: Signer, now: dt.datetime, *, spool: Path | None = None,
    force: bool = False,
) -> Package:  # fmt: skip
    """Build, sign and store the package of a closed session and lock it (design 6). Twice gives the same package.

    All in the caller's transaction; ``lock_apart`` does not hold the writer while it copies. Raises WrongState,
    StorageFailed, Conflict recording.tracks_open while a journal is not yet closed.
    """
    there = package_of(db, session_id)
    if there is not None:
        return there
    plan = plan_lock(db, files, session_id, now, spool=spool, force=force)
    return note_lock(db, plan, build_package(files, plan, signer, now), now)


def lock_apart(
    database: Database, files: FileStore, session_id: str, signer: Signer, now: dt.datetime, *,
    spool: Path | None = None, force: bool = False, recovered: Path | None = None,
) -> Package:  # fmt: skip
    """``lock`` in three steps: read, build outside any transaction, note. Raises what ``lock`` raises."""
    with database.read() as db:
        there = package_of(db, session_id)
        if there is not None:
            return there
        plan = plan_lock(db, files, session_id, now, spool=spool, force=force, recovered=recovered)
    locked = build_package(files, plan, signer, now)
    with database.write() as db:
        return note_lock(db, plan, locked, now)


def lock_failed(db: Session, session_id: str, code: str) -> None:
    """Keep why a lock failed, for the board; the session stays closed and is tried again."""
    session = db.get(ReceptionSession, session_id)
    if session is not None and session.state is SessionState.CLOSED:
        session.lock_error = code


# --- after the lock --------------------------------------------------------------------------------------------------


def package_of(db: Session, session_id: str) -> Package | None:
    """The package row of a session, None before the lock."""
    return db.scalar(sa.select(Package).where(Package.session_id == session_id))


def package_path(
    db: Session, actor: Actor, files: FileStore, session_id: str, now: dt.datetime
) -> tuple[Package, Path]:
    """The package and its folder for download; needs REPLAY and a write transaction: it is logged.

    The folder may be in the store only: ``files.at_hand`` brings it, after the transaction.

    Raises NotFound, Forbidden.
    """
    access.load_recording(db, actor, session_id, now=now)
    package = package_of(db, session_id)
    if package is None or package.disposed_at is not None:
        raise NotFound()
    audit.log(db, actor, "package.exported", "session", session_id, now)
    return package, files.where(package.path)


def supplement(
    db: Session, actor: Actor, files: FileStore, session_id: str, kind: str, title: str, stream: Stream, signer: Signer,
    now: dt.datetime,
) -> Supplement:  # fmt: skip
    """Add a paper (signed_scan, correction, extract, order) to the package of a locked session, signed.

    Needs ARCHIVE, or RECEIVE at the receiving site for a signed scan. Raises NotFound, Forbidden, WrongState before the
    lock, Invalid (recording.supplement_kind, and as papers.attach), StorageFailed.
    """
    if kind not in ("signed_scan", "correction", "extract", "order"):
        raise Invalid("recording.supplement_kind", "There is no such kind of supplement.")
    session = access.load_session(db, actor, session_id, now=now)
    rights = access.rights_on(db, actor, access.subject_of(db, session), now)
    if Right.ARCHIVE not in rights and not (kind == "signed_scan" and Right.RECEIVE in rights):
        raise Forbidden()
    if package_of(db, session_id) is None:
        raise WrongState("session", session.state.value)
    paper = papers.take_in(db, actor, files, "session", session_id, title, stream, now, kind=kind)
    item = PaperFile(files.path_of(paper.path), f"{paper.id}{papers.SUFFIXES[paper.mime]}")
    facts = {"paper": paper.id}
    row = supplements.add(db, actor, files, session, kind, [item], facts, signer, now, paper_id=paper.id)
    audit.log(db, actor, "package.supplemented", "session", session_id, now, detail={"kind": kind, "paper": paper.id})
    return row


# --- replay ----------------------------------------------------------------------------------------------------------


def add_replay(
    db: Session, session_id: str, participant_id: str, now: dt.datetime, *, part: int, segment: int, mime: str,
    path: str, length: int, sha256: str, start_utc: float, duration_s: float, frames: int = 0, kind: str = "point",
    originals: Sequence[str] = (),
) -> ReplayFile:  # fmt: skip
    """Note a replay file that the worker made; the same point, part, segment and kind replaces the old row."""
    same = sa.select(ReplayFile).where(
        ReplayFile.session_id == session_id,
        ReplayFile.participant_id == participant_id,
        ReplayFile.part == part,
        ReplayFile.segment == segment,
        ReplayFile.kind == kind,
    )
    row = db.scalar(same)
    if row is None:
        row = ReplayFile(session_id=session_id, participant_id=participant_id, part=part, segment=segment, kind=kind)
        db.add(row)
    row.mime, row.path, row.length, row.sha256, row.frames = mime, path, length, sha256, frames
    row.start_utc, row.duration_s, row.originals, row.created_at = start_utc, duration_s, list(originals), now
    db.flush()
    return row


def replay_of(db: Session, actor: Actor, session_id: str, now: dt.datetime) -> list[ReplayFile]:
    """Replay files of a session in time order; needs REPLAY. The web layer logs the look (once per person and file).

    Raises NotFound, Forbidden.
    """
    access.load_recording(db, actor, session_id, now=now)
    found = sa.select(ReplayFile).where(ReplayFile.session_id == session_id)
    return list(db.scalars(found.order_by(ReplayFile.start_utc, ReplayFile.participant_id, ReplayFile.kind)))


def open_replay(
    db: Session, actor: Actor, files: FileStore, replay_id: str, now: dt.datetime
) -> tuple[ReplayFile, Path]:
    """One replay file for the player; needs REPLAY. Raises NotFound, Forbidden."""
    row = db.get(ReplayFile, replay_id)
    if row is None:
        raise NotFound()
    access.load_recording(db, actor, row.session_id, now=now)
    return row, files.where(row.path)


def list_for_case(db: Session, actor: Actor, case_id: str, now: dt.datetime) -> list[Recording]:
    """The recordings in a file (and in files merged into it) that the actor may see, oldest first. Raises NotFound."""
    access.load_case(db, actor, case_id, now=now)
    members = filed.with_joined(db, [case_id])
    linked = sa.select(CaseLink.object_id).where(CaseLink.case_id.in_(members), filed.STANDS)
    found = sa.select(ReceptionSession).where(
        sa.or_(
            ReceptionSession.id.in_(linked.where(CaseLink.object_kind == "session")),
            ReceptionSession.visit_id.in_(linked.where(CaseLink.object_kind == "visit")),
        ),
        access.readable(db, actor, ReceptionSession, now),
    )
    return [
        _recording(db, session)
        for session in db.scalars(found.order_by(ReceptionSession.created_at))
        if Right.REPLAY in access.rights_on(db, actor, access.subject_of(db, session), now)
    ]


def _recording(db: Session, session: ReceptionSession) -> Recording:
    tracks = db.scalar(sa.select(sa.func.count()).where(Track.session_id == session.id)) or 0
    replays = db.scalar(sa.select(sa.func.count()).where(ReplayFile.session_id == session.id)) or 0
    return Recording(
        session_id=session.id,
        title=session.title,
        started_at=session.started_at or session.opened_at,
        tracks=tracks,
        replayable=replays > 0,
        locked=session.state is SessionState.LOCKED,
        complete=session.complete,
        lost_s=session.lost_s,
        restricted=session.restricted,
    )
