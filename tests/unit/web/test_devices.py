"""A device's id belongs to the browser that holds its cookie."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from sqlalchemy import select

from rooms import sites
from rooms.actor import SYSTEM
from rooms.errors import StorageFailed
from rooms.ids import new_id
from rooms.models import Device, Room
from tests.support.pages import Browser, Pages, pages_at
from web.devices import signed, signed_device


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    with pages_at(tmp_path_factory.mktemp("hub")) as made:
        yield made


def device_of(browser: Browser) -> str:
    """The id under which the hub knows this browser."""
    answer = browser.post("/presence/ticket", accept="application/json")
    if answer.status_code == 404:
        pytest.fail("the ticket's address has changed")
    found: str = json.loads(answer.text)["device"]
    return found


def cookie_of(browser: Browser) -> str:
    return str(browser.client.cookies["device"])


def enrol(pages: Pages, browser: Browser) -> str:
    """Enrol a browser of the centre's administrator; the device's id."""
    with pages.hub.database.read() as db:
        room = db.scalars(select(Room).where(Room.site_id == pages.sites["Trung ương"])).first()
        assert room is not None
    answer = browser.post("/admin/devices", room=room.id, device_kind="desk", device_name="Máy quầy 1")
    assert answer.status_code == 303, answer.text
    return device_of(browser)


def test_a_browser_keeps_its_id(pages: Pages) -> None:
    alice = pages.browser("alice")
    first = device_of(alice)
    held = cookie_of(alice)
    assert held.startswith(f"{first}.")
    assert device_of(alice) == first and cookie_of(alice) == held


@pytest.mark.parametrize("forge", ["bare", "made up", "cut", "another's"])
def test_an_id_without_its_signature_is_not_taken(pages: Pages, forge: str) -> None:
    alice, stranger = pages.browser("alice"), pages.browser("charlie")
    device = device_of(alice)
    held = cookie_of(alice)
    other = device_of(stranger)
    forged = {
        "bare": device,
        "made up": f"{device}.{'A' * 43}",
        "cut": held[:-1],
        "another's": f"{device}.{cookie_of(stranger).partition('.')[2]}",
    }[forge]
    stranger.client.cookies.delete("device")
    stranger.client.cookies.set("device", forged)
    assert device_of(stranger) not in (device, other)


def test_an_enrolled_device_is_its_secret(pages: Pages) -> None:
    adam = pages.browser("adam")
    device = enrol(pages, adam)
    held = cookie_of(adam)
    assert held.startswith("e.") and device not in held
    with pages.hub.database.read() as db:
        row = db.get_one(Device, device)
        assert row.secret_hash not in held and held[2:] not in row.secret_hash
    for forged in (device, f"e.{device}", signed(device, "a guess"), "e."):
        stranger = pages.browser("charlie")
        stranger.client.cookies.delete("device")
        stranger.client.cookies.set("device", forged)
        assert device_of(stranger) != device


def test_enrolling_a_browser_without_a_cookie_sets_one(pages: Pages) -> None:
    adam = pages.browser("adam")
    adam.client.cookies.delete("device")
    device = enrol(pages, adam)
    with pages.hub.database.read() as db:
        assert db.get(Device, device) is not None


def test_a_retired_device_is_a_stranger_again(pages: Pages) -> None:
    adam = pages.browser("adam")
    device = enrol(pages, adam)
    with pages.hub.database.write() as db:
        sites.retire_device(db, SYSTEM, device, pages.hub.now())
    assert device_of(adam) != device
    assert re.fullmatch(r"[a-z2-7]{24}\..{43}", cookie_of(adam))


def test_an_enrolment_outlives_a_database_that_is_away(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    adam = pages.browser("adam")
    device = enrol(pages, adam)
    held = cookie_of(adam)

    def away(*_: object) -> None:
        raise StorageFailed("database.unavailable")

    with monkeypatch.context() as patch:
        patch.setattr(sites, "device_by_secret", away)
        adam.get("/public")
    assert cookie_of(adam) == held and device_of(adam) == device


def test_values_of_another_hub_or_of_nobody() -> None:
    device = new_id()
    assert signed_device(signed(device, "one"), "one") == device
    assert signed_device(signed(device, "one"), "two") == ""
    for value in ("", ".", device, f"{device}.", "đ" * 24 + ".x", "A" * 200, signed(device, "one") + "x"):
        assert signed_device(value, "one") == ""
