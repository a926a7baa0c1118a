"""ICE-TCP, passive (RFC 6544), for clients whose network lets no UDP out: STUN, DTLS and SRTP in frames (RFC 4571) on
the same port number as UDP.

Each accepted connection becomes a ``TcpWay``: what it reads goes through ``Front.take`` like a datagram, with an
address of three parts that no UDP socket gives; what is sent to that address is framed here. Everything is bounded:

- connections in all, per client address (IPv6: per /64), and above all those that have not proved themselves: of them
  the oldest makes room for the next, so that whoever proves himself at once comes in even while others flood;
- ``PROOF_S`` until a valid check has come, and only checks are read before; a connection whose leg is gone ends too;
- a frame is at most ``MAX_DATAGRAM`` bytes: a longer one cannot be skipped safely, so the connection ends;
- a slow reader: what the kernel's send buffer (``SEND_ROOM``) does not take is dropped, as on a line. Only the rest of
  a frame that was begun, and answers and handshakes up to ``CONTROL_ROOM`` bytes, wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import itertools
import logging
import resource
import socket
from collections import Counter
from collections.abc import Sequence
from typing import Protocol

from media.framing import HEAD, FrameTooLong, split
from media.ice import MAX_CHECK, Address
from media.types import MAX_DATAGRAM

PROOF_S = 5.0
"""How often it is looked at whether a connection belongs to a leg; so, how long a stranger may stay."""
MAX_WAYS = 1200
"""Two for each of 600 legs; fewer where the process may open fewer files."""
MAX_PER_ADDRESS = 128
"""A whole office behind one router."""
MAX_UNPROVEN = 64
MAX_UNPROVEN_PER_ADDRESS = 12
SPARE_FILES = 256
READ_ROOM = 65_536
SEND_ROOM = 96 * 1024
"""About a key frame: more would only be old when it arrives."""
CONTROL_ROOM = 16_384
STRIKES = 4
"""Checks that do not prove themselves before a connection ends."""
PAUSE_S = 1.0
"""Without file handles nothing is accepted for this long."""
DEAD_MS = 10_000
BACKLOG = 64

DROPS = ("tcp_full", "tcp_late", "tcp_framing", "tcp_stranger")
_TCP_USER_TIMEOUT = 18  # linux/tcp.h
_log = logging.getLogger(__name__)


class Datagrams(Protocol):
    """What is needed of ``media.front.Front``."""

    dropped: dict[str, int]

    def take(self, way: TcpWay, data: memoryview, address: Address) -> bool:
        """One datagram; whether it was of use."""

    def finish(self) -> None:
        """The datagrams of this wake-up are taken: send what came of them."""

    def knows(self, address: Address) -> bool:
        """Whether the address proved itself and belongs to a leg."""

    def forget(self, address: Address) -> None:
        """Nothing can be sent to this address any more."""


class TcpWay:
    """One connection: takes the place of the UDP socket in ``sendto`` for its client's address."""

    def __init__(self, opened: socket.socket, address: Address, owner: IceTcp) -> None:
        self.address = address
        self.is_proven = False
        self.is_closed = False
        self.strikes = 0
        self._socket = opened
        self._owner = owner
        self._begun = b""  # a frame of which the end has not come
        self._rest = b""  # what the kernel has not taken of frames that must go out whole
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(opened, self._read)

    # --- in ---------------------------------------------------------------------------------------------------------

    def _read(self) -> None:
        room = self._owner.room
        have = len(self._begun)
        room[:have] = self._begun
        try:
            length = self._socket.recv_into(memoryview(room)[have:])
        except BlockingIOError:
            return
        except OSError:
            length = 0
        if length == 0:
            self.close()
            return
        try:
            frames, at = split(memoryview(room)[: have + length])
        except FrameTooLong:
            self._owner.drop(self, "tcp_framing")
            return
        self._begun = bytes(room[at : have + length])
        for frame in frames:
            if not self.is_closed:
                self._take(frame)
        self._owner.front.finish()

    def _take(self, frame: memoryview) -> None:
        if not self.is_proven and (not 20 <= len(frame) <= MAX_CHECK or frame[0] > 3):
            self._owner.drop(self, "tcp_stranger")
            return
        is_useful = self._owner.front.take(self, frame, self.address)
        if not self.is_proven and not self.is_closed:
            self.strikes += not is_useful
            if is_useful:
                self._owner.proven(self)
            elif self.strikes >= STRIKES:
                self._owner.drop(self, "tcp_stranger")

    # --- out --------------------------------------------------------------------------------------------------------

    def sendto(self, data: memoryview | bytes, address: Address) -> int:
        """Frame and send one datagram. Raises BlockingIOError when the client reads too slowly (the packet is lost),
        OSError when it is gone."""
        if self.is_closed:
            raise OSError(errno.ENOTCONN, "closed")
        head = HEAD.pack(len(data))
        sent = 0
        if not self._rest:
            try:
                sent = self._socket.sendmsg((head, data))
            except BlockingIOError:
                pass
            except OSError:
                self.close()
                raise
        if sent == 2 + len(data):
            return len(data)
        is_media = 128 <= data[0] <= 191
        if not sent and (is_media or len(self._rest) + len(data) > CONTROL_ROOM):
            raise BlockingIOError(errno.EAGAIN, "the client reads too slowly")
        if not self._rest:
            self._loop.add_writer(self._socket, self._go_on)
        self._rest += (head + bytes(data))[sent:]
        return len(data)

    def _go_on(self) -> None:
        try:
            sent = self._socket.send(self._rest)
        except BlockingIOError:
            return
        except OSError:
            self.close()
            return
        self._rest = self._rest[sent:]
        if not self._rest:
            self._loop.remove_writer(self._socket)

    @property
    def waiting(self) -> int:
        """Bytes that wait here, outside the kernel."""
        return len(self._rest) + len(self._begun)

    def close(self) -> None:
        """End the connection; its address is forgotten."""
        if self.is_closed:
            return
        self.is_closed = True
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)
        self._socket.close()
        self._begun = self._rest = b""
        self._owner.closed(self)


