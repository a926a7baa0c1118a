"""Requests to relays that are answered: one future per request, broken when the link is lost or the time is over."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable

from media import messages as r
from signaling.errors import SENTENCES, Refusal, RequestRefused, SignalingError, Unavailable

log = logging.getLogger(__name__)

Question = r.PublishOffer | r.SubscribeStart | r.ViewOffer | r.KeepEvents | r.ReadKept
Reply = r.Answer | r.KeptEvents

MOVED = "stale_epoch"
"""The relay knows a later owner of the session."""

FAILED = ("relay_full", "relay_error", "kept_full")
"""The relay's trouble, not the caller's fault."""


class Questions:
    """What relays were asked and have not answered yet. ``send`` queues a message; False while there is no link."""

    def __init__(self, send: Callable[[str, r.ToRelay], bool]) -> None:
        self._send = send
        self._waiting: dict[str, tuple[str, asyncio.Future[Reply]]] = {}
        self._numbers = itertools.count(1)

    def next(self) -> str:
        """A fresh request id."""
        return f"q{next(self._numbers)}"

    async def ask(self, relay: str, message: Question, timeout_s: float) -> Reply:
        """Ask and wait. Raises Unavailable (relay.none, relay.away, relay.timeout, owner.moved) and RequestRefused."""
        if not relay:
            raise Unavailable("relay.none")
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._waiting[message.req] = (relay, future)
        try:
            if not self._send(relay, message):
                raise Unavailable("relay.away")
            async with asyncio.timeout(timeout_s):
                return await future
        except TimeoutError:
            raise Unavailable("relay.timeout") from None
        finally:
            self._waiting.pop(message.req, None)

    def answered(self, message: Reply | r.Refused) -> None:
        """A relay answered; an answer that nobody waits for any more is dropped."""
        _relay, future = self._waiting.pop(message.req, ("", None))
        if future is None or future.done():
            return
        if isinstance(message, r.Refused):
            log.info("relay refused a request: %s", message.code)
            future.set_exception(_refusal(message.code))
        else:
            future.set_result(message)

    def lost(self, relay: str) -> None:
        """The link is gone, and with it the answers."""
        for req, (asked, future) in list(self._waiting.items()):
            if asked == relay and not future.done():
                future.set_exception(Unavailable("relay.away"))
                self._waiting.pop(req, None)


def _refusal(code: str) -> SignalingError:
    if code == MOVED:
        return Unavailable("owner.moved")
    if code in FAILED:
        return Unavailable("relay_error" if code == "kept_full" else code)
    return RequestRefused(Refusal(code if code in SENTENCES else "sdp.refused"))
