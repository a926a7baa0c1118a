"""A small TURN client (RFC 8656) for probes: ``diemcau doctor`` and the tests of coturn's configuration.

It asks one thing at a time and waits for the answer. Nothing of a call passes through it.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
import socket
import ssl
import struct
import time
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qs, urlsplit

Transport = Literal["udp", "tcp", "tls"]
Peer = tuple[str, int]

COOKIE = 0x2112A442
MAX_MESSAGE = 4096
BINDING, ALLOCATE, REFRESH, SEND, DATA, CREATE_PERMISSION, CHANNEL_BIND = 1, 3, 4, 6, 7, 8, 9
MAPPED_ADDRESS, USERNAME, INTEGRITY, ERROR_CODE, CHANNEL_NUMBER, LIFETIME = 0x01, 0x06, 0x08, 0x09, 0x0C, 0x0D
PEER_ADDRESS, PAYLOAD, REALM, NONCE, RELAYED_ADDRESS, FAMILY = 0x12, 0x13, 0x14, 0x15, 0x16, 0x17
REQUESTED_TRANSPORT, XOR_MAPPED_ADDRESS, PRIORITY, USE_CANDIDATE, CONTROLLING = 0x19, 0x20, 0x24, 0x25, 0x802A
UDP_PROTOCOL = 17


class TurnRefused(Exception):
    """The server said no. ``code``: 401 wrong credentials, 403 peer not allowed, 437, 441, 443, 486 quota, 508 ..."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code} {reason}")
        self.code = code


@dataclass(slots=True)
class Stun:
    """A STUN message. ``kind``: method and class as on the wire."""

    kind: int
    transaction: bytes = field(default_factory=lambda: secrets.token_bytes(12))
    attributes: list[tuple[int, bytes]] = field(default_factory=list)

    def get(self, wanted: int) -> bytes:
        """The first attribute of this type, b"" without one."""
        return next((value for kind, value in self.attributes if kind == wanted), b"")

    def encode(self, key: bytes = b"") -> bytes:
        """Bytes, with MESSAGE-INTEGRITY when a key is given."""
        body = b"".join(
            struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4) for kind, value in self.attributes
        )
        if not key:
            return struct.pack("!HHI", self.kind, len(body), COOKIE) + self.transaction + body
        head = struct.pack("!HHI", self.kind, len(body) + 24, COOKIE) + self.transaction
        digest = hmac.new(key, head + body, hashlib.sha1).digest()
        return head + body + struct.pack("!HH", INTEGRITY, len(digest)) + digest


def decode(data: bytes) -> Stun:
    """A message from bytes. Raises ValueError."""
    if len(data) < 20:
        raise ValueError("too short")
    kind, length, cookie = struct.unpack_from("!HHI", data)
    if cookie != COOKIE or len(data) < 20 + length:
        raise ValueError("not STUN")
    message, at = Stun(kind, data[8:20]), 20
    while at + 4 <= 20 + length:
        attribute, size = struct.unpack_from("!HH", data, at)
        if at + 4 + size > 20 + length:
            raise ValueError("attribute longer than the message")
        message.attributes.append((attribute, data[at + 4 : at + 4 + size]))
        at += 4 + size + -size % 4
    return message


def pack_address(address: Peer, transaction: bytes) -> bytes:
    """XOR-...-ADDRESS (RFC 8489 14.2). An IPv4-mapped address stays IPv6."""
    ip = ipaddress.ip_address(address[0])
    mask = struct.pack("!I", COOKIE) + transaction
    hidden = bytes(a ^ b for a, b in zip(ip.packed, mask, strict=False))
    return struct.pack("!BBH", 0, 1 if ip.version == 4 else 2, address[1] ^ COOKIE >> 16) + hidden


def unpack_address(value: bytes, transaction: bytes) -> Peer:
    """The inverse. Raises ValueError."""
    if len(value) not in (8, 20):
        raise ValueError("not an address")
    mask = struct.pack("!I", COOKIE) + transaction
    packed = bytes(a ^ b for a, b in zip(value[4:], mask, strict=False))
    return str(ipaddress.ip_address(packed)), struct.unpack_from("!H", value, 2)[0] ^ COOKIE >> 16


