"""Requests that reach into the files: minutes, denunciation, the sitting's next visit."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import Any

import pytest

from media import messages as r
from rooms import minutes, numbers, seats, sittings
from rooms import sessions as rows
from rooms.actor import SYSTEM
from rooms.errors import Forbidden, NotFound, StorageFailed
from rooms.models import DutyEntry, ReceptionSession, Visit
from rooms.vault import Vault
from rooms.words import Role
from tests.support.actors import World
from tests.support.factories import add_actor, registered
from tests.support.signaling_bench import Bench
from tests.support.sockets import JsonPeer


async def reception(bench: Bench, world: World, vault: Vault) -> tuple[str, str, dict[str, str], JsonPeer, JsonPeer]:
    """A session of a visit at the district, operated from the province: session, visit, ids, pages of both."""
    with bench.database.write() as db:
        visit = registered(db, world.alice, world.district, vault)
    assert world.bob.user_id is not None
    session = await bench.sessions.open_visit(visit.id, world.bob.user_id)
    host = await bench.sessions.host(session)
    ids = {p.site: p.participant for p in host.state.participants}
    op = await bench.page(session, ids[world.province.id], user=world.bob.user_id, device="dev-op")
    point = await bench.page(session, ids[world.district.id], user=world.alice.user_id, device="dev-point")
    return session, visit.id, ids, op, point


def text_of(state: dict[str, Any]) -> str:
    return str(state["minutes"])


@pytest.mark.parametrize("local", [False, True])
async def test_the_relay_learns_which_clients_are_on_this_machine(bench: Bench, local: bool) -> None:
    relay = await bench.relay()
    session, ids = bench.open_plain()
    op = await bench.page(session, ids["op"], local=local)
    assert (await op.ask("publish", sdp="v=0", sources={}))["type"] == "answer"
    assert (await op.ask("subscribe"))["type"] == "done"
    asked = [one for one in relay.got if isinstance(one, (r.PublishOffer, r.SubscribeStart))]
    assert [one.local for one in asked] == [local, local]


async def test_minutes_are_written_by_one_and_seen_by_both(bench: Bench, world: World, vault: Vault) -> None:
    session, _visit, _ids, op, point = await reception(bench, world, vault)
    assert (await op.ask("minutes_line", text="Mở đầu"))["code"] == "minutes.not_writer"
    assert (await op.ask("minutes_take"))["type"] == "done"
    line = await op.ask("minutes_line", text="Công dân trình bày", speaker="Công dân", at_s=2.0)
    assert line["type"] == "done"
    seen = await point.until("minutes_state")
    while "Công dân trình bày" not in text_of(seen):
        seen = await point.until("minutes_state")
    fixed = await op.ask("minutes_line", text="Công dân trình bày rõ", line=line["body"]["id"])
    assert fixed["type"] == "done"
    assert (await point.ask("minutes_take"))["type"] == "done"
    assert (await op.ask("minutes_line", text="x"))["code"] == "minutes.not_writer"
    assert (await point.ask("bookmark", text="cam kết"))["type"] == "done"
    with bench.database.read() as db:
        row = minutes.prefill(db, SYSTEM, bench.now(), session_id=session)
        view = minutes.view(db, row.id)
    assert "Công dân trình bày rõ" in str(view)
    kinds = bench.kinds(session)
    assert (kinds.count("minutes.line"), kinds.count("bookmark.added"), kinds.count("minutes.taken")) == (2, 1, 2)


async def test_section_with_a_stale_base_is_refused_and_kept(bench: Bench, world: World, vault: Vault) -> None:
    _session, _visit, _ids, op, _point = await reception(bench, world, vault)
    await op.ask("minutes_take")
    section = next(g for g in op.got if g["type"] == "welcome")["minutes"]["sections"][0]
    key, version = section["key"], section["version"]
    assert (await op.ask("minutes_section", section=key, text="một", base=version))["type"] == "done"
    assert (await op.ask("minutes_section", section=key, text="hai", base=version))["code"] == "minutes.changed"


async def test_frozen_minutes_take_nothing_more(bench: Bench, world: World, vault: Vault) -> None:
    session, _visit, _ids, op, _point = await reception(bench, world, vault)
    await op.ask("minutes_take")
    await op.ask("minutes_line", text="Kết luận")
    assert (await op.ask("minutes_freeze"))["type"] == "done"
    assert (await op.ask("minutes_take"))["code"] == "minutes.frozen"
    assert bench.kinds(session)[-1] == "minutes.frozen"


async def test_refused_line_leaves_no_event(bench: Bench, world: World, vault: Vault) -> None:
    session, _visit, _ids, op, _point = await reception(bench, world, vault)
    await op.ask("minutes_take")
    before = bench.kinds(session)
    assert (await op.ask("minutes_line", text="  "))["code"] == "minutes.text_missing"
    assert bench.kinds(session) == before


async def test_denunciation_seals_the_visit_after_the_media_is_cut(bench: Bench, world: World, vault: Vault) -> None:
    bench.sessions._vault = vault
    relay = await bench.relay()
    session, visit, ids, op, _point = await reception(bench, world, vault)
    assert (await op.ask("to_denunciation", participant=ids[world.district.id]))["type"] == "done"
    await relay.wants(session, lambda d: [one.participant for one in d.members] == [ids[world.province.id]])
    async with asyncio.timeout(5.0):
        while True:
            with bench.database.read() as db:
                row, held = db.get_one(Visit, visit), db.get_one(ReceptionSession, session)
                if row.restricted:
                    break
            await asyncio.sleep(0.02)
    assert held.restricted


async def test_a_denunciation_of_an_app_that_died_is_finished_by_the_next(
    bench: Bench, world: World, vault: Vault
) -> None:
    """The cut took effect while the database was away; who seals the visit is whoever owns the session then."""
    relay = await bench.relay()
    session, visit, ids, op, _point = await reception(bench, world, vault)
    bench.database.away = True
    assert (await op.ask("to_denunciation", participant=ids[world.district.id]))["type"] == "done"
    await bench.stop()
    bench.database.away = False
    await bench.restart()
    bench.sessions._vault = vault
    await relay.dial()
    async with asyncio.timeout(10.0):
        while True:
            with bench.database.read() as db:
                if db.get_one(Visit, visit).restricted and db.get_one(ReceptionSession, session).restricted:
                    break
            await asyncio.sleep(0.02)
    assert bench.kinds(session).count("restricted.denunciation") == 1


async def test_next_visit_moves_the_pages_and_keeps_the_legs(bench: Bench, world: World, vault: Vault) -> None:
    relay = await bench.relay()
    session, _visit, _ids, op, point = await reception(bench, world, vault)
    await relay.wants(session, lambda d: len(d.members) == 2)
    with bench.database.write() as db:
        second = registered(db, world.alice, world.district, vault)
    moved = await op.ask("next_visit", visit=second.id)
    assert moved["type"] == "done"
    new = moved["body"]["session"]
    assert any(g["type"] == "moved" and g["session"] == new for g in op.got)
    welcome = next(g for g in reversed(op.got) if g["type"] == "welcome")
    assert welcome["session"]["session"] == new
    await relay.wants(session, lambda d: d.state == "closed")
    wanted = await relay.wants(new, lambda d: any(one.peer == "dev-op" for one in d.members))
    assert all(one.peer != "dev-point" for one in wanted.members), "the next citizen is admitted, not assumed"
    assert (await point.until("moved"))["session"] == new
    assert (await op.ask("read_notice"))["type"] == "done"
    assert bench.kinds(new)[-1] == "notice.read"
    assert not any(g["type"] == "relay_lost" for g in op.got)


async def test_an_offer_made_at_the_end_of_a_visit_is_answered_all_the_same(
    bench: Bench, world: World, vault: Vault
) -> None:
    relay = await bench.relay()
    session, _visit, _ids, op, point = await reception(bench, world, vault)
    assert (await op.ask("close"))["type"] == "done"
    await relay.wants(session, lambda d: d.state == "closed")
    await point.tell("subscribe_answer", offer=7, sdp="v=0")
    answer = r.SubscribeAnswer(peer="dev-point", offer=7, sdp="v=0")
    await relay.until(lambda: answer in relay.got)
    assert not any(got["type"] == "error" for got in point.got)


async def test_next_visit_opens_and_closes_together_or_not_at_all(bench: Bench, world: World, vault: Vault) -> None:
    await bench.relay()
    session, _visit, _ids, op, _point = await reception(bench, world, vault)
    with bench.database.write() as db:
        second = registered(db, world.alice, world.district, vault)

    def of_second() -> list[str]:
        with bench.database.read() as db:
            return [row.id for row in rows.live(db) if row.visit_id == second.id]

    bench.database.away = True
    assert (await op.ask("next_visit", visit=second.id))["code"] == "db.away"
    bench.database.away = False
    assert of_second() == [] and bench.host(session).state.state == "open"

    def breaks(*args: Any, **kwargs: Any) -> Any:
        raise StorageFailed("database.unavailable")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "append_events", breaks)  # the session is made, then the event cannot be written
        assert (await op.ask("next_visit", visit=second.id))["code"] == "db.away"
    assert of_second() == [] and bench.host(session).state.state == "open"
    moved = await op.ask("next_visit", visit=second.id)
    assert of_second() == [moved["body"]["session"]] and "session.closed" in bench.kinds(session)


async def test_next_visit_moves_the_pages_when_the_database_is_back(
    bench: Bench, world: World, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bench.relay()
    _session, _visit, _ids, op, _point = await reception(bench, world, vault)
    with bench.database.write() as db:
        second = registered(db, world.alice, world.district, vault)
    take = bench.store.take

    def goes_away(session: str, epoch: int) -> Any:
        monkeypatch.setattr(bench.store, "take", take)
        raise StorageFailed("database.unavailable")

    monkeypatch.setattr(bench.store, "take", goes_away)
    moved = await op.ask("next_visit", visit=second.id)
    assert (await op.until("moved"))["session"] == moved["body"]["session"]
    await op.until("welcome")
    assert (await op.ask("read_notice"))["type"] == "done"


async def test_the_operator_sees_who_is_asked(bench: Bench, world: World, vault: Vault) -> None:
    await bench.relay()
    _session, _visit, _ids, op, point = await reception(bench, world, vault)
    site = world.other_district.id
    with bench.database.write() as db:
        for rank, name in enumerate(("Hoàng Minh Thảo", "Nguyễn Văn Bốn")):
            since = bench.now().date() - dt.timedelta(days=3)
            db.add(DutyEntry(site_id=site, rank=rank, name=name, phone=f"02043 88{rank}", starts_on=since))
    await op.ask("ring", site=site)
    stages = []
    for stage in ("duty", "substitute", "phone"):
        state = await op.state_where(lambda s, stage=stage: [one["stage"] for one in s["rings"]] == [stage])
        [ring] = state["session"]["rings"]
        stages.append((ring["who"], ring["phone"]))
        assert ring["name"] == world.other_district.name
    assert stages == [("Hoàng Minh Thảo", ""), ("Nguyễn Văn Bốn", ""), ("Hoàng Minh Thảo", "02043 880")]
    assert not any(got["session"]["rings"] for got in point.got if got["type"] == "state")


async def test_the_number_in_the_room_is_the_one_of_the_pages(bench: Bench, world: World, vault: Vault) -> None:
    session, _visit, _ids, op, _point = await reception(bench, world, vault)
    shown = next(got for got in op.got if got["type"] == "welcome")["session"]["number"]
    with bench.database.read() as db:
        row = db.get_one(ReceptionSession, session)
        assert shown == numbers.session_number(row) == f"{bench.now():%y%m}-0001"


async def test_a_point_that_only_sends_neither_sees_nor_hears_the_next_citizen(
    bench: Bench, world: World, vault: Vault
) -> None:
    """Two districts send citizens to one sitting; the first one's page does not follow into the other's visit."""
    relay = await bench.relay()
    with bench.database.write() as db:
        sitting = sittings.open_sitting(db, world.oscar, world.central.id, bench.now())
        sittings.invite_site(db, world.oscar, sitting.id, world.province.id, bench.now(), attends=True)
        for site in (world.district, world.other_district):
            sittings.invite_site(db, world.oscar, sitting.id, site.id, bench.now())
        first = registered(db, world.alice, world.district, vault)
        second = registered(db, world.charlie, world.other_district, vault)
        first.sitting_id = second.sitting_id = sitting.id
    assert world.oscar.user_id is not None
    session = await bench.sessions.open_visit(first.id, world.oscar.user_id)
    ids = {p.site: p.participant for p in (await bench.sessions.host(session)).state.participants}
    assert set(ids) == {world.central.id, world.province.id, world.district.id}
    op = await bench.page(session, ids[world.central.id], user=world.oscar.user_id, device="dev-op")
    point = await bench.page(session, ids[world.district.id], user=world.alice.user_id, device="dev-point")
    chair = await bench.page(session, ids[world.province.id], user=world.bob.user_id, device="dev-chair")
    await op.ask("admit", participant=ids[world.province.id])
    new = (await op.ask("next_visit", visit=second.id))["body"]["session"]
    assert (await chair.until("moved"))["session"] == new
    wanted = await relay.wants(new, lambda d: any(one.peer == "dev-chair" for one in d.members))
    assert all(one.peer != "dev-point" for one in wanted.members)
    seats = {p.site for p in (await bench.sessions.host(new)).state.participants}
    assert seats == {world.central.id, world.province.id, world.other_district.id}
    assert not any(new in str(message) for message in point.got)


async def test_board_actions_carry_the_name_of_who_did_them(bench: Bench, world: World, vault: Vault) -> None:
    """bob opens and admits, otto takes over and rings, all from the board: the log names their seats, not the hub."""
    await bench.relay()
    with bench.database.write() as db:
        visit = registered(db, world.alice, world.district, vault)
        otto = add_actor(db, "otto", (world.province, Role.OPERATOR))
    assert world.bob.user_id is not None and otto.user_id is not None
    session = await bench.sessions.open_visit(visit.id, world.bob.user_id)
    host = await bench.sessions.host(session)
    users = host.loaded.users
    admitted = bench.events(session, "participant.admitted")
    assert [users[one["by"]] for one in admitted] == [world.bob.user_id]
    await bench.sessions.take_over(session, otto.user_id)
    assert host.state.operator and host.loaded.users[host.state.operator] == otto.user_id
    await bench.sessions.ring(session, world.other_district.id, otto.user_id)
    [rung] = bench.events(session, "ring.started")
    assert rung["by"] == host.state.operator
    for person in (world.alice, world.clara):
        assert person.user_id is not None
        with pytest.raises(Forbidden):
            await bench.sessions.take_over(session, person.user_id)
    with pytest.raises(NotFound):
        await bench.sessions.ring(session, world.province.id, world.charlie.user_id or "")


async def test_a_clerk_beside_the_point_writes_and_leaves_the_seat_alone(
    bench: Bench, world: World, vault: Vault
) -> None:
    relay = await bench.relay()
    session, _visit, ids, op, point = await reception(bench, world, vault)
    await relay.wants(session, lambda d: len(d.members) == 2)
    with bench.database.write() as db:
        seat = seats.take(db, world.clara, session, bench.now()).id
    assert seat != ids[world.district.id]
    clerk = await bench.page(session, seat, user=world.clara.user_id, device="dev-clerk")
    assert (await clerk.ask("minutes_take"))["code"] == "participant.not_admitted"
    assert (await op.ask("admit", participant=seat))["type"] == "done"
    assert (await clerk.ask("minutes_take"))["type"] == "done"
    assert (await clerk.ask("minutes_line", text="Công dân trình bày"))["type"] == "done"
    wanted = await relay.wants(session, lambda d: any(one.peer == "dev-clerk" for one in d.members))
    member = next(one for one in wanted.members if one.peer == "dev-clerk")
    assert (member.publish, member.record) == ((), False)
    assert any(one.peer == "dev-point" for one in wanted.members), "the point keeps its seat"
    assert not any(got["type"] == "error" for got in point.got)
    assert (await clerk.ask("start", record="off"))["code"] == "right.buttons"


async def test_a_site_rung_into_one_visit_stays_out_of_the_next(bench: Bench, world: World, vault: Vault) -> None:
    await bench.relay()
    session, _visit, _ids, op, _point = await reception(bench, world, vault)
    rung = await bench.device(world.charlie.user_id, "dev-charlie")
    await op.ask("ring", site=world.other_district.id)
    ring = next(iter((await bench.sessions.host(session)).state.rings))
    await rung.until("hub_state")
    assert (await rung.ask("ring_answer", ring=ring.ring, accept=True))["type"] == "done"
    guest = (await bench.sessions.host(session)).state.participants[-1].participant
    page = await bench.page(session, guest, user=world.charlie.user_id, device="dev-charlie")
    with bench.database.write() as db:
        second = registered(db, world.alice, world.district, vault)
    new = (await op.ask("next_visit", visit=second.id))["body"]["session"]
    assert world.other_district.id not in {p.site for p in (await bench.sessions.host(new)).state.participants}
    assert not any(got["type"] == "moved" for got in page.got)
