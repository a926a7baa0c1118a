"""The real sender with paper around it: what a leg would be sent, in the clear."""

from __future__ import annotations

import socket
import struct
from types import SimpleNamespace
from typing import Any, cast

from media.sender import UDP_SEGMENT, Sender
from media.types import Batch, SendQueue

ADDRESS = ("192.0.2.7", 4000)


class PaperSocket:
    """Remembers what it was given. ``refuses``: error numbers for the next calls to ``sendmsg``, one each."""

    def __init__(self, knows_runs: bool = True) -> None:
        self.packets: list[bytes] = []
        self.runs: list[int] = []  # packets per call
        self.refuses: list[int] = []
        self._knows_runs = knows_runs

    def setsockopt(self, level: int, option: int, value: int) -> None:
        assert (level, option) == (socket.IPPROTO_UDP, UDP_SEGMENT)
        if not self._knows_runs:
            raise OSError(92, "Protocol not available")

    def sendto(self, data: memoryview, address: object) -> int:
        assert address == ADDRESS
        self.packets.append(bytes(data))
        self.runs.append(1)
        return len(data)

    def sendmsg(self, parts: Any, control: Any, flags: int, address: object) -> int:
        assert address == ADDRESS and flags == 0 and self._knows_runs
        if self.refuses:
            raise OSError(self.refuses.pop(0), "refused")
        data = b"".join(bytes(part) for part in parts)
        ((level, option, value),) = control
        assert (level, option) == (socket.IPPROTO_UDP, UDP_SEGMENT) and len(data) <= 65_507
        (size,) = struct.unpack("=H", value)
        found = [data[at : at + size] for at in range(0, len(data), size)]
        assert len(found) <= 64
        self.packets += found
        self.runs.append(len(found))
        return len(data)


def plain_session() -> Any:
    """An SRTP session that leaves packets as they are."""
    return SimpleNamespace(
        state=None, length=[0], protect=lambda state, pointer, length: 0, protect_rtcp=lambda state, pointer, length: 0
    )


def connection(opened: PaperSocket) -> Any:
    """A leg that is up."""
    return SimpleNamespace(
        sending=plain_session(), ice=SimpleNamespace(selected=ADDRESS), socket=opened, is_silent=False,
        takes_runs=True, is_closed=False, route=None,
    )  # fmt: skip


class Wire:
    """Takes what a relay's core queued, as the front does after each datagram, and keeps it by queue."""

    def __init__(self) -> None:
        self._socket = PaperSocket()
        self._connection = connection(self._socket)
        self._sender = Sender({})
        self._sender.add_socket(cast(socket.socket, self._socket))
        self._sent: dict[int, list[bytes]] = {}

    def flush(self, batch: Batch, now: float) -> None:
        """Write everything that may leave now."""
        waiting = []
        for queue in batch.queues:
            pairs = queue.pairs if queue.pacer is None else queue.pacer.take(queue, now)
            self._sender.send(self._connection, queue.log, pairs, now)
            if queue.pacer is None:
                queue.pairs.clear()
            elif queue.pairs:
                waiting.append(queue)
            self._sent.setdefault(id(queue), []).extend(self._socket.packets)
            self._socket.packets.clear()
        batch.queues[:] = waiting

    def take(self, queue: SendQueue) -> list[bytes]:
        """The packets that a leg was sent since the last call."""
        return self._sent.pop(id(queue), [])

    def is_quiet(self) -> bool:
        """Nobody was sent anything that was not taken yet."""
        return not self._sent
