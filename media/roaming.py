"""Following a leg whose client got a new address: a router forgot its port and gave another (ADR 24).

The client does not know of it and says nothing; its next check (ICE) comes after 2.5 to 6 s. What it sends meanwhile
comes from an address that nobody knows, but with an SSRC and an authentication tag that only this leg has. So:

- *Tried* is SRTP from an unknown address whose SSRC belongs to a leg, with the keys of that leg. What has the right tag
  and was not there before (replay) is the client's own packet wherever it comes from: the core gets it.
- *Moved* is the leg once nothing at all has come from its proven addresses for ``SILENT_S``, not even something that
  was refused. Who copies packets and sends them on faster from elsewhere moves nobody: the originals still come.
- *For the time being*: a check from the new address has to follow within ``CONFIRM_S``, packets have to go on coming
  from there, and none from the old one; else the leg goes back, and for ``REST_S`` only checks move it. So whoever
  holds a packet back and sends it from somebody else's address aims a leg at that one for ``FRESH_S``.
- *Bounded*: tries a second over all legs, legs tried for one packet, one new address at a time for a leg. A packet
  whose SSRC is nobody's costs one look into a table. Addresses that are somebody's never come here.

Consent (RFC 7675) stays what it was: a leg whose consent ran out is not followed, and only checks renew it. When tries
run out, or a leg rests, the next check moves it, as without all this.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from media.addresses import Addresses
from media.ice import Address, Consent
from media.peer import Connection, Way
from media.transport import SrtpSession

SILENT_S = 0.3
"""Longer than any order in which packets of one line arrive; feedback comes every 0.05 to 0.25 s while media flows."""
FRESH_S = 1.6
"""Chromium reports at least this often on a leg that gets nothing any more."""
CONFIRM_S = 7.0
"""Chromium checks a way that works every 2.5 s, Firefox every 4 to 6 s."""
REST_S = 30.0
TRIES_PER_S = 200.0
MOST_TRIES = 100.0
MOST_CLAIMANTS = 16
"""Legs tried for one packet: all receiving legs of a browser may use the same SSRC in their reports."""
INDEX_S = 0.5

Opener = Callable[[Connection, SrtpSession, int, float], str]
"""Decrypts the datagram in the front's buffer and hands it to the core; why it was refused, or ""."""


@dataclass(slots=True)
class Trip:
    """A leg's client at an address that did not prove itself yet. ``left``: where the leg sent before it moved."""

    connection: Connection
    address: Address
    way: Way
    seen_at: float
    moved_at: float | None = None
    left: tuple[Address, Way] | None = None