def binding_check(user: str, pwd: str) -> bytes:
    """A controlling client's connectivity check of an ICE-lite leg, with nomination (RFC 8445 7.2)."""
    message = Stun(BINDING)
    message.attributes = [
        (USERNAME, user.encode()), (PRIORITY, struct.pack("!I", 1)), (CONTROLLING, secrets.token_bytes(8)),
        (USE_CANDIDATE, b""),
    ]  # fmt: skip
    return message.encode(pwd.encode())


def read_url(url: str) -> tuple[str, int, Transport]:
    """Host, port and transport of a turn: or turns: address (RFC 7065). Raises ValueError."""
    parts = urlsplit(url)
    if parts.scheme not in ("turn", "turns"):
        raise ValueError("must start with turn: or turns:")
    place = urlsplit(f"//{parts.path}")
    if not place.hostname:
        raise ValueError("names no host")
    given = parse_qs(parts.query).get("transport", ["tcp" if parts.scheme == "turns" else "udp"])[0]
    if given not in ("udp", "tcp") or (parts.scheme == "turns" and given == "udp"):
        raise ValueError("transport must be udp or tcp, and tcp for turns:")
    transport: Transport = "tls" if parts.scheme == "turns" else "tcp" if given == "tcp" else "udp"
    return place.hostname, place.port or (5349 if transport == "tls" else 3478), transport


