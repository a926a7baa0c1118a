"""A page's websocket handed on to the app that owns its session, frame by frame, with the codes of its end.

Backpressure goes through: a page that does not read makes the owner close it as too slow, as it would its own. An owner
that is gone in the middle closes the page with "come back"; the page does so within seconds, and finds whoever owns the
session then.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from signaling.messages import CLOSE_AGAIN
from signaling.owners import Elsewhere
from signaling.sockets import Socket, SocketClosed

if TYPE_CHECKING:
    from web.peers import RedisPeers

OPEN_S = 5.0
MAX_FRAME = 4 * 1024 * 1024
"""The longest frame from an owner: a session's whole state, with minutes."""

NO_CODE = (1005, 1006, 1015)
"""Codes that stand for the lack of one and cannot be sent."""


async def hand_on(
    peers: RedisPeers, there: Elsewhere, session: str, socket: Socket, language: str, local: bool
) -> bool:
    """Serve the page through the session's owner until either side ends. False when nobody listens there: then
    nothing was read of the page."""
    target = f"/peer/session/{session}?" + urlencode({"language": language, "local": str(local).lower()})
    try:
        upstream = await connect(
            "ws" + there.address.removeprefix("http") + target,
            proxy=None,
            compression=None,
            max_size=MAX_FRAME,
            open_timeout=OPEN_S,
            close_timeout=1,
            ping_interval=5,
            ping_timeout=10,
            **peers.socket_options(there, target),
        )
    except ConnectionRefusedError:
        peers.refused(there.owner)
        return False
    except (OSError, TimeoutError, InvalidHandshake):
        await socket.close(CLOSE_AGAIN, "owner away")
        return True
    async with upstream:
        await _pass(upstream, socket)
    return True


async def _pass(upstream: ClientConnection, socket: Socket) -> None:
    down = asyncio.create_task(_from_owner(upstream, socket), name="page-from-owner")
    up = asyncio.create_task(_from_page(upstream, socket), name="page-to-owner")
    try:
        await asyncio.wait([down, up], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (down, up):
            task.cancel()
        await asyncio.gather(down, up, return_exceptions=True)


async def _from_owner(upstream: ClientConnection, socket: Socket) -> None:
    try:
        async for frame in upstream:
            await socket.send_text(frame if isinstance(frame, str) else frame.decode())
    except (ConnectionClosed, SocketClosed):
        pass
    code = upstream.close_code or 1006
    await socket.close(CLOSE_AGAIN if code in NO_CODE else code, upstream.close_reason or "")


async def _from_page(upstream: ClientConnection, socket: Socket) -> None:
    with contextlib.suppress(SocketClosed, ConnectionClosed):
        while True:
            await upstream.send(await socket.receive_text())
    await upstream.close(1000)