class Roaming:
    """The trips of a relay's legs. ``connections``: all of them; ``buffer``: the front's, ``opener`` reads it."""

    def __init__(
        self,
        addresses: Addresses,
        connections: Callable[[], Iterable[Connection]],
        buffer: memoryview,
        opener: Opener,
    ) -> None:
        self.moves = 0
        self._addresses = addresses
        self._connections = connections
        self._buffer = buffer
        self._opener = opener
        self._trips: dict[Address, Trip] = {}
        self._rests: dict[Connection, float] = {}  # until when only checks move it
        self._by_ssrc: dict[int, list[Connection]] = {}
        self._indexed_at = -INDEX_S
        self._tries, self._tried_at = MOST_TRIES, 0.0

    def take(self, way: Way, length: int, address: Address, now: float) -> str:
        """The SRTP datagram in the buffer is from an address that is nobody's; the reason when it was dropped."""
        if length < 12 or not isinstance(way, socket.socket):
            return "stranger"
        trip = self._trips.get(address)
        if trip is not None:
            return self._take_of(trip, length, now)
        claimants = self._claimants(address, now)
        data = bytes(self._buffer[:length]) if claimants else b""
        for connection in claimants:
            session = connection.receiving
            if session is None or not self._may_try(now):
                continue
            self._buffer[:length] = data  # AES-GCM has to decrypt before it can refuse
            if not self._opener(connection, session, length, now):
                self._begin(Trip(connection, address, way, now))
                return ""
        return "stranger"

    def _take_of(self, trip: Trip, length: int, now: float) -> str:
        session = trip.connection.receiving
        reason = "early" if session is None else self._opener(trip.connection, session, length, now)
        if not reason:
            trip.seen_at = now
            self._step(trip, now)
        return reason

    def step(self, now: float) -> None:
        """What only time decides; ten times a second."""
        for trip in list(self._trips.values()):
            self._step(trip, now)

    def forget(self, connection: Connection) -> None:
        """The leg is gone."""
        self._rests.pop(connection, None)
        self._indexed_at = -INDEX_S
        self._trips = {at: trip for at, trip in self._trips.items() if trip.connection is not connection}

    # --- tries ------------------------------------------------------------------------------------------------------

    def _claimants(self, address: Address, now: float) -> list[Connection]:
        """Legs whose packet this may be: those whose client had the same host first, then the longest silent."""
        if now - self._indexed_at >= INDEX_S or now < self._indexed_at:
            self._index(now)
        at = 4 if 192 <= self._buffer[1] <= 223 else 8  # RFC 5761 4
        named = self._by_ssrc.get(int.from_bytes(self._buffer[at : at + 4], "big"))
        if named is None:
            return []
        found = [connection for connection in named if self._may_move(connection, now)]
        found.sort(key=lambda one: (_host(one.ice.selected) != address[0], one.heard_at))
        return found[:MOST_CLAIMANTS]

    def _index(self, now: float) -> None:
        self._indexed_at, self._by_ssrc = now, {}
        for connection in set(self._connections()):
            for ssrc in connection.ssrcs:
                self._by_ssrc.setdefault(ssrc, []).append(connection)
        self._rests = {connection: until for connection, until in self._rests.items() if until > now}

    def _may_move(self, connection: Connection, now: float) -> bool:
        selected = connection.ice.selected
        is_there = selected is not None and len(selected) != 3 and isinstance(connection.socket, socket.socket)
        is_fresh = not connection.is_silent and connection.ice.consent(now) is Consent.FRESH
        return is_there and is_fresh and self._rests.get(connection, 0.0) <= now

    def _may_try(self, now: float) -> bool:
        self._tries = min(MOST_TRIES, self._tries + TRIES_PER_S * max(0.0, now - self._tried_at))
        self._tried_at = now
        if self._tries < 1.0:
            return False
        self._tries -= 1.0
        return True

    # --- trips ------------------------------------------------------------------------------------------------------

    def _begin(self, trip: Trip) -> None:
        before = next((one for one in self._trips.values() if one.connection is trip.connection), None)
        if before is not None:  # another new port before the first was confirmed
            self._end(before, trip.seen_at, rests=before.moved_at is not None)
        if self._may_move(trip.connection, trip.seen_at):
            self._trips[trip.address] = trip
            self._step(trip, trip.seen_at)

    def _step(self, trip: Trip, now: float) -> None:
        connection, ice = trip.connection, trip.connection.ice
        owner = self._addresses.get(trip.address)
        if owner is not None or (trip.moved_at is not None and ice.selected is not trip.address):
            self._settle(trip, owner is connection)
        elif now - trip.seen_at > FRESH_S or not self._may_move(connection, now):
            self._end(trip, now, rests=True)
        elif trip.moved_at is None:
            if now - connection.heard_at >= SILENT_S:
                self._move(trip, now)
        elif connection.heard_at > trip.moved_at or now - trip.moved_at > CONFIRM_S:
            self._end(trip, now, rests=True)

    def _move(self, trip: Trip, now: float) -> None:
        connection = trip.connection
        selected, way = connection.ice.selected, connection.socket
        assert selected is not None and way is not None
        trip.left, trip.moved_at = (selected, way), now
        connection.ice.selected, connection.socket = trip.address, trip.way
        self.moves += 1

    def _settle(self, trip: Trip, is_proven: bool) -> None:
        """A check decided: the address proved itself, or another one is selected, or it is somebody else's."""
        del self._trips[trip.address]
        if not is_proven and trip.connection.ice.selected is trip.address:
            self._go_back(trip)

    def _end(self, trip: Trip, now: float, rests: bool) -> None:
        del self._trips[trip.address]
        if rests and trip.moved_at is not None:
            self._rests[trip.connection] = now + REST_S
        if trip.connection.ice.selected is trip.address:
            self._go_back(trip)

    @staticmethod
    def _go_back(trip: Trip) -> None:
        ice = trip.connection.ice
        ice.selected = None
        if trip.left is not None and trip.left[0] in ice.addresses:
            ice.selected, trip.connection.socket = trip.left


def _host(address: Address | None) -> str:
    return address[0] if address is not None else ""


__all__ = ["Roaming"]
