"""The compiled parts of the packet path against their references in Python: the same answers to the same questions."""

from __future__ import annotations

import socket
from collections import Counter
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media import codecs, rtp, sentlog, twcc
from media.arrivals import PlainArrivals
from media.codecs import NO_VP8, h264_starts_key, vp8_info_plain
from media.glance import PlainGlance
from media.layer import Layer
from media.native import compiled
from media.pacer import Pacer
from media.peer import ConnectionQueue
from media.rtp import HeaderTemplate
from media.sender import Sender
from media.sentlog import PlainSentLog
from media.subscription import Stint
from media.types import Batch, ExtensionIds, PeerId, Ready
from tests.support.srtp import CM, GCM, session_pair
from tests.support.wire import PaperSocket, connection

pytestmark = pytest.mark.skipif(compiled is None, reason="media._native was not built, or DIEMCAU_PLAIN=1")
native: Any = compiled

HEADS = st.tuples(
    st.integers(0, 255), st.binary(min_size=11, max_size=11), st.sampled_from([0xBEDE, 0x1000, 0x1003, 0]),
    st.integers(0, 6), st.binary(max_size=60),
)  # fmt: skip


def packet_of(head: tuple[int, bytes, int, int, bytes]) -> bytes:
    """Bytes that look like RTP with an extension block, more or less."""
    first, rest, profile, words, tail = head
    csrcs = bytes(4 * (first & 0x0F))
    return bytes((first,)) + rest + csrcs + profile.to_bytes(2, "big") + words.to_bytes(2, "big") + tail


def test_it_is_what_is_used() -> None:
    assert rtp.parse is native.parse and codecs.vp8_info is native.vp8_info
    assert sentlog.SentLog is native.SentLog and twcc.arrivals is native.arrivals


@given(st.binary(max_size=80) | HEADS.map(packet_of), st.integers(0, 15), st.integers(0, 15), st.integers(0, 15))
def test_packets_are_taken_apart_alike(data: bytes, level: int, time: int, wide: int) -> None:
    assert native.parse(data, level, time, wide) == rtp.parse_plain(data, level, time, wide)


@given(st.binary(max_size=12))
def test_vp8_counters_are_read_alike(payload: bytes) -> None:
    assert native.vp8_info(payload) == vp8_info_plain(payload)


H264_HEADS = st.sampled_from((b"\x67", b"\x65", b"\x61", b"\x78\0\2", b"\x78\0\1\x41\0\2", b"\x7c\x85", b"\x7c\5", b""))


@given(H264_HEADS, st.binary(max_size=12), st.booleans())
def test_where_h264_may_begin_is_found_alike(head: bytes, rest: bytes, known: bool) -> None:
    assert native.h264_starts_key(head + rest, known) == h264_starts_key(head + rest, known)


@given(st.binary(max_size=60), st.integers(1, 400), st.integers(-(1 << 40), 1 << 40))
def test_feedback_is_read_alike(data: bytes, count: int, time: int) -> None:
    found, expected = (
        native.arrivals(data, 0, len(data), count, time),
        twcc.arrivals_plain(data, 0, len(data), count, time),
    )
    assert found == expected or (isinstance(found, str) and isinstance(expected, str))


STEPS = st.lists(
    st.tuples(st.just("add"), st.integers(0, 1500), st.floats(0, 0.05))
    | st.tuples(st.just("all"), st.lists(st.integers(0, 1500), max_size=90), st.floats(0, 0.5))
    | st.tuples(
        st.sampled_from(("told", "summed")), st.lists(st.none() | st.integers(0, 90_000), max_size=60),
        st.integers(-5, 120),
    ),
    max_size=30,
)  # fmt: skip


