"""Settings, and rules laid over the built-in profile."""

from __future__ import annotations

import datetime as dt

import pytest
from sqlalchemy.orm import Session

from rooms import settings
from rooms.errors import Forbidden, Invalid
from tests.support.actors import World
from tests.support.factories import NOW


def test_it_works(db: Session, world: World) -> None:
    assert settings.get(db, "ring", {"sound": "bell"}) == {"sound": "bell"}
    settings.put(db, world.adam, "ring", {"sound": "gong"}, NOW)
    assert settings.get(db, "ring") == {"sound": "gong"}
    with pytest.raises(Forbidden):
        settings.put(db, world.bob, "ring", {}, NOW)


def test_a_rule_changes_for_its_period(db: Session, world: World) -> None:
    start = dt.date(2026, 12, 1)
    settings.set_rule(
        db, world.adam, "online_denunciation", True, "Nghị định ví dụ", NOW, valid_from=start,
        valid_to=dt.date(2027, 1, 1),
    )  # fmt: skip
    inside = dt.datetime(2026, 12, 1, tzinfo=dt.UTC)
    assert [settings.rule(db, "online_denunciation", moment) for moment in (NOW, inside, NOW.replace(year=2027))] == [
        False,
        True,
        False,
    ]


def test_the_newest_change_counts(db: Session, world: World) -> None:
    for seconds, value in ((0, 20), (1, 30)):
        settings.set_rule(db, world.adam, "ring_officer_s", value, "Thử", NOW + dt.timedelta(seconds=seconds))
    assert settings.rule(db, "ring_officer_s", NOW + dt.timedelta(minutes=1)) == 30


@pytest.mark.parametrize(
    ("name", "value", "source", "code"),
    [
        ("nonsense", True, "x", "rule.unknown"),
        ("online_denunciation", "yes", "x", "rule.value"),
        ("ring_officer_s", True, "x", "rule.value"),
        ("online_denunciation", True, " ", "rule.source_missing"),
    ],
)
def test_bad_changes_are_refused(db: Session, world: World, name: str, value: object, source: str, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        settings.set_rule(db, world.adam, name, value, source, NOW)
    assert refused.value.code == code


def test_only_administrators_change_rules(db: Session, world: World) -> None:
    with pytest.raises(Forbidden):
        settings.set_rule(db, world.dora, "online_denunciation", True, "x", NOW)
