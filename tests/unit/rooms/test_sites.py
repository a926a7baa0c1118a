"""Sites, rooms, devices, duty, presets."""

from __future__ import annotations

import datetime as dt

import pytest
from sqlalchemy.orm import Session

from rooms import sites
from rooms.actor import SYSTEM
from rooms.errors import Forbidden, Invalid, NotFound
from rooms.localtime import local_date
from rooms.words import DeviceKind, SiteKind
from tests.support.actors import World
from tests.support.factories import NOW

TODAY = local_date(NOW)


def test_the_preset_has_central_province_and_ten_districts(db: Session) -> None:
    assert sites.load_preset(db, "Bắc Giang 2024", NOW) == 12
    rows = sites.list_tree(db, SYSTEM, TODAY)
    assert [row.depth for row in rows] == [0, 1] + [2] * 10
    codes = [row.site.code for row in rows]
    assert codes == ["TW", "24", "213", "215", "216", "217", "218", "219", "220", "221", "222", "223"]
    for row in rows:
        assert sites.rooms_of(db, row.site.id)
        duty = sites.duty_of(db, row.site.id, TODAY)
        assert [entry.rank for entry in duty] == [0, 1]
        assert all(entry.phone for entry in duty)


def test_loading_a_preset_twice_is_harmless(db: Session) -> None:
    sites.load_preset(db, "Bắc Giang 2024", NOW)
    assert sites.load_preset(db, "bac giang 2024", NOW) == 0
    assert len(sites.list_tree(db, SYSTEM, TODAY)) == 12


def test_an_unknown_preset_is_refused(db: Session) -> None:
    with pytest.raises(Invalid) as refused:
        sites.load_preset(db, "../secrets", NOW)
    assert refused.value.code == "preset.unknown"
    with pytest.raises(Invalid):
        sites.import_sites(db, {"sites": [{"kind": "castle"}]}, NOW)


def test_a_stranger_to_the_tree_sees_nothing(db: Session, world: World) -> None:
    assert len(sites.list_tree(db, world.charlie, TODAY)) == 5
    assert sites.list_tree(db, world.charlie, dt.date(2014, 6, 30)) == []


def test_sites_are_added_by_administrators_above(db: Session, world: World) -> None:
    with pytest.raises(Forbidden):
        sites.add_site(db, world.bob, "X", "X", SiteKind.COMMUNE, world.district.id, TODAY, NOW)
    with pytest.raises(NotFound):
        sites.add_site(db, world.adam, "X", "X", SiteKind.CENTRAL, None, TODAY, NOW)
    site = sites.add_site(db, world.adam, "X", "Điểm cầu X", SiteKind.COMMUNE, world.district.id, TODAY, NOW)
    assert site.id in {row.site.id for row in sites.list_tree(db, world.alice, TODAY)}


def test_a_site_moves_and_ends_on_its_day(db: Session, world: World) -> None:
    on = dt.date(2027, 1, 1)
    sites.move_site(db, world.adam, world.district.id, world.other_province.id, on, NOW)
    parents = {
        day: next(row.parent_id for row in sites.list_tree(db, SYSTEM, day) if row.site.id == world.district.id)
        for day in (TODAY, on)
    }
    assert parents == {TODAY: world.province.id, on: world.other_province.id}
    with pytest.raises(Invalid):
        sites.move_site(db, world.adam, world.other_province.id, world.district.id, on, NOW)
    sites.end_site(db, world.adam, world.district.id, dt.date(2028, 1, 1), [world.other_district.id], NOW)
    assert world.district.id not in {row.site.id for row in sites.list_tree(db, SYSTEM, dt.date(2028, 1, 1))}
    with pytest.raises(Invalid):
        sites.end_site(db, world.adam, world.district.id, dt.date(2029, 1, 1), [], NOW)


def test_devices_are_known_by_their_cookie_until_retired(db: Session, world: World) -> None:
    room = sites.add_room(db, world.adam, world.district.id, "Phòng 1", NOW)
    device, secret = sites.enroll_device(db, world.alice, room.id, DeviceKind.DESK, "Máy 1", NOW)
    assert sites.device_by_secret(db, secret, NOW) is device
    assert secret not in (device.secret_hash, device.id)
    assert sites.site_of_device(db, device.id) == world.district.id
    assert sites.device_by_secret(db, "x" * 43, NOW) is None
    sites.retire_device(db, world.adam, device.id, NOW)
    assert sites.device_by_secret(db, secret, NOW) is None
    assert sites.site_of_device(db, device.id) is None


def test_only_people_of_the_place_enrol_devices(db: Session, world: World) -> None:
    room = sites.add_room(db, world.adam, world.district.id, "Phòng 1", NOW)
    with pytest.raises(Forbidden):
        sites.enroll_device(db, world.charlie, room.id, DeviceKind.DESK, "Máy", NOW)
    with pytest.raises(NotFound):
        sites.enroll_device(db, world.alice, "a" * 24, DeviceKind.DESK, "Máy", NOW)


def test_duty_of_the_day_comes_before_the_standing_one(db: Session, world: World) -> None:
    def add(name: str, rank: int, start: dt.date, end: dt.date | None = None) -> None:
        sites.set_duty(db, world.adam, world.district.id, rank, name, "0900 000 999", start, end, NOW)

    add("standing", 0, dt.date(2026, 1, 1))
    add("substitute", 1, dt.date(2026, 1, 1))
    add("today", 0, TODAY, TODAY)
    add("yesterday", 0, TODAY - dt.timedelta(days=1), TODAY - dt.timedelta(days=1))
    assert [row.name for row in sites.duty_of(db, world.district.id, TODAY)] == ["today", "standing", "substitute"]
    with pytest.raises(Invalid):
        add("backwards", 0, TODAY, TODAY - dt.timedelta(days=1))
