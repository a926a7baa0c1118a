"""The index is kept in the transaction that changes what it describes: every session that writes is watched.

What a flush has changed is looked at by its columns (WATCHED), so that the many small changes of a running session
(its last event, its epoch) cost nothing here. ``rebuild_step`` makes the whole index anew, a little at a time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session, UOWTransaction

from rooms import entries, guests, index, rows
from rooms.entries import KINDS, Entry
from rooms.models import (
    Case,
    CaseLink,
    Minutes,
    MinutesLine,
    MinutesSection,
    Participant,
    ParticipantPerson,
    Petition,
    ReceptionSession,
    SearchEntry,
    Track,
    Visit,
    VisitPerson,
)
from rooms.rows import is_sqlite, one_of

WATCHED: dict[type[Any], frozenset[str]] = {
    Case: frozenset(
        "site_id training_space_id year number title summary kind field state leader restricted pseudonym opened_at"
        " merged_into_id".split()
    ),
    Visit: frozenset(
        "site_id training_space_id year number state kind field content demand note previous_body outcome_text"
        " outcome_body follow_up restricted pseudonym started_at".split()
    ),
    VisitPerson: frozenset("name address phone identity_number position".split()),
    Petition: frozenset(
        "site_id visit_id training_space_id year number kind field petitioner address content restricted pseudonym"
        " created_at".split()
    ),
    ReceptionSession: frozenset(
        "site_id visit_id training_space_id year number title state chair restricted created_at closed_at".split()
    ),
    Participant: frozenset({"name", "site_id", "user_id"}),
    ParticipantPerson: frozenset({"name", "title"}),
    CaseLink: frozenset({"case_id", "object_id", "pending", "unlinked_at"}),
    Minutes: frozenset({"visit_id", "session_id"}),
    MinutesSection: frozenset({"text"}),
    MinutesLine: frozenset({"text", "speaker", "corrects_id"}),
    Track: frozenset({"session_id"}),
}
"""Columns by which something is found. Everything else may change without a word here."""

_TOUCHED = "search_touched"
BATCH = 500


class WritingSession(Session):
    """A session that keeps the index (rooms.db gives it to whoever writes)."""


@sa.event.listens_for(WritingSession, "after_flush")
def _look(session: Session, flush_context: UOWTransaction) -> None:
    touched: list[Any] = session.info.setdefault(_TOUCHED, [])
    touched += [one for one in (*session.new, *session.deleted) if type(one) in WATCHED]
    touched += [one for one in session.dirty if type(one) in WATCHED and _changed(one, WATCHED[type(one)])]


@sa.event.listens_for(WritingSession, "after_flush_postexec")
def _keep(session: Session, flush_context: UOWTransaction) -> None:
    touched = session.info.pop(_TOUCHED, [])
    if touched:
        found: dict[str, set[str]] = defaultdict(set)
        for one in touched:
            _AFFECTS[type(one)](session, one, found)
        for kind, ids in found.items():
            refresh(session, kind, ids)


def _changed(one: Any, columns: frozenset[str]) -> bool:
    state = sa.inspect(one)
    return any(state.attrs[name].history.has_changes() for name in columns)


# --- what a changed row is about -------------------------------------------------------------------------------------


def _case(db: Session, one: Case, found: dict[str, set[str]]) -> None:
    found["case"].add(one.id)
    _linked_to(db, one.id, found)  # which case they stand under changes with a merge


def _linked_to(db: Session, case_id: str, found: dict[str, set[str]]) -> None:
    """All that belongs to a case, and to cases that were joined to it."""
    seen, todo = {case_id}, {case_id}
    while todo:
        links = sa.select(CaseLink.object_kind, CaseLink.object_id).where(CaseLink.case_id.in_(todo))
        for row in db.execute(links):
            _object(db, row.object_kind, row.object_id, found)
        todo = set(db.scalars(sa.select(Case.id).where(Case.merged_into_id.in_(todo)))) - seen
        seen |= todo


def _object(db: Session, kind: str, object_id: str, found: dict[str, set[str]]) -> None:
    if kind in KINDS:
        found[kind].add(object_id)
    if kind == "visit":  # its sessions follow it into its case
        found["session"] |= set(
            db.scalars(sa.select(ReceptionSession.id).where(ReceptionSession.visit_id == object_id))
        )


def _petition(db: Session, one: Petition, found: dict[str, set[str]]) -> None:
    found["petition"].add(one.id)
    if one.visit_id:  # whoever was in its sessions may read it (rooms.guests)
        found["session"] |= set(
            db.scalars(sa.select(ReceptionSession.id).where(ReceptionSession.visit_id == one.visit_id))
        )


def _of_minutes(db: Session, minutes_id: str, found: dict[str, set[str]]) -> None:
    for row in db.execute(sa.select(Minutes.visit_id, Minutes.session_id).where(Minutes.id == minutes_id)):
        _of_owner(row.visit_id, row.session_id, found)


def _of_owner(visit_id: str | None, session_id: str | None, found: dict[str, set[str]]) -> None:
    found["visit"] |= {visit_id} if visit_id else set()
    found["session"] |= {session_id} if session_id else set()


def _person(db: Session, one: ParticipantPerson, found: dict[str, set[str]]) -> None:
    found["session"] |= set(db.scalars(sa.select(Participant.session_id).where(Participant.id == one.participant_id)))


def _track(db: Session, one: Track, found: dict[str, set[str]]) -> None:
    found["session"].add(one.session_id)
    visit = db.scalar(sa.select(ReceptionSession.visit_id).where(ReceptionSession.id == one.session_id))
    found["visit"] |= {visit} if visit else set()


_AFFECTS: dict[type[Any], Callable[[Session, Any, dict[str, set[str]]], None]] = {
    Case: _case,
    Visit: lambda db, one, found: _object(db, "visit", one.id, found),
    VisitPerson: lambda db, one, found: found["visit"].add(one.visit_id),
    Petition: _petition,
    ReceptionSession: lambda db, one, found: found["session"].add(one.id),
    Participant: lambda db, one, found: found["session"].add(one.session_id),
    ParticipantPerson: _person,
    CaseLink: lambda db, one, found: _object(db, one.object_kind, one.object_id, found),
    Minutes: lambda db, one, found: _of_owner(one.visit_id, one.session_id, found),
    MinutesSection: lambda db, one, found: _of_minutes(db, one.minutes_id, found),
    MinutesLine: lambda db, one, found: _of_minutes(db, one.minutes_id, found),
    Track: _track,
}


# --- writing entries -------------------------------------------------------------------------------------------------


def refresh(db: Session, kind: str, ids: Iterable[str]) -> int:
    """Make the entries of these objects what their rows say now; of those that are gone or have none, nothing stays.

    How many had to be changed: what is right already is only read.
    """
    every = sorted(one for one in ids if one)
    return sum(_refresh(db, kind, every[start : start + BATCH]) for start in range(0, len(every), BATCH))


def _refresh(db: Session, kind: str, ids: Sequence[str]) -> int:
    # The entries are locked before the rows are read: of two writers, the second reads what the first has written.
    held = sa.select(*_ENTRY).where(one_of(db, _ENTRY.object_id, ids)).order_by(_ENTRY.id).with_for_update()
    old = {row.object_id: row for row in rows.read(db, held)}
    fresh = {one.object_id: one for one in entries.read(db, kind, ids)}
    gone = [key for key, row in old.items() if key not in fresh or _moved(row.id, fresh[key])]
    written = index.words_of(db, [row.id for row in old.values()])
    stale, words, changed = [old[key].id for key in gone], dict[int, str](), set(gone)
    if gone:
        db.connection().execute(sa.delete(SearchEntry).where(one_of(db, _ENTRY.object_id, gone)))
    for key, one in fresh.items():
        row = old.get(key) if key not in gone else None
        number = row.id if row is not None else _insert(db, one)
        if row is not None and _differs(row, one):
            changed.add(key)
            db.connection().execute(sa.update(SearchEntry).where(_ENTRY.id == number).values(**_row(one)))
        line = index.line_of(db, number, one.terms)
        if written.get(number) != line:
            changed.add(key)
            words[number] = line
    index.remove(db, [number for number in (*stale, *words) if number in written])
    index.put(db, words)
    if kind == "session":
        changed |= guests.refresh(db, ids)
    return len(changed)


_ENTRY = SearchEntry.__table__.c


def _moved(number: int, entry: Entry) -> bool:
    """Whether the moment it is sorted by has changed."""
    return not 0 <= number - index.first_id(entry.at) < 4 * index.SLOTS


def _row(entry: Entry) -> dict[str, Any]:
    return {
        "kind": entry.kind, "object_id": entry.object_id, "site_id": entry.site_id, "case_id": entry.case_id,
        "visit_id": entry.visit_id, "restricted": entry.restricted, "matter": entry.matter, "state": entry.state,
        "recorded": entry.recorded, "at": entry.at, "name": entry.name,
    }  # fmt: skip


def _differs(row: Any, entry: Entry) -> bool:
    return any(getattr(row, name) != value for name, value in _row(entry).items())


def _insert(db: Session, entry: Entry) -> int:
    """A row of its own; the next free id when somebody has the first choice."""
    number = index.entry_id(entry.at, entry.object_id)
    dialect: Any = sqlite if is_sqlite(db) else postgresql
    while True:
        row = dialect.insert(SearchEntry).values(id=number, **_row(entry))
        row = row.on_conflict_do_nothing(index_elements=["id"]).returning(SearchEntry.id)
        if db.connection().execute(row).first() is not None:
            return number
        number += 1


# --- all of it -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Step:
    """How far a rebuild has come. ``place``: where the next step begins, empty at the end.

    ``kind``: of what this step looked at ``seen`` (case, visit, petition, session; "gone": entries of what is no
    more), ``mended``: how many entries were not as they should be.
    """

    place: str
    kind: str
    seen: int
    mended: int


_SWEEP = 20_000


def rebuild_step(db: Session, place: str = "") -> Step:
    """One short transaction's worth of making the index anew: begin with an empty ``place``, go on until it is empty.

    Every object's entry is made what its rows say now, entries of what is no more go, and at last the index is tidied.
    Others read and write between the steps.
    """
    kind, _, last = (place or f"{next(iter(KINDS))}:").partition(":")
    if kind == "gone":
        return _sweep(db, int(last or index.EVERYTHING.low))
    if kind == "tidy":
        return Step("tidy:on" if index.tidy_a_little(db, begin=not last) else "", "tidy", 0, 0)
    model = KINDS[kind]
    ids = list(db.scalars(sa.select(model.id).where(model.id > last).order_by(model.id).limit(BATCH)))
    following = dict(zip(KINDS, [*list(KINDS)[1:], "gone"], strict=True))
    after = f"{kind}:{ids[-1]}" if len(ids) == BATCH else f"{following[kind]}:"
    return Step(after, kind, len(ids), refresh(db, kind, ids))


def _sweep(db: Session, low: int) -> Step:
    """Entries of objects that are no more, and words of no entry."""
    held = rows.read(
        db, sa.select(_ENTRY.id, _ENTRY.kind, _ENTRY.object_id).where(_ENTRY.id > low).order_by(_ENTRY.id).limit(_SWEEP)
    )
    high = held[-1].id if len(held) == _SWEEP else index.EVERYTHING.high
    mended = 0
    for kind, model in KINDS.items():
        ids = {row.object_id for row in held if row.kind == kind}
        there = set(db.scalars(sa.select(model.id).where(one_of(db, model.id, ids)))) if ids else set()
        mended += refresh(db, kind, ids - there)
    stray = index.numbers_between(db, low + 1, high) - {row.id for row in held}
    index.remove(db, sorted(stray))
    following = f"gone:{high}" if len(held) == _SWEEP else "tidy:"
    return Step(following, "gone", len(held), mended + len(stray))


def rebuild(db: Session) -> dict[str, int]:
    """All steps in this one transaction; how many objects of each kind there are (for few, and for tests)."""
    counts, step = dict.fromkeys(KINDS, 0), Step("", "", 0, 0)
    while True:
        step = rebuild_step(db, step.place)
        if step.kind in counts:
            counts[step.kind] += step.seen
        if not step.place:
            return counts


def is_missing(db: Session) -> bool:
    """Whether there is something to find but no index of it: after the migration that brought the index."""
    return db.scalar(sa.select(SearchEntry.id).limit(1)) is None and db.scalar(sa.select(Visit.id).limit(1)) is not None
