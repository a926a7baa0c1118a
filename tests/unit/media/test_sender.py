"""What leaves a leg: runs, stamps, SRTP, and what a kernel or a path refuses."""

from __future__ import annotations

import errno
import socket
from collections import Counter
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.codecs import NO_VP8
from media.layer import Layer
from media.packetcache import Cached
from media.peer import ConnectionQueue
from media.rtp import HeaderTemplate, find_extensions, payload_start
from media.sender import Sender
from media.subscription import Stint
from media.transport import pointer_to
from media.types import Batch, ExtensionIds, Ready
from tests.support.media import parse
from tests.support.srtp import CM, GCM, session_pair, unprotect
from tests.support.wire import PaperSocket, connection

IDS = ExtensionIds(mid=1, abs_send_time=3, transport_cc=4)
LAYER = Layer("", 200, 90000, True, True)


def stint(offset: int = 100, ids: ExtensionIds = IDS) -> Stint:
    return Stint(HeaderTemplate(96, 5000, ids, "1", False), False, LAYER, 0, offset, 7, 0, 0)


def packet(number: int, size: int) -> Cached:
    return (number, 90 * number, 0, bytes([number & 0xFF]) * size, -1, NO_VP8)


def copies(shown: Stint, *sizes: int) -> list[Any]:
    return [item for number, size in enumerate(sizes) for item in (shown, packet(number, size))]


class Paper:
    """A sender with one socket and one leg."""

    def __init__(self, runs: bool = True, knows_runs: bool = True) -> None:
        self.dropped: Counter[str] = Counter()
        self.socket = PaperSocket(knows_runs)
        self.sender = Sender(self.dropped, runs)
        self.sender.add_socket(cast(socket.socket, self.socket))
        self.connection = connection(self.socket)

    def send(self, pairs: list[Any], log: Any = None, now: float = 1.0) -> list[int]:
        """Packets per call to the kernel."""
        self.socket.runs.clear()
        self.sender.send(self.connection, log, pairs, now)
        return self.socket.runs


def test_a_frame_is_one_run_and_its_last_packet_may_be_shorter() -> None:
    paper = Paper()
    assert paper.send(copies(stint(), 1000, 1000, 1000, 300, 1000, 1000, 200)) == [4, 3]
    assert [len(parse(data).payload) for data in paper.socket.packets] == [1000, 1000, 1000, 300, 1000, 1000, 200]
    assert [parse(data).seq for data in paper.socket.packets] == list(range(100, 107))
    assert paper.sender.sent == 7


def test_a_frame_cut_into_almost_equal_packets_is_one_run() -> None:
    """As Chromium cuts: the smaller ones get a byte of padding, which no receiver shows."""
    paper = Paper()
    assert paper.send(copies(stint(), 700, 700, 701, 701)) == [4]
    assert {len(data) for data in paper.socket.packets} == {len(paper.socket.packets[0])}
    assert [len(parse(data).payload) for data in paper.socket.packets] == [700, 700, 701, 701]
    assert [data[0] & 0x20 for data in paper.socket.packets] == [0x20, 0x20, 0, 0]
    again = Stint(HeaderTemplate(96, 6000, IDS, "1", False), False, LAYER, 0, 0, 0, 0, 0)
    assert paper.send(copies(again, 500, 500, 500)) == [3]
    assert not any(data[0] & 0x20 for data in paper.socket.packets[4:])


def test_sound_is_never_padded() -> None:
    shown = Stint(HeaderTemplate(111, 5000, IDS, "0", True), True, LAYER, 0, 0, 0, 0, 0)
    paper = Paper()
    paper.send(copies(shown, 80, 81, 80, 81))
    assert not any(data[0] & 0x20 for data in paper.socket.packets)


def test_sound_and_single_packets_go_as_they_are() -> None:
    assert Paper().send(copies(stint(), 80)) == [1]
    assert Paper().send(copies(stint(), 80, 90, 100)) == [1, 1, 1]


