"""One page's socket: a bounded outbox with its own writer, a limit on how fast the page may talk, when it was heard.

Sending never waits: a page that does not read is closed (it comes back and gets the whole state again), so that one
bad line holds up nobody else.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from signaling.messages import CLOSE_AGAIN
from signaling.sockets import Socket, SocketClosed

MAX_QUEUED = 1000
"""Frames waiting for one page: many seconds of the busiest session."""

RATE = 20.0
BURST = 60.0
"""Messages a page may send per second, and at once (engineering 4.3)."""

VIEWS_RATE = 5.0
VIEWS_BURST = 20.0
"""Of these, messages that tell sizes; pages gather them, so more of them is a fault and is not passed on."""

SILENT_S = 15.0
"""A page sends ``ping`` every 5 s; after three missed ones it counts as lost."""


class TokenBucket:
    """``rate`` tokens a second up to ``burst``; ``take`` says whether one was left. Time is an argument."""

    __slots__ = ("_burst", "_left", "_rate", "_since")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate, self._burst, self._left, self._since = rate, burst, burst, now

    def take(self, now: float) -> bool:
        """Use one token."""
        self._left = min(self._burst, self._left + (now - self._since) * self._rate)
        self._since = now
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True


class Connection:
    """One socket after its handshake. ``key`` is the device: a newer connection of the same key replaces this one."""

    def __init__(self, socket: Socket, key: str, encode: Callable[[Any], str], now: float) -> None:
        self.socket = socket
        self.key = key
        self.heard = now
        self.bucket = TokenBucket(RATE, BURST, now)
        self.views = TokenBucket(VIEWS_RATE, VIEWS_BURST, now)
        self.closing = False
        self._encode = encode
        self._outbox: deque[str] = deque()
        self._wake = asyncio.Event()
        self._close: tuple[int, str] | None = None
        self._writer: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to write."""
        self._writer = asyncio.create_task(self._write(), name="socket-writer")

    def send(self, message: object) -> None:
        """Queue a message; nothing happens once the connection closes."""
        if self.closing:
            return
        if len(self._outbox) >= MAX_QUEUED:
            self._outbox.clear()
            self.close(CLOSE_AGAIN, "too slow")
            return
        self._outbox.append(self._encode(message))
        self._wake.set()

    def close(self, code: int, reason: str = "") -> None:
        """Write what is queued, then close. The first code counts."""
        if not self.closing:
            self.closing = True
            self._close = (code, reason)
            self._wake.set()

    async def closed(self) -> None:
        """Wait until the socket is closed from our side, or was found closed."""
        if self._writer is not None:
            await asyncio.wait([self._writer])

    async def finish(self) -> None:
        """Wait until everything is written and the socket closed, at most two seconds."""
        self.close(1000)
        if self._writer is not None:
            done, _ = await asyncio.wait([self._writer], timeout=2.0)
            if not done:
                self._writer.cancel()

    async def _write(self) -> None:
        try:
            while True:
                while self._outbox:
                    await self.socket.send_text(self._outbox.popleft())
                if self._close is not None:
                    await self.socket.close(*self._close)
                    return
                self._wake.clear()
                await self._wake.wait()
        except SocketClosed:
            self.closing = True
