"""Datagrams that end a session in the stock stack (engineering 4.1), sent at a relay during a live call.

Each must leave the call as it is: pictures go on, nobody is reported gone, the log has no traceback.
"""

import asyncio
import random
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from media.client import MediaClient
from media.clip import Clip, ClipOptions, make_clip
from media.messages import PeerDown, PeerUp
from media.transport import SrtpSession, pointer_to
from tests.support.fake_app import FakeApp, RelayProcessUnderTest, Room, running_relay, until
from tests.support.srtp import protect

pytestmark = pytest.mark.asyncio(loop_scope="module")


@cache
def clip() -> Clip:
    return make_clip(1, "point", [], ClipOptions(seconds=3))


class Call:
    """One publishes, one watches, and a stranger has a socket of its own."""

    def __init__(self, app: FakeApp, relay: RelayProcessUnderTest, room: Room) -> None:
        self.app = app
        self.relay = relay
        self.room = room
        self.publisher = MediaClient(clip())
        self.watcher = MediaClient(None)
        self.stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.before: dict[str, int] = {}

    def from_stranger(self, data: bytes) -> None:
        """From an address that never proved itself."""
        self.stranger.sendto(data, self.relay.address)

    def from_publisher(self, data: bytes) -> None:
        """From the publisher's own proven address, as somebody who forges it would."""
        assert self.publisher.publisher is not None
        ice = self.publisher.publisher.getTransceivers()[0].sender.transport.transport._connection
        ice._nominated[1].protocol.transport._sock.sendto(data, self.relay.address)

    def authenticated(self, packet: bytes) -> None:
        """Encrypted with the publisher's own keys: a hostile or broken device that was admitted."""
        assert self.publisher.publisher is not None
        dtls: Any = self.publisher.publisher.getTransceivers()[0].sender.transport
        buffer = bytearray(len(packet) + 200)
        buffer[: len(packet)] = packet
        is_rtcp = len(packet) > 1 and 192 <= packet[1] <= 223
        length = protect(SrtpSession(dtls._tx_srtp), pointer_to(buffer), len(packet), is_rtcp)
        if length > 0:
            self.from_publisher(bytes(buffer[:length]))

    def seen(self) -> int:
        """Pictures at the watcher."""
        received = self.watcher.received.get(("aaaa", "camera"))
        return received.frames if received is not None else 0

    async def goes_on(self) -> None:
        """Pictures keep coming, and nobody has gone."""
        await asyncio.sleep(0.2)
        before = self.seen()
        await until(lambda: self.seen() > before + 10)
        assert not self.app.bodies(PeerDown)
        assert "Traceback" not in self.relay.log()

    async def dropped(self, reason: str, at_least: int = 1) -> None:
        """The drops are counted."""
        least = self.before.get(reason, 0) + at_least
        await self.app.until(lambda: self.app.quality is not None and self.app.quality.dropped.get(reason, 0) >= least)


@asynccontextmanager
async def relay_without_a_call(folder: Path) -> AsyncIterator[Call]:
    async with running_relay(folder) as (app, relay):
        call = Call(app, relay, Room(app))
        try:
            yield call
        finally:
            await call.room.close()
            call.stranger.close()


@pytest_asyncio.fixture(loop_scope="module")
async def quiet(tmp_path: Path) -> AsyncIterator[Call]:
    async with relay_without_a_call(tmp_path) as quiet:
        yield quiet


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def one_call(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Call]:
    """One call that lives through all attacks of this file, one after the other."""
    async with relay_without_a_call(tmp_path_factory.mktemp("relay")) as call:
        await call.room.join("aaaa", call.publisher)
        await call.room.join("bbbb", call.watcher)
        await until(lambda: call.seen() > 5)
        yield call


@pytest.fixture
def call(one_call: Call) -> Call:
    one_call.before = dict(one_call.app.quality.dropped) if one_call.app.quality is not None else {}
    return one_call


CLIENT_HELLO = bytes.fromhex("16fefd000000000000000000340100002800000000000000280000fefd") + bytes(40)
FATAL_ALERT = bytes.fromhex("15fefd0000000000000000000202") + b"\x28"
CLOSE_NOTIFY = bytes.fromhex("15fefd00000000000000000002") + b"\x01\x00"
STUN_BAD_LENGTH = (
    bytes.fromhex("000100182112a442")
    + bytes(12)
    + bytes.fromhex("0006000461623a63")
    + bytes([0x00, 0x24, 0x00, 0x02, 1, 2, 0, 0])
    + bytes(8)
)


async def test_empty_datagrams(call: Call) -> None:
    for send in (call.from_stranger, call.from_publisher):
        for _ in range(5):
            send(b"")
    await call.dropped("empty", 10)
    await call.goes_on()


@pytest.mark.parametrize("first", [0x80, 0xBF, 0x90])
async def test_oversized_datagrams(call: Call, first: int) -> None:
    for send in (call.from_stranger, call.from_publisher):
        for size in (1501, 2047, 2048, 2049, 9000, 60_000):
            send(bytes([first]) * size)
    await call.dropped("oversized", 12)
    await call.goes_on()


async def test_a_large_packet_of_an_admitted_device_costs_the_others_nothing(call: Call) -> None:
    for size in (1200, 1356, 1370, 1400, 1470):
        call.authenticated(b"\x80\x60" + struct.pack("!HII", 60_000 + size, 5, 7) + bytes(size - 12))
    await call.goes_on()