@given(st.integers(0, 0xFFFF), STEPS)
def test_what_was_sent_is_remembered_alike(first: int, steps: list[tuple[str, Any, Any]]) -> None:
    one, other = PlainSentLog(first), native.SentLog(first)
    now = 0.0
    for kind, value, more in steps:
        if kind in ("told", "summed"):
            asked = one.next - more
            if kind == "told":
                assert one.match(asked, value, 64) == other.match(asked, value, 64)
            else:
                assert one.digest(asked, value, 64) == other.digest(asked, value, 64)
        else:
            now += more
            for log in (one, other):
                log.add(value, now) if kind == "add" else log.add_all(value, now)
        assert (one.next, one.octets, one.flying, one.mask) == (other.next, other.octets, other.flying, other.mask)
    assert (list(one.times), list(one.sizes), one.states) == (list(other.times), list(other.sizes), other.states)


CAME = st.lists(
    st.tuples(
        st.integers(-1200, 300) | st.just(1) | st.sampled_from((4_500, 9_000)),
        st.sampled_from((0.0, 0.001, 0.02, 9.0)),
    )
    | st.just("tell"),
    max_size=120,
)  # fmt: skip


@given(st.integers(0, 0xFFFF), CAME)
def test_what_arrived_is_told_alike(seq: int, steps: list[Any]) -> None:
    one, other = PlainArrivals(100.0), native.Arrivals(100.0)
    now = 100.0
    for step in [*steps, "tell"]:
        if step != "tell":
            seq, now = (seq + step[0]) & 0xFFFF, now + step[1]
            one.add(seq, now)
            other.add(seq, now)
            continue
        while True:
            buffers = bytearray(1500), bytearray(1500)
            sizes = one.build(buffers[0], 8, 1, 2, now), other.build(buffers[1], 8, 1, 2, now)
            assert sizes[0] == sizes[1] and buffers[0] == buffers[1]
            if not sizes[0]:
                break
        assert one.due == other.due


def test_many_packets_within_half_a_second_are_all_told() -> None:
    one, other = PlainArrivals(0.0), native.Arrivals(0.0)
    for count in range(3000):
        one.add(count & 0xFFFF, count * 0.0001)
        other.add(count & 0xFFFF, count * 0.0001)
    assert other.mask == 4095
    buffers = bytearray(1500), bytearray(1500)
    while size := one.build(buffers[0], 0, 1, 2, 0.3):
        assert other.build(buffers[1], 0, 1, 2, 0.3) == size and buffers[0] == buffers[1]


def test_no_feedback_is_written_where_there_is_no_room() -> None:
    arrivals = native.Arrivals(0.0)
    arrivals.add(1, 0.0)
    with pytest.raises(ValueError):
        arrivals.build(bytearray(500), 0, 1, 2, 0.1)


NEWS = st.lists(
    st.tuples(
        st.lists(st.integers(50, 1500), max_size=30),  # sent
        st.integers(-3, 40),  # how far back the feedback reaches
        st.lists(st.none() | st.integers(0, 600), max_size=30),  # ticks after the reference time, lost
        st.integers(0, 3),  # steps of the reference time
        st.binary(max_size=3),  # what is behind it
        st.sampled_from((-1e18, 0.0, 1e9)),  # until
    ),
    max_size=12,
)  # fmt: skip


@given(st.integers(0, 0xFFFF), st.sampled_from((0, (1 << 24) - 3)), st.sampled_from((-1e9, 0.0)), NEWS)
def test_good_news_are_taken_alike(first: int, reference: int, low: float, news: list[tuple[Any, ...]]) -> None:
    one, other = PlainGlance(PlainSentLog(first), 0.0), native.Glance(native.SentLog(first), 0.0)
    now, taken = 0.0, []
    for sizes, back, ticks, steps, tail, until in news:
        reference += steps
        told = [None if tick is None else reference * 256 + tick for tick in ticks]
        buffer, size = bytearray(1500), 0
        if any(tick is not None for tick in told):
            size, _ = twcc.write(buffer, 0, 1, 2, 0, one.log.next - back, told)
        for glance in (one, other):
            for octets in sizes:
                glance.log.add(octets, now)
            glance.low, glance.high, glance.until = low, 1e9, until
        now += 0.1
        taken.append([glance.take(bytes(buffer[:size]) + tail, now) for glance in (one, other)])
        assert taken[-1][0] == taken[-1][1]
        if not taken[-1][0]:
            for glance in (one, other):
                glance.reference = glance.unwrapped(reference & 0xFFFFFF)
                glance.note(glance.log.next - back + len(told), now)
        for name in PlainGlance.__slots__:
            if name != "log":
                assert getattr(one, name) == getattr(other, name), name
        assert (one.log.flying, bytes(one.log.states)) == (other.log.flying, bytes(other.log.states))


