"""One demo point: a device that logs in like a person, joins a session, sends a clip and counts what it gets."""

from __future__ import annotations

import asyncio
import itertools
import json
import ssl
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from media.client import MediaClient
from media.messages import Line
from signaling.messages import PROTOCOL_VERSION

PING_S = 4.0
"""A socket that says nothing for 15 s counts as lost (signaling); pages ping, and so do we."""

PATIENCE_S = 20.0
"""How long a demo step may take before the demo says which one hangs."""


class DemoError(RuntimeError):
    """A step of the demo did not happen; the text says which and why."""


class SessionSocket:
    """The session's websocket as a page uses it, over any way to get a ticket."""

    def __init__(self, url: str, origin: str, device: str, trust: ssl.SSLContext | None) -> None:
        self.url = url
        self.origin = origin
        self.device = device
        self.participant = ""
        self.session: dict[str, Any] = {}
        self.minutes: dict[str, Any] = {}
        self.events: list[dict[str, Any]] = []
        self.on_offer: Callable[[dict[str, Any]], Awaitable[None]] | None = None
        self._trust = trust
        self._socket: ClientConnection | None = None
        self._waiting: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._numbers = itertools.count(1)
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._pings: asyncio.Task[None] | None = None

    async def open(self, ticket: str) -> None:
        """Say hello and wait for the welcome. Raises DemoError when it does not come."""
        self._socket = await connect(self.url, ssl=self._trust, origin=self.origin, max_size=1 << 20)  # type: ignore[arg-type]
        hello = {"type": "hello", "version": PROTOCOL_VERSION, "token": ticket, "device": self.device}
        await self._socket.send(json.dumps(hello))
        self._task = asyncio.create_task(self._read())
        self._pings = asyncio.create_task(self._ping())
        await self.until(lambda: bool(self.participant), "the welcome")

    async def _ping(self) -> None:
        while True:
            await asyncio.sleep(PING_S)
            try:
                await self.tell("ping")
            except ConnectionClosed:
                return

    async def _read(self) -> None:
        assert self._socket is not None
        try:
            async for frame in self._socket:
                await self._take(json.loads(frame))
        except ConnectionClosed:
            pass
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(DemoError("the hub closed the session's socket"))
        self._changed.set()

    async def _take(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        if kind == "welcome":
            self.participant, self.minutes = message["participant"], message["minutes"]
        if "session" in message and isinstance(message["session"], dict):
            self.session = message["session"]
        if kind == "event":
            self.events.append(message)
        elif kind == "minutes_state":
            self.minutes = message["minutes"]
        elif kind == "offer" and self.on_offer is not None:
            await self.on_offer(message)
        elif kind in ("done", "answer", "error"):
            future = self._waiting.pop(message.get("req", ""), None)
            if future is not None and not future.done():
                if kind == "error":
                    future.set_exception(DemoError(f"{message['code']}: {message['message']}"))
                else:
                    future.set_result(message)
        self._changed.set()

    async def ask(self, kind: str, **fields: Any) -> dict[str, Any]:
        """One request; its answer. Raises DemoError when it is refused or takes too long."""
        req = str(next(self._numbers))
        future = self._waiting[req] = asyncio.get_running_loop().create_future()
        await self.tell(kind, req=req, **fields)
        try:
            return await asyncio.wait_for(future, PATIENCE_S)
        except TimeoutError:
            raise DemoError(f"no answer to {kind!r} after {PATIENCE_S:.0f} s") from None

    async def tell(self, kind: str, **fields: Any) -> None:
        """One message that is not answered."""
        assert self._socket is not None
        await self._socket.send(json.dumps({"type": kind, **fields}))

    async def until(self, fact: Callable[[], bool], what: str, patience_s: float = PATIENCE_S) -> None:
        """Wait until something the hub tells becomes true. Raises DemoError naming it."""
        try:
            async with asyncio.timeout(patience_s):
                while not fact():
                    if self._task is not None and self._task.done():
                        raise DemoError(f"the session's socket closed before {what}")
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise DemoError(f"{what} did not come within {patience_s:.0f} s") from None

    def view_of(self, participant: str) -> dict[str, Any]:
        """A participant as this socket sees it, or an empty dictionary."""
        return next((p for p in self.session.get("participants", ()) if p["participant"] == participant), {})

    async def close(self) -> None:
        """Leave without a word, as a closed tab does."""
        if self._pings is not None:
            self._pings.cancel()
        if self._socket is not None:
            await self._socket.close()
        if self._task is not None:
            await asyncio.wait([self._task])


class DemoPoint:
    """A socket and a media client that belong together."""

    def __init__(self, name: str, socket: SessionSocket, media: MediaClient) -> None:
        self.name = name
        self.socket = socket
        self.media = media
        socket.on_offer = self._answer_offer

    async def join(self, ticket: str) -> None:
        """Into the session (or its waiting room)."""
        await self.socket.open(ticket)

    async def start_media(self) -> None:
        """Open both legs; possible once admitted."""
        sdp, sources = await self.media.publish_offer()
        answer = await self.socket.ask("publish", sdp=sdp, sources=sources)
        await self.media.publish_answer(answer["sdp"])
        await self.socket.ask("subscribe")

    async def _answer_offer(self, message: dict[str, Any]) -> None:
        lines = [msgspec.convert(line, Line) for line in message["lines"]]
        sdp = await self.media.subscribe_answer(message["sdp"], lines)
        await self.socket.tell("subscribe_answer", offer=message["offer"], sdp=sdp)

    async def close(self) -> None:
        """End media and socket."""
        await self.media.close()
        await self.socket.close()
