"""Extracts (trích xuất): a stretch of a locked record, of chosen points, under a recorded order.

The row is the request; the worker makes the files and adds them as a signed supplement, which states the order's hash,
the moments ordered and those that each file really holds. The locked package is only added to, never changed. What a
chosen point recorded by itself (rooms.takes) belongs to its face: it is cut and goes along, named as from the point.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from rooms import access, audit, custodians, jobs, orders, supplements, takes
from rooms.actor import SYSTEM, Actor
from rooms.errors import Invalid, NotFound, WrongState
from rooms.files import FileStore
from rooms.models import Extract, Order, Package, ReceptionSession, Supplement, Track
from rooms.orders import OrderForm
from rooms.package import PaperFile
from rooms.signing import Signer
from rooms.words import ExtractState, TrackState

KIND = "extract"
SHORTEST_S = 0.5
FACE = "point"
LANES: dict[str, tuple[str, ...]] = {"point": ("mic", "camera"), "screen": ("screen",), "document": ("document",)}
"""What belongs to a lane of a participant."""


@dataclass(frozen=True, slots=True)
class Lane:
    """A point's face, screen or document camera in the record. UNIX seconds."""

    participant_id: str
    kind: str
    first_utc: float
    last_utc: float

    @property
    def name(self) -> str:
        """As it is chosen: participant and kind."""
        return f"{self.participant_id}:{self.kind}"


def lanes_of(db: Session, session_id: str) -> list[Lane]:
    """The lanes of a record, in order of participants; the caller has loaded the session. A point's face also reaches
    over what it recorded by itself."""
    found: dict[tuple[str, str], Lane] = {}
    rows = sa.select(Track).where(
        Track.session_id == session_id, Track.first_utc.is_not(None), Track.state != TrackState.MISSING
    )
    for track in db.scalars(rows.order_by(Track.participant_id, Track.part)):
        kind = next(name for name, sources in LANES.items() if track.source in sources)
        key = (track.participant_id, kind)
        _reach(found, key, float(track.first_utc or 0), float(track.last_utc or 0))
    for take in takes.of_session(db, session_id):
        if take.first_utc is not None and take.last_utc is not None:
            _reach(found, (take.participant_id, FACE), take.first_utc, take.last_utc)
    return [found[key] for key in sorted(found, key=lambda one: (one[0], list(LANES).index(one[1])))]


def _reach(found: dict[tuple[str, str], Lane], key: tuple[str, str], first: float, last: float) -> None:
    there = found.get(key)
    if there is not None:
        first, last = min(first, there.first_utc), max(last, there.last_utc)
    found[key] = Lane(*key, first, last)


def faces_of(row: Extract) -> set[str]:
    """The participants whose face and voice were chosen: what these points recorded by themselves goes along."""
    return {who for who, _, kind in (name.partition(":") for name in row.lanes) if kind == FACE}


def request(
    db: Session, actor: Actor, session_id: str, from_utc: float, to_utc: float, lanes: Sequence[str],
    order: OrderForm, reason: str, now: dt.datetime,
) -> Extract:  # fmt: skip
    """Record the order and ask the worker for the extract. Restricted sessions also need a reason.

    Raises NotFound, Forbidden, WrongState unless locked and there, Invalid (extract.span, extract.outside,
    extract.no_lane, custody.reason_missing, order.*).
    """
    session = access.load_recording(db, actor, session_id, now=now)
    custodians.need(custodians.may_extract(db, actor, session, now))
    package = db.scalar(sa.select(Package).where(Package.session_id == session_id))
    if package is None or package.disposed_at is not None:
        raise WrongState("session", session.state.value)
    there = {lane.name: lane for lane in lanes_of(db, session_id)}
    chosen = [name for name in there if name in lanes]
    if not chosen:
        raise Invalid("extract.no_lane", "Choose at least one point.", field="lanes")
    if to_utc - from_utc < SHORTEST_S:
        raise Invalid("extract.span", "The end must come after the beginning.", field="to")
    if not any(from_utc < there[name].last_utc and to_utc > there[name].first_utc for name in chosen):
        raise Invalid("extract.outside", "Nothing of these points was recorded then.", field="from")
    words = custodians.need_reason(reason, session.restricted)
    paper = orders.record(db, actor, "session", session_id, order, now)
    row = Extract(session_id=session_id, order_id=paper.id, from_utc=from_utc, to_utc=to_utc, lanes=chosen)
    row.reason, row.created_at, row.created_by = words[:2000], now, actor.user_id
    db.add(row)
    db.flush()
    jobs.enqueue(db, KIND, {"extract": row.id}, now, key=row.id, max_attempts=3, created_by=actor.user_id)
    detail = {"extract": row.id, "order": paper.id, "lanes": chosen}
    audit.log(db, actor, "extract.asked", "session", session_id, now, reason=words, detail=detail)
    return row


def load(db: Session, actor: Actor, extract_id: str, now: dt.datetime) -> tuple[Extract, ReceptionSession]:
    """An extract and its session, for who may see the record. Raises NotFound, Forbidden."""
    row = db.get(Extract, extract_id)
    if row is None:
        raise NotFound()
    return row, access.load_recording(db, actor, row.session_id, now=now)


