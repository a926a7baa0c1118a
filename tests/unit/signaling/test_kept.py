"""What only restricts takes effect whatever the database does, and is written when it is back."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from media.messages import Desired, Member
from rooms import db as rooms_db
from rooms import sessions as rows
from rooms.models import Participant as Row
from rooms.words import ParticipantState
from signaling import messages as m
from signaling.commands import Ask
from signaling.desired import desired
from signaling.kept import narrows, restrained
from tests.support.room_bench import running
from tests.support.signaling_bench import Bench, FakeRelay, running_bench
from tests.support.sockets import JsonPeer


def muted(wanted: Desired, participant: str) -> tuple[str, ...]:
    return next((one.muted for one in wanted.members if one.participant == participant), ())


def test_what_restricts_is_told_from_what_gives() -> None:
    room = running("a", "b", "c")
    talk = m.SideTalk(req="1", participants=("a", "b"))
    cases: list[tuple[str, m.FromPage, bool]] = [
        ("op", m.Mute(req="1", participant="a", source="mic"), True),
        ("op", m.Remove(req="1", participant="a"), True),
        ("op", m.SendBack(req="1", participant="a"), True),
        ("op", m.Pause(req="1"), True),
        ("op", talk, True),
        ("op", m.Protect(req="1", participant="a"), True),
        ("op", m.SetRecord(req="1", record="off"), True),
        ("op", m.ToDenunciation(req="1", participant="a"), True),
        ("a", m.SetSource(req="1", source="mic", on=False), True),
        ("a", m.Leave(req="1"), True),
        ("op", m.SetRecord(req="1", record="sound"), False),  # a new part: new journals
        ("op", m.Close(req="1"), False),
        ("a", m.Mute(req="1", participant="b", source="mic"), False),  # not allowed
    ]
    for by, message, restricts in cases:
        assert (restrained(room.state, Ask(by, message), 1.0) is not None) is restricts, message
    room.ask("op", m.Mute(req="1", participant="a", source="mic"))
    assert restrained(room.state, Ask("op", m.Mute(req="1", participant="a", source="mic", on=False)), 1.0) is None
    room.ask("op", talk)
    assert restrained(room.state, Ask("op", m.SideTalk(req="1")), 1.0) is None, "it lets the others hear again"
    room.ask("op", m.Pause(req="1"))
    assert restrained(room.state, Ask("op", m.SideTalk(req="1")), 1.0) is not None, "in a pause it only ends"
    assert restrained(room.state, Ask("op", m.Resume(req="1")), 1.0) is None


def test_nothing_new_may_pass_or_be_written() -> None:
    one = Member(participant="a", peer="p", publish=("mic",), receives=("b",))
    wanted = Desired(session="s", epoch=1, version=1, state="running", record="sound", part=1, members=(one,))

    def with_member(**changes: Any) -> Desired:
        fields = {"participant": "a", "peer": "p", "publish": ("mic",), "receives": ("b",)} | changes
        return Desired(
            session="s", epoch=1, version=1, state="running", record="sound", part=1, members=(Member(**fields),)
        )

    assert narrows(wanted, wanted)
    assert narrows(wanted, with_member(muted=("mic",))) and not narrows(with_member(muted=("mic",)), wanted)
    assert narrows(wanted, with_member(receives=())) and not narrows(wanted, with_member(receives=("c", "b")))
    assert narrows(wanted, with_member(record=False)) and not narrows(with_member(record=False), wanted)
    assert not narrows(wanted, with_member(peer="q"))
    assert not narrows(wanted, with_member(participant="z"))
    assert not narrows(wanted, with_member(publish=("mic", "camera")))


async def started(bench: Bench) -> tuple[FakeRelay, str, dict[str, str], JsonPeer, JsonPeer]:
    relay = await bench.relay()
    session, ids = bench.open_plain(a="admitted", b="admitted")
    op, a = [await bench.page(session, ids[name]) for name in ("op", "a")]
    await bench.page(session, ids["b"])
    await op.ask("read_notice")
    await op.ask("start", record="full")
    await relay.wants(session, lambda d: d.record == "full" and len(d.members) == 3)
    return relay, session, ids, op, a


async def all_written(bench: Bench, session: str) -> None:
    """Wait until nothing is kept any more."""
    for _ in range(250):
        if not bench.host(session).unsaved:
            return
        await asyncio.sleep(0.02)
    raise AssertionError("events still wait")


async def test_restrictions_hold_at_once_and_are_written_in_order_with_their_time(bench: Bench) -> None:
    relay, session, ids, op, a = await started(bench)
    before = bench.kinds(session)
    bench.database.away = True
    from_utc = bench.clock()
    assert (await op.ask("mute", participant=ids["a"], source="mic"))["type"] == "done"
    await relay.wants(session, lambda d: muted(d, ids["a"]) == ("mic",))
    shown = await op.state_where(lambda s: s["unsaved"] == 1)
    assert [one["muted_by_operator"] for one in shown["session"]["participants"] if one["participant"] == ids["a"]] == [
        ["mic"]
    ]
    assert (await op.ask("remove", participant=ids["b"]))["type"] == "done"
    await relay.wants(session, lambda d: ids["b"] not in {one.participant for one in d.members})
    assert (await a.ask("set_source", source="camera", on=False))["type"] == "done"
    assert (await op.ask("pause"))["type"] == "done"
    await relay.wants(session, lambda d: d.state == "paused")
    until_utc = bench.clock()
    for request, fields in [("set_record", {"record": "sound"}), ("ring", {"site": "x"}), ("close", {})]:
        assert (await op.ask(request, **fields))["code"] == "db.away", "what widens or ends it waits for the database"
    assert bench.host(session).unsaved == 4
    bench.database.away = False
    await all_written(bench, session)
    await op.state_where(lambda s: s["unsaved"] == 0)
    assert bench.kinds(session)[len(before) :][:4] == [
        "source.muted", "participant.removed", "source.muted", "session.paused",
    ]  # fmt: skip
    with bench.database.read() as db:
        kept = rows.events_since(db, session, len(before))[:4]
        assert all(from_utc <= event.utc <= until_utc for event in kept)
        assert db.get_one(Row, ids["b"]).state is ParticipantState.REMOVED
    assert (await op.ask("resume"))["type"] == "done"
    # The log rebuilds the very room that ran without it.
    live = bench.host(session).state
    again = bench.store.reload(session, 1).state
    assert replace(again, number=0) == replace(live, number=0) and again.number == live.number


async def test_denunciation_cuts_although_the_database_is_away(bench: Bench) -> None:
    relay, session, ids, op, a = await started(bench)
    bench.database.away = True
    assert (await a.ask("to_denunciation", participant=ids["a"]))["type"] == "done"
    wanted = await relay.wants(session, lambda d: len(d.members) == 2)
    assert wanted.record == "off"
    bench.database.away = False
    await all_written(bench, session)
    assert "restricted.denunciation" in bench.kinds(session)


async def test_another_owner_wins_over_what_was_kept(bench: Bench) -> None:
    _relay, session, ids, op, _a = await started(bench)
    bench.database.away = True
    await op.ask("mute", participant=ids["a"], source="mic")
    bench.database.away = False
    bench.store.take(session, bench.host(session).epoch)
    assert await op.until_closed() == m.CLOSE_AGAIN
    assert "source.muted" not in bench.kinds(session)


@pytest.fixture
async def impatient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    """An app on a SQLite file that gives up on a lock after 1.5 s."""
    monkeypatch.setattr(rooms_db, "BUSY_TIMEOUT_MS", 1500)
    async with running_bench(tmp_path) as bench:
        yield bench


@contextmanager
def locked(bench: Bench) -> Iterator[None]:
    """Somebody else holds the file's write lock."""
    other = sqlite3.connect(bench.url.removeprefix("sqlite:///"), isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        yield
    finally:
        other.close()


async def test_a_mute_does_not_wait_for_a_locked_database_file(impatient: Bench) -> None:
    bench = impatient
    relay, session, ids, op, _a = await started(bench)
    with locked(bench):
        began = bench.clock()
        await op.tell("mute", req="m1", participant=ids["a"], source="mic", on=True)
        await relay.wants(session, lambda d: muted(d, ids["a"]) == ("mic",))
        assert bench.clock() - began < 1.0, "the relay has it before the database has given up"
        assert (await op.until("done", req="m1"))["type"] == "done"
        assert "source.muted" not in bench.kinds(session)
    await all_written(bench, session)
    assert bench.kinds(session).count("source.muted") == 1
    assert desired(bench.host(session).state, 0, 0).members[1].muted == ("mic",)
