"""The selector of a relay's loop over real sockets: what passes while the loop sleeps, and what wakes it."""

from __future__ import annotations

import asyncio
import os
import select
import selectors
import socket
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from media import native
from media.front import Front
from media.peer import Connection
from media.transport import Certificate, pointer_to
from media.types import PeerId, PublishedMedia, Ssrc
from media.waiting import NetworkSelector
from tests.support.media import IN_IDS, VP8, Sender, World, member, video_line, vp8
from tests.support.srtp import GCM, protect, session_pair, unprotect

needs_native = pytest.mark.skipif(native.compiled is None, reason="media._native was not built, or DIEMCAU_PLAIN=1")
CERTIFICATE = Certificate.generateCertificate()
CAMERA = PublishedMedia("1", "camera", VP8, replace(IN_IDS, abs_send_time=0, transport_cc=3), (Ssrc(200),))
FEEDBACK = bytes((0x8F, 205, 0, 4)) + bytes(16)
NACK = bytes((0x81, 205, 0, 3)) + bytes(12)


class Line:
    """A client's socket and keys, and the relay's end of them."""

    def __init__(self, hall: Hall, peer: str, leg: Any) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.connect(("127.0.0.1", hall.port))
        self.socket.setblocking(False)
        self.out, inbound = session_pair(GCM)
        outbound, self.into = session_pair(GCM, 7)
        self.leg = Connection(PeerId(peer), leg, 0.0, CERTIFICATE, hall.front.send_dtls, lambda _: None, lambda _: None)
        self.leg.receiving, self.leg.sending = inbound, outbound
        self.leg.socket, self.leg.ice.selected = hall.front._sockets[0], self.socket.getsockname()
        hall.front._addresses.put(self.socket.getsockname(), self.leg, self.socket.family)

    def sealed(self, plain: bytes) -> bytes:
        """In the loop's thread only: libsrtp's length is one for the process (media.transport)."""
        buffer = bytearray(plain + bytes(200))
        return bytes(buffer[: protect(self.out, pointer_to(buffer), len(plain), 192 <= plain[1] <= 223)])

    def send(self, plain: bytes) -> None:
        self.socket.send(self.sealed(plain))

    def received(self) -> list[bytes]:
        """Payloads of the pictures that came."""
        found: list[bytes] = []
        while True:
            try:
                data = bytearray(self.socket.recv(2048)) + bytes(200)
            except BlockingIOError:
                return found
            length = len(data) - 200
            assert unprotect(self.into, pointer_to(data), length) > 0
            found.append(bytes(data[:length]))


class Counting(NetworkSelector):
    """Knows how often the loop was woken."""

    woken = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = super().select(timeout)
        self.woken += 1
        return found


class Hall:
    """A relay's core behind its port, with a camera and who looks at it."""

    def __init__(self, selector: NetworkSelector) -> None:
        self.world = World()
        self.world.now = time.monotonic()
        self.front = Front(self.world.relay, time.monotonic, lambda: None)
        self.port = self.front.open(0, ["127.0.0.1"])
        self.camera, self.viewer = Line(self, "peer-an", "publish"), Line(self, "peer-binh", "subscribe")
        self.sender = Sender(200, VP8)
        self.wide = 65_530
        self.world.apply(members=(member("an"), member("binh")))
        self.world.publish("peer-an", CAMERA, queue=self.camera.leg.queue)
        self.world.queues["peer-binh", "subscribe"] = self.viewer.leg.queue
        self.world.subscribe("peer-binh", (video_line(), "an", "camera"))
        selector.watch(self.front.wait)

    def picture(self, is_key: bool = False) -> None:
        self.camera.socket.send(self.sealed_picture(is_key))

    def sealed_picture(self, is_key: bool = False) -> bytes:
        self.wide += 1
        self.sender.extensions = {3: (self.wide & 0xFFFF).to_bytes(2, "big")}
        return self.camera.sealed(self.sender.packet(vp8(is_key), marker=True, step=3000))

    def ticks(self) -> None:
        self.world.relay.handle_deadline(time.monotonic(), self.front.batch)
        self.front.flush()

    async def shown(self, count: int) -> None:
        """The viewer has got so many pictures."""
        found: list[bytes] = []
        async with asyncio.timeout(10):
            while len(found) < count:
                found += self.viewer.received()
                await asyncio.sleep(0.005)

    def close(self) -> None:
        self.front.close()
        for line in (self.camera, self.viewer):
            line.socket.close()


def played(story: Callable[[Hall, Counting], Awaitable[None]]) -> None:
    selector = Counting()

    async def run() -> None:
        hall = Hall(selector)
        try:
            hall.ticks()
            hall.picture(is_key=True)
            await hall.shown(1)
            hall.ticks()
            await story(hall, selector)
        finally:
            selector.watch(None)
            hall.close()

    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)) as runner:
        runner.run(run())


def later(seconds: float, step: Callable[[], object]) -> threading.Thread:
    """Something that happens on the network while the loop waits."""
    timer = threading.Timer(seconds, step)
    timer.start()
    return timer


