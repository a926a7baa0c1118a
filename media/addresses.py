"""The addresses that proved themselves, and whose they are: as Python knows them and as the kernel does.

The compiled way in (media/native/receive.c) looks senders up by the kernel's ``sockaddr``, everything else by the
tuple.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

from media.ice import Address
from media.peer import Connection

_IPV4, _IPV6 = struct.Struct("=HH4s8x"), struct.Struct("=HHI16sI")


class Addresses:
    """Connections by address. ``names``: those that came over UDP, by ``sockaddr``."""

    def __init__(self) -> None:
        self.names: dict[bytes, Connection] = {}
        self._connections: dict[Address, Connection] = {}
        self._name_of: dict[Address, bytes] = {}

    def __contains__(self, address: Address) -> bool:
        return address in self._connections

    def get(self, address: Address) -> Connection | None:
        """Whose it is."""
        return self._connections.get(address)

    def put(self, address: Address, connection: Connection, family: int | None) -> None:
        """It proved itself. ``family``: of the UDP socket that it wrote to; None: it came over TCP."""
        self._connections[address] = connection
        if family is not None:
            name = self._name_of[address] = to_sockaddr(address, family)
            self.names[name] = connection

    def pop(self, address: Address) -> Connection | None:
        """It is nobody's any more; whose it was."""
        name = self._name_of.pop(address, None)
        if name is not None:
            self.names.pop(name, None)
        return self._connections.pop(address, None)

    def of(self, connection: Connection) -> Iterator[Address]:
        """All of a connection's."""
        yield from [address for address, owner in self._connections.items() if owner is connection]


def to_sockaddr(address: Address, family: int) -> bytes:
    """``address`` as the kernel takes it: ``struct sockaddr_in`` or ``sockaddr_in6`` of Linux. Raises OSError (it is no
    numeric address)."""
    host, port = address[0].partition("%")[0], socket.htons(address[1])
    if family == socket.AF_INET:
        return _IPV4.pack(family, port, socket.inet_pton(socket.AF_INET, host))
    flow, scope = (address[2], address[3]) if len(address) > 3 else (0, 0)
    return _IPV6.pack(family, port, socket.htonl(flow), socket.inet_pton(socket.AF_INET6, host), scope)


def from_sockaddr(name: bytes) -> Address:
    """The tuple that ``recvfrom`` gives for it."""
    if len(name) == _IPV4.size:
        _, port, host = _IPV4.unpack(name)
        return socket.inet_ntop(socket.AF_INET, host), socket.ntohs(port)
    _, port, flow, host, scope = _IPV6.unpack(name)
    text = socket.inet_ntop(socket.AF_INET6, host)
    if scope and host[0] == 0xFE and host[1] & 0xC0 == 0x80:  # link-local: Python names the interface, too
        text = f"{text}%{socket.if_indextoname(scope)}"
    return text, socket.ntohs(port), socket.ntohl(flow), scope


__all__ = ["Addresses", "from_sockaddr", "to_sockaddr"]
