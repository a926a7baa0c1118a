"""Two ends of a websocket in memory. What one sends the other receives; closing one closes both."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from signaling.sockets import SocketClosed


class MemorySocket:
    """One end. ``code`` is the close code once it is closed."""

    def __init__(self) -> None:
        self.other: MemorySocket
        self.code: int | None = None
        self._inbox: asyncio.Queue[str | None] = asyncio.Queue()

    async def send_text(self, text: str) -> None:
        """Send one frame. Raises SocketClosed."""
        if self.code is not None:
            raise SocketClosed(self.code)
        self.other._inbox.put_nowait(text)

    async def receive_text(self) -> str:
        """The next frame; what came before the close is still given. Raises SocketClosed."""
        frame = await self._inbox.get()
        if frame is None:
            self._inbox.put_nowait(None)
            raise SocketClosed(self.code or 1006)
        return frame

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close both ends."""
        for end in (self, self.other):
            if end.code is None:
                end.code = code
                end._inbox.put_nowait(None)


def socket_pair() -> tuple[MemorySocket, MemorySocket]:
    """Two connected ends."""
    near, far = MemorySocket(), MemorySocket()
    near.other, far.other = far, near
    return near, far


class JsonPeer:
    """The page's end: sends dictionaries, keeps what comes, waits for what is wanted."""

    def __init__(self, socket: MemorySocket) -> None:
        self.socket = socket
        self.got: list[dict[str, Any]] = []
        self._count = 0

    async def tell(self, name: str, /, **fields: Any) -> None:
        """Send a message that is not answered."""
        await self.socket.send_text(json.dumps({"type": name, **fields}))

    async def until(self, name: str, patience_s: float = 20.0, **wanted: Any) -> dict[str, Any]:
        """The next message of this kind with these fields; others are kept in ``got``."""
        async with asyncio.timeout(patience_s):
            while True:
                message: dict[str, Any] = json.loads(await self.socket.receive_text())
                self.got.append(message)
                if message["type"] == name and all(message.get(key) == value for key, value in wanted.items()):
                    return message

    async def ask(self, name: str, /, **fields: Any) -> dict[str, Any]:
        """Send a request; its answer or its error."""
        self._count += 1
        req = f"r{self._count}"
        await self.tell(name, req=req, **fields)
        async with asyncio.timeout(20.0):
            while True:
                message: dict[str, Any] = json.loads(await self.socket.receive_text())
                self.got.append(message)
                if message.get("req") == req:
                    return message

    async def until_closed(self, patience_s: float = 20.0) -> int:
        """The close code."""
        async with asyncio.timeout(patience_s):
            try:
                while True:
                    self.got.append(json.loads(await self.socket.receive_text()))
            except SocketClosed as closed:
                return closed.code

    async def state_where(self, fact: Any, patience_s: float = 20.0) -> dict[str, Any]:
        """The next state of which ``fact(session)`` is true."""
        async with asyncio.timeout(patience_s):
            while True:
                message: dict[str, Any] = json.loads(await self.socket.receive_text())
                self.got.append(message)
                if message["type"] in ("state", "welcome") and fact(message["session"]):
                    return message
