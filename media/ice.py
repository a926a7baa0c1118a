"""ICE-lite for one leg, without sockets (RFC 8445 2.5, RFC 8489): checks in, answers out.

A client's check counts only with the leg's user name and a MESSAGE-INTEGRITY made with its password; everything else
is dropped without an answer, so the port cannot be used to find legs or to reflect traffic. The client controls:
the address of its last check with USE-CANDIDATE is where we send. Until the first one we send to the first address
that proved itself. The old address stays until the new one is nominated, so a change from one network to another
needs no restart. Checks that keep coming are the client's consent (RFC 7675, seen from a lite agent).
"""

from __future__ import annotations

import secrets
import struct
from enum import Enum

from aioice import stun

Address = tuple[str, int] | tuple[str, int, int] | tuple[str, int, int, int]
"""A source address as the socket gives it: two parts for IPv4, four for IPv6; three for a TCP connection, which has a
number so that it is never taken for UDP from the same port."""

CONSENT_S = 30.0
"""Without a check for this long nothing is sent any more (RFC 7675 5.1)."""
KEEP_S = 120.0
"""Without a check for this long the leg ends: long enough for a router to restart."""
SETUP_S = 30.0
"""A leg that never saw a check after its answer ends after this long."""
MOVE_S = 8.0
"""When the selected address has been quiet for this long, a check from another one moves there even without
USE-CANDIDATE: a router gave the client a new port (clients check every 2.5 to 6 s)."""
MAX_ADDRESSES = 16
"""A client with two networks, two announced addresses, UDP and TCP, and as much again during a restart."""
KEPT_CHECKS = 8
"""A check that came before, from another address, was copied: a client makes a new one for each address."""
MAX_CHECK = 548  # bytes; a check of a browser has about 120

_HEADER = struct.Struct("!HHI")
_BINDING_REQUEST = 0x0001
_USERNAME = 0x0006


class Consent(Enum):
    """What the last check, or its absence, means for a leg."""

    WAITING = "waiting"
    FRESH = "fresh"
    EXPIRED = "expired"
    DEAD = "dead"


def local_user(data: memoryview | bytes) -> str | None:
    """Our half of USERNAME in a binding request that is well formed so far, or None. Cheap: runs on every stranger's
    packet before anything is allocated for it."""
    length = len(data)
    if length < 28 or length > MAX_CHECK or length % 4:
        return None
    kind, body, cookie = _HEADER.unpack_from(data)
    if kind != _BINDING_REQUEST or cookie != stun.COOKIE or body != length - 20:
        return None
    at = 20
    while at + 4 <= length:
        attribute = data[at] << 8 | data[at + 1]
        size = data[at + 2] << 8 | data[at + 3]
        if attribute == _USERNAME:
            if at + 4 + size > length:
                return None
            name = bytes(data[at + 4 : at + 4 + size])
            local, colon, _ = name.partition(b":")
            return local.decode("ascii", "replace") if colon else None
        at += 4 + size + (-size) % 4
    return None


class IceLite:
    """The ICE side of one leg.

    ``credentials``: ours, user name to password; two while a restart is under way. ``addresses``: those that proved
    themselves, oldest first. ``is_chosen``: the last good check made its address the selected one. ``forgotten``:
    addresses that fell out; whoever routes by address takes and clears them. ``retired``: the same for user names.
    """

    __slots__ = (
        "_checks", "addresses", "consent_at", "created_at", "credentials", "forgotten", "is_chosen", "pwd",
        "remote_ufrag", "retired", "selected", "ufrag",
    )  # fmt: skip

    def __init__(self, now: float) -> None:
        self.ufrag, self.pwd = new_credentials()
        self.credentials: dict[str, str] = {self.ufrag: self.pwd}
        self.remote_ufrag = ""
        self.selected: Address | None = None
        self.is_chosen = False
        self.addresses: dict[Address, float] = {}
        self.created_at = now
        self.consent_at: float | None = None
        self.forgotten: list[Address] = []
        self.retired: list[str] = []
        self._checks: dict[bytes, Address] = {}  # the last good ones, by transaction

    def restart(self) -> None:
        """The client restarted ICE: new credentials; the old ones stay good until the next restart, because checks
        on the old pair go on until the client has our answer."""
        old, old_pwd = self.ufrag, self.pwd
        self.retired += [user for user in self.credentials if user != old]
        self.ufrag, self.pwd = new_credentials()
        self.credentials = {old: old_pwd, self.ufrag: self.pwd}

    def forget(self, address: Address) -> None:
        """Nothing can be sent to this address any more: whichever proves itself next is where we send."""
        self.addresses.pop(address, None)
        if self.selected == address:
            self.selected = None

    def check(self, data: bytes, address: Address, now: float) -> bytes | None:
        """The answer to a check, or None when it does not prove itself. Never raises."""
        try:
            message = stun.parse_message(data)
            user = str(message.attributes.get("USERNAME", "")).partition(":")[0]
            pwd = self.credentials.get(user)
            if pwd is None or not message.check_message_integrity(pwd.encode()):
                return None
            if self._checks.setdefault(message.transaction_id, address) != address:
                return None
        except Exception:
            return None  # aioice raises struct.error, KeyError, ValueError and UnicodeError on hostile attributes
        if len(self._checks) > KEPT_CHECKS:
            del self._checks[next(iter(self._checks))]
        self.consent_at = now
        self._remember(address, now)
        is_lost = self.selected is None or now - self.addresses.get(self.selected, 0.0) > MOVE_S
        self.is_chosen = is_lost or "USE-CANDIDATE" in message.attributes
        if self.is_chosen:
            self.selected = address
        answer = stun.Message(
            stun.Method.BINDING,
            stun.Class.RESPONSE,
            message.transaction_id,
            {"XOR-MAPPED-ADDRESS": (address[0], address[1])},
        )
        answer.add_message_integrity(pwd.encode())
        return bytes(answer)

    def _remember(self, address: Address, now: float) -> None:
        self.addresses.pop(address, None)
        self.addresses[address] = now
        while len(self.addresses) > MAX_ADDRESSES:
            oldest = next(known for known in self.addresses if known != self.selected)
            del self.addresses[oldest]
            self.forgotten.append(oldest)

    def consent(self, now: float) -> Consent:
        """Whether the client still wants to hear from us."""
        if self.consent_at is None:
            return Consent.WAITING if now - self.created_at < SETUP_S else Consent.DEAD
        silence = now - self.consent_at
        if silence < CONSENT_S:
            return Consent.FRESH
        return Consent.EXPIRED if silence < KEEP_S else Consent.DEAD


def new_credentials() -> tuple[str, str]:
    """A user name fragment and a password: 48 and 144 random bits as ICE characters (RFC 8445 5.3 wants 24, 128)."""
    return secrets.token_hex(6), secrets.token_hex(18)
