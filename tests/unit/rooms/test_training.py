"""Training spaces: apart from the books, and gone after seven days."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from rooms import cases, minutes, papers, petitions, recordings, sessions, signing, sittings, tickets, training, visits
from rooms.errors import NotFound
from rooms.files import FileStore
from rooms.models import AuditEntry, Base, Counter
from rooms.vault import Vault
from rooms.words import PetitionKind, SessionState, TicketKind
from tests.support.actors import World
from tests.support.factories import NOW, PDF, form, stream

OVER = NOW + training.LIFE


def rows(db: Session) -> dict[str, int]:
    """How many rows each table has, but for the log, which stays."""
    return {
        table.name: db.scalar(sa.select(sa.func.count()).select_from(table)) or 0
        for table in Base.metadata.sorted_tables
        if table.name != AuditEntry.__tablename__
    }


def rehearse(db: Session, world: World, vault: Vault, files: FileStore, folder: Path) -> str:
    """A whole reception in a training space, from the sitting to the package; gives the space."""
    sitting = sittings.open_sitting(db, world.oscar, world.central.id, NOW, training=True)
    sittings.invite_site(db, world.oscar, sitting.id, world.other_district.id, NOW)
    sittings.add_attendee(db, world.oscar, sitting.id, "Người thử", NOW)
    operator = world.oscar
    visit = visits.start(db, operator, world.central.id, NOW, sitting_id=sitting.id)
    visits.register(db, operator, visit.id, form(), vault, NOW)
    case = cases.open_case(db, operator, world.central.id, "Thử", NOW, visit_id=visit.id)
    petition = petitions.add(
        db, operator, world.central.id, PetitionKind.DENUNCIATION, "Đơn thử", vault, NOW, petitioner="Người thử",
        visit_id=visit.id,
    )  # fmt: skip
    assert (visit.number, case.number, petition.number) == (None, None, None)
    papers.attach(db, operator, files, "visit", visit.id, "Tờ thử", stream(PDF), NOW)
    session = sessions.open_for_visit(db, operator, visit.id, NOW)
    assert session.number is None
    point = session.participants[0]
    sessions.set_people(db, session.id, point.id, [{"name": "Người thử"}], NOW)
    tickets.issue(db, TicketKind.PAGE, NOW, dt.timedelta(minutes=1), session_id=session.id, participant_id=point.id)
    sessions.append_events(db, session.id, 0, [sessions.NewEvent(kind="session.opened", utc=NOW.timestamp())])
    book = minutes.prefill(db, operator, NOW, session_id=session.id)
    line = minutes.add_line(db, operator, book.id, "Một", NOW)
    minutes.correct_line(db, operator, book.id, line.id, "Hai", NOW)
    minutes.freeze(db, operator, book.id, NOW)
    minutes.sign(db, operator, book.id, "citizen", "paper", NOW)
    sessions.set_state(db, session.id, 0, SessionState.CLOSED, NOW)
    recordings.lock(db, files, session.id, signing.create(folder), NOW)
    return str(visit.training_space_id)


def test_it_works(db: Session, world: World, vault: Vault, files: FileStore, tmp_path: Path) -> None:
    """After seven days nothing of it is left, neither rows nor files nor counters."""
    before = rows(db)
    space = rehearse(db, world, vault, files, tmp_path / "keys")
    assert db.scalar(sa.select(Counter.last)) is None
    assert training.expired(db, OVER) == [space]
    assert len(training.purge(db, files, space, OVER)) == 1
    assert rows(db) == before
    assert [path for path in files.root.rglob("*") if path.is_file()] == []


def test_it_is_not_gone_before_its_time(
    db: Session, world: World, vault: Vault, files: FileStore, tmp_path: Path
) -> None:
    space = rehearse(db, world, vault, files, tmp_path / "keys")
    with pytest.raises(NotFound):
        training.purge(db, files, space, OVER - dt.timedelta(seconds=1))


def test_real_receptions_stay(db: Session, world: World, vault: Vault, files: FileStore, tmp_path: Path) -> None:
    visit = visits.start(db, world.alice, world.district.id, NOW)
    visits.register(db, world.alice, visit.id, form(), vault, NOW)
    before = rows(db)
    training.purge(db, files, rehearse(db, world, vault, files, tmp_path / "keys"), OVER)
    assert rows(db) == before
