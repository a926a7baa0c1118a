"""The media port over a real socket, in virtual time: feedback that may wait, and what must not break it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from media.front import LATER_S, MAX_SSRCS, Front
from media.messages import Leg
from media.peer import Connection
from media.rtcp import may_wait
from media.transport import Certificate, pointer_to
from media.types import Batch, PeerId
from tests.support.srtp import GCM, protect, session_pair

CERTIFICATE = Certificate.generateCertificate()


class Core:
    """Remembers what it was given."""

    def __init__(self) -> None:
        self.rtp: list[tuple[bytes, float]] = []
        self.rtcp: list[tuple[str, bytes, float]] = []
        self.woken: list[int] = []  # how many packets were there before each wake-up

    def wakes(self, now: float) -> None:
        self.woken.append(len(self.rtp))

    def receive_ordinary(self, found: list[object], at: int, now: float, batch: Batch) -> int:
        return at

    blind_at = float("inf")

    def ordinary_legs(self) -> None:
        return None

    def passed_by(self, packets: int) -> None:
        pass

    def receive_rtp(self, peer: PeerId, data: memoryview, now: float, batch: Batch) -> None:
        self.rtp.append((bytes(data), now))
        if data[3] == 0xEE:
            raise RuntimeError("a bug")

    def receive_rtcp(self, peer: PeerId, leg: Leg, data: memoryview, now: float, batch: Batch) -> None:
        self.rtcp.append((leg, bytes(data), now))


class Rig:
    """A front with one leg."""

    def __init__(self, leg: Leg, is_native: bool) -> None:
        self.core = Core()
        self.now = 100.0
        self.front = Front(self.core, lambda: self.now, lambda: None, is_native=is_native)
        self.port = self.front.open(0, ["127.0.0.1"])
        self.client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.client.bind(("127.0.0.1", 0))
        self.client.connect(("127.0.0.1", self.port))
        self.keys, inbound = session_pair(GCM)
        self.connection = Connection(
            PeerId("peer"), leg, self.now, CERTIFICATE, self.front.send_dtls, lambda _: None, lambda _: None
        )
        self.connection.receiving = inbound
        self.front._addresses.put(self.client.getsockname(), self.connection, self.client.family)

    def send(self, plain: bytes) -> None:
        buffer = bytearray(plain + bytes(200))
        length = protect(self.keys, pointer_to(buffer), len(plain), 192 <= plain[1] <= 223)
        self.client.send(buffer[:length])

    def rtp(self, seq: int, marker: bool) -> None:
        self.send(bytes((0x80, 96 | (0x80 if marker else 0), seq >> 8, seq & 0xFF)) + bytes(4) + b"\0\0\0\1" + b"body")

    async def woken(self) -> None:
        """The loop has had its turns: what was sent is read."""
        for _ in range(3):
            await asyncio.sleep(0)


@asynccontextmanager
async def rig(leg: Leg, is_native: bool) -> AsyncIterator[Rig]:
    made = Rig(leg, is_native)
    try:
        yield made
    finally:
        made.front.close()
        made.client.close()
        await made.connection.close()


def played(story: Callable[[Rig], Any], leg: Leg = "publish") -> None:
    """With the reference, and with the compiled parts where they were built."""

    async def run(is_native: bool) -> None:
        async with rig(leg, is_native) as made:
            await story(made)

    for is_native in (False, True):
        asyncio.run(run(is_native))


FEEDBACK = bytes((0x8F, 205, 0, 4)) + bytes(16)
NACK = bytes((0x81, 205, 0, 3)) + bytes(12)


def test_the_core_is_told_of_a_wake_up_before_it_gets_packets() -> None:
    async def story(made: Rig) -> None:
        for seq in (1, 2):
            made.rtp(seq, True)
        await made.woken()
        assert made.core.woken[0] == 0 and len(made.core.rtp) == 2

    played(story)


def test_transport_wide_feedback_waits_for_the_tick_and_keeps_its_time() -> None:
    async def story(made: Rig) -> None:
        made.send(FEEDBACK)
        made.send(NACK)
        await made.woken()
        assert [data for _, data, _ in made.core.rtcp] == [NACK]
        made.front.settle(made.now + LATER_S / 2)
        assert len(made.core.rtcp) == 1
        made.front.settle(made.now + 1.1 * LATER_S)
        ((leg, data, arrived),) = made.core.rtcp[1:]
        assert (leg, data) == ("subscribe", FEEDBACK) and made.now <= arrived < made.now + LATER_S / 2
        made.front.settle(made.now + 1)
        assert len(made.core.rtcp) == 2

    played(story, "subscribe")


def test_a_flood_of_feedback_is_not_kept() -> None:
    async def story(made: Rig) -> None:
        for _ in range(600):
            made.send(FEEDBACK)
            await made.woken()
        assert len(made.core.rtcp) >= 300 and len(made.front._later) <= 256

    played(story, "subscribe")


def test_forged_feedback_and_feedback_of_a_closed_leg_reach_nobody() -> None:
    async def story(made: Rig) -> None:
        made.client.send(FEEDBACK + bytes(20))
        made.send(FEEDBACK)
        await made.woken()
        made.front.settle(made.now + 1)
        assert made.front.dropped["srtp_refused"] == 1 and len(made.core.rtcp) == 1
        made.send(FEEDBACK)
        await made.woken()
        await made.connection.close()
        made.front.settle(made.now + 1)
        assert len(made.core.rtcp) == 1

    played(story, "subscribe")


def test_a_packet_that_breaks_something_costs_no_other() -> None:
    async def story(made: Rig) -> None:
        made.rtp(0xEE, True)
        made.rtp(0xEF, True)
        await made.woken()
        assert len(made.core.rtp) == 2 and made.front.dropped["error"] == 1

    played(story)


HOSTILE = [b"", b"\x80", bytes(1501), b"\x80" + bytes(11), b"\x80\x60" + bytes(30), b"\x16" + bytes(20), b"\x40abc",
           b"\x00" + bytes(40), b"\x80\xc8" + bytes(20), b"\xff" * 700]  # fmt: skip


def test_what_is_no_packet_of_ours_is_dropped_for_the_same_reason_by_both() -> None:
    seen: list[dict[str, int]] = []

    async def story(made: Rig) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            for data in HOSTILE:
                made.client.send(data)
                stranger.sendto(data, ("127.0.0.1", made.port))
        made.rtp(7, True)
        await made.woken()
        assert len(made.core.rtp) == 1
        seen.append({reason: count for reason, count in made.front.dropped.items() if count})

    played(story)
    assert seen[0] == seen[1] and seen[0]["srtp_refused"] >= 2 and seen[0]["stranger"] >= 4


def test_a_flood_of_ssrcs_is_refused() -> None:
    async def story(made: Rig) -> None:
        for ssrc in range(MAX_SSRCS + 5):
            made.send(bytes((0x80, 96, 0, 1)) + bytes(4) + ssrc.to_bytes(4, "big") + b"body")
            await made.woken()
        assert made.front.dropped["ssrc_flood"] == 5 and len(made.core.rtp) == MAX_SSRCS

    played(story)


def test_media_on_a_leg_that_receives_is_refused() -> None:
    async def story(made: Rig) -> None:
        made.rtp(1, True)
        await made.woken()
        assert made.front.dropped["wrong_leg"] == 1 and not made.core.rtp

    played(story, "subscribe")


REPORT = bytes((0x81, 201, 0, 7)) + b"\0\0\0\1" + bytes(24)
WAITING = st.lists(
    st.sampled_from((REPORT, FEEDBACK, NACK, bytes((0x80, 200, 0, 6)) + bytes(24), bytes((0x81, 203, 0, 1)) + bytes(4)))
    | st.binary(min_size=4, max_size=40),
    min_size=1,
    max_size=4,
).map(b"".join)


@settings(max_examples=60, deadline=None)
@given(WAITING)
def test_what_waits_is_the_same_both_ways(data: bytes) -> None:
    """Compiled and not; whatever waits is what ``rtcp.may_wait`` says."""
    if not 192 <= data[1] <= 223 or data[0] >> 6 != 2 or len(data) < 8:
        data = b"\x80\xc9" + data[2:8].ljust(6, b"\0") + data[8:]

    async def story(made: Rig) -> None:
        made.send(data)
        await made.woken()
        told = [plain for _, plain, _ in made.front._later], [plain for _, plain, _ in made.core.rtcp]
        assert told == (([data], []) if may_wait(data) else ([], [data]))

    played(story, "subscribe")