def of_session(db: Session, session_id: str) -> list[Extract]:
    """Extracts of a session, newest first; the caller has loaded it for replay."""
    found = sa.select(Extract).where(Extract.session_id == session_id)
    return list(db.scalars(found.order_by(Extract.created_at.desc(), Extract.id)))


def open_file(
    db: Session, actor: Actor, extract_id: str, name: str, now: dt.datetime
) -> tuple[Extract, Mapping[str, Any], str]:
    """One media file of an extract: what is stated of it, and its path in the store; the caller logs the look.

    Raises NotFound, Forbidden.
    """
    row, _ = load(db, actor, extract_id, now)
    stated = next((one for one in row.files if one["name"] == name), None)
    supplement = db.get(Supplement, row.supplement_id) if row.supplement_id else None
    if stated is None or supplement is None:
        raise NotFound()
    return row, stated, f"{supplement.path}/files/{name}"


# --- the worker's side -----------------------------------------------------------------------------------------------


def to_make(db: Session, extract_id: str) -> tuple[Extract, dict[str, list[str]]]:
    """What is to be made: participant -> names of journals. Raises NotFound, WrongState when it is not wanted."""
    row = db.get(Extract, extract_id)
    if row is None:
        raise NotFound()
    if row.state is not ExtractState.MAKING:
        raise WrongState(KIND, row.state.value)
    wanted: dict[str, set[str]] = {}
    for name in row.lanes:
        participant, _, kind = name.partition(":")
        wanted.setdefault(participant, set()).update(LANES[kind])
    tracks = db.scalars(
        sa.select(Track).where(
            Track.session_id == row.session_id, Track.participant_id.in_(wanted), Track.state != TrackState.MISSING
        )
    )
    points: dict[str, list[str]] = {}
    for track in tracks:
        if track.source in wanted[track.participant_id]:
            points.setdefault(track.participant_id, []).append(track.file)
    return row, points


def adopted(db: Session, files: FileStore, extract_id: str) -> bool:
    """Whether a worker that died had added the supplement already; then its row is written now."""
    row = db.get_one(Extract, extract_id)
    package = db.scalar(sa.select(Package).where(Package.session_id == row.session_id))
    if package is None:
        return False
    supplements.adopt(db, files, package)
    for one in db.scalars(sa.select(Supplement).where(Supplement.session_id == row.session_id)):
        if one.kind == KIND and one.paper_id is None:
            facts = supplements.facts_of(files, one)
            if facts.get("extract") == extract_id:
                _ready(row, one, facts["files"])
                return True
    return False


def finish(
    db: Session, files: FileStore, extract_id: str, made: Sequence[tuple[PaperFile, Mapping[str, Any]]],
    signer: Signer, now: dt.datetime,
) -> Extract:  # fmt: skip
    """Add the files as a signed supplement. ``made``: each with what is stated of it.

    Raises NotFound, WrongState when it was cancelled or the record disposed of meanwhile, StorageFailed.
    """
    row = db.get(Extract, extract_id, with_for_update=True)
    if row is None:
        raise NotFound()
    if row.state is not ExtractState.MAKING:
        raise WrongState(KIND, row.state.value)
    session = db.get_one(ReceptionSession, row.session_id)
    order = db.get_one(Order, row.order_id)
    listed = [dict(facts) for _, facts in made]
    facts = {
        "extract": row.id, "order": {"id": order.id, "sha256": order.sha256},
        "from_utc_us": round(row.from_utc * 1e6), "to_utc_us": round(row.to_utc * 1e6), "lanes": list(row.lanes),
        "files": listed,
    }  # fmt: skip
    items = [item for item, _ in made]
    supplement = supplements.add(db, SYSTEM, files, session, KIND, items, facts, signer, now)
    supplement.added_by = row.created_by
    _ready(row, supplement, listed)
    row.made_at = now
    detail = {"extract": row.id, "supplement": supplement.number}
    audit.log(db, SYSTEM, "extract.made", "session", row.session_id, now, detail=detail)
    db.flush()
    return row


def _ready(row: Extract, supplement: Supplement, files: list[dict[str, Any]]) -> None:
    row.state, row.supplement_id, row.files, row.error = ExtractState.READY, supplement.id, files, ""
    row.made_at = row.made_at or supplement.added_at


def give_up(db: Session, extract_id: str, state: ExtractState, code: str = "") -> None:
    """It failed for good, or was cancelled. ``code``: stable."""
    row = db.get(Extract, extract_id, with_for_update=True)
    if row is not None and row.state is ExtractState.MAKING:
        row.state, row.error = state, code[:200]
        db.flush()


def cancel(db: Session, actor: Actor, extract_id: str, now: dt.datetime) -> Extract:
    """Ask that it be given up; at once while it waits. Raises NotFound, Forbidden, WrongState once it is there."""
    row, session = load(db, actor, extract_id, now)
    custodians.need(custodians.may_extract(db, actor, session, now))
    if row.state is not ExtractState.MAKING:
        raise WrongState(KIND, row.state.value)
    if jobs.cancel_by_key(db, KIND, row.id, now):
        give_up(db, row.id, ExtractState.CANCELLED)
    audit.log(db, actor, "extract.cancelled", "session", row.session_id, now, detail={"extract": row.id})
    return row