class TurnClient:
    """One allocation. All calls block up to ``timeout`` seconds and raise TimeoutError, OSError or TurnRefused."""

    def __init__(
        self, host: str, port: int, transport: Transport, timeout: float = 3.0, context: ssl.SSLContext | None = None
    ) -> None:
        self._timeout = timeout
        self._is_stream = transport != "udp"
        self._buffer = b""
        self._key = b""
        self._login: list[tuple[int, bytes]] = []
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        if self._is_stream:
            self._socket = socket.create_connection((host, port), timeout)
            if transport == "tls":
                self._socket = (context or ssl.create_default_context()).wrap_socket(self._socket, server_hostname=host)
        else:
            self._socket = socket.socket(family, socket.SOCK_DGRAM)
            self._socket.connect((host, port))
        self._waiting: list[tuple[Peer | int, bytes]] = []

    def close(self) -> None:
        """Close the socket; the server forgets the allocation by itself."""
        self._socket.close()

    def __enter__(self) -> TurnClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def allocate(self, username: str, password: str, family: int = 4) -> Peer:
        """An allocation for UDP; the relayed address. ``family`` 4 or 6."""
        wanted = [(REQUESTED_TRANSPORT, bytes((UDP_PROTOCOL, 0, 0, 0)))]
        if family == 6:
            wanted.append((FAMILY, b"\x02\0\0\0"))
        first = self._exchange(Stun(ALLOCATE, attributes=list(wanted)))
        if _error(first) is None:
            raise TurnRefused(0, "the server asks for no credentials")
        self._log_in(first, username, password)
        answer = self._ask(ALLOCATE, wanted)
        return unpack_address(answer.get(RELAYED_ADDRESS), answer.transaction)

    def _log_in(self, refusal: Stun, username: str, password: str) -> None:
        realm, nonce = refusal.get(REALM), refusal.get(NONCE)
        if not realm or not nonce:
            raise TurnRefused((_error(refusal) or (0, ""))[0], "no realm")
        self._key = hashlib.md5(username.encode() + b":" + realm + b":" + password.encode()).digest()
        self._login = [(USERNAME, username.encode()), (REALM, realm), (NONCE, nonce)]

    def refresh(self, seconds: int = 600) -> int:
        """Keep (or with 0 give back) the allocation; the lifetime that was granted."""
        return int.from_bytes(self._ask(REFRESH, [(LIFETIME, struct.pack("!I", seconds))]).get(LIFETIME), "big")

    def permit(self, *peers: Peer) -> None:
        """Permissions for the addresses of these peers."""
        message = Stun(CREATE_PERMISSION)
        self._ask(
            CREATE_PERMISSION, [(PEER_ADDRESS, pack_address(peer, message.transaction)) for peer in peers], message
        )

    def bind(self, channel: int, peer: Peer) -> None:
        """A channel (0x4000 to 0x4FFF) to a peer."""
        message = Stun(CHANNEL_BIND)
        number = struct.pack("!HH", channel, 0)
        self._ask(
            CHANNEL_BIND, [(CHANNEL_NUMBER, number), (PEER_ADDRESS, pack_address(peer, message.transaction))], message
        )

    def send(self, peer: Peer, data: bytes) -> None:
        """A Send indication; the server drops it silently without a permission."""
        message = Stun(SEND | 0x10)
        message.attributes = [(PEER_ADDRESS, pack_address(peer, message.transaction)), (PAYLOAD, data)]
        self._socket.send(message.encode())

    def send_channel(self, channel: int, data: bytes) -> None:
        """ChannelData."""
        self._socket.send(struct.pack("!HH", channel, len(data)) + data + bytes(-len(data) % 4))

    def receive(self, timeout: float | None = None) -> tuple[Peer | int, bytes]:
        """The next datagram from a peer: its address, or its channel, and the bytes."""
        deadline = time.monotonic() + (self._timeout if timeout is None else timeout)
        while not self._waiting:
            self._take(self._read(deadline))
        return self._waiting.pop(0)

    def _ask(self, method: int, attributes: list[tuple[int, bytes]], message: Stun | None = None) -> Stun:
        for _ in range(2):
            message = message or Stun(method)
            message.attributes = [*attributes, *self._login]
            answer = self._exchange(message)
            error = _error(answer)
            if error is None:
                return answer
            if error[0] != 438:  # stale nonce: once more with the new one
                raise TurnRefused(*error)
            self._login[2] = (NONCE, answer.get(NONCE))
        raise TurnRefused(438, "stale nonce")

    def _exchange(self, message: Stun) -> Stun:
        data, deadline = message.encode(self._key), time.monotonic() + self._timeout
        repeat = 0.25
        while True:
            self._socket.send(data)
            try:
                limit = deadline if self._is_stream else min(deadline, time.monotonic() + repeat)
                while True:
                    answer = self._take(self._read(limit))
                    if answer is not None and answer.transaction == message.transaction:
                        return answer
            except TimeoutError:
                if time.monotonic() >= deadline:
                    raise
                repeat *= 2

    def _take(self, data: bytes) -> Stun | None:
        """Sort one message: data for ``receive``, an answer to the caller."""
        if data[0] & 0xC0 == 0x40:
            channel, length = struct.unpack_from("!HH", data)
            self._waiting.append((channel, data[4 : 4 + length]))
            return None
        message = decode(data)
        if message.kind == DATA | 0x10:
            peer = unpack_address(message.get(PEER_ADDRESS), message.transaction)
            self._waiting.append((peer, message.get(PAYLOAD)))
            return None
        return message

    def _read(self, deadline: float) -> bytes:
        while True:
            if self._is_stream and len(self._buffer) >= 4:
                kind, length = struct.unpack_from("!HH", self._buffer)
                whole = 4 + length + -length % 4 if kind & 0xC000 == 0x4000 else 20 + length
                if len(self._buffer) >= whole:
                    data, self._buffer = self._buffer[:whole], self._buffer[whole:]
                    return data
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError("no answer")
            self._socket.settimeout(left)
            data = self._socket.recv(MAX_MESSAGE)
            if not self._is_stream:
                return data
            if not data:
                raise ConnectionResetError("the server closed the connection")
            self._buffer += data


def _error(message: Stun) -> tuple[int, str] | None:
    """Code and reason of an error response."""
    if message.kind & 0x0110 != 0x0110:
        return None
    value = message.get(ERROR_CODE)
    return (value[2] * 100 + value[3], value[4:].decode("utf-8", "replace")) if len(value) >= 4 else (0, "")
