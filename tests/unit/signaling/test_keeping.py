"""While the database is away the session's relay keeps the events; they are in the log afterwards, once, in order."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from media import messages as r
from media.messages import Desired, KeptEvent
from rooms import sessions as rows
from rooms.manifest import check_events
from signaling import messages as m
from signaling.kept import LET_THROUGH, RESTRICTING, for_relay, recovered
from signaling.room import fold
from signaling.state import Event, RoomState
from tests.support.signaling_bench import Bench, FakeRelay
from tests.support.sockets import JsonPeer


async def started(bench: Bench) -> tuple[FakeRelay, str, dict[str, str], JsonPeer, JsonPeer]:
    relay = await bench.relay()
    session, ids = bench.open_plain(a="admitted", b="admitted")
    op, a = [await bench.page(session, ids[name]) for name in ("op", "a")]
    await op.ask("read_notice")
    await op.ask("start", record="full")
    await relay.wants(session, lambda d: d.record == "full" and len(d.members) == 2)
    return relay, session, ids, op, a


def muted(wanted: Desired, participant: str) -> tuple[str, ...]:
    return next((one.muted for one in wanted.members if one.participant == participant), ())


async def until(fact: Any) -> None:
    async with asyncio.timeout(10):
        while not fact():  # noqa: ASYNC110 (waits for the bench's tasks)
            await asyncio.sleep(0.01)


async def came_back(bench: Bench, relay: FakeRelay, session: str) -> None:
    """Another app takes over, as after the death of the one before."""
    await bench.restart()
    await relay.dial()
    await until(lambda: session in bench.sessions.hosts)


def log_of(bench: Bench, session: str) -> list[Any]:
    with bench.database.read() as db:
        found = rows.events_since(db, session, 0)
        check_events(session, [event.line.encode() for event in found])  # the chain is whole
        return [(event.kind, event.utc, event.body) for event in found]


# --- the next owner reads what the relay kept ------------------------------------------------------------------------


async def test_what_took_effect_is_in_the_log_of_the_next_owner(bench: Bench) -> None:
    relay, session, ids, op, _a = await started(bench)
    before = len(log_of(bench, session))
    bench.database.away = True
    assert (await op.ask("mute", participant=ids["a"], source="mic"))["type"] == "done"
    assert [one.kind for one in relay.kept[session]] == ["source.muted"], "synced before it was answered"
    assert (await op.ask("pause", reason="nghỉ"))["type"] == "done"
    kept = relay.kept[session]
    assert [(one.number, one.kind) for one in kept] == [(before + 1, "source.muted"), (before + 2, "session.paused")]
    await bench.stop()
    bench.database.away = False
    await came_back(bench, relay, session)
    log = log_of(bench, session)[before:]
    assert [(kind, utc) for kind, utc, _ in log[:2]] == [(one.kind, one.utc) for one in kept]
    kinds = [kind for kind, _, _ in log]
    assert (kinds.count("source.muted"), kinds.count("session.paused")) == (1, 1)
    wanted = await relay.wants(session, lambda d: d.epoch > 1)
    assert wanted.state == "paused" and muted(wanted, ids["a"]) == ("mic",), "the room is as it was"
    await until(lambda: not relay.kept[session])


async def test_events_that_were_written_before_the_death_are_not_written_again(bench: Bench) -> None:
    relay, session, ids, op, _a = await started(bench)
    bench.database.away = True
    await op.ask("mute", participant=ids["a"], source="mic")
    left = list(relay.kept[session])
    bench.database.away = False
    await until(lambda: not bench.host(session).unsaved and not relay.kept[session])
    assert bench.kinds(session).count("source.muted") == 1
    relay.kept[session] = left  # the app died before the relay heard that it may forget
    await came_back(bench, relay, session)
    await until(lambda: not relay.kept[session])
    assert bench.kinds(session).count("source.muted") == 1
    assert "event.late" not in bench.kinds(session)


async def test_what_comes_when_the_room_has_gone_on_is_noted_and_changes_nothing(bench: Bench) -> None:
    relay, session, ids, op, _a = await started(bench)
    bench.database.away = True
    await op.ask("mute", participant=ids["a"], source="mic")
    await relay.hang_up()
    left = list(relay.kept[session])
    await bench.stop()
    bench.database.away = False
    await bench.restart()  # the relay stays away until it counts as dead
    await until(lambda: session in bench.sessions.hosts)
    for _ in range(2):
        relay.kept[session] = list(left)
        await relay.dial()
        await until(lambda: not relay.kept[session])
        await relay.hang_up()
    [late] = bench.events(session, "event.late")
    assert (late["number"], late["kind"], late["body"]["participant"]) == (left[0].number, "source.muted", ids["a"])
    assert bench.kinds(session).count("source.muted") == 0
    one = bench.host(session).state.find(ids["a"])
    assert one is not None and one.muted == ()
    log_of(bench, session)


async def test_the_owner_of_before_is_refused_by_the_relay(bench: Bench) -> None:
    relay, session, ids, op, _a = await started(bench)
    bench.database.away = True
    relay.fences[session] = 99  # somebody else has asked for what was kept
    await op.tell("mute", req="1", participant=ids["a"], source="mic", on=True)
    assert await op.until_closed() == m.CLOSE_AGAIN
    assert not [one for one in op.got if one["type"] == "done" and one["req"] == "1"]
    assert not relay.kept.get(session)


# --- what is let through and what waits ------------------------------------------------------------------------------


async def test_what_was_restricted_meanwhile_can_be_lifted_meanwhile(bench: Bench) -> None:
    relay, session, ids, op, a = await started(bench)
    before = len(bench.kinds(session))
    bench.database.away = True
    lifted: list[tuple[str, dict[str, Any]]] = [
        ("mute", {"participant": ids["a"], "source": "mic"}),
        ("mute", {"participant": ids["a"], "source": "mic", "on": False}),
        ("pause", {}),
        ("resume", {}),
    ]
    for request, fields in lifted:
        assert (await op.ask(request, **fields))["type"] == "done"
    assert (await a.ask("set_source", source="mic", on=False))["type"] == "done"
    assert (await a.ask("set_source", source="mic", on=True))["type"] == "done"
    await relay.wants(session, lambda d: d.state == "running" and not muted(d, ids["a"]))
    waits: list[tuple[str, dict[str, Any]]] = [
        ("read_notice", {}),
        ("set_record", {"record": "sound"}),
        ("bookmark", {"text": "x"}),
        ("minutes_line", {"text": "x"}),
        ("people", {"participant": ids["a"], "people": [{"name": "Nguyễn Văn A"}]}),
        ("close", {}),
    ]
    for request, fields in waits:
        assert (await op.ask(request, **fields))["type"] == "error", request
    bench.database.away = False
    await until(lambda: not bench.host(session).unsaved)
    assert bench.kinds(session)[before:][:6] == [
        "source.muted", "source.unmuted", "session.paused", "session.resumed", "source.muted", "source.unmuted",
    ]  # fmt: skip
    await until(lambda: not relay.kept[session])


async def test_a_relay_that_cannot_sync_holds_the_mute_and_lifts_nothing(bench: Bench) -> None:
    relay, session, ids, op, _a = await started(bench)
    bench.database.away = True
    relay.keeps = False
    assert (await op.ask("mute", participant=ids["a"], source="mic"))["type"] == "done"
    await relay.wants(session, lambda d: muted(d, ids["a"]) == ("mic",))
    refused = await op.ask("mute", participant=ids["a"], source="mic", on=False)
    assert refused["code"] == "db.away"
    assert muted(relay.desired[session], ids["a"]) == ("mic",), "nothing was changed"
    relay.keeps = True
    assert (await op.ask("pause"))["type"] == "done"
    assert [one.kind for one in relay.kept[session]] == ["source.muted", "session.paused"], "what was missing too"
    assert bench.host(session).unsaved == 2


async def test_who_goes_while_the_database_is_away_is_logged_with_the_time(bench: Bench) -> None:
    relay, session, ids, op, a = await started(bench)
    bench.database.away = True
    at = bench.clock()
    await a.socket.close(1006)
    await until(lambda: [one.kind for one in relay.kept.get(session, [])] == ["participant.lost"])
    assert (await op.ask("pause"))["type"] == "done"
    gone = bench.clock()
    bench.database.away = False
    await until(lambda: not bench.host(session).unsaved)
    found = [(kind, utc) for kind, utc, _ in log_of(bench, session) if kind in ("participant.lost", "session.paused")]
    assert [kind for kind, _ in found] == ["participant.lost", "session.paused"]
    assert all(at <= utc <= gone for _, utc in found)


async def test_words_never_reach_the_relay_and_the_log_has_them_if_the_app_lives(bench: Bench) -> None:
    relay, session, ids, op, _a = await started(bench)
    bench.database.away = True
    reason = "bà Trần Thị B xin nghỉ"
    assert (await op.ask("pause", reason=reason))["type"] == "done"
    assert reason not in str(relay.kept[session]) and relay.kept[session][0].body["words_lost"] is True
    bench.database.away = False
    await until(lambda: not bench.host(session).unsaved)
    [paused] = bench.events(session, "session.paused")
    assert paused["reason"] == reason and "words_lost" not in paused


def test_every_request_that_may_be_kept_leaves_its_words_behind() -> None:
    canary = "Nguyễn Văn A"
    fields = {field for kind in (*RESTRICTING, *LET_THROUGH) for field in kind.__struct_fields__}
    assert fields <= {"req", "participant", "participants", "source", "on", "reason", "record"}, "ids, codes, reasons"
    kept = for_relay(1, 1, Event("participant.removed", 1.0, {"participant": "a", "by": "b", "reason": canary}))
    assert kept.body == {"participant": "a", "by": "b", "words_lost": True}


async def test_a_relay_of_before_is_not_asked_what_it_does_not_know(bench: Bench) -> None:
    relay = await bench.relay(dial=False)
    relay.can_keep = False
    await relay.dial()
    session, ids = bench.open_plain(a="admitted")
    op = await bench.page(session, ids["op"])
    bench.database.away = True
    assert (await op.ask("mute", participant=ids["op"], source="mic"))["type"] == "done"
    assert not [one for one in relay.got if isinstance(one, r.KeepEvents)]


# --- the order rules, for any moment of dying ------------------------------------------------------------------------


def events(count: int, first: int = 1) -> list[Event]:
    """Different ones: each number has a time of its own."""
    return [Event("source.muted", 100.0 + number, {"n": number}) for number in range(first, first + count)]


def as_kept(log: list[Event], numbers: range, epoch: int) -> list[KeptEvent]:
    return [for_relay(epoch, number, log[number - 1]) for number in numbers]


@given(
    logged=st.integers(0, 8), away=st.integers(0, 8), written=st.integers(0, 8), forgotten=st.integers(0, 8),
    epoch=st.integers(1, 5),
)  # fmt: skip
def test_no_event_twice_none_lost_in_order(logged: int, away: int, written: int, forgotten: int, epoch: int) -> None:
    """The owner had ``logged`` events in the database, ``away`` more with the relay, wrote some of those when the
    database was back and had some forgotten, then died."""
    written, forgotten = min(written, away), min(forgotten, written, away)
    happened = events(logged + away)
    log = happened[: logged + written]
    kept = as_kept(happened, range(logged + forgotten + 1, logged + away + 1), epoch)
    news = recovered(log, kept)
    assert log + news == happened
    assert recovered(log + news, kept) == [], "and again, should we die before the relay forgets"


@given(
    common=st.integers(0, 5), ours=st.integers(0, 5), theirs=st.integers(0, 5), again=st.integers(0, 3),
    in_order=st.booleans(),
)  # fmt: skip
def test_two_owners_never_mix(common: int, ours: int, theirs: int, again: int, in_order: bool) -> None:
    """An owner went on without what the relay kept for the one before it, then both stories meet."""
    shared = events(common)
    log = shared + [Event("session.paused", 500.0 + n, {}) for n in range(ours)]
    kept = as_kept(shared + events(theirs, first=common + 1), range(common + 1, common + theirs + 1), 1)
    news = recovered(log, kept, in_order)
    told = [one for one in news if one.kind == "event.late"]
    assert len(news) == theirs, "none lost"
    assert {(one.kind, one.utc) for one in news if one not in told} | {(one.body["kind"], one.utc) for one in told} == {
        (one.kind, one.utc) for one in kept
    }
    if ours or not in_order:
        assert ours >= theirs or len(told) >= ours, "what has another's place is late"
    number = fold(RoomState(session="s"), log + news).number
    assert number == len(log) + theirs
    for _ in range(again):
        assert recovered(log + news, kept, in_order) == []
