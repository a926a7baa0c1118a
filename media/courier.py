"""From the outbox to the hub: one link at a time carries the reports, so that acknowledgements stay in order."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from pathlib import Path

from media.link import AppLink
from media.messages import ReportBody
from media.outbox import Outbox

AT_ONCE = 200
"""Reports sent without an acknowledgement, so that a long outage does not arrive in one burst."""


class Courier:
    """Keeps reports and sends them over the first link that is up; over the next one when that breaks."""

    def __init__(self, path: Path, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._outbox = Outbox(path, self._ready)
        self._link: AppLink | None = None
        self._sent = 0
        self._empty = asyncio.Event()

    def add(self, session: str, epoch: int, body: ReportBody) -> None:
        """Keep a report until the hub has it."""
        self._outbox.add(session, epoch, time.time(), body)
        self._empty.clear()

    def ack(self, number: int) -> None:
        """The hub has everything up to ``number``; send what follows."""
        self._outbox.ack(number)
        if not len(self._outbox):
            self._empty.set()
        self._send()

    def link_up(self, link: AppLink, acked: int) -> None:
        """A link may carry reports; ``acked``: what the hub has."""
        self._outbox.ack(acked)
        if self._link is None:
            self._link, self._sent = link, 0
        self._send()

    def link_down(self, link: AppLink, others: Sequence[AppLink]) -> None:
        """A link broke: what was not acknowledged goes over another one."""
        if self._link is link:
            self._link, self._sent = next((each for each in others if each.is_up), None), 0
            self._send()

    async def close(self, patience_s: float) -> None:
        """Wait for the hub to take what is left, as long as one is there, then finish writing."""
        if len(self._outbox) and self._link is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience_s):
                    await self._empty.wait()
        await asyncio.to_thread(self._outbox.close, patience_s)

    def _ready(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to send it
            self._loop.call_soon_threadsafe(self._send)

    def _send(self) -> None:
        if self._link is None:
            return
        for number, frame in self._outbox.after(0)[:AT_ONCE]:
            if number > self._sent:
                self._link.send_text(frame)
                self._sent = number
