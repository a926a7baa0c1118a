"""Legs over ICE-TCP at a real relay, with real DTLS-SRTP: pictures, a viewer that does not read, and strangers."""

from __future__ import annotations

import asyncio
import random
import resource
import socket
import struct
from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path

import pytest

from media.client import MediaClient
from media.clip import Clip, ClipOptions, make_clip
from media.messages import PeerDown
from tests.support.fake_app import FakeApp, RelayProcessUnderTest, Room, running_relay, until
from tests.support.tcpbridge import TcpBridge

SLOW_S = 3.0


@cache
def clip() -> Clip:
    return make_clip(1, "point", [], ClipOptions(seconds=3))


class Call:
    """One publishes, two watch; every leg is a TCP connection of its own."""

    def __init__(self, app: FakeApp, relay: RelayProcessUnderTest, bridge: TcpBridge) -> None:
        self.app, self.relay, self.bridge = app, relay, bridge
        self.room = Room(app)
        self.publisher = MediaClient(clip())
        self.watchers = MediaClient(None), MediaClient(None)

    async def begin(self) -> None:
        for name, client in zip(("aaaa", "bbbb", "cccc"), (self.publisher, *self.watchers), strict=True):
            await self.room.join(name, client)
        for watcher in self.watchers:
            await until(lambda watcher=watcher: self.seen(watcher) > 5)

    @staticmethod
    def seen(watcher: MediaClient) -> int:
        received = watcher.received.get(("aaaa", "camera"))
        return received.frames if received is not None else 0

    async def goes_on(self, *watchers: MediaClient) -> None:
        """Pictures keep coming, and nobody has gone."""
        for watcher in watchers:
            before = self.seen(watcher)
            await until(lambda watcher=watcher, before=before: self.seen(watcher) > before + 10)
        assert not self.app.bodies(PeerDown)
        assert "Traceback" not in self.relay.log()

    def resident(self) -> int:
        """Bytes of memory of the relay process."""
        assert self.relay.process is not None
        return int(Path(f"/proc/{self.relay.process.pid}/statm").read_text().split()[1]) * resource.getpagesize()

    async def dropped(self, reason: str, at_least: int = 1) -> None:
        await self.app.until(lambda: self.app.quality and self.app.quality.dropped.get(reason, 0) >= at_least)


@pytest.fixture
async def call(tmp_path: Path) -> AsyncIterator[Call]:
    bridge = TcpBridge()
    async with running_relay(tmp_path, announce=f"127.0.0.1:{bridge.port}") as (app, relay):
        bridge.relay = relay.address
        bridge.start()
        made = Call(app, relay, bridge)
        try:
            await made.begin()
            yield made
        finally:
            await made.room.close()
            bridge.stop()


async def test_a_viewer_that_does_not_read_costs_nobody_anything(call: Call) -> None:
    quick, slow = call.watchers
    before, memory = call.seen(quick), call.resident()
    list(call.bridge.clients.values())[-1].reads.clear()
    await asyncio.sleep(SLOW_S)
    assert call.seen(quick) - before >= 0.8 * clip().rate * SLOW_S
    assert call.resident() - memory < 4 << 20
    list(call.bridge.clients.values())[-1].reads.set()
    await call.goes_on(quick, slow)


async def test_strangers_over_tcp_are_dropped_while_the_call_goes_on(call: Call) -> None:
    noise = random.Random(5)
    opened = []
    for round_ in range(60):
        one = socket.create_connection(call.relay.address)
        opened.append(one)
        first = noise.choice([b"", b"\x00\x01", b"\x80\x60", b"\x16\xfe\xfd", b"GET / HTTP/1.1\r\n\r\n"])
        body = first + noise.randbytes(noise.randrange(0, 1600))
        one.send(struct.pack("!H", noise.choice([len(body), 0, 65_535])) + body)
        if round_ % 10 == 0:
            await asyncio.sleep(0.05)
    silent = [socket.create_connection(call.relay.address) for _ in range(20)]
    await call.dropped("tcp_stranger")
    await call.dropped("tcp_framing")
    await call.dropped("tcp_full")
    await call.dropped("tcp_late")
    await call.goes_on(*call.watchers)
    for one in opened + silent:
        one.close()
