"""What pages measure becomes a word for all and few lines of the log."""

from __future__ import annotations

from media import messages as r
from signaling.messages import Seen
from signaling.quality import Fold, word_of, worst
from tests.support.signaling_bench import Bench

GOOD = Seen(received_bps=1_800_000, sent_bps=900_000, rtt_s=0.05)
WEAK = Seen(received_bps=400_000, frozen_s=4.0, freezes=3, rtt_s=0.5)


def test_the_word() -> None:
    assert word_of(GOOD, True) == "good"
    assert word_of(WEAK, True) == "weak"
    assert word_of(Seen(received_bps=40_000), True) == "sound_only"
    assert word_of(Seen(received_bps=40_000), False) == "good", "nobody sends pictures"
    assert word_of(Seen(concealed=0.2, received_bps=10**6), True) == "weak"
    assert (worst("good", "weak"), worst("weak", "sound_only"), worst("", "good"), worst("", "")) == (
        "weak", "sound_only", "good", "",
    )  # fmt: skip


def test_one_line_a_minute_and_one_when_it_turns() -> None:
    line, lines = Fold(), []
    for tick in range(60):  # ten minutes, bad from 200 s to 300 s
        bad = 200 <= tick * 10 < 300
        body = line.take(WEAK if bad else GOOD, "weak" if bad else "good", tick * 10.0)
        if body is not None:
            lines.append((tick * 10, body["word"]))
    assert lines[0] == (0, "good")
    assert (200, "weak") in lines and (300, "good") in lines
    assert len(lines) <= 13
    assert all(later - earlier <= 60 for (earlier, _), (later, _) in zip(lines, lines[1:], strict=False))


def test_figures_of_a_page_are_added_up_and_bounded() -> None:
    line = Fold(word="weak", since=0.0)
    assert line.take(WEAK, "weak", 10.0) is None
    body = line.take(Seen(freezes=10**9, concealed=7.0, rtt_s=-1.0, received_bps=-5), "weak", 60.0)
    assert body is not None
    assert (body["freezes"], body["concealed"], body["received_bps"], body["rtt_s"]) == (10_003, 1.0, 200_000, 0.5)


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
