"""Waiting for the network: the selector of a relay's loop, in which ordinary packets pass without waking it.

A wake-up of the loop finds the caches cold: between the kernel and the core it costs more than the packets it is for.
``NetworkSelector`` waits in compiled code (media/native/wait.c, ADR 27) that reads the media sockets itself, passes on
what is ordinary (``media.ordinary``) and sends what may leave, and comes back when there is anything else: a packet
that needs a decision, a check, a report, a line that is narrow, another file, a timer. Without the compiled parts, and
until it is told of a front, it is the selector of Python.
"""

from __future__ import annotations

import selectors
from array import array
from collections.abc import Callable
from typing import Any

from media.native import compiled
from media.peer import Connection
from media.transport import address_of
from media.types import Batch

FOR_EVER = -1.0
UNPROTECT = address_of("srtp_unprotect"), address_of("srtp_unprotect_rtcp")
"""libsrtp's functions, for the compiled way in."""


class Door:
    """What the front and the compiled way of waiting share.

    ``rest``: (file, drained threes, index of the first that is not ordinary, when they were drained); ``amiss``: what
    sending told of legs (see ``media.sender``), in twos; ``take_counts``: datagrams, ordinary packets and packets sent
    since it was asked last.
    """

    def __init__(
        self, known: dict[bytes, Connection], later: list[Any], batch: Batch, most: int, most_ssrcs: int
    ) -> None:
        self.files: dict[int, int] = {}  # media sockets: file -> family
        self.rest: list[tuple[int, list[Any], int, float]] = []
        self.amiss: list[Any] = []
        self._counts = array("q", (0, 0, 0))
        self._before = known, *UNPROTECT, most_ssrcs, later
        self._after = batch, address_of("srtp_protect"), address_of("srtp_protect_rtcp"), self.rest, self.amiss
        self._most = most
        self._legs: dict[str, Any] | None = None
        self._parts: tuple[Any, ...] = ()

    def wait(self, epoll: int, timeout: float, legs: dict[str, Any], blind_at: float) -> list[tuple[int, int]]:
        """Files and events that are for the loop, after ``timeout`` seconds (negative: no limit) at the latest.

        ``legs``: the core's publish legs by peer; ``blind_at``: from then on the loop has to look itself.
        """
        if legs is not self._legs:
            self._legs = legs
            self._parts = (*self._before, legs, *self._after, self._counts, self._most)
        found: list[tuple[int, int]] = compiled.wait(epoll, timeout, blind_at, self.files, self._parts)  # type: ignore[union-attr]
        return found

    def take_counts(self) -> tuple[int, int, int]:
        """Datagrams, ordinary packets among them, packets sent."""
        counts = self._counts
        datagrams, ordinary, sent = counts
        if datagrams or sent:
            counts[0] = counts[1] = counts[2] = 0
        return datagrams, ordinary, sent

    def rest_of(self, file: int) -> tuple[list[Any], int, float] | None:
        """What waits of a socket, once."""
        if self.rest and self.rest[0][0] == file:
            _, found, at, now = self.rest.pop(0)
            return found, at, now
        return None


class NetworkSelector(selectors.EpollSelector):
    """For ``asyncio.SelectorEventLoop``; ``watch`` once there is a front."""

    _wait: Callable[[int, float], list[tuple[int, int]]] | None = None

    def watch(self, wait: Callable[[int, float], list[tuple[int, int]]] | None) -> None:
        """``Front.wait`` of a front whose sockets are read by this selector's loop; None: of none any more."""
        self._wait = wait

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """As of every selector."""
        if self._wait is None:
            return super().select(timeout)
        ready, keys = [], self.get_map()
        for file, events in self._wait(self.fileno(), FOR_EVER if timeout is None else max(0.0, timeout)):
            key = keys.get(file)
            mask = _mask_of(events) & key.events if key is not None else 0
            if key is not None and mask:
                ready.append((key, mask))
        return ready


def _mask_of(events: int) -> int:
    """What epoll tells as selectors tell it: an error or a hang-up is readable and writable."""
    readable = selectors.EVENT_READ if events & ~_WRITABLE else 0
    return readable | (selectors.EVENT_WRITE if events & ~_READABLE else 0)


_READABLE, _WRITABLE = 0x001, 0x004  # EPOLLIN, EPOLLOUT
