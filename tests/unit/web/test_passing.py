"""A page's socket that is handed on: what comes through, and how it ends."""

from __future__ import annotations

import asyncio
import socket as sockets
from collections.abc import Awaitable, Callable
from typing import Any

from websockets.asyncio.server import ServerConnection, serve

from signaling.messages import CLOSE_AGAIN
from signaling.owners import Elsewhere
from tests.support.sockets import MemorySocket, socket_pair
from web.passing import hand_on


class OtherApps:
    """Stands for ``RedisPeers``: remembers who was found dead."""

    def __init__(self) -> None:
        self.dead: list[str] = []

    def socket_options(self, there: Elsewhere, target: str) -> dict[str, Any]:
        return {"additional_headers": {"Authorization": "proof"}}

    def refused(self, owner: str) -> None:
        self.dead.append(owner)


async def handed(owner: Callable[[ServerConnection], Awaitable[None]]) -> tuple[MemorySocket, asyncio.Task[bool]]:
    """A page's end, and the handing on to an owner that behaves like this."""
    server = await serve(owner, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    page, far = socket_pair()
    there = Elsewhere("app-2", f"http://127.0.0.1:{port}")

    async def run() -> bool:
        try:
            return await hand_on(OtherApps(), there, "s1", far, "en", True)  # type: ignore[arg-type]
        finally:
            server.close()
            await server.wait_closed()

    return page, asyncio.create_task(run())


async def until_closed(page: MemorySocket) -> None:
    async with asyncio.timeout(10):
        while page.code is None:  # noqa: ASYNC110 (a real socket ends)
            await asyncio.sleep(0.01)


async def test_frames_and_the_owners_close_code_come_through() -> None:
    asked: list[str] = []

    async def echo_once(upstream: ServerConnection) -> None:
        assert upstream.request is not None
        asked.extend([upstream.request.path, upstream.request.headers["Authorization"]])
        await upstream.send(f"heard {await upstream.recv()}")
        await upstream.close(4001, "replaced")

    page, task = await handed(echo_once)
    await page.send_text("hello")
    assert await page.receive_text() == "heard hello"
    assert await task is True
    assert page.code == 4001
    assert asked == ["/peer/session/s1?language=en&local=true", "proof"]


async def test_a_page_that_goes_lets_the_owner_go() -> None:
    gone = asyncio.Event()

    async def wait(upstream: ServerConnection) -> None:
        await upstream.wait_closed()
        gone.set()

    page, task = await handed(wait)
    await page.close(1001)
    assert await asyncio.wait_for(task, 10) is True
    await asyncio.wait_for(gone.wait(), 10)


async def test_an_owner_that_dies_sends_the_page_back() -> None:
    async def die(upstream: ServerConnection) -> None:
        await upstream.recv()
        upstream.transport.abort()

    page, task = await handed(die)
    await page.send_text("hello")
    await until_closed(page)
    assert page.code == CLOSE_AGAIN and await task is True


async def test_nobody_there_is_noticed_before_anything_is_read() -> None:
    with sockets.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # never listens
        apps = OtherApps()
        page, far = socket_pair()
        await page.send_text("hello")
        there = Elsewhere("app-2", f"http://127.0.0.1:{bound.getsockname()[1]}")
        assert await hand_on(apps, there, "s1", far, "vi", False) is False  # type: ignore[arg-type]
    assert apps.dead == ["app-2"]
    assert page.code is None and await far.receive_text() == "hello", "we serve it ourselves"
