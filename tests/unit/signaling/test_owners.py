"""Two apps on one database: sessions stay with the living, and go on with whoever is first when an owner dies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from media import messages as r
from rooms.errors import NotFound, RoomsError
from signaling import messages as m
from signaling.errors import NotAllowed, Refusal, RequestRefused, SignalingError, Unavailable
from signaling.owners import Elsewhere, as_raised, as_told
from signaling.relays import RelayPool
from signaling.sessions import Sessions
from signaling.store import Store
from tests.support.signaling_bench import FAST, QUICK, Bench, running_bench


class Town:
    """Who lives, for all apps of a test, and calls between them through the wire's own encoding."""

    alone = False

    def __init__(self) -> None:
        self.apps: dict[str, Sessions] = {}
        self.calls: list[str] = []

    async def address_of(self, owner: str) -> str:
        return owner if owner in self.apps else ""

    async def call(self, there: Elsewhere, operation: str, arguments: Mapping[str, Any]) -> Any:
        self.calls.append(operation)
        try:
            return await self.apps[there.address].operations.do_here(operation, arguments)
        except (SignalingError, RoomsError) as error:
            raise as_raised(as_told(error)) from None


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[tuple[Town, Bench, Sessions]]:
    """A bench's app, and a second one on the same database. The bench's relay is linked to the first."""
    town = Town()
    async with running_bench(tmp_path) as bench:
        bench.sessions.peers = town
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
