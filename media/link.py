"""The websocket to one app: dial, prove the key, carry messages, dial again. Media does not depend on it.

A link that is down loses volatile messages; reports wait in the outbox and offers are repeated after ``welcome``.
"""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
from collections.abc import Callable
from typing import Protocol

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from media.messages import (
    LINK_VERSION,
    MAX_LINK_MESSAGE,
    Challenge,
    Hello,
    LinkError,
    ToApp,
    ToRelay,
    Welcome,
    decode_to_relay,
    encode,
)

RETRY_S = (1.0, 2.0)
MAX_QUEUE = 2000
"""Messages waiting for a slow app; then the link is closed and begins anew."""

_log = logging.getLogger(__name__)


class LinkListener(Protocol):
    """The process, as a link sees it."""

    def hello(self, nonce: str) -> Hello:
        """The relay's first message for this nonce."""

    def link_up(self, link: AppLink, welcome: Welcome) -> None:
        """The app accepted the relay."""

    def link_down(self, link: AppLink) -> None:
        """The link is gone; it dials again by itself."""

    def link_message(self, link: AppLink, message: ToRelay) -> None:
        """Anything after ``welcome``."""


class AppLink:
    """One app, by its base address."""

    def __init__(self, app: str, listener: LinkListener, context: Callable[[], ssl.SSLContext]) -> None:
        self.app = app
        self.is_up = False
        self._listener = listener
        self._context = context
        self._queue: asyncio.Queue[str] = asyncio.Queue(MAX_QUEUE)
        self._socket: ClientConnection | None = None
        self._failure = ""

    def send(self, message: ToApp) -> None:
        """Queue a message; lost while the link is down."""
        self.send_text(encode(message))

    def send_text(self, frame: str) -> None:
        """Queue an encoded message."""
        if not self.is_up:
            return
        try:
            self._queue.put_nowait(frame)
        except asyncio.QueueFull:
            _log.warning("link to %s is stuck, starting over", self.app)
            self.is_up = False
            if self._socket is not None:
                self._socket.transport.abort()

    async def run(self) -> None:
        """Keep the link up until cancelled."""
        url = "ws" + self.app.removeprefix("http") + "/relay/link"
        while True:
            try:
                context = self._context() if url.startswith("wss:") else None
                async with connect(
                    url,
                    ssl=context,
                    proxy=None,
                    compression=None,
                    max_size=MAX_LINK_MESSAGE,
                    open_timeout=5,
                    close_timeout=1,
                    ping_interval=5,
                    ping_timeout=10,
                ) as opened:
                    await self._talk(opened)
            except (OSError, TimeoutError, WebSocketException, LinkError) as error:
                self._note(type(error).__name__)
            await asyncio.sleep(random.uniform(*RETRY_S))

    def _note(self, failure: str) -> None:
        """Log why the app is not there, once until that changes: dialling goes on every second or two."""
        if failure != self._failure:
            _log.info("no link to %s: %s", self.app, failure)
        self._failure = failure

    async def _talk(self, opened: ClientConnection) -> None:
        async with asyncio.timeout(10):
            challenge = decode_to_relay(await opened.recv())
            if not isinstance(challenge, Challenge) or challenge.version != LINK_VERSION:
                raise LinkError("the app speaks another version")
            await opened.send(encode(self._listener.hello(challenge.nonce)))
            welcome = decode_to_relay(await opened.recv())
            if not isinstance(welcome, Welcome):
                raise LinkError("expected welcome")
        self._queue = asyncio.Queue(MAX_QUEUE)
        self._socket, self.is_up, self._failure = opened, True, ""
        sender = asyncio.ensure_future(self._send_all(opened))
        try:
            self._listener.link_up(self, welcome)
            async for frame in opened:
                self._listener.link_message(self, decode_to_relay(frame))
        finally:
            self.is_up, self._socket = False, None
            sender.cancel()
            self._listener.link_down(self)

    async def _send_all(self, opened: ClientConnection) -> None:
        try:
            while True:
                await opened.send(await self._queue.get())
        except WebSocketException:
            pass  # the reading side ends the link
