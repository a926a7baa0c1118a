"""The index is kept in the transaction that changes what it describes: every session that writes is watched.

What a flush has changed is looked at by its columns (WATCHED), so that the many small changes of a running session
(its last event, its epoch) cost nothing here. ``rebuild`` makes the whole index anew.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session, UOWTransaction

from rooms import entries, index
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
        "site_id visit_id training_space_id year number title state chair restricted created_at".split()
    ),
    Participant: frozenset({"name"}),
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
    Petition: lambda db, one, found: found["petition"].add(one.id),
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


def refresh(db: Session, kind: str, ids: Iterable[str]) -> None:
    """Make the entries of these objects what their rows say now; of those that are gone or have none, nothing stays."""
    every = sorted(one for one in ids if one)
    for start in range(0, len(every), BATCH):
        _refresh(db, kind, every[start : start + BATCH])


def _refresh(db: Session, kind: str, ids: Sequence[str]) -> None:
    # The entries are locked before the rows are read: of two writers, the second reads what the first has written.
    held = sa.select(SearchEntry.object_id, SearchEntry.id).where(SearchEntry.object_id.in_(ids))
    old = {row.object_id: row.id for row in db.execute(held.order_by(SearchEntry.id).with_for_update())}
    fresh = {one.object_id: one for one in entries.read(db, kind, ids)}
    gone = [object_id for object_id in old if object_id not in fresh or _moved(old[object_id], fresh[object_id])]
    index.remove(db, list(old.values()))
    if gone:
        db.execute(sa.delete(SearchEntry).where(SearchEntry.object_id.in_(gone)), execution_options=_CORE)
    words = {}
    for object_id, one in fresh.items():
        number = old.get(object_id) if object_id not in gone else None
        if number is None:
            number = _insert(db, one)
        else:
            changed = sa.update(SearchEntry).where(SearchEntry.id == number).values(**_row(one))
            db.execute(changed, execution_options=_CORE)
        words[number] = one.terms
    index.put(db, words)


_CORE = {"synchronize_session": False}


def _moved(number: int, entry: Entry) -> bool:
    """Whether the moment it is sorted by has changed."""
    return not 0 <= number - index.first_id(entry.at) < 4 * index.SLOTS


def _row(entry: Entry) -> dict[str, Any]:
    return {
        "kind": entry.kind, "object_id": entry.object_id, "site_id": entry.site_id, "case_id": entry.case_id,
        "visit_id": entry.visit_id, "restricted": entry.restricted, "matter": entry.matter, "state": entry.state,
        "recorded": entry.recorded, "at": entry.at, "name": entry.name,
    }  # fmt: skip


def _insert(db: Session, entry: Entry) -> int:
    """A row of its own; the next free id when somebody has the first choice."""
    number = index.entry_id(entry.at, entry.object_id)
    dialect: Any = sqlite if index.is_sqlite(db) else postgresql
    while True:
        row = dialect.insert(SearchEntry).values(id=number, **_row(entry))
        row = row.on_conflict_do_nothing(index_elements=["id"]).returning(SearchEntry.id)
        if db.execute(row, execution_options=_CORE).first() is not None:
            return number
        number += 1


# --- all of it -------------------------------------------------------------------------------------------------------


def rebuild(db: Session) -> dict[str, int]:
    """Make the whole index anew in one transaction; how many entries of each kind there are."""
    index.clear(db)
    db.execute(sa.delete(SearchEntry), execution_options=_CORE)
    counts = {}
    for kind, model in KINDS.items():
        last, counts[kind] = "", 0
        while True:
            ids = list(db.scalars(sa.select(model.id).where(model.id > last).order_by(model.id).limit(BATCH)))
            if not ids:
                break
            words = {_insert(db, one): one.terms for one in entries.read(db, kind, ids)}
            index.put(db, words)
            last, counts[kind] = ids[-1], counts[kind] + len(words)
    index.tidy(db)
    return counts


def rebuild_if_missing(db: Session) -> None:
    """After the migration that brought the index, on a hub that already has something to find."""
    if db.scalar(sa.select(SearchEntry.id).limit(1)) is None and db.scalar(sa.select(Visit.id).limit(1)) is not None:
        rebuild(db)
