"""A leg's client gets a new address without knowing: the leg follows before the next check, and nobody else leads it.

The media port over real sockets and real SRTP, in virtual time, with the reference and the compiled way in.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

from aioice import stun

from media.front import Front
from media.messages import Leg
from media.peer import Connection
from media.roaming import CONFIRM_S, FRESH_S, MOST_TRIES, REST_S, SILENT_S
from media.transport import Certificate, SrtpSession, pointer_to
from media.types import PeerId
from tests.support.srtp import GCM, protect, session_pair
from tests.unit.media.test_front import Core

CERTIFICATE = Certificate.generateCertificate()
SSRC = 7


class Rig:
    """A front with one leg whose client's address proved itself; ``new`` is a socket that nobody knows."""

    def __init__(self, leg: Leg, is_native: bool) -> None:
        self.core, self.now, self.seq, self.legs = Core(), 100.0, 0, 0
        self._sockets: list[socket.socket] = []
        self.front = Front(self.core, lambda: self.now, lambda: None, is_native=is_native)
        self.port = self.front.open(0, ["127.0.0.1"])
        self.home, self.new = self.socket(), self.socket()
        self.connection, self.keys = self.add(leg)

    def socket(self) -> socket.socket:
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.bind(("127.0.0.1", 0))
        made.connect(("127.0.0.1", self.port))
        made.setblocking(False)
        self._sockets.append(made)
        return made

    def add(self, leg: Leg) -> tuple[Connection, SrtpSession]:
        """A leg, and the client's keys for it."""
        self.legs += 1
        keys, inbound = session_pair(GCM, self.legs)
        made = Connection(
            PeerId("peer"), leg, self.now, CERTIFICATE, self.front.send_dtls, lambda _: None, lambda _: None
        )
        made.receiving = inbound
        self.front.add(made)
        return made, keys

    async def begin(self) -> None:
        """The client's check and its first packet came."""
        await self.sends(self.home, self.check())
        await self.sends(self.home, self.packet())
        assert len(self.got) == 1 and self.at(self.home)
        await self.passes(2.0)  # whatever is known of SSRCs is looked up anew

    def check(self, nominate: bool = True) -> bytes:
        message = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
        message.attributes["USERNAME"] = f"{self.connection.ice.ufrag}:peer"
        if nominate:
            message.attributes["USE-CANDIDATE"] = None
        message.add_message_integrity(self.connection.ice.pwd.encode())
        return bytes(message)

    def packet(self) -> bytes:
        """The client's next one, as it leaves: sound on a publish leg, a report on a subscribe leg."""
        self.seq += 1
        if self.connection.leg == "publish":
            plain = b"\x80\x60" + self.seq.to_bytes(2, "big") + bytes(4) + SSRC.to_bytes(4, "big") + b"sound"
        else:
            plain = b"\x80\xc9\0\1" + SSRC.to_bytes(4, "big")
        buffer = bytearray(plain + bytes(200))
        return bytes(buffer[: protect(self.keys, pointer_to(buffer), len(plain), 192 <= plain[1] <= 223)])

    async def sends(self, through: socket.socket, data: bytes) -> None:
        through.send(data)
        for _ in range(3):
            await asyncio.sleep(0)

    async def passes(self, seconds: float, through: socket.socket | None = None, every: float = 0.1) -> None:
        """Time goes by, while the client sends by ``through``."""
        end = self.now + seconds
        while self.now < end - 1e-9:
            self.now += every
            if through is not None:
                await self.sends(through, self.packet())
            self.front.settle(self.now)

    @property
    def got(self) -> list[object]:
        return [*self.core.rtp, *self.core.rtcp, *self.front._later]

    def at(self, there: socket.socket) -> bool:
        """The leg sends there."""
        return self.connection.ice.selected == there.getsockname()

    @property
    def strangers(self) -> int:
        return self.front.dropped["stranger"]

    async def close(self) -> None:
        self.front.close()
        for made in self._sockets:
            made.close()
        await self.connection.close()


def played(story: Callable[[Rig], Awaitable[None]], legs: tuple[Leg, ...] = ("publish", "subscribe")) -> None:
    async def run(leg: Leg, is_native: bool) -> None:
        rig = Rig(leg, is_native)
        try:
            await rig.begin()
            await story(rig)
        finally:
            await rig.close()

    for leg in legs:
        for is_native in (False, True):
            asyncio.run(run(leg, is_native))