@given(st.lists(st.integers(1, 1400), max_size=40) | st.lists(st.sampled_from([700, 1000, 1100]), max_size=150))
def test_runs_carry_the_very_same_packets(sizes: list[int]) -> None:
    with_runs, without = Paper(), Paper(runs=False)
    with_runs.send(copies(stint(), *sizes))
    without.send(copies(stint(), *sizes))
    assert with_runs.socket.packets == without.socket.packets
    assert set(without.socket.runs) <= {1}


def test_a_long_run_is_cut_where_the_kernel_cuts() -> None:
    paper = Paper()
    assert max(paper.send(copies(stint(), *[100] * 200))) == 64
    paper.send(copies(stint(), *[1400] * 100))  # the paper socket refuses more than a datagram holds
    assert paper.sender.sent == 300


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOPROTOOPT])
def test_an_interface_that_cannot_do_runs_is_not_asked_again(number: int) -> None:
    paper = Paper()
    paper.socket.refuses = [number]
    assert paper.send(copies(stint(), 500, 500)) == [1, 1]
    paper.connection = connection(paper.socket)
    assert paper.send(copies(stint(), 500, 500)) == [1, 1]
    assert (paper.sender.sent, paper.dropped) == (4, {})


@pytest.mark.parametrize("number", [errno.EINVAL, errno.EMSGSIZE])
def test_a_path_that_cannot_do_runs_does_not_cost_the_others_theirs(number: int) -> None:
    paper = Paper()
    paper.socket.refuses = [number]
    assert paper.send(copies(stint(), 500, 500)) == [1, 1]
    assert paper.send(copies(stint(), 500, 500)) == [1, 1]
    paper.connection = connection(paper.socket)
    assert paper.send(copies(stint(), 500, 500)) == [2]


def test_a_full_socket_drops_and_counts() -> None:
    paper = Paper()
    paper.socket.refuses = [errno.EAGAIN]
    assert paper.send(copies(stint(), 500, 500)) == []
    assert paper.dropped == {"send_full": 2}


def test_a_kernel_without_runs_is_never_handed_one() -> None:
    assert Paper(knows_runs=False).send(copies(stint(), 500, 500)) == [1, 1]


def test_every_packet_is_stamped_when_it_leaves() -> None:
    class Log:
        next = 0x1FFFF

        def add_all(self, sizes: list[int], now: float) -> None:
            added.append((sizes, now))
            self.next += len(sizes)

    added: list[tuple[list[int], float]] = []
    paper, log = Paper(), Log()
    header = HeaderTemplate(97, 6000, IDS, "1", False)
    resend = Ready(header.buffer + b"again", False, header.time_at, header.wide_at)
    report = Ready(bytearray(b"\x80\xc9\x00\x01\x00\x00\x00\x05"), True)
    paper.send([*copies(stint(), 500, 500), None, report, None, resend], log, now=64.0 + 1.5)
    first, second, rtcp, again = paper.socket.packets
    assert rtcp == bytes(report.data)
    for number, data in ((0xFFFF, first), (0x0000, second), (0x0001, again)):
        found = find_extensions(data, payload_start(data))
        assert int.from_bytes(found[3], "big") == int(1.5 * 262144)
        assert int.from_bytes(found[4], "big") == number
    assert [(len(sizes), now) for sizes, now in added] == [(3, 65.5)]
    assert all(abs(size - len(data)) <= 16 for size, data in zip(added[0][0], (first, second, again), strict=True))
    paper.send(copies(stint(), 90), log, now=66.0)
    assert find_extensions(paper.socket.packets[-1], 12 + 4 + 12)[4] == b"\0\2"


def test_a_leg_without_feedback_carries_no_numbers() -> None:
    paper = Paper()
    paper.send(copies(stint(ids=ExtensionIds(mid=1, abs_send_time=3)), 500), None)
    assert set(parse(paper.socket.packets[0]).extensions) == {1, 3}


