"""What pages measure becomes a word for all and few lines of the log."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import msgspec

from media import messages as r
from signaling.messages import Seen
from signaling.mos import delay_of, mos
from signaling.quality import Fold, Line, word_of, worst
from tests.support.signaling_bench import Bench

GOOD = Seen(received_bps=1_800_000, sent_bps=900_000, rtt_s=0.05)
WEAK = Seen(received_bps=400_000, frozen_s=4.0, freezes=3, rtt_s=0.5)


def test_the_word() -> None:
    assert word_of(GOOD, True) == "good"
    assert word_of(WEAK, True) == "weak"
    assert word_of(Seen(received_bps=40_000), True) == "sound_only"
    assert word_of(Seen(received_bps=40_000), False) == "good", "nobody sends pictures"
    assert word_of(Seen(received_bps=40_000, pictures=70), True) == "good", "a small layer of a still scene"
    assert word_of(Seen(received_bps=140_000, pictures=0), True) == "sound_only"
    assert word_of(Seen(concealed=0.2, received_bps=10**6), True) == "weak"
    assert (worst("good", "weak"), worst("weak", "sound_only"), worst("", "good"), worst("", "")) == (
        "weak", "sound_only", "good", "",
    )  # fmt: skip


def test_one_event_whenever_it_turns() -> None:
    line, lines = Fold(), []
    for tick in range(60):  # ten minutes, bad from 200 s to 300 s
        bad = 200 <= tick * 10 < 300
        body = line.take(WEAK if bad else GOOD, "weak" if bad else "good", tick * 10.0)
        if body is not None:
            lines.append((tick * 10, body["word"], body["since"]))
    assert lines == [(0, "good", 0.0), (200, "weak", 0.0), (300, "good", 200.0)]


def test_figures_of_a_page_are_added_up_and_bounded() -> None:
    line = Fold(word="weak", since=0.0)
    assert line.take(WEAK, "weak", 10.0) is None
    body = line.take(Seen(freezes=10**9, concealed=7.0, rtt_s=-1.0, received_bps=-5), "good", 60.0)
    assert body is not None
    assert (body["freezes"], body["concealed"], body["received_bps"], body["rtt_s"]) == (10_003, 1.0, 200_000, 0.5)


def leg(way: r.Leg, **figures: Any) -> r.LegQuality:
    return r.LegQuality(peer="dev", leg=way, **figures)


def test_a_line_has_two_ways_with_the_means_of_ten_seconds() -> None:
    line = Line("a" * 24)
    for number in range(5):
        line.add(leg("publish", bitrate_bps=900_000 + number, loss=0.1 * (number == 0), rtt_s=0.1, layer="q+h"))
        line.add(leg("subscribe", bitrate_bps=2_000_000, rtt_s=0.3, jitter_s=0.02, sound_loss=0.5))
    line.see(Seen(freezes=2, frozen_s=1.5, concealed=0.01))
    row = line.take()
    assert row["participant"] == "a" * 24
    assert row["up"] == {"kbps": 900, "loss": 0.02, "rtt_s": 0.1, "jitter_s": 0.0, "mos": 4.35, "layer": "q+h"}
    assert row["down"] == {
        "kbps": 2000, "loss": 0.0, "rtt_s": 0.3, "jitter_s": 0.02, "mos": mos(0.01, delay_of(0.3, 0.02)),
        "freezes": 2, "frozen_s": 1.5, "concealed": 0.01,
    }, "the page heard that most of what was lost had been mended"  # fmt: skip
    assert len(json.dumps(row)) <= 350
    assert line.take() == {}, "everything was told"


def test_a_line_without_a_page_is_rated_by_its_reports() -> None:
    line = Line("a")
    line.add(leg("subscribe", sound_loss=0.2))
    assert line.take()["down"]["mos"] < 3.1
    line.add(leg("publish", rtt_s=0.1))
    assert line.word_up() == "good"
    line.add(leg("publish", sound_loss=0.3))
    assert line.word_up() == "weak", "the last measurement counts"


async def test_a_session_that_is_held_has_all_its_lines_in_the_log_every_ten_seconds(bench: Bench) -> None:
    await bench.relay()
    session, ids = bench.open_plain(a="admitted")
    op, a = [await bench.page(session, ids[name]) for name in ("op", "a")]
    host = bench.sessions.hosts[session]
    legs = tuple(leg("publish", participant=ids[name], rtt_s=0.05, bitrate_bps=10**6) for name in ("op", "a"))
    peers = {one.participant: one.peer for one in host.state.participants}
    legs = tuple(msgspec.structs.replace(one, peer=peers[one.participant]) for one in legs)

    later = asyncio.get_running_loop().time() + 1000  # than the bench's own ticks

    async def measured(at: float) -> None:
        host.lines.measured(r.Quality(utc=1.0, legs=legs))
        await host.lines.log(later + at)

    await measured(0.0)
    assert bench.events(session, "quality.measured") == [], "not held yet"
    assert len(host.lines.points) == 2, "but known to the metrics"
    await op.ask("read_notice")
    for name in ("op", "a"):
        await op.ask("answer_notice", participant=ids[name], answer="heard")
    await op.ask("start", record="off")
    for at in (5.0, 10.0, 15.0, 20.0):
        await measured(at)
    events = bench.events(session, "quality.measured")
    assert len(events) == 2
    assert {point["participant"] for point in events[0]["points"]} == {ids["op"], ids["a"]}
    assert all(point["up"]["rtt_s"] == 0.05 and point["up"]["mos"] > 4 for point in events[0]["points"])
    await a.tell("ping", n=3)
    await a.until("pong")
    assert not any("quality.measured" in json.dumps(told) for told in a.got), "for operators only"
    await op.tell("ping", n=4)
    await op.until("pong", n=4)
    assert any("quality.measured" in json.dumps(told) for told in op.got)


async def test_the_word_is_on_every_screen_and_in_the_log_for_operators(bench: Bench) -> None:
    relay = await bench.relay()
    session, ids = bench.open_plain(a="admitted")
    op, a = [await bench.page(session, ids[name]) for name in ("op", "a")]
    await relay.report(session, r.SourceLive(participant=ids["op"], source="camera"))
    await relay.until(lambda: not relay.outbox)
    await a.tell("seen", received_bps=30_000)
    state = await op.state_where(lambda s: any(one["line"] == "sound_only" for one in s["participants"]))
    assert [one["participant"] for one in state["session"]["participants"] if one["line"]] == [ids["a"]]
    for _ in range(4):
        await a.tell("seen", received_bps=30_000)
    await a.tell("seen", received_bps=900_000)
    await op.state_where(lambda s: any(one["line"] == "good" for one in s["participants"]))
    await a.tell("ping", n=1)
    await a.until("pong")  # the messages of a page are carried out one after the other
    assert [body["word"] for body in bench.events(session, "quality.seen")] == ["sound_only", "good"]
    bench.database.away = True
    await a.tell("seen", received_bps=1_000)
    await op.state_where(lambda s: any(one["line"] == "sound_only" for one in s["participants"]))
    await a.tell("ping", n=2)
    await a.until("pong", n=2)
    bench.database.away = False
    assert len(bench.events(session, "quality.seen")) == 2, "figures are not worth keeping"


def test_a_line_is_narrow_down_when_it_carries_less_than_there_is_three_times_in_a_row() -> None:
    line = Line("a")
    for estimate in (300_000, 400_000, 1_490_000, 300_000, 400_000):
        line.add(leg("subscribe", estimate_bps=estimate, wanted_bps=1_500_000))
    assert line.narrow() == ()
    line.add(leg("subscribe", estimate_bps=500_000, wanted_bps=1_500_000))
    assert line.narrow() == ("down",)
    line.see(Seen(limited=True))
    assert line.narrow() == ("up", "down")
    line.see(Seen())
    line.add(leg("subscribe", estimate_bps=0, wanted_bps=1_500_000))
    assert line.narrow() == (), "a line of which nothing is known is not called narrow"


async def test_all_see_whose_line_is_narrow_and_operators_alone_the_figures(bench: Bench) -> None:
    session, ids = bench.open_plain(a="admitted")
    op, a = await bench.page(session, ids["op"]), await bench.page(session, ids["a"])
    host = bench.host(session)
    await a.tell("seen", limited=True, sent_bps=100_000)
    for peer in (op, a):
        state = await peer.state_where(lambda s: any(one["narrow"] for one in s["participants"]))
        narrow = {one["participant"]: one["narrow"] for one in state["session"]["participants"]}
        assert narrow[ids["a"]] == ["up"]
    host.lines._measured[ids["a"]].add(leg("publish", bitrate_bps=100_000))
    await host.lines.log(1e9)
    assert [one["participant"] for one in (await op.until("figures"))["points"]] == [ids["a"]]
    await a.tell("ping", n=1)
    await a.until("pong")
    assert not [one for one in a.got if one["type"] == "figures"], "figures of others are not a point's business"