def test_the_first_packet_from_the_new_address_moves_a_leg_that_has_been_silent() -> None:
    async def story(rig: Rig) -> None:
        before = len(rig.got)
        await rig.sends(rig.new, rig.packet())
        assert len(rig.got) == before + 1 and rig.at(rig.new) and not rig.strangers
        await rig.passes(2.5, rig.new)
        assert len(rig.got) == before + 26 and rig.at(rig.new)
        await rig.sends(rig.new, rig.check())
        await rig.passes(60.0, rig.new, every=1.0)
        assert rig.at(rig.new) and rig.front.knows(rig.new.getsockname())

    played(story)


def test_media_from_the_new_address_counts_at_once_and_moves_the_leg_as_soon_as_the_old_one_is_silent() -> None:
    async def story(rig: Rig) -> None:
        await rig.passes(1.0, rig.home)
        before = len(rig.got)
        await rig.sends(rig.new, rig.packet())
        assert len(rig.got) == before + 1 and rig.at(rig.home)
        await rig.passes(SILENT_S - 0.1)
        assert rig.at(rig.home)
        await rig.passes(0.2)  # without another packet: a leg that gets nothing has nothing to report
        assert rig.at(rig.new)

    played(story)


def test_what_is_sent_goes_to_the_new_address_and_to_the_old_one_no_more() -> None:
    async def story(rig: Rig) -> None:
        await rig.sends(rig.new, rig.packet())
        rig.front.send_dtls(rig.connection, b"\x16hello")
        assert rig.new.recv(100) == b"\x16hello"
        rig.home.recv(2000)  # the answer to the check at the beginning
        try:
            raise AssertionError(rig.home.recv(100))
        except BlockingIOError:
            pass

    played(story)


def test_without_a_check_the_leg_goes_back_and_rests() -> None:
    async def story(rig: Rig) -> None:
        await rig.passes(CONFIRM_S + 0.5, rig.new)
        assert rig.at(rig.home)
        before = len(rig.got)
        await rig.passes(REST_S - 5, rig.new, every=1.0)
        assert rig.at(rig.home) and len(rig.got) == before
        await rig.sends(rig.new, rig.check())
        assert rig.at(rig.new)

    played(story)


def test_one_packet_that_was_held_back_aims_a_leg_elsewhere_for_a_moment_only() -> None:
    async def story(rig: Rig) -> None:
        await rig.sends(rig.new, rig.packet())
        assert rig.at(rig.new)
        await rig.passes(FRESH_S + 0.2)
        assert rig.at(rig.home)
        await rig.sends(rig.new, rig.packet())
        assert rig.at(rig.home)

    played(story)


def test_the_old_address_takes_the_leg_back_at_once() -> None:
    async def story(rig: Rig) -> None:
        await rig.sends(rig.new, rig.packet())
        assert rig.at(rig.new)
        await rig.passes(0.1, rig.home)
        assert rig.at(rig.home)
        await rig.passes(2.0, rig.new)
        assert rig.at(rig.home)

    played(story)


def test_whoever_is_faster_with_copies_moves_nobody() -> None:
    async def story(rig: Rig) -> None:
        await rig.passes(1.0, rig.home)
        before = len(rig.got)
        for _ in range(40):
            packet = rig.packet()
            await rig.sends(rig.new, packet)
            await rig.sends(rig.home, packet)
            await rig.passes(0.1)
            assert rig.at(rig.home)
        assert len(rig.got) == before + 40, "each counts once"

    played(story)


def test_replayed_forged_and_mirrored_packets_move_nobody() -> None:
    async def story(rig: Rig) -> None:
        old = rig.packet()
        await rig.sends(rig.home, old)
        await rig.passes(2.0)
        before, strangers = len(rig.got), rig.strangers
        forged = bytearray(rig.packet())
        forged[-1] ^= 1
        rig.keys, keys = session_pair(GCM, 99)[0], rig.keys
        mirrored = rig.packet()  # what the relay sends is protected with other keys
        rig.keys = keys
        for data in (old, bytes(forged), mirrored, old[:12], old[:11], old[:12] + bytes(500), old + b"\0"):
            await rig.sends(rig.new, data)
            assert rig.at(rig.home)
        assert len(rig.got) == before and rig.strangers == strangers + 7
        await rig.sends(rig.new, rig.packet())
        assert rig.at(rig.new), "and none of it stands in the way of the client"

    played(story)


