"""Two apps on one database: sessions stay with the living, and go on with whoever is first when an owner dies."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from media import messages as r
from rooms.errors import NotFound, RoomsError
from signaling import hubchannel
from signaling import messages as m
from signaling.errors import NotAllowed, Refusal, RequestRefused, SignalingError, Unavailable
from signaling.hubchannel import HubChannel
from signaling.owners import Elsewhere, as_raised, as_told
from signaling.relays import RelayPool
from signaling.sessions import Sessions
from signaling.store import Store
from tests.support.actors import World
from tests.support.signaling_bench import FAST, QUICK, Bench


class Town:
    """Who lives, for all apps of a test, and calls between them through the wire's own encoding."""

    alone = False

    def __init__(self) -> None:
        self.apps: dict[str, Sessions] = {}
        self.calls: list[str] = []

    async def address_of(self, owner: str) -> str:
        return owner if owner in self.apps else ""

    async def others(self) -> list[Elsewhere]:
        return [Elsewhere(name, name) for name in self.apps]

    async def call(self, there: Elsewhere, operation: str, arguments: Mapping[str, Any]) -> Any:
        self.calls.append(operation)
        try:
            given = json.loads(json.dumps(arguments))
            return json.loads(json.dumps(await self.apps[there.address].operations.do_here(operation, given)))
        except (SignalingError, RoomsError) as error:
            raise as_raised(as_told(error)) from None


@pytest.fixture
async def town(bench: Bench) -> AsyncIterator[tuple[Town, Bench, Sessions]]:
    """The bench's app, and a second one on the same database. The bench's relay is linked to the first."""
    town = Town()
    bench.sessions.peers = town
    bench.sessions._options = replace(FAST, ring_s=30.0)
    bench.sessions.operations._peers = town
    store = Store(bench.database, "app2", bench.clock)
    other = Sessions(store, RelayPool(store, bench.clock, QUICK), bench.clock, options=FAST, peers=town)
    town.apps = {"app1": bench.sessions, "app2": other}
    yield town, bench, other
    await other.stop()


async def test_an_operation_is_carried_out_at_the_owner(town: tuple[Town, Bench, Sessions]) -> None:
    people, bench, other = town
    await bench.relay()
    session, ids = bench.open_plain(a="admitted")
    op = await bench.page(session, ids["op"])
    await other.command_close(session)
    await op.state_where(lambda s: s["state"] == "closed")
    assert people.calls == ["command"] and not other.hosts
    with pytest.raises(RequestRefused) as refused:
        await other.command(session, m.Start(req="", record="off"))
    assert refused.value.code == "session.wrong_state", "its refusals come back as they are"
    with pytest.raises(Elsewhere):
        await other.host(session)


async def test_a_report_to_the_other_app_reaches_the_room(town: tuple[Town, Bench, Sessions]) -> None:
    people, bench, other = town
    relay = await bench.relay()
    session, ids = bench.open_plain(a="admitted")
    await bench.page(session, ids["a"])
    report = r.Report(
        number=1, session=session, epoch=1, utc=bench.clock(), body=r.SourceLive(participant=ids["a"], source="mic")
    )
    await other.news.report(relay.id, report)
    assert people.calls == ["report"]
    assert bench.kinds(session).count("source.live") == 1
    await other.news.report(relay.id, report)
    assert bench.kinds(session).count("source.live") == 1, "told twice, stored once"


async def test_the_dead_are_followed_by_one_of_the_living(town: tuple[Town, Bench, Sessions]) -> None:
    people, bench, other = town
    session, ids = bench.open_plain(a="admitted")
    op = await bench.page(session, ids["op"])
    third_store = Store(bench.database, "app3", bench.clock)
    third = Sessions(third_store, RelayPool(third_store, bench.clock, QUICK), bench.clock, options=FAST, peers=people)
    people.apps = {"app2": other, "app3": third}  # the first one is not seen any more

    async def take(app: Sessions) -> bool:
        try:
            return bool(await app.host(session))
        except Unavailable:
            return False

    assert sorted(await asyncio.gather(take(other), take(third))) == [False, True], "by compare-and-set: one of them"
    await op.tell("read_notice", req="1")
    assert await op.until_closed() == m.CLOSE_AGAIN, "who lost the epoch lets go"
    await third.stop()


async def test_only_sessions_of_the_dead_are_looked_for(town: tuple[Town, Bench, Sessions]) -> None:
    people, bench, other = town
    opened, _ = bench.open_plain()
    owned, ids = bench.open_plain(a="admitted")
    await bench.page(owned, ids["a"])

    async def look() -> set[str]:
        await other._look_for_orphans()
        async with asyncio.timeout(10):
            while other._taking:  # noqa: ASYNC110 (waits for the bench's tasks)
                await asyncio.sleep(0.01)
        return set(other.hosts)

    assert await look() == set(), "one has a living owner, the other was just opened by somebody"
    people.apps.pop("app1")
    assert await look() == {owned}
    assert opened not in other.hosts


async def test_desks_of_both_apps_see_and_ring_each_other(
    town: tuple[Town, Bench, Sessions], world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ring from a session of the first app reaches a desk of the second one, and its answer comes back."""
    _people, bench, other = town
    monkeypatch.setattr(hubchannel, "LISTEN_S", 0.02)
    here = HubChannel(bench.store, bench.sessions, bench.clock, every_s=0.02)
    there = HubChannel(other.store, other, bench.clock, every_s=0.02)
    await here.start()
    await there.start()
    try:
        session, ids = bench.open_plain()
        op = await bench.page(session, ids["op"], user=world.oscar.user_id)
        bench.channel = there
        desk = await bench.device(world.alice.user_id, "desk-1")
        async with asyncio.timeout(10):
            while here.presence_of(world.district.id) != "ready":  # noqa: ASYNC110 (waits for the bench's tasks)
                await asyncio.sleep(0.02)
        assert (await op.ask("ring", site=world.district.id))["type"] == "done"
        async with asyncio.timeout(10):
            while (state := await desk.until("hub_state"))["ring"] is None:
                pass
        assert state["ring"]["session"] == session and there.presence_of(world.district.id) == "ringing"
        await desk.tell("ring_answer", req="1", ring=state["ring"]["ring"], accept=True)
        assert (await desk.until("called"))["session"] == session
        assert bench.events(session, "ring.answered")[0]["accepted"] is True
        assert not other.hosts, "the session stayed where it was"
    finally:
        await here.stop()
        await there.stop()


async def test_whereabouts_are_asked_only_of_sessions_of_others(town: tuple[Town, Bench, Sessions]) -> None:
    people, bench, other = town
    session, ids = bench.open_plain(a="admitted")
    assert await other.whereabouts(session) is None, "nobody's yet"
    await bench.page(session, ids["a"])
    there = await other.whereabouts(session)
    assert there is not None and there.address == "app1"
    assert await bench.sessions.whereabouts(session) is None
    people.apps.pop("app1")
    assert await other.whereabouts(session) is None, "its owner is dead: whoever asks takes it"
    with pytest.raises(NotFound):
        await other.whereabouts("nosuchsession")


@pytest.mark.parametrize(
    "error",
    [
        RequestRefused(Refusal("ring.already")),
        Unavailable("db.away"),
        NotAllowed(),
        SignalingError("internal"),
        RoomsError("session.missing", "Sentence.", limit=3),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_cross_from_app_to_app(error: SignalingError | RoomsError) -> None:
    back = as_raised(as_told(error))
    assert (type(back), back.code, back.message, back.values) == (
        type(error), error.code, error.message, error.values,
    )  # fmt: skip