@pytest.mark.parametrize("profile", [GCM, CM])
@pytest.mark.parametrize("runs", [True, False])
@pytest.mark.parametrize("is_native", [True, False])
def test_a_receiver_decrypts_what_came_through_a_real_socket(profile: int, runs: bool, is_native: bool) -> None:
    out, inbound = session_pair(profile)
    sender = Sender({}, runs, is_native)
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as there,
    ):
        there.bind(("127.0.0.1", 0))
        there.settimeout(5)
        sender.add_socket(opened)
        leg = connection(PaperSocket())
        leg.sending, leg.socket, leg.ice.selected = out, opened, there.getsockname()
        report = Ready(bytearray(b"\x80\xc9\x00\x01\x00\x00\x00\x05"), True)
        sizes = [1100, 1100, 1100, 400, 90, 1100, 1100]
        sender.send(leg, None, [None, report, *copies(stint(), *sizes), None, report], 1.0)
        buffer = bytearray(2048)
        seen = []
        for _ in range(len(sizes) + 2):
            length = there.recv_into(buffer)
            length = unprotect(inbound, pointer_to(buffer), length, 192 <= buffer[1] <= 223)
            assert length > 0
            seen.append(bytes(buffer[:length]))
        there.setblocking(False)
        with pytest.raises(BlockingIOError):
            there.recv_into(buffer)
    assert seen[0] == seen[-1] == bytes(report.data)
    assert [len(parse(data).payload) for data in seen[1:-1]] == sizes


class Held:
    """A pacer that lets one pair pass at a time."""

    due = 2.5

    def take(self, queue: Any, now: float) -> list[Any]:
        leaving = queue.pairs[:2]
        del queue.pairs[:2]
        return cast(list[Any], leaving)


def leg_queue(paper: Paper) -> ConnectionQueue:
    leg: Any = SimpleNamespace(**vars(paper.connection), peer="peer")
    return ConnectionQueue(leg)


def test_a_pacer_holds_back_and_the_queue_stays_named() -> None:
    paper, batch = Paper(), Batch()
    paced, free = leg_queue(paper), leg_queue(paper)
    paced.pacer = Held()
    for queue in (paced, free):
        for each in (1, 2):
            queue.add(Ready(bytearray(b"\x80\xc9" + bytes([0, each])), True), batch)
    paper.sender.flush(batch, 1.0)
    assert batch.queues == [paced] and paper.sender.due == 2.5 and paper.sender.sent == 3
    paced.add(Ready(bytearray(b"\x80\xc9\0\3"), True), batch)
    paper.sender.flush(batch, 2.5)
    paper.sender.flush(batch, 3.0)
    assert batch.queues == [] and paper.sender.due is None
    assert [data[3] for data in paper.socket.packets] == [1, 1, 2, 2, 3]


def test_what_waits_for_a_closed_leg_is_forgotten() -> None:
    paper, batch = Paper(), Batch()
    queue = leg_queue(paper)
    queue.pacer = Held()
    for _ in range(3):
        queue.add(Ready(bytearray(b"\x80\xc9\0\1"), True), batch)
    queue.connection.is_closed, queue.connection.sending = True, None
    paper.sender.flush(batch, 1.0)
    assert batch.queues == [] and queue.pairs == [] and paper.sender.due is None


def test_a_fence_drops_what_waits_of_one_section_only() -> None:
    paper, batch = Paper(), Batch()
    queue = leg_queue(paper)
    first, second = stint(), stint()
    report = Ready(bytearray(b"\x80\xc9\0\1"), True)
    resend = Ready(bytearray(b"\x80\x61"), False, owner=first.header)
    batch.touch(queue)
    queue.pairs += [first, packet(1, 9), second, packet(2, 9), None, resend, None, report]
    queue.forget(first.header)
    assert queue.pairs == [second, packet(2, 9), None, report]


def test_a_packet_that_breaks_something_is_not_tried_again() -> None:
    paper, batch = Paper(), Batch()
    queue = leg_queue(paper)
    batch.touch(queue)
    queue.pairs += [stint(), "no packet"]
    with pytest.raises(ValueError):
        paper.sender.flush(batch, 1.0)
    assert batch.queues == [] and queue.pairs == []