def test_an_address_that_is_another_legs_moves_nobody() -> None:
    async def story(rig: Rig) -> None:
        mine = rig.connection
        theirs, _ = rig.add(mine.leg)
        rig.connection = theirs
        await rig.sends(rig.new, rig.check())
        rig.connection = mine
        await rig.passes(2.0)
        await rig.sends(rig.new, rig.packet())
        assert rig.at(rig.home) and rig.front.dropped["srtp_refused"] == 1
        await theirs.close()

    played(story)


def test_of_legs_that_use_the_same_ssrc_the_right_one_is_found() -> None:
    async def story(rig: Rig) -> None:
        first, keys = rig.connection, rig.keys
        others = []
        for _ in range(5):  # as all receiving legs of a browser do
            rig.connection, rig.keys = rig.add(first.leg)
            through = rig.socket()
            await rig.sends(through, rig.check())
            await rig.sends(through, rig.packet())
            others.append((rig.connection, rig.connection.ice.selected))
        rig.connection, rig.keys = first, keys
        await rig.passes(1.0, rig.home)  # the others are tried before it
        await rig.passes(2.0)
        before = len(rig.got)
        await rig.sends(rig.new, rig.packet())
        assert rig.at(rig.new) and len(rig.got) == before + 1
        assert [(one, one.ice.selected) for one, _ in others] == others
        for one, _ in others:
            await one.close()

    played(story)


def test_a_leg_without_consent_is_not_followed() -> None:
    async def story(rig: Rig) -> None:
        rig.now += 40.0
        before = len(rig.got)
        await rig.sends(rig.new, rig.packet())
        assert rig.at(rig.home) and len(rig.got) == before

    played(story)


def test_consent_that_runs_out_on_the_way_ends_it() -> None:
    async def story(rig: Rig) -> None:
        rig.now += 25.0
        await rig.passes(1.0, rig.new)
        assert rig.at(rig.new)
        await rig.passes(5.0, rig.new)
        assert rig.at(rig.home)

    played(story)


def test_tries_are_bounded() -> None:
    async def story(rig: Rig) -> None:
        forged = bytearray(rig.packet())
        forged[-1] ^= 1
        tried = 0
        unprotect = rig.connection.receiving.unprotect  # type: ignore[union-attr]

        def counted(*args: object) -> object:
            nonlocal tried
            tried += 1
            return unprotect(*args)

        rig.connection.receiving.unprotect = counted  # type: ignore[union-attr]
        for _ in range(500):
            await rig.sends(rig.new, bytes(forged))
        assert 0 < tried <= 1.5 * MOST_TRIES  # some more while many are read at once: that takes real time
        await rig.passes(1.0)
        await rig.sends(rig.new, rig.packet())
        assert rig.at(rig.new)

    played(story, ("publish",))


def test_two_new_ports_one_after_the_other() -> None:
    async def story(rig: Rig) -> None:
        await rig.sends(rig.new, rig.packet())
        third = rig.socket()
        await rig.sends(third, rig.packet())
        assert not rig.at(rig.new)
        await rig.sends(third, rig.check())
        assert rig.at(third)

    played(story)


def test_a_leg_that_ended_leaves_nothing() -> None:
    async def story(rig: Rig) -> None:
        await rig.sends(rig.new, rig.packet())
        rig.front.remove(rig.connection)
        before = len(rig.got)
        for _ in range(3):
            await rig.sends(rig.new, rig.packet())
        assert len(rig.got) == before and rig.strangers == 3
        await rig.passes(10.0)

    played(story)


def test_a_copied_check_moves_nobody() -> None:
    async def story(rig: Rig) -> None:
        check = rig.check()
        await rig.sends(rig.home, check)
        await rig.sends(rig.new, check)
        assert rig.at(rig.home) and rig.front.dropped["stun_refused"] == 1
        await rig.sends(rig.new, rig.check())
        assert rig.at(rig.new)

    played(story)