@given(st.binary(max_size=60))
def test_no_bytes_hurt_a_glance(data: bytes) -> None:
    for body in (data, b"\x8f\xcd" + (len(data) // 4).to_bytes(2, "big") + data[: len(data) // 4 * 4]):
        one, other = PlainGlance(PlainSentLog(0), 0.0), native.Glance(native.SentLog(0), 0.0)
        for glance in (one, other):
            for _ in range(100):
                glance.log.add(100, 0.0)
            glance.low, glance.high, glance.until = -1e9, 1e9, 1e9
        assert one.take(body, 1.0) == other.take(body, 1.0)


def test_a_log_refuses_what_is_no_size() -> None:
    with pytest.raises(OverflowError):
        native.SentLog().add(70_000, 1.0)
    with pytest.raises(TypeError):
        native.SentLog().add("1", 1.0)


IDS = [ExtensionIds(mid=1, audio_level=2, abs_send_time=3, transport_cc=4), ExtensionIds(mid=1, audio_level=20),
       ExtensionIds()]  # fmt: skip
LAYER = Layer("", 200, 90000, True, True)
COUNTERS = [
    NO_VP8,
    vp8_info_plain(b"\x90\xe0\x81\x23\x07\x40\x01" + bytes(9)),
    vp8_info_plain(b"\x90\x80\x11" + bytes(9)),
]
PAYLOADS = [bytes(60), b"\x90\xe0\x81\x23\x07\x40\x01" + bytes(53), b"\x90\x80\x11" + bytes(57)]


def stints() -> list[Stint]:
    made = []
    for number, ids in enumerate(IDS):
        for audio in (False, True):
            header = HeaderTemplate(96 + number, 5000 + number, ids, "m", audio)
            made.append(Stint(header, audio, LAYER, 0, 100 + number, 0xFFFFFF00, 5 * (number > 0), 3 * (number > 1)))
    return made


ITEMS = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 2), st.integers(-1, 127), st.integers(0, 1 << 40), st.integers(0, 1340))
    | st.tuples(st.just(-1), st.booleans(), st.integers(0, 1), st.just(0), st.integers(12, 400)),
    max_size=40,
)  # fmt: skip


def pairs_of(items: list[tuple[int, int, int, int, int]]) -> list[Any]:
    shown = stints()
    pairs: list[Any] = []
    for which, kind, level, number, size in items:
        if which < 0:
            data = bytearray(b"\x80\xc9" + bytes([number & 0xFF]) * size if kind else b"\x90\x60" + bytes(size))
            stamped = not kind and level and size > 20
            pairs += (None, Ready(data, bool(kind), 4 if stamped else 0, 8 if stamped else 0))
        else:
            payload = PAYLOADS[kind] + bytes(size)
            pairs += (shown[which], (number, 90 * number, 0x80 * (size & 1), payload, level, COUNTERS[kind]))
    return pairs


@pytest.mark.parametrize("profile", [GCM, CM])
@pytest.mark.parametrize("has_log", [True, False])
@given(items=ITEMS)
def test_what_leaves_is_the_same_to_the_byte(
    profile: int, has_log: bool, items: list[tuple[int, int, int, int, int]]
) -> None:
    refused: Counter[str] = Counter()
    expected: Counter[str] = Counter()
    paper, reference = PaperSocket(), Sender(expected, False, False)
    leg = connection(paper)
    leg.sending = session_pair(profile)[0]
    plain_log, log = PlainSentLog(7), native.SentLog(7)
    reference.send(leg, plain_log if has_log else None, pairs_of(items), 12.5)
    sent = []
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as there,
    ):
        there.bind(("127.0.0.1", 0))
        there.setblocking(False)
        sender = Sender(refused)
        sender.add_socket(opened)
        leg = connection(paper)
        leg.sending, leg.socket, leg.ice.selected = session_pair(profile)[0], opened, there.getsockname()
        sender.send(leg, log if has_log else None, pairs_of(items), 12.5)
        while True:
            try:
                sent.append(there.recv(2048))
            except BlockingIOError:
                break
    assert sent == paper.packets and sender.sent == reference.sent and refused == expected
    assert (plain_log.next, plain_log.octets) == (log.next, log.octets)
    assert list(plain_log.sizes) == list(log.sizes)


