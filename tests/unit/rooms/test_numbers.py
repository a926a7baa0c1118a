"""Numbers in the books."""

from __future__ import annotations

import datetime as dt
import threading

from sqlalchemy.orm import Session

from rooms.db import Database
from rooms.models import ReceptionSession
from rooms.numbers import next_number, session_number
from tests.support.actors import World, build_world


def test_it_works(db: Session, world: World) -> None:
    site = world.district.id
    numbers = [next_number(db, site, book, year) for book, year in (("visit", 2026),) * 3]
    others = [next_number(db, site, "visit", 2027), next_number(db, site, "case", 2026)]
    assert (numbers, others) == ([1, 2, 3], [1, 1])


def test_many_desks_at_once_get_each_number_once(database: Database) -> None:
    """Also for the first number of a book, when two of them make its row."""
    with database.write() as db:
        site = build_world(db).district.id
    found: list[int] = []

    def take() -> None:
        for _ in range(3):
            with database.write() as db:
                found.append(next_number(db, site, "visit", 2026))

    threads = [threading.Thread(target=take) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == list(range(1, 19))


def test_a_session_is_numbered_by_its_local_month() -> None:
    late = dt.datetime(2026, 11, 30, 18, 30, tzinfo=dt.UTC)  # 01:30 on the first of December where it takes place
    session = ReceptionSession(id="abcdefghij", year=2026, number=142, created_at=late)
    assert session_number(session) == "2612-0142"
    session.number = None
    assert session_number(session) == "abcdef"
