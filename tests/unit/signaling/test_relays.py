"""The app's end of the relay links: keys, reports, placement, and what happens when a relay dies."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from media import messages as r
from rooms import recordings
from rooms.models import Relay
from signaling import messages as m
from signaling.errors import SENTENCES
from signaling.sockets import SocketClosed
from tests.support.signaling_bench import QUICK, Bench, FakeRelay, running_bench


async def live_session(bench: Bench, relay: FakeRelay) -> tuple[str, dict[str, str], Any, Any]:
    """A recorded session with an operator and a point whose microphone is on disk."""
    session, ids = bench.open_plain(a="admitted")
    op = await bench.page(session, ids["op"])
    a = await bench.page(session, ids["a"])
    await op.ask("read_notice")
    await op.ask("start", record="full")
    await relay.wants(session, lambda d: d.record == "full")
    await relay.report(session, r.SourceLive(participant=ids["a"], source="mic"))
    await relay.report(session, r.TrackWritten(participant=ids["a"], source="mic", part=1, file="f.dcj"))
    await relay.until(lambda: not relay.outbox)
    return session, ids, op, a


async def test_it_works(bench: Bench) -> None:
    relay = await bench.relay()
    assert bench.pool.linked() == ["relay1"]
    assert relay.welcome is not None
    assert (relay.welcome.app, relay.welcome.acked) == ("app1", 0)


async def test_unknown_relay_and_wrong_key_are_refused(bench: Bench) -> None:
    stranger = FakeRelay(bench, "stranger")
    with pytest.raises(SocketClosed):
        await stranger.dial()
    relay = await bench.relay(dial=False)
    with pytest.raises(SocketClosed) as caught:
        await relay.dial(key=Ed25519PrivateKey.generate())
    assert caught.value.code == m.CLOSE_NOT_ALLOWED
    assert bench.pool.linked() == []


async def test_reports_are_stored_once_and_acknowledged(bench: Bench) -> None:
    relay = await bench.relay()
    session, ids, _op, _a = await live_session(bench, relay)
    before = bench.kinds(session)
    old = r.Report(number=1, session=session, epoch=1, utc=1.0, body=r.SourceLive(participant=ids["op"], source="mic"))
    await relay.say(old)
    await relay.report(session, r.SourceLive(participant=ids["op"], source="mic"))
    await relay.until(lambda: not relay.outbox)
    new = bench.kinds(session)[len(before) :]
    assert [kind for kind in new if kind != "clock.anchor"] == ["source.live"]
    await relay.hang_up()
    await relay.dial()
    assert relay.welcome is not None
    assert relay.welcome.acked == relay.number


async def test_report_that_cannot_be_kept_does_not_hold_up_the_next(bench: Bench) -> None:
    relay = await bench.relay()
    session, ids, _op, _a = await live_session(bench, relay)
    await relay.report("nosuchsession", r.SourceLive(participant="x", source="mic"))
    await relay.report(session, r.SourceLive(participant=ids["op"], source="mic"))
    await relay.until(lambda: not relay.outbox)


async def test_sessions_are_spread_over_relays(bench: Bench) -> None:
    one, two = await bench.relay("relay1"), await bench.relay("relay2")
    for _ in range(4):
        session, _ids = bench.open_plain()
        await bench.sessions.host(session)
    await one.until(lambda: len(one.desired) == 2)
    await two.until(lambda: len(two.desired) == 2)


@pytest.mark.parametrize(
    "code",
    [
        "sdp.malformed",
        "sdp.too_long",
        "sdp.no_bundle",
        "sdp.no_common_codec",
        "unknown_peer",
        "relay_full",
        "relay_error",
    ],
)
async def test_what_the_relay_refuses_is_said_in_its_own_words(bench: Bench, code: str) -> None:
    relay = await bench.relay()
    session, ids = bench.open_plain()
    op = await bench.page(session, ids["op"])
    relay.refuse_with = code
    refused = await op.ask("publish", sdp="v=0")
    assert (refused["code"], refused["message"]) == (code, SENTENCES[code])
    assert SENTENCES[code] != SENTENCES["sdp.refused"]
    relay.refuse_with = "something_new"
    assert (await op.ask("publish", sdp="v=0"))["code"] == "sdp.refused"


async def test_session_without_a_relay_begins_when_one_links(bench: Bench) -> None:
    session, ids = bench.open_plain()
    op = await bench.page(session, ids["op"])
    assert (await op.ask("publish", sdp="v=0"))["code"] == "relay.none"
    relay = await bench.relay()
    await relay.wants(session, lambda d: len(d.members) == 1)
    await op.until("relay_lost")
    assert (await op.ask("publish", sdp="v=0"))["type"] == "answer"


async def test_lost_link_to_a_living_relay_is_nobodys_outage(bench: Bench) -> None:
    relay = await bench.relay()
    bench.alive["relay1"] = True
    session, _ids, op, _a = await live_session(bench, relay)
    before = relay.desired[session]
    await relay.hang_up()
    assert (await op.ask("publish", sdp="v=0"))["code"] == "relay.away"
    await op.ask("pause")
    await asyncio.sleep(0.5)
    await relay.dial()
    wanted = await relay.wants(session, lambda d: d.state == "paused")
    assert (wanted.epoch, wanted.part) == (before.epoch, before.part)
    assert "outage.started" not in bench.kinds(session)
    assert not any(g["type"] == "relay_lost" for g in op.got)


async def test_restarted_relay_makes_pages_reopen_at_once_and_is_one_outage(bench: Bench) -> None:
    relay = await bench.relay()
    session, ids, op, a = await live_session(bench, relay)
    await relay.hang_up()
    relay.boot, relay.desired = "relay1-boot2", {}
    await relay.dial()
    await a.until("relay_lost")
    wanted = await relay.wants(session, lambda d: d.part == 2)
    assert wanted.record == "full"
    await op.state_where(lambda s: not s["recording"])
    assert (await a.ask("publish", sdp="v=0"))["type"] == "answer"
    await relay.report(session, r.SourceLive(participant=ids["a"], source="mic"))
    await relay.report(session, r.TrackWritten(participant=ids["a"], source="mic", part=2, file="g.dcj"))
    await op.state_where(lambda s: s["recording"])
    kinds = bench.kinds(session)
    assert kinds.count("outage.started") == kinds.count("outage.ended") == 1


async def test_dead_relay_hands_its_sessions_to_a_living_one_under_a_higher_epoch(bench: Bench) -> None:
    one = await bench.relay("relay1")
    session, _ids, _op, a = await live_session(bench, one)
    two = await bench.relay("relay2")
    bench.alive["relay1"] = False
    before = one.desired[session]
    await one.hang_up()
    await a.until("relay_lost")
    wanted = await two.wants(session, lambda d: d.part == 2)
    assert wanted.epoch == before.epoch + 1
    assert [x.peer for x in wanted.members] == [x.peer for x in before.members]
    # The old one was only cut off, and comes back: it must close what it still carries.
    await one.dial()
    assert (await one.wants(session, lambda d: d.state == "closed")).epoch > before.epoch


async def test_dead_relay_without_another_waits_for_its_successor(bench: Bench) -> None:
    relay = await bench.relay()
    session, _ids, _op, a = await live_session(bench, relay)
    bench.alive["relay1"] = False
    await relay.hang_up()
    await asyncio.sleep(0.3)
    relay.boot, relay.desired = "relay1-boot2", {}
    await relay.dial()
    await a.until("relay_lost")
    await relay.wants(session, lambda d: d.part == 2 and d.record == "full")
    assert bench.kinds(session).count("outage.started") == 1


async def test_closed_session_on_a_relay_that_was_away_is_closed_there(bench: Bench) -> None:
    relay = await bench.relay()
    bench.alive["relay1"] = True
    session, _ids, op, _a = await live_session(bench, relay)
    await relay.hang_up()
    await op.ask("close")
    await relay.dial()
    await relay.wants(session, lambda d: d.state == "closed")


def states(bench: Bench, session: str) -> list[str]:
    with bench.database.read() as db:
        return [track.state.value for track in recordings.tracks_of(db, session)]


async def test_session_closed_while_its_relay_was_dead_does_not_wait_for_what_was_lost_with_it(bench: Bench) -> None:
    relay = await bench.relay()
    session, _ids, op, _a = await live_session(bench, relay)
    bench.alive["relay1"] = False
    await relay.hang_up()
    await asyncio.sleep(0.3)
    await op.ask("close")
    relay.boot, relay.desired = "relay1-boot2", {}
    await relay.dial()
    await relay.wants(session, lambda d: d.state == "closed")
    await relay.report(session, r.SessionEnded(files=()))
    await relay.until(lambda: states(bench, session) == ["missing"])


async def test_relay_that_died_and_comes_back_says_what_it_has_of_a_session_that_went_on_elsewhere(
    bench: Bench,
) -> None:
    one = await bench.relay("relay1")
    session, ids, op, _a = await live_session(bench, one)
    two = await bench.relay("relay2")
    bench.alive["relay1"] = False
    await one.hang_up()
    await two.wants(session, lambda d: d.part == 2)
    await op.ask("close")
    await two.report(session, r.SessionEnded(files=()))
    one.boot, one.desired = "relay1-boot2", {}
    await one.dial()
    assert (await one.wants(session, lambda d: True)).state == "closed"
    body = {"participant": ids["a"], "source": "mic", "part": 1, "file": "f.dcj", "length": 9, "sha256": "0" * 64}
    closed = msgspec.convert({**body, "packets": 1, "first_utc": 1.0, "last_utc": 2.0, "lost_bytes": 0}, r.Recovered)
    await one.report(session, closed)
    await one.report(session, r.SessionEnded(files=("f.dcj",)))
    await one.until(lambda: states(bench, session) == ["recovered"])


async def test_offers_and_speaker_reach_the_page_they_are_for(bench: Bench) -> None:
    relay = await bench.relay()
    session, ids, op, a = await live_session(bench, relay)
    line = r.Line(mid="0", participant=ids["op"], source="mic")
    await relay.say(r.SubscribeOffer(peer=f"dev-{ids['a']}", offer=7, sdp="v=0", lines=(line,)))
    offer = await a.until("offer")
    assert (offer["offer"], offer["lines"][0]["participant"]) == (7, ids["op"])
    await a.tell("subscribe_answer", offer=7, sdp="v=0")
    answer = r.SubscribeAnswer(peer=f"dev-{ids['a']}", offer=7, sdp="v=0")
    await relay.until(lambda: answer in relay.got)
    await relay.say(r.Speaker(session=session, participant=ids["a"]))
    assert (await op.until("speaker"))["participant"] == ids["a"]
    assert not any(g["type"] == "offer" for g in op.got)


async def test_sizes_reach_the_relay_and_wanted_layers_the_page(bench: Bench) -> None:
    relay = await bench.relay()
    _session, ids, op, a = await live_session(bench, relay)
    view = {"participant": ids["op"], "source": "camera", "width": 640, "height": 360, "main": True}
    await a.tell("views", views=[view])
    told = r.Views(peer=f"dev-{ids['a']}", views=(msgspec.convert(view, r.View),))
    await relay.until(lambda: told in relay.got)
    await relay.say(r.Layers(peer=f"dev-{ids['a']}", source="camera", rids=("q", "h")))
    assert (await a.until("layers"))["rids"] == ["q", "h"]
    assert not any(g["type"] == "layers" for g in op.got)


async def test_rooms_that_hear_each_other_are_told_to_operators_and_to_themselves(bench: Bench) -> None:
    relay = await bench.relay()
    session, ids, op, a = await live_session(bench, relay)
    await relay.say(r.Crosstalk(session=session, pairs=((ids["op"], "other"),)))
    assert (await op.until("crosstalk"))["pairs"] == [[ids["op"], "other"]]
    await relay.say(r.Crosstalk(session=session, pairs=((ids["op"], ids["a"]),)))
    assert (await a.until("crosstalk"))["pairs"] == [[ids["op"], ids["a"]]], (
        "it was not told what is none of its business"
    )
    await relay.say(r.Crosstalk(session=session, pairs=()))
    assert (await a.until("crosstalk"))["pairs"] == []


async def test_a_flood_of_sizes_does_not_reach_the_relay(bench: Bench) -> None:
    relay = await bench.relay()
    _session, ids, _op, a = await live_session(bench, relay)
    for width in range(40):
        await a.tell("views", views=[{"participant": ids["op"], "source": "camera", "width": width, "height": 9}])
    await a.tell("ping", n=77)
    await a.until("pong")
    assert 10 <= sum(isinstance(message, r.Views) for message in relay.got) <= 30
    await a.tell("views", views=[{"participant": "x", "source": "camera", "width": 1 << 20, "height": 9}])
    assert (await a.until("error"))["code"] == "message.malformed"


async def test_refusal_of_the_relay_reaches_the_page_as_a_code(bench: Bench) -> None:
    relay = await bench.relay()
    _session, _ids, op, _a = await live_session(bench, relay)
    relay.refuse_with = "sdp.no_common_codec"
    assert (await op.ask("publish", sdp="v=0"))["code"] == "sdp.no_common_codec"
    relay.refuse_with = "something.else"
    assert (await op.ask("subscribe"))["code"] == "sdp.refused"


async def test_weak_line_is_shown(bench: Bench) -> None:
    relay = await bench.relay()
    session, ids, op, _a = await live_session(bench, relay)
    leg = r.LegQuality(peer=f"dev-{ids['a']}", leg="publish", session=session, loss=0.2)
    await relay.say(r.Quality(utc=1.0, legs=(leg,)))
    await op.state_where(lambda s: any(p["line"] == "weak" for p in s["participants"]))


async def test_a_relay_that_asks_is_told_the_time(bench: Bench) -> None:
    relay = await bench.relay()
    await relay.say(r.AskTime(mono=12.5))
    await relay.until(lambda: any(isinstance(one, r.TimeIs) for one in relay.got))
    [told] = [one for one in relay.got if isinstance(one, r.TimeIs)]
    assert told.mono == 12.5 and abs(told.utc - bench.clock()) < 5.0


async def test_linked_relay_is_noted_again_and_again_and_a_retired_one_is_cut(tmp_path: Path) -> None:
    async with running_bench(tmp_path, relay_options=replace(QUICK, seen_s=0.05)) as bench:
        relay = await bench.relay()
        seen = [row_of(bench).seen_at]
        while len(seen) < 3:
            await asyncio.sleep(0.02)
            if row_of(bench).seen_at != seen[-1]:
                seen.append(row_of(bench).seen_at)
        with bench.database.write() as db:
            row = db.get_one(Relay, relay.id)
            row.retired_at = row.seen_at
        while bench.pool.linked():  # noqa: ASYNC110 (told by nothing but the pool)
            await asyncio.sleep(0.02)


def row_of(bench: Bench) -> Relay:
    with bench.database.read() as db:
        return db.get_one(Relay, "relay1")


async def test_garbage_on_the_link_ends_it(bench: Bench) -> None:
    relay = await bench.relay()
    assert relay._socket is not None
    await relay._socket.send_text("{")
    await relay.hang_up()
    assert bench.pool.linked() == []
