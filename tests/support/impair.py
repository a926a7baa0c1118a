"""A seeded userspace UDP impairment proxy: it stands between a browser and the relay by being the address that the
relay announces. Kernels without netem are common, so nothing here needs the kernel's help.

``Line`` is the model (no I/O): each packet gets a departure time or is dropped. ``ImpairmentProxy`` carries packets.
"""

from __future__ import annotations

import asyncio
import random
import socket
from collections import deque
from dataclasses import dataclass, replace

DATAGRAM = 65_536


@dataclass(frozen=True)
class Profile:
    """One direction of a line: bits per second (0: no limit), seconds of drop-tail queue, share of packets lost,
    seconds of delay and of uniform jitter on top.

    Bursts after Gilbert and Elliott: before each packet the line turns bad with ``to_bad`` and good again with
    ``to_good``; while it is bad, ``bad_loss`` of the packets are lost. Packets keep their order unless ``reorder``.
    """

    rate_bps: float = 0.0
    queue_s: float = 0.3
    loss: float = 0.0
    delay_s: float = 0.0
    jitter_s: float = 0.0
    reorder: bool = False
    to_bad: float = 0.0
    to_good: float = 1.0
    bad_loss: float = 0.8


class Line:
    """One direction for one client. ``send`` tells when a packet leaves, or None when it is lost."""

    def __init__(self, profile: Profile, seed: int) -> None:
        self.profile = profile
        self.dropped = 0
        self.carried = 0
        self._random = random.Random(seed)
        self._free_at = 0.0
        self._last_out = 0.0
        self._is_bad = False

    def send(self, size: int, now: float) -> float | None:
        """``size`` bytes (headers included) offered at ``now``."""
        profile = self.profile
        if self._is_lost(profile):
            self.dropped += 1
            return None
        start = max(now, self._free_at)
        if profile.rate_bps:
            if start - now > profile.queue_s:
                self.dropped += 1
                return None
            start = self._free_at = start + size * 8 / profile.rate_bps
        out = start + profile.delay_s + profile.jitter_s * self._random.random()
        if not profile.reorder:
            out = self._last_out = max(out, self._last_out)
        self.carried += 1
        return out

    def _is_lost(self, profile: Profile) -> bool:
        draw = self._random.random
        if profile.to_bad:
            self._is_bad = draw() >= profile.to_good if self._is_bad else draw() < profile.to_bad
            if self._is_bad and draw() < profile.bad_loss:
                return True
        return bool(profile.loss) and draw() < profile.loss


class ImpairmentProxy:
    """Listens on 127.0.0.1; every client gets a socket of its own towards the relay, so that the relay tells them
    apart. ``black_out`` drops everything while set; ``rebind`` gives every client a new source port."""

    def __init__(
        self, relay: tuple[str, int], up: Profile = Profile(), down: Profile = Profile(), seed: int = 1
    ) -> None:
        self.relay = relay
        self.up = up
        self.down = down
        self.black_out = False
        self.bytes_up = 0
        self.bytes_down = 0
        self._seed = seed
        self._front = _udp(("127.0.0.1", 0))
        self._clients: dict[tuple[str, int], _Client] = {}

    @property
    def port(self) -> int:
        """The port to announce instead of the relay's."""
        return int(self._front.getsockname()[1])

    def start(self) -> None:
        """Carry packets from now on, in the running loop."""
        asyncio.get_running_loop().add_reader(self._front, self._from_clients)

    def stop(self) -> None:
        """Close everything."""
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._front)
        self._front.close()
        for client in self._clients.values():
            client.close()

    def change(self, up: Profile | None = None, down: Profile | None = None) -> None:
        """Change the lines of all clients, now and later."""
        self.up, self.down = up or self.up, down or self.down
        for client in self._clients.values():
            client.up.profile, client.down.profile = self.up, self.down

    def lose_all(self, seconds: float) -> None:
        """Drop everything in both directions for a while."""
        self.black_out = True
        asyncio.get_running_loop().call_later(seconds, setattr, self, "black_out", False)

    def rebind(self) -> None:
        """A NAT forgets: packets of every client come from a new port from now on."""
        for client in self._clients.values():
            client.rebind()

    def _from_clients(self) -> None:
        while True:
            try:
                data, address = self._front.recvfrom(DATAGRAM)
            except BlockingIOError:
                return
            client = self._clients.get(address)
            if client is None:
                client = self._clients[address] = _Client(self, address, self._seed + len(self._clients))
            self.bytes_up += len(data)
            client.send_up(data)


class _Client:
    def __init__(self, proxy: ImpairmentProxy, address: tuple[str, int], seed: int) -> None:
        self.proxy = proxy
        self.address = address
        self.up = Line(replace(proxy.up), seed * 2)
        self.down = Line(replace(proxy.down), seed * 2 + 1)
        self.back = _udp(("127.0.0.1", 0))
        asyncio.get_running_loop().add_reader(self.back, self._from_relay)

    def rebind(self) -> None:
        self.close()
        self.back = _udp(("127.0.0.1", 0))
        asyncio.get_running_loop().add_reader(self.back, self._from_relay)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self.back)
        self.back.close()

    def send_up(self, data: bytes) -> None:
        self._carry(self.up, data, lambda: _send(self.back, data, self.proxy.relay))

    def _from_relay(self) -> None:
        waiting: deque[bytes] = deque()
        while True:
            try:
                waiting.append(self.back.recv(DATAGRAM))
            except OSError:
                break
        for data in waiting:
            self.proxy.bytes_down += len(data)
            self._carry(self.down, data, lambda data=data: _send(self.proxy._front, data, self.address))

    def _carry(self, line: Line, data: bytes, deliver: object) -> None:
        if self.proxy.black_out:
            return
        loop = asyncio.get_running_loop()
        out = line.send(len(data) + 28, loop.time())
        if out is not None:
            loop.call_at(out, deliver)  # type: ignore[arg-type]


def _udp(address: tuple[str, int]) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setblocking(False)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    made.bind(address)
    return made


def _send(through: socket.socket, data: bytes, to: tuple[str, int]) -> None:
    try:
        through.sendto(data, to)
    except OSError:
        pass  # the other side has gone, as on a real line