@needs_native
def test_pictures_pass_while_the_loop_sleeps() -> None:
    async def story(hall: Hall, selector: Counting) -> None:
        pictures = [hall.sealed_picture() for _ in range(40)]

        def send() -> None:
            for picture in pictures:
                hall.camera.socket.send(picture)
                time.sleep(0.002)  # the pace of the network, in a thread of its own

        before, woken = hall.front.received, selector.woken
        sent, packets = hall.front.sent, hall.world.relay.packets_in
        sending = later(0.0, send)
        await asyncio.sleep(0.2)
        woken = selector.woken - woken
        sending.join()
        assert len(hall.viewer.received()) == 40
        assert woken <= 10, "not once for each"
        assert hall.front.received - before == hall.world.relay.packets_in - packets == 40
        assert hall.front.sent - sent == 40

    played(story)


@needs_native
def test_what_needs_a_decision_is_handed_in_with_what_came_beside_it() -> None:
    async def story(hall: Hall, selector: Counting) -> None:
        packets = [hall.sealed_picture(), hall.sealed_picture(is_key=True)]
        hall.sender.seq += 1  # a hole
        packets += [hall.sealed_picture(), b"\x00\x01" + bytes(30), hall.sealed_picture()]  # a check of nobody

        def send() -> None:
            for packet in packets:
                hall.camera.socket.send(packet)

        sending = later(0.02, send)
        await hall.shown(4)
        sending.join()
        assert hall.front.dropped["stun_unknown"] == 1
        assert hall.world.relay.next_deadline() is not None

    played(story)


@needs_native
def test_feedback_waits_without_waking_anybody_and_a_question_wakes_the_loop() -> None:
    async def story(hall: Hall, selector: Counting) -> None:
        woken, began = selector.woken, time.monotonic()
        feedback, question = hall.viewer.sealed(FEEDBACK), hall.viewer.sealed(NACK)
        sending = later(0.02, lambda: hall.viewer.socket.send(feedback))
        await asyncio.sleep(0.1)
        sending.join()
        assert selector.woken - woken <= 3
        ((leg, _, arrived),) = hall.front._later
        assert leg is hall.viewer.leg and began + 0.02 <= arrived <= time.monotonic()
        assert hall.viewer.leg.heard_at == arrived
        seen: list[bytes] = []
        hall.world.relay.receive_rtcp = lambda peer, leg, data, now, batch: seen.append(bytes(data))  # type: ignore[method-assign]
        sending = later(0.02, lambda: hall.viewer.socket.send(question))
        async with asyncio.timeout(5):
            while not seen:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        sending.join()
        assert seen == [NACK]

    played(story)


@needs_native
def test_whoever_was_not_looked_at_for_too_long_is_not_passed_by() -> None:
    async def story(hall: Hall, selector: Counting) -> None:
        looked: list[float] = []
        wakes = hall.world.relay.wakes
        hall.world.relay.wakes = lambda now: looked.append(now) or wakes(now)  # type: ignore[method-assign, func-returns-value]
        hall.world.relay._tick_at -= 5.0  # the process stood still
        hall.picture()
        await hall.shown(1)
        assert looked

    played(story)


@needs_native
def test_a_bug_costs_neither_the_loop_nor_the_next_packet(capfd: pytest.CaptureFixture[str]) -> None:
    async def story(hall: Hall, selector: Counting) -> None:
        hall.viewer.leg.queue.pairs.append("no pair")
        hall.picture()
        await asyncio.sleep(0.05)
        hall.viewer.leg.queue.pairs.clear()
        hall.front.batch.queues.clear()
        hall.picture()
        hall.picture()
        await hall.shown(1)

    played(story)


def test_it_is_a_selector_of_files_and_of_time() -> None:
    waited: list[tuple[int, float]] = []

    def wait(epoll: int, timeout: float) -> list[tuple[int, int]]:
        waited.append((epoll, timeout))
        with select.epoll.fromfd(os.dup(epoll)) as poll:
            return poll.poll(timeout)

    selector = NetworkSelector()
    one, other = os.pipe()
    try:
        selector.register(one, selectors.EVENT_READ, "reader")
        selector.register(other, selectors.EVENT_WRITE, "writer")
        for watch in (None, wait):
            selector.watch(watch)
            assert [(key.data, mask) for key, mask in selector.select(0)] == [("writer", selectors.EVENT_WRITE)]
            os.write(other, b"x")
            ready = sorted((key.data, mask) for key, mask in selector.select(5))
            assert ready == [("reader", selectors.EVENT_READ), ("writer", selectors.EVENT_WRITE)]
            os.read(one, 1)
        selector.unregister(other)
        began = time.monotonic()
        assert selector.select(0.03) == [] and time.monotonic() - began >= 0.03
        os.close(other)
        ((key, mask),) = selector.select(None)
        assert (key.data, mask) == ("reader", selectors.EVENT_READ), "a hang-up is for the reader"
        assert waited[-1][1] < 0 and waited[0][1] == 0.0
    finally:
        os.close(one)
        selector.close()


@needs_native
def test_a_session_without_keys_and_strangers_are_the_loops() -> None:
    async def story(hall: Hall, selector: Counting) -> None:
        hall.camera.leg.receiving = None
        hall.picture()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.sendto(b"\x80\x60" + bytes(30), ("127.0.0.1", hall.port))
            async with asyncio.timeout(5):
                while not (hall.front.dropped["early"] and hall.front.dropped["stranger"]):  # noqa: ASYNC110
                    await asyncio.sleep(0.005)

    played(story)