async def test_foreign_dtls_during_a_call(call: Call) -> None:
    for send in (call.from_stranger, call.from_publisher):
        for data in (CLIENT_HELLO, FATAL_ALERT, CLOSE_NOTIFY, b"\x16", b"\x17\xfe\xfd" + bytes(60), b"\x3f" * 1400):
            send(data)
    await call.dropped("stranger", 6)
    await call.goes_on()


@pytest.mark.parametrize(
    "data", [CLIENT_HELLO, FATAL_ALERT, CLOSE_NOTIFY, b"", b"\x80" * 2000, b"\x16" * 1200], ids=range(6)
)
async def test_strangers_during_the_handshake(quiet: Call, data: bytes) -> None:
    done = asyncio.Event()

    async def storm() -> None:
        while not done.is_set():
            for _ in range(5):
                quiet.from_stranger(data)
            await asyncio.sleep(0.001)

    task = asyncio.ensure_future(storm())
    try:
        await quiet.room.join("aaaa", quiet.publisher)
        await quiet.room.join("bbbb", quiet.watcher)
        await quiet.app.until(lambda: len(quiet.app.bodies(PeerUp)) == 3)
        await until(lambda: quiet.seen() > 5)
    finally:
        done.set()
        await task
    await quiet.goes_on()


async def test_thousands_of_junk_packets_before_the_handshake_are_not_kept(quiet: Call) -> None:
    for index in range(3000):
        quiet.from_stranger(bytes([(20, 22, 63, 128, 191, 70, 255)[index % 7]]) + bytes(200))
        if index % 50 == 0:
            await asyncio.sleep(0)
    await quiet.room.join("aaaa", quiet.publisher)
    await quiet.room.join("bbbb", quiet.watcher)
    await until(lambda: quiet.seen() > 5)
    await quiet.dropped("stranger", 500)
    await quiet.goes_on()


async def test_broken_stun(call: Call) -> None:
    for send in (call.from_stranger, call.from_publisher):
        for data in (
            STUN_BAD_LENGTH,
            b"\x00",
            b"\x00\x01" + bytes(18),
            b"\x00\x01\x00\x00\x21\x12\xa4\x42" + bytes(12),
            b"\x01" * 548,
        ):
            send(data)
    await call.dropped("stun_unknown", 10)
    await call.goes_on()


async def test_stun_with_the_right_name_and_a_wrong_attribute_or_password(call: Call) -> None:
    assert call.publisher.publisher is not None
    ufrag = call.publisher.publisher.getTransceivers()[0].sender.transport.transport._connection.remote_username
    name = f"{ufrag}:x".encode()
    name_attribute = b"\x00\x06" + struct.pack("!H", len(name)) + name + bytes(-len(name) % 4)
    short_priority = b"\x00\x24\x00\x02ab\x00\x00"
    integrity = b"\x00\x08\x00\x14" + bytes(20)
    for attributes in (
        name_attribute + short_priority,
        name_attribute + b"\x00\x25\x00\x00" + integrity,
        name_attribute,
    ):
        head = b"\x00\x01" + struct.pack("!H", len(attributes)) + b"\x21\x12\xa4\x42" + bytes(12)
        call.from_stranger(head + attributes)
        call.from_publisher(head + attributes)
    await call.dropped("stun_refused", 6)
    call.stranger.setblocking(False)
    with pytest.raises(BlockingIOError):
        call.stranger.recv(2048)  # nothing that did not prove itself was answered
    await call.goes_on()


async def test_short_and_forged_rtp_and_rtcp(call: Call) -> None:
    for send in (call.from_stranger, call.from_publisher):
        for length in range(1, 40):
            send(b"\x80" * length)
            send(b"\x80\xc8" + bytes(length))
    await call.dropped("srtp_refused", 40)
    await call.goes_on()


async def test_broken_extensions_from_an_admitted_device(call: Call) -> None:
    header = struct.pack("!HII", 1, 2, 3)
    for body in (
        b"\xbe\xde\x00\x01\x1f\x00\x00\x00",  # one-byte element longer than the block
        b"\xbe\xde\xff\xff" + bytes(8),  # block longer than the packet
        b"\xbe\xde\x00\x01\xf0\xf0\xf0\xf0",
        b"\x10\x00\x00\x01\x05\xff\x00\x00",  # two-byte element longer than the block
        b"\xbe\xde\x00\x02\x10\xff\x20\xff\x30\xff\x40\xff",
        b"\xbe\xde\x00\x01\x40\x00\x00\x00",
    ):
        for marker in (0x60, 0xE0, 0x6F, 0x61):
            call.authenticated(bytes([0x90, marker]) + header + body)
            call.authenticated(bytes([0xBF, marker]) + header + body)
    await call.goes_on()


async def test_noise_from_an_admitted_device(call: Call) -> None:
    noise = random.Random(7)
    for round_ in range(600):
        kind = noise.choice([0x60, 0x61, 0x6F, 200, 201, 205, 206, noise.randrange(128)])
        body = noise.randbytes(noise.randrange(10, 300))
        call.authenticated(bytes([noise.choice([0x80, 0x81, 0x90, 0xA0, 0xB5]), kind]) + body)
        if round_ % 30 == 0:
            await asyncio.sleep(0.01)
    await call.goes_on()