def test_what_is_no_pair_is_refused_and_not_sent() -> None:
    name = bytes(16)
    for pairs in (
        [stints()[0], "no packet"],
        [stints()[0]],
        [None, 5],
        [stints()[0], (1, 2, 0, b"x" * 1501, -1, NO_VP8)],
    ):
        with pytest.raises((TypeError, ValueError, AttributeError)):
            native.send(-1, name, 0, 0, 0, pairs, 0, None, True, 1.0)


STATES = ("ample", "narrow", "waiting", "empty", "none", "silent", "closed")


def some_legs(chance: Random) -> list[tuple[str, Any, bool]]:
    """(state, items, has a log) of up to five legs."""
    legs = []
    for _ in range(chance.randint(1, 5)):
        items = [
            (-1, chance.random() < 0.5, chance.randint(0, 1), 0, chance.randint(12, 400))
            if chance.random() < 0.2
            else (chance.randint(0, 5), chance.randint(0, 2), chance.randint(-1, 127), chance.getrandbits(40),
                  chance.randint(0, 1340))
            for _ in range(chance.randint(0, 20))
        ]  # fmt: skip
        legs.append((chance.choice(STATES), items, chance.random() < 0.5))
    return legs


def flushed(is_native: bool, legs: list[tuple[str, Any, bool]]) -> tuple[Any, ...]:
    """What every leg is sent by a flush, and what is left behind."""
    dropped: Counter[str] = Counter()
    sender, batch, there = Sender(dropped, True, is_native), Batch(), []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        sender.add_socket(opened)
        for state, items, has_log in legs:
            there.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            there[-1].bind(("127.0.0.1", 0))
            there[-1].setblocking(False)
            leg = connection(PaperSocket())
            leg.peer = PeerId("p")
            leg.queue = ConnectionQueue(leg)
            leg.sending, leg.socket, leg.ice.selected = session_pair(GCM)[0], opened, there[-1].getsockname()
            leg.is_silent, leg.is_closed = state == "silent", state == "closed"
            if leg.is_closed:
                leg.sending = None
            sender.send(leg, None, [], 9.0)  # it has been sent to before
            if state not in ("none", "silent", "closed"):
                leg.queue.pacer = Pacer(2e6 if state == "narrow" else 50e6, 10.0)
                leg.queue.pacer.set_target(2e6 if state == "narrow" else 50e6, state != "narrow")
            if state == "waiting":
                leg.queue.pacer._since.append((9.9, 1))
            leg.queue.log = (native.SentLog if is_native else PlainSentLog)(7) if has_log else None
            leg.queue.pairs += pairs_of(items) if state != "empty" else []
            batch.queues.append(leg.queue)
        queues = list(batch.queues)
        sender.flush(batch, 10.004)
    told = []
    for queue, each in zip(queues, there, strict=True):
        with each:
            pacer, log = queue.pacer, queue.log
            budget = (pacer._budget, pacer.due, pacer._refilled_at) if pacer is not None else None
            told.append((len(queue.pairs), budget, (log.next, log.octets) if log is not None else None, all_of(each)))
    return told, dropped, sender.sent, [queues.index(queue) for queue in batch.queues], sender.due


def all_of(opened: socket.socket) -> list[bytes]:
    found = []
    while True:
        try:
            found.append(opened.recv(2048))
        except BlockingIOError:
            return found


def test_a_flush_sends_and_leaves_the_same() -> None:
    for seed in range(60):
        legs = some_legs(Random(seed))
        assert flushed(True, legs) == flushed(False, legs), seed
