"""A session through its pages' sockets: real database, relay in memory."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from media import messages as r
from rooms import sessions as rows
from rooms.models import ReceptionSession
from rooms.words import SessionState
from signaling import messages as m
from tests.support.signaling_bench import Bench


def participant(session: dict[str, Any], who: str) -> dict[str, Any]:
    return next((one for one in session["participants"] if one["participant"] == who), {})


async def test_it_works(bench: Bench) -> None:
    """From waiting to a confirmed record, and to the close."""
    relay = await bench.relay()
    session, ids = bench.open_plain(a="waiting")
    op = await bench.page(session, ids["op"])
    a = await bench.page(session, ids["a"])
    assert a.got[-1]["may"] == ["leave"]
    assert [one["participant"] for one in a.got[-1]["session"]["participants"]] == [ids["a"]]
    assert (await op.ask("admit", participant=ids["a"]))["type"] == "done"
    await a.state_where(lambda s: participant(s, ids["a"])["state"] == "joined")
    wanted = await relay.wants(session, lambda d: len(d.members) == 2)
    assert {one.peer for one in wanted.members} == {f"dev-{ids['op']}", f"dev-{ids['a']}"}

    answer = await a.ask("publish", sdp="v=0", sources={"0": "mic"})
    assert (answer["type"], answer["sdp"]) == ("answer", "answer")
    offer = next(one for one in relay.got if isinstance(one, r.PublishOffer))
    assert (offer.peer, offer.sources) == (f"dev-{ids['a']}", {"0": "mic"})

    assert (await op.ask("start", record="full"))["code"] == "notice.not_read"
    await op.ask("read_notice")
    assert (await op.ask("start", record="full"))["type"] == "done"
    await relay.wants(session, lambda d: d.record == "full" and d.part == 1)
    await relay.report(session, r.SourceLive(participant=ids["a"], source="mic"))
    await relay.report(session, r.TrackWritten(participant=ids["a"], source="mic", part=1, file="f.dcj"))
    await a.state_where(lambda s: s["recording"])
    await relay.until(lambda: not relay.outbox)

    await op.ask("close")
    await relay.wants(session, lambda d: d.state == "closed")
    assert bench.kinds(session)[-1] == "session.closed"


async def test_malformed_and_unknown_messages_are_answered_and_lose_nothing(bench: Bench) -> None:
    session, ids = bench.open_plain()
    op = await bench.page(session, ids["op"])
    for frame, code in [
        ("{", "message.malformed"),
        ('{"type": "launch"}', "message.unknown"),
        ('{"type": "mute", "req": "9"}', "message.malformed"),
        (json.dumps({"type": "chat", "req": "1", "text": "x" * m.MAX_MESSAGE}), "message.too_long"),
    ]:
        await op.socket.send_text(frame)
        assert (await op.until("error"))["code"] == code
    assert next(g for g in op.got if g.get("req") == "9")["code"] == "message.malformed"
    assert (await op.ask("bookmark"))["code"] == "right.missing", "no account, no bookmark; and still connected"
    await op.tell("ping", n=3)
    assert (await op.until("pong"))["n"] == 3


async def test_wrong_hello_is_shown_out(bench: Bench) -> None:
    session, ids = bench.open_plain()
    other, _ = bench.open_plain()
    good = {"version": 1, "device": "dev-1"}
    cases = [
        (m.CLOSE_PROTOCOL, {"type": "ping", "n": 1}),
        (m.CLOSE_PROTOCOL, {"type": "hello", "version": 99, "token": "t", "device": "dev-1"}),
        (m.CLOSE_PROTOCOL, {"type": "hello", "version": 1, "token": "t", "device": "a b"}),
        (m.CLOSE_NOT_ALLOWED, {"type": "hello", **good, "token": "nonsense"}),
        (m.CLOSE_NOT_ALLOWED, {"type": "hello", **good, "token": bench.ticket(other, ids["op"])}),
        (m.CLOSE_NOT_ALLOWED, {"type": "hello", **good, "token": bench.ticket(session, ids["op"], device="dev-2")}),
    ]
    for code, hello in cases:
        peer = bench.connect(session)
        await peer.socket.send_text(json.dumps(hello))
        assert await peer.until_closed() == code
        assert peer.got[-1]["type"] == "error"


async def test_newest_socket_of_a_device_wins_and_nothing_is_logged_of_it(bench: Bench) -> None:
    session, ids = bench.open_plain()
    first = await bench.page(session, ids["op"], device="desk-1")
    before = bench.kinds(session)
    second = await bench.page(session, ids["op"], device="desk-1")
    assert await first.until_closed() == m.CLOSE_REPLACED
    assert (await second.ask("read_notice"))["type"] == "done"
    assert bench.kinds(session) == [*before, "notice.read"]


async def test_resume_gives_the_missed_events(bench: Bench) -> None:
    relay = await bench.relay()
    session, ids = bench.open_plain(a="admitted")
    op = await bench.page(session, ids["op"])
    a = await bench.page(session, ids["a"])
    welcome = next(g for g in a.got if g["type"] == "welcome")
    await a.socket.close(1006)
    await op.state_where(lambda s: participant(s, ids["a"])["state"] == "lost")
    assert len((await relay.wants(session, lambda d: True)).members) == 2, "media outlives the socket"
    await op.ask("read_notice")
    back = await bench.page(
        session, ids["a"], token=welcome["resume"], last_event=welcome["last_event"], device=f"dev-{ids['a']}"
    )
    missed = await back.until("event", kind="notice.read")
    assert missed["number"] > welcome["last_event"]


async def test_token_may_be_shown_again_by_the_same_device_only(bench: Bench) -> None:
    session, ids = bench.open_plain()
    token = bench.ticket(session, ids["op"])
    await bench.page(session, ids["op"], token=token, device="desk-1")
    again = await bench.page(session, ids["op"], token=token, device="desk-1")
    assert again.got[-1]["type"] == "welcome"
    thief = bench.connect(session)
    await thief.tell("hello", version=1, token=token, device="desk-2")
    assert await thief.until_closed() == m.CLOSE_NOT_ALLOWED


async def test_flood_is_cut_off(bench: Bench) -> None:
    session, ids = bench.open_plain()
    op = await bench.page(session, ids["op"])
    for n in range(100):
        await op.tell("ping", n=n)
    assert await op.until_closed() == m.CLOSE_FLOOD
    assert op.got[-1]["code"] == "flood"


async def test_removed_point_is_shown_out_and_its_legs_are_closed(bench: Bench) -> None:
    relay = await bench.relay()
    session, ids = bench.open_plain(a="admitted")
    op = await bench.page(session, ids["op"])
    a = await bench.page(session, ids["a"])
    welcome = next(g for g in a.got if g["type"] == "welcome")
    await op.ask("remove", participant=ids["a"])
    assert await a.until_closed() == m.CLOSE_NOT_ALLOWED
    await relay.wants(session, lambda d: len(d.members) == 1)
    await relay.until(lambda: r.ClosePeer(peer=f"dev-{ids['a']}") in relay.got)
    thief = bench.connect(session)
    await thief.tell("hello", version=1, token=welcome["resume"], device=f"dev-{ids['a']}")
    assert await thief.until_closed() == m.CLOSE_NOT_ALLOWED


async def test_denunciation_cuts_media_and_hides_the_name(bench: Bench) -> None:
    relay = await bench.relay()
    session, ids = bench.open_plain(a="admitted", b="admitted")
    op, a, b = [await bench.page(session, ids[name]) for name in ("op", "a", "b")]
    await op.ask("read_notice")
    await op.ask("start", record="full")
    await op.ask("to_denunciation", participant=ids["a"])
    wanted = await relay.wants(session, lambda d: len(d.members) == 2)
    assert (wanted.record, ids["a"] in {one.participant for one in wanted.members}) == ("off", False)
    await b.state_where(lambda s: not participant(s, ids["a"]))
    await op.state_where(lambda s: participant(s, ids["a"]).get("name") == "***")
    assert not any(g.get("kind") == "restricted.denunciation" for g in b.got)
    assert (await a.ask("publish", sdp="v=0"))["code"] == "participant.removed"


async def test_database_away_refuses_commands_and_keeps_what_happened(bench: Bench) -> None:
    relay = await bench.relay()
    session, ids = bench.open_plain(a="admitted")
    op = await bench.page(session, ids["op"])
    a = await bench.page(session, ids["a"])
    before = relay.desired[session]
    bench.database.away = True
    assert (await op.ask("read_notice"))["code"] == "db.away"
    await a.socket.close(1006)
    await relay.report(session, r.SourceLive(participant=ids["op"], source="mic"))
    await op.tell("ping", n=1)
    await op.until("pong")
    assert relay.desired[session] == before, "live media is left alone"
    assert relay.outbox, "nothing is acknowledged that is not stored"
    bench.database.away = False
    await relay.until(lambda: not relay.outbox)
    await op.state_where(lambda s: participant(s, ids["a"])["state"] == "lost")
    kinds = bench.kinds(session)
    assert kinds.count("participant.lost") == kinds.count("source.live") == 1


async def test_another_app_takes_over_from_the_log(bench: Bench) -> None:
    relay = await bench.relay()
    session, ids = bench.open_plain(a="admitted")
    op = await bench.page(session, ids["op"])
    resume = op.got[-1]["resume"]
    await bench.page(session, ids["a"])
    await op.ask("read_notice")
    await op.ask("start", record="full")
    old = await relay.wants(session, lambda d: d.record == "full")
    await bench.restart()
    await relay.dial()
    new = await relay.wants(session, lambda d: d.epoch > old.epoch)
    assert (new.record, new.part, new.members) == (old.record, old.part, old.members)
    back = await bench.page(session, ids["op"], token=resume)
    assert back.got[-1]["session"]["operator"] == ids["op"]
    assert not any(isinstance(g, dict) and g["type"] == "relay_lost" for g in back.got)


async def test_old_owner_lets_go_when_the_epoch_has_moved(bench: Bench) -> None:
    session, ids = bench.open_plain()
    op = await bench.page(session, ids["op"])
    bench.store.take(session, bench.host(session).epoch)
    await op.tell("read_notice", req="1")
    assert await op.until_closed() == m.CLOSE_AGAIN


async def test_hand_is_seen_and_not_logged(bench: Bench) -> None:
    session, ids = bench.open_plain(a="admitted")
    op = await bench.page(session, ids["op"])
    a = await bench.page(session, ids["a"])
    before = bench.kinds(session)
    await a.ask("hand", up=True)
    await op.state_where(lambda s: participant(s, ids["a"])["hand"])
    assert bench.kinds(session) == before


async def test_people_have_names_on_screen_and_labels_in_the_log(bench: Bench) -> None:
    session, ids = bench.open_plain()
    op = await bench.page(session, ids["op"])
    people = [{"name": "Nguyễn Văn A", "capacity": "công dân"}]
    assert (await op.ask("people", participant=ids["op"], people=people))["type"] == "done"
    state = await op.state_where(lambda s: participant(s, ids["op"])["people"])
    person = participant(state["session"], ids["op"])["people"][0]
    assert person["name"] == "Nguyễn Văn A"
    await op.ask("read_notice")
    answer = {"participant": ids["op"], "answer": "objects", "person": person["label"]}
    assert (await op.ask("answer_notice", **answer))["type"] == "done"
    assert (await op.ask("start", record="full"))["code"] == "record.reason_needed"
    assert not any("Nguyễn" in json.dumps(g, ensure_ascii=False) for g in op.got if g["type"] == "event")
    assert (await op.ask("people", participant=ids["op"], people=[{"name": ""}]))["code"] == "people.invalid"


async def test_hub_starts_and_closes_for_the_command_line(bench: Bench) -> None:
    relay = await bench.relay()
    session, _ = bench.open_plain()
    await bench.sessions.command_start(session, "full")
    await relay.wants(session, lambda d: d.record == "full")
    await bench.sessions.command_close(session, lock=True)
    await relay.wants(session, lambda d: d.state == "closed")
    with bench.database.read() as db:
        assert rows.due_for_lock(db, bench.now()) == [session]


async def test_locked_session_says_so_and_lets_its_pages_go(bench: Bench) -> None:
    relay = await bench.relay()
    session, ids = bench.open_plain()
    op = await bench.page(session, ids["op"])
    await op.ask("close", lock=True)
    with bench.database.write() as db:  # what the worker does once the package is signed
        db.get_one(ReceptionSession, session).state = SessionState.LOCKED
    assert await op.until_closed() == m.CLOSE_ENDED
    assert [g for g in op.got if g["type"] == "state"][-1]["session"]["state"] == "locked"
    assert bench.kinds(session)[-1] == "session.locked"
    await relay.until(lambda: r.ClosePeer(peer=f"dev-{ids['op']}") in relay.got)
    again = bench.connect(session)
    await again.tell("hello", version=1, token=bench.ticket(session, ids["op"]), device="dev-1")
    assert await again.until_closed() == m.CLOSE_ENDED


async def test_a_session_locked_while_no_app_ran_says_so_in_its_log(bench: Bench) -> None:
    session, ids = bench.open_plain(a="admitted")
    waits, _ = bench.open_plain()
    op = await bench.page(session, ids["op"])
    await op.ask("close", lock=True)
    await bench.sessions.command_close(waits, lock=True)
    await bench.stop()
    with bench.database.write() as db:  # the worker signs on without an app
        db.get_one(ReceptionSession, session).state = SessionState.LOCKED
    await bench.restart()
    await until_kind(bench, session, "session.locked")
    assert bench.kinds(session).count("session.locked") == 1
    with bench.database.write() as db:  # and the other one after the app is back, with no page there
        db.get_one(ReceptionSession, waits).state = SessionState.LOCKED
    await until_kind(bench, waits, "session.locked")
    await bench.restart("app3")
    assert session not in bench.sessions.hosts and waits not in bench.sessions.hosts


async def until_kind(bench: Bench, session: str, kind: str) -> None:
    for _ in range(250):
        if bench.kinds(session)[-1] == kind:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(bench.kinds(session))
