"""What signaling needs of a websocket. ``web`` adapts its framework's object to this; tests use an in-memory pair."""

from __future__ import annotations

from typing import Protocol


class SocketClosed(Exception):
    """The other side has gone. Raised by ``receive_text`` and ``send_text``; ``code`` is the close code or 1006."""

    def __init__(self, code: int = 1006) -> None:
        super().__init__(f"socket closed ({code})")
        self.code = code


class Socket(Protocol):
    """One accepted websocket that carries text frames.

    The adapter bounds the size of a frame before it is handed over (``messages.MAX_MESSAGE``,
    ``media.messages.MAX_LINK_MESSAGE`` for relays); what is larger closes the socket with 1009.
    """

    async def send_text(self, text: str) -> None:
        """Send one frame. Raises SocketClosed."""

    async def receive_text(self) -> str:
        """The next frame. Raises SocketClosed when the other side has gone."""
        ...

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close; never raises, may be called twice."""
