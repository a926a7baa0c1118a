"""Device tests are kept per device and day; the last one counts."""

import datetime as dt

import pytest
from sqlalchemy.orm import Session

from rooms import checks
from rooms.errors import Invalid
from rooms.localtime import local_date
from tests.support.actors import World
from tests.support.factories import NOW


def test_the_last_check_of_the_day_counts(db: Session, world: World) -> None:
    checks.save_check(db, world.alice, "d1", "black", "ok", "ok", NOW, site_id=world.district.id)
    checks.save_check(db, world.alice, "d1", "ok", "ok", "skipped", NOW + dt.timedelta(minutes=1))
    last = checks.check_of(db, "d1", local_date(NOW))
    assert last is not None and last.camera == "ok" and last.passed
    assert checks.check_of(db, "d2", local_date(NOW)) is None
    assert checks.check_of(db, "d1", local_date(NOW) + dt.timedelta(days=1)) is None


@pytest.mark.parametrize("camera", ["black", "frozen", "none"])
def test_a_picture_that_is_no_picture_fails(db: Session, world: World, camera: str) -> None:
    assert not checks.save_check(db, world.alice, "d1", camera, "ok", "ok", NOW).passed


def test_an_unknown_result_is_refused(db: Session, world: World) -> None:
    with pytest.raises(Invalid):
        checks.save_check(db, world.alice, "d1", "fine", "ok", "ok", NOW)