class IceTcp:
    """The listening sockets and all connections. ``proof_s``: see ``PROOF_S``."""

    def __init__(self, front: Datagrams, proof_s: float = PROOF_S) -> None:
        self.front = front
        self.room = bytearray(READ_ROOM + MAX_DATAGRAM + 2)
        self.ways: set[TcpWay] = set()
        front.dropped.update(dict.fromkeys(DROPS, 0))
        self._proof_s = proof_s
        self._listening: list[socket.socket] = []
        self._numbers = itertools.count(1)
        self._by_holder: Counter[str] = Counter()
        self._unproven: dict[TcpWay, None] = {}  # oldest first
        self._limit = MAX_WAYS
        self._timers: dict[TcpWay, asyncio.TimerHandle] = {}

    def open(self, port: int, ips: Sequence[str]) -> bool:
        """Listen on ``port`` of these addresses of this machine (of all when one is not its own, as ``Front.open``).
        False, and nothing is open, when the port is taken: then TCP must not be announced."""
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        self._limit = max(0, min(MAX_WAYS, files - SPARE_FILES))
        try:
            try:
                for ip in ips:
                    self._listen(ip, port)
            except OSError as error:
                self.close()
                if error.errno != errno.EADDRNOTAVAIL:
                    raise
                for ip in ("0.0.0.0", "::") if any(":" in ip for ip in ips) else ("0.0.0.0",):
                    self._listen(ip, port)
        except OSError as error:
            self.close()
            _log.warning("TCP port %d cannot be used, media goes over UDP only: %s", port, error.strerror)
            return False
        return True

    def _listen(self, ip: str, port: int) -> None:
        family = socket.AF_INET6 if ":" in ip else socket.AF_INET
        opened = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            if family == socket.AF_INET6:
                opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # not kept by connections that just ended
            opened.bind((ip, port))
            opened.listen(BACKLOG)
        except OSError:
            opened.close()
            raise
        self._listening.append(opened)
        asyncio.get_running_loop().add_reader(opened, self._accept, opened)

    def close(self) -> None:
        """End everything."""
        for opened in self._listening:
            asyncio.get_running_loop().remove_reader(opened)
            opened.close()
        self._listening.clear()
        for way in list(self.ways):
            way.close()

    def _accept(self, listening: socket.socket) -> None:
        try:
            opened, place = listening.accept()
        except (BlockingIOError, ConnectionError):
            return
        except OSError:  # no file handles: the queue stays readable, so look away for a while
            loop = asyncio.get_running_loop()
            loop.remove_reader(listening)
            loop.call_later(PAUSE_S, self._resume, listening)
            return
        address = (str(place[0]), int(place[1]), next(self._numbers))
        self._make_room(holder_of(address))
        if len(self.ways) >= self._limit or self._by_holder[holder_of(address)] >= MAX_PER_ADDRESS:
            self.front.dropped["tcp_full"] += 1
            opened.close()
            return
        _prepare(opened)
        way = TcpWay(opened, address, self)
        self.ways.add(way)
        self._by_holder[holder_of(address)] += 1
        self._unproven[way] = None
        self._look_later(way)

    def _make_room(self, holder: str) -> None:
        """End the oldest that has not proved itself, of this holder or of all, where there are too many."""
        of_holder = [way for way in self._unproven if holder_of(way.address) == holder]
        if len(of_holder) >= MAX_UNPROVEN_PER_ADDRESS:
            self.drop(of_holder[0], "tcp_full")
        elif len(self._unproven) >= MAX_UNPROVEN:
            self.drop(next(iter(self._unproven)), "tcp_full")

    def _resume(self, listening: socket.socket) -> None:
        if listening in self._listening:
            asyncio.get_running_loop().add_reader(listening, self._accept, listening)

    def _look_later(self, way: TcpWay) -> None:
        self._timers[way] = asyncio.get_running_loop().call_later(self._proof_s, self._look, way)

    def _look(self, way: TcpWay) -> None:
        """Does it belong to a leg? Strangers, and those whose leg ended or moved on, go."""
        if self.front.knows(way.address):
            self._look_later(way)
        elif way.is_proven:
            way.close()
        else:
            self.drop(way, "tcp_late")

    # --- told by the ways -------------------------------------------------------------------------------------------

    def proven(self, way: TcpWay) -> None:
        """Its first valid check came."""
        way.is_proven = True
        self._unproven.pop(way, None)

    def drop(self, way: TcpWay, reason: str) -> None:
        """End it for this reason."""
        self.front.dropped[reason] += 1
        way.close()

    def closed(self, way: TcpWay) -> None:
        """It ended, for whatever reason."""
        self.ways.discard(way)
        self._unproven.pop(way, None)
        _less(self._by_holder, holder_of(way.address))
        timer = self._timers.pop(way, None)
        if timer is not None:
            timer.cancel()
        self.front.forget(way.address)


def holder_of(address: Address) -> str:
    """Who counts as one: an IPv4 address, or a /64 of IPv6, which is what one line gets."""
    ip = ipaddress.ip_address(str(address[0]).partition("%")[0])
    return str(ip) if ip.version == 4 else str(ipaddress.IPv6Network((ip, 64), strict=False))


def _less(counts: Counter[str], key: str) -> None:
    counts[key] -= 1
    if counts[key] <= 0:
        del counts[key]


def _prepare(opened: socket.socket) -> None:
    opened.setblocking(False)
    with contextlib.suppress(OSError):  # each is a help, none a condition
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_ROOM)
        opened.setsockopt(socket.IPPROTO_TCP, _TCP_USER_TIMEOUT, DEAD_MS)
