"""Who lives is a hint in Redis; it ends with its app, at once or with the lease, and its loss stops nothing."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from signaling.errors import Unavailable
from signaling.owners import Elsewhere
from tests.support.redis import free_port, private_redis
from web import peers
from web.config import load
from web.peers import RedisPeers

KEY = "k" * 32


@asynccontextmanager
async def app(folder: Path, redis: str, name: str, port: int) -> AsyncIterator[RedisPeers]:
    """An app that says that it lives."""
    environ = {
        "HUB_PEER_URL": f"http://127.0.0.1:{port}", "HUB_PEER_KEY": KEY, "HUB_REDIS_URL": redis,
        "HUB_DATABASE_URL": "postgresql://d", "HUB_SECRET": KEY,
    }  # fmt: skip
    one = RedisPeers(load(environ, data=folder), name)
    await one.start()
    try:
        yield one
    finally:
        await one.stop()


async def test_an_app_is_known_until_it_signs_off(tmp_path: Path) -> None:
    with private_redis(free_port()) as redis:
        async with app(tmp_path, redis, "app-1", 7001) as one:
            async with app(tmp_path, redis, "app-2", 7002):
                assert await one.address_of("app-2") == "http://127.0.0.1:7002"
                assert [there.owner for there in await one.others()] == ["app-2"]
            assert await one.address_of("app-2") == ""
            async with app(tmp_path, redis, "app-3", 7001):
                assert await one.address_of("app-3") == "", "it has our own address: it was here before us"


async def test_a_lease_that_is_not_renewed_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "LEASE_S", 0.5)
    monkeypatch.setattr(peers, "RENEW_S", 60.0)
    with private_redis(free_port()) as redis:
        async with app(tmp_path, redis, "app-1", 7001) as one, app(tmp_path, redis, "app-2", 7002):
            assert await one.address_of("app-2")
            async with asyncio.timeout(5):
                while await one.address_of("app-2"):  # noqa: ASYNC110 (waits for Redis)
                    await asyncio.sleep(0.05)


async def test_without_redis_the_last_known_address_counts_until_it_refuses(tmp_path: Path) -> None:
    server = contextlib.ExitStack()
    with socket.socket() as closed, server:
        closed.bind(("127.0.0.1", 0))  # bound, never listening: connections are refused
        port = int(closed.getsockname()[1])
        redis = server.enter_context(private_redis(free_port()))
        async with app(tmp_path, redis, "app-1", 7001) as one, app(tmp_path, redis, "app-2", port):
            there = await one.address_of("app-2")
            assert there == f"http://127.0.0.1:{port}"
            await asyncio.to_thread(server.close)  # Redis is gone
            assert await one.address_of("app-2") == there
            with pytest.raises(Unavailable):
                await one.address_of("app-9")
            with pytest.raises(Unavailable) as moved:
                await one.call(Elsewhere("app-2", there), "command", {})
            assert moved.value.code == "owner.moved"
            assert await one.address_of("app-2") == "", "nobody listens there: it is dead"


async def test_an_answer_crosses_and_a_stranger_is_refused(tmp_path: Path) -> None:
    """The caller's side against a server that only knows the proof."""
    asked: list[dict[str, object]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        lines = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
        body = await reader.readexactly(int(lines["content-length"]))
        given = next(line.split(": ", 1)[1] for line in head.split("\r\n") if line.lower().startswith("authorization"))
        status = "200 OK" if proof.holds(given, "POST", "/peer/call", body) else "404 Not Found"
        asked.append(json.loads(body))
        answer = json.dumps({"result": {"sdp": "v=0"}}).encode()
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(answer)}\r\n\r\n".encode() + answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    there = Elsewhere("app-2", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    with private_redis(free_port()) as redis:
        async with app(tmp_path, redis, "app-1", 7001) as one:
            proof = peers.PeerProof(KEY)
            assert await one.call(there, "whip.publish", {"sdp": "v=0"}) == {"sdp": "v=0"}
            proof = peers.PeerProof("x" * 32)
            with pytest.raises(Unavailable):
                await one.call(there, "whip.publish", {})
    server.close()
    await server.wait_closed()
    assert asked[0] == {"operation": "whip.publish", "arguments": {"sdp": "v=0"}}
