"""The hub channel: presence, queue, sessions, rings, help; cut to what each account may see."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from rooms import sessions as rows
from rooms import sites
from rooms.actor import SYSTEM
from rooms.models import ReceptionSession, Site
from rooms.vault import Vault
from rooms.words import DeviceKind, SiteKind
from signaling import messages as m
from signaling.commands import RingNext
from tests.support.actors import World
from tests.support.factories import NOW, registered
from tests.support.signaling_bench import FAST, Bench
from tests.support.sockets import JsonPeer


async def state_where(peer: JsonPeer, fact: Any) -> dict[str, Any]:
    """The next hub_state of which ``fact`` is true."""
    async with asyncio.timeout(20.0):
        while True:
            state = await peer.until("hub_state")
            if fact(state):
                return state


def site(state: dict[str, Any], which: Site) -> dict[str, Any]:
    return next((one for one in state["sites"] if one["site"] == which.id), {})


async def test_it_works(bench: Bench, world: World) -> None:
    """A board sees a site come and go."""
    board = await bench.device(world.oscar.user_id, "board-1")
    first = await board.until("hub_state")
    assert site(first, world.central)["present"]
    assert not site(first, world.district)["present"]
    desk = await bench.device(world.alice.user_id, "desk-1")
    await state_where(board, lambda s: site(s, world.district).get("present"))
    assert bench.channel.presence_of(world.district.id) == "ready"
    await desk.socket.close(1001)
    await state_where(board, lambda s: not site(s, world.district)["present"])


async def test_accounts_see_their_branch_only(bench: Bench, world: World) -> None:
    desk = await bench.device(world.charlie.user_id, "desk-2")
    state = await desk.until("hub_state")
    assert [one["site"] for one in state["sites"]] == [world.other_district.id]


async def test_enrolled_device_is_present_in_its_room_and_sees_no_lists(bench: Bench, world: World) -> None:
    with bench.database.write() as db:
        room = sites.add_room(db, SYSTEM, world.district.id, "Phòng 1", NOW)
        device, _ = sites.enroll_device(db, SYSTEM, room.id, DeviceKind.ROOM_KIT, "Bộ phòng", NOW)
    kit = await bench.device(None, device.id)
    state = await kit.until("hub_state")
    assert (state["sites"], state["queue"], state["sessions"]) == ([], [], [])
    board = await bench.device(world.oscar.user_id, "board-1")
    state = await state_where(board, lambda s: site(s, world.district)["present"])
    assert site(state, world.district)["rooms"] == [room.id]


async def test_bad_token_and_second_socket(bench: Bench, world: World) -> None:
    desk = await bench.device(world.alice.user_id, "desk-1")
    await desk.until("hub_state")
    again = await bench.device(world.alice.user_id, "desk-1")
    assert await desk.until_closed() == m.CLOSE_REPLACED
    await again.tell("present", version=1, token="x", device="desk-1")
    assert (await again.until("error"))["code"] == "message.unknown"
    stranger = await bench.device(None, "x")
    assert await stranger.until_closed() == m.CLOSE_PROTOCOL


async def test_waiting_visit_is_queued_and_called_when_its_session_opens(
    bench: Bench, world: World, vault: Vault
) -> None:
    with bench.database.write() as db:
        visit = registered(db, world.alice, world.district, vault)
    desk = await bench.device(world.alice.user_id, "desk-1")
    board = await bench.device(world.bob.user_id, "board-1")
    assert (await desk.ask("wait", visit=visit.id))["type"] == "done"
    state = await state_where(board, lambda s: s["queue"])
    assert (state["queue"][0]["visit"], state["queue"][0]["place"]) == (visit.id, 1)
    assert world.bob.user_id is not None
    session = await bench.sessions.open_visit(visit.id, world.bob.user_id)
    called = await desk.until("called")
    assert (called["session"], called["url"]) == (session, f"/room/{session}")
    state = await state_where(board, lambda s: s["sessions"])
    assert (state["sessions"][0]["session"], state["queue"]) == (session, [])


async def test_foreign_visit_cannot_be_queued(bench: Bench, world: World, vault: Vault) -> None:
    with bench.database.write() as db:
        visit = registered(db, world.alice, world.district, vault)
    desk = await bench.device(world.charlie.user_id, "desk-2")
    assert (await desk.ask("wait", visit=visit.id))["code"] == "visit.unknown"


@pytest.fixture
def session(bench: Bench, world: World) -> str:
    """A plain session of the central office, where a ring goes on until a test lets it."""
    bench.sessions._options = replace(FAST, ring_s=600.0)
    with bench.database.write() as db:
        row: ReceptionSession = rows.open_plain(db, SYSTEM, "Phiên giao ban", NOW)
        return row.id


async def test_ring_is_heard_at_the_site_and_brings_it_in(bench: Bench, world: World, session: str) -> None:
    assert world.oscar.user_id is not None
    await bench.relay()
    desk = await bench.device(world.alice.user_id, "desk-1")
    other = await bench.device(world.charlie.user_id, "desk-2")
    await bench.sessions.ring(session, world.district.id, world.oscar.user_id)
    state = await state_where(desk, lambda s: s["ring"])
    ring = state["ring"]["ring"]
    assert bench.channel.presence_of(world.district.id) == "ringing"
    assert (await other.ask("ring_answer", ring=ring, accept=True))["code"] == "ring.unknown"
    assert (await desk.ask("ring_answer", ring=ring, accept=True))["type"] == "done"
    assert (await desk.until("called"))["session"] == session
    host = await bench.sessions.host(session)
    guest = next(p for p in host.state.participants if p.site == world.district.id)
    assert (guest.admitted, guest.role) == (True, "guest")
    await bench.page(session, guest.participant)


async def test_duty_officer_is_rung_first_then_all_then_the_number_is_shown(
    bench: Bench, world: World, session: str
) -> None:
    assert world.oscar.user_id is not None
    with bench.database.write() as db:
        sites.set_duty(
            db, SYSTEM, world.district.id, 0, "Lê Văn Trực", "0204000000", NOW.date(), None, NOW,
            user_id=world.alice.user_id,
        )  # fmt: skip
    alice = await bench.device(world.alice.user_id, "desk-1")
    clara = await bench.device(world.clara.user_id, "desk-3")
    board = await bench.device(world.oscar.user_id, "board-1")
    host = await bench.sessions.host(session)
    await bench.sessions.ring(session, world.district.id, world.oscar.user_id)
    first = await state_where(alice, lambda s: s["ring"])
    assert first["ring"]["stage"] == "duty"
    await host.feed(RingNext(first["ring"]["ring"]))
    heard = await state_where(clara, lambda s: s["ring"])
    assert heard["ring"]["stage"] == "substitute"
    host.options = replace(host.options, ring_s=0.0)  # from here on time does it

    def stages_of(state: dict[str, Any]) -> list[str]:
        return [ring["stage"] for each in state["sessions"] for ring in each["rings"]]

    asked = await state_where(board, lambda s: stages_of(s) == ["phone"])
    assert asked["sessions"][0]["rings"][0]["phone"] == "0204000000"
    await state_where(alice, lambda s: s["ring"] is None)


async def test_ring_of_an_unseen_site_is_refused(bench: Bench, world: World) -> None:
    hidden = Site(id="x" * 24, code="X", name="X", kind=SiteKind.AGENCY)
    session, ids = bench.open_plain()
    op = await bench.page(session, ids["op"], user=world.bob.user_id)
    assert (await op.ask("ring", site=hidden.id))["code"] == "site.unknown"
    assert (await op.ask("ring", site=world.district.id))["type"] == "done"


async def test_help_reaches_the_boards_above(bench: Bench, world: World) -> None:
    desk = await bench.device(world.alice.user_id, "desk-1")
    board = await bench.device(world.bob.user_id, "board-1")
    stranger = await bench.device(world.charlie.user_id, "desk-2")
    assert (await desk.ask("help", kind="medical", text="Có người ngất"))["type"] == "done"
    state = await state_where(board, lambda s: s["alerts"])
    assert (state["alerts"][0]["kind"], state["alerts"][0]["site"]) == ("medical", world.district.id)
    assert (await stranger.until("hub_state"))["alerts"] == []
    assert (await desk.ask("help", kind="technical", text="x" * 501))["code"] == "text.too_long"
    assert bench.channel.alerts_now()[0]["text"] == "Có người ngất"
