"""Server-side log-in sessions."""

from __future__ import annotations

import datetime as dt

from sqlalchemy.orm import Session

from rooms import logins
from rooms.models import LoginSession
from tests.support.actors import World
from tests.support.factories import NOW

HOUR = dt.timedelta(hours=1)


def test_it_works(db: Session, world: World) -> None:
    logins.write(db, "cookie", b"data", HOUR, NOW, user_id=world.alice.user_id)
    assert logins.read(db, "cookie", NOW) == b"data"
    assert db.get(LoginSession, "cookie") is None  # only the hash is kept
    logins.write(db, "cookie", b"more", HOUR, NOW)
    assert logins.read(db, "cookie", NOW) == b"more"
    logins.remove(db, "cookie")
    assert logins.read(db, "cookie", NOW) == b""


def test_it_ends_by_itself(db: Session) -> None:
    logins.write(db, "cookie", b"data", HOUR, NOW)
    assert logins.read(db, "cookie", NOW + HOUR) == b""
    assert (logins.purge(db, NOW), logins.purge(db, NOW + HOUR)) == (0, 1)


def test_all_but_the_own_one_are_ended(db: Session, world: World) -> None:
    for cookie in ("one", "two", "three"):
        logins.write(db, cookie, b"x", HOUR, NOW, user_id=world.alice.user_id)
    logins.write(db, "bob", b"x", HOUR, NOW, user_id=world.bob.user_id)
    assert logins.remove_all(db, str(world.alice.user_id), but="two") == 2
    assert [logins.read(db, cookie, NOW) for cookie in ("one", "two", "three", "bob")] == [b"", b"x", b"", b"x"]
