"""The media port: every datagram of a relay comes in and goes out here.

The first byte tells STUN, DTLS and RTP apart (RFC 7983). STUN is matched by user name and must prove itself;
everything else is taken from addresses only that proved themselves before. Strangers' packets, empty and oversized
ones and anything that fails are dropped and counted; nothing that arrives can end the loop.

A wake-up drains the socket: each datagram is decrypted in place and given to the core, which names what is to be sent
in the queues of the batch; ``sender`` then sends all of it, once per wake-up or every ``FLUSH_EVERY`` datagrams.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
import struct
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from media.addresses import Addresses, from_sockaddr
from media.ice import Address, local_user
from media.messages import Leg
from media.native import compiled
from media.peer import Connection, Way
from media.roaming import Roaming
from media.rtcp import may_wait
from media.sender import Sender
from media.transport import SrtpSession, pointer_to
from media.types import MAX_DATAGRAM, Batch, Buffer, PeerId
from media.waiting import UNPROTECT, Door

SOCKET_BUFFER = 8 * 1024 * 1024
DRAIN = 256
"""Datagrams per wake-up: then the loop gets a turn for timers and links."""
FLUSH_EVERY = 32
"""Datagrams between two flushes: a frame of a picture goes out in one run, and the first packet does not wait long."""
MAX_SSRCS = 256
"""Per connection: libsrtp keeps about 300 bytes for each SSRC with a good tag, for ever."""
LATER_S = 0.05
"""How long reports may wait to be taken; what follows from them is decided ten times a second."""
MAX_LATER = 256
_log = logging.getLogger(__name__)
_SSRC = struct.Struct("!I")
_NO_LEGS: dict[str, Any] = {}

DROPS = (
    "empty", "oversized", "foreign", "stranger", "stun_unknown", "stun_refused", "dtls_full", "early", "short",
    "srtp_refused", "ssrc_flood", "wrong_leg", "error", "send_closed", "send_refused", "send_full",
)  # fmt: skip


class Core(Protocol):
    """What the front needs of ``media.relay.Relay``."""

    def wakes(self, now: float) -> None:
        """Called before what a wake-up found is handed in."""

    def receive_ordinary(self, found: list[Any], at: int, now: float, batch: Batch) -> int:
        """Decrypted RTP packets from index ``at`` on, up to the first that is out of the ordinary; its index."""

    def ordinary_legs(self) -> dict[str, Any] | None:
        """What the compiled way of such packets needs; None: there is none, hand them in."""

    def passed_by(self, packets: int) -> None:
        """So many went that way without having been handed in."""

    @property
    def blind_at(self) -> float:
        """When ``wakes`` has to be called, whatever comes: nobody looked for too long."""

    def receive_rtp(self, peer: PeerId, data: Buffer, now: float, batch: Batch) -> None:
        """One decrypted RTP packet."""

    def receive_rtcp(self, peer: PeerId, leg: Leg, data: memoryview, now: float, batch: Batch) -> None:
        """One decrypted RTCP packet."""


class Front:
    """The sockets of a relay and the routing of what arrives on them.

    ``after`` is called after each wake-up, when the core's deadlines may have moved. ``runs``: see ``sender``.
    ``is_native``: use the compiled parts where they were built (media/native); ``_read`` is the reference.
    """

    def __init__(
        self,
        core: Core,
        clock: Callable[[], float],
        after: Callable[[], None],
        runs: bool = True,
        is_native: bool = True,
    ) -> None:
        self._core = core
        self._clock = clock
        self._after = after
        self._later: list[tuple[Connection, bytes, float]] = []
        self._sockets: list[socket.socket] = []
        self._by_user: dict[str, Connection] = {}
        self._addresses = Addresses()
        self._buffer = bytearray(2048)
        self._view = memoryview(self._buffer)
        self._pointer = pointer_to(self._buffer)
        self.batch = Batch()
        self.dropped: dict[str, int] = dict.fromkeys(DROPS, 0)
        self._has_failed = False
        self._roaming = Roaming(self._addresses, self._by_user.values, self._view, self._open_srtp)
        self._sender = Sender(self.dropped, runs, is_native)
        self._native = compiled if is_native else None
        self._door = Door(self._addresses.names, self._later, self.batch, FLUSH_EVERY, MAX_SSRCS)
        self.received = 0

    def open(self, port: int, announced: Sequence[str]) -> int:
        """Bind and start reading; returns the port. Raises OSError (port in use).

        One socket per announced address, so that a client is answered from the address it wrote to; when one of them
        is not this machine's own (behind NAT, in a container) one socket takes everything.
        """
        try:
            for ip in announced:
                port = self._open(ip, port)
        except OSError as error:
            self.close()
            if error.errno != errno.EADDRNOTAVAIL:
                raise
            port = self._open("0.0.0.0", port)
            if any(":" in ip for ip in announced):
                self._open("::", port)
        return port

    def _open(self, ip: str, port: int) -> int:
        is_ipv6 = ":" in ip
        opened = socket.socket(socket.AF_INET6 if is_ipv6 else socket.AF_INET, socket.SOCK_DGRAM)
        try:
            if is_ipv6:
                opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
                with contextlib.suppress(OSError):  # a hint: `doctor` tells when the kernel allows less
                    opened.setsockopt(socket.SOL_SOCKET, option, SOCKET_BUFFER)
            opened.setblocking(False)
            opened.bind((ip, port))
        except OSError:
            opened.close()
            raise
        self._sockets.append(opened)
        self._sender.add_socket(opened)
        self._door.files[opened.fileno()] = opened.family
        asyncio.get_running_loop().add_reader(
            opened, self._read_native if self._native is not None else self._read, opened
        )
        return int(opened.getsockname()[1])

    def receive_buffer(self) -> int:
        """Bytes the kernel really gave to the receive queue (Linux reports twice the usable size)."""
        return min(sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) for sock in self._sockets)

    def close(self) -> None:
        """Stop reading and give the port back."""
        for opened in self._sockets:
            asyncio.get_running_loop().remove_reader(opened)
            self._door.files.pop(opened.fileno(), None)
            opened.close()
        self._sockets.clear()

    # --- who is who -------------------------------------------------------------------------------------------------

    def add(self, connection: Connection) -> None:
        """Let checks reach ``connection``; call again after an ICE restart."""
        for user in connection.ice.retired:
            self._by_user.pop(user, None)
        connection.ice.retired.clear()
        for user in connection.ice.credentials:
            self._by_user[user] = connection

    def knows(self, address: Address) -> bool:
        """Whether this address proved itself and belongs to a leg."""
        return address in self._addresses

    def forget(self, address: Address) -> None:
        """Nothing can be sent to this address any more (a TCP connection ended)."""
        connection = self._addresses.pop(address)
        if connection is not None:
            connection.ice.forget(address)

    def remove(self, connection: Connection) -> None:
        """Nothing reaches ``connection`` any more."""
        for user in [user for user, owner in self._by_user.items() if owner is connection]:
            del self._by_user[user]
        for address in self._addresses.of(connection):
            self._addresses.pop(address)
        self._roaming.forget(connection)

    # --- in ---------------------------------------------------------------------------------------------------------

    def _read(self, opened: socket.socket) -> None:
        """One wake-up: take what there is, then send."""
        receive, buffer, take, dropped = opened.recvfrom_into, self._buffer, self._take, self.dropped
        clock = self._clock  # for each one: probes of publishers are measured by when their packets came
        self._core.wakes(clock())
        count = 0
        while count < DRAIN:
            try:
                length, address = receive(buffer)
            except BlockingIOError:
                break
            except OSError:
                count += 1
                dropped["error"] += 1
                continue
            count += 1
            try:
                reason = take(opened, length, address, clock())
            except Exception:  # one datagram must never cost another one
                reason = self._failed()
            if reason:
                dropped[reason] += 1
            if not count % FLUSH_EVERY:
                self.flush()
        self.received += count
        self.flush()
        self._after()

    def _read_native(self, opened: socket.socket) -> None:
        """``_read`` as compiled: RTP comes decrypted, everything else as it arrived."""
        names, later, file = self._addresses.names, self._later, opened.fileno()
        family = self._door.files[file]
        self._core.wakes(self._clock())
        rest = self._door.rest_of(file)
        if rest is not None:
            self._hand_in(opened, *rest)
        self._settle_full(later)
        self.flush()
        taken = 0
        while taken < DRAIN:
            now = self._clock()
            found, count = self._native.drain(file, family, names, FLUSH_EVERY, *UNPROTECT, MAX_SSRCS, later, now)  # type: ignore[union-attr]
            if found:
                self._hand_in(opened, found, 0, now)
            self._settle_full(later)
            taken += count
            self.flush()
            if count < FLUSH_EVERY:
                break
        self.received += taken
        self._after()

    def _hand_in(self, opened: socket.socket, found: list[Any], at: int, now: float) -> None:
        """What was drained at ``now``, from index ``at`` on."""
        core, batch, end = self._core, self.batch, len(found)
        while (at := core.receive_ordinary(found, at, now, batch)) < end:
            source, packet, elapsed = found[at : at + 3]
            at += 3
            try:
                if type(source) is bytes:
                    self._take_copy(opened, packet, source, now + elapsed)
                    continue
                source.heard_at = now
                if type(packet) is str:
                    self.dropped[packet] += 1
                elif 192 <= packet[1] <= 223:
                    core.receive_rtcp(source.peer, source.leg, memoryview(packet), now + elapsed, batch)
                else:
                    core.receive_rtp(source.peer, packet, now + elapsed, batch)
            except Exception:  # one datagram must never cost another one
                self.dropped[self._failed()] += 1

    def wait(self, epoll: int, timeout: float) -> list[tuple[int, int]]:
        """For ``media.waiting.NetworkSelector``: what the loop has to look at, see there."""
        core = self._core
        ready = self._door.wait(epoll, timeout, core.ordinary_legs() or _NO_LEGS, core.blind_at)
        received, ordinary, sent = self._door.take_counts()
        if received:
            self.received += received
            core.passed_by(ordinary)
        if sent:
            self._sender.sent += sent
        return ready

    @property
    def can_wait(self) -> bool:
        """Whether ``wait`` is there: the compiled parts are."""
        return self._native is not None

    def _take_copy(self, opened: socket.socket, data: bytes, name: bytes, now: float) -> None:
        """A datagram that is no RTP from a known address."""
        length = len(data)
        reason = "oversized" if length > MAX_DATAGRAM else ""
        if not reason:
            self._view[:length] = data
            reason = self._take(opened, length, from_sockaddr(name), now)
        if reason:
            self.dropped[reason] += 1

    def _failed(self) -> str:
        if not self._has_failed:
            self._has_failed = True  # once: a flood of them must not fill the disk
            _log.exception("a datagram failed")
        return "error"

    def take(self, way: Way, data: memoryview, address: Address) -> bool:
        """A datagram that came in a frame over TCP (media.icetcp); whether it was of use. ``finish`` follows."""
        length = len(data)
        if length > MAX_DATAGRAM:
            self.dropped["oversized"] += 1
            return False
        self.received += 1
        self._view[:length] = data
        now = self._clock()
        self._core.wakes(now)
        try:
            reason = self._take(way, length, address, now)
        except Exception:
            reason = self._failed()
        if reason:
            self.dropped[reason] += 1
        return not reason

    def finish(self) -> None:
        """After the datagrams of one wake-up."""
        self.flush()
        self._after()

    def _take(self, opened: Way, length: int, address: Address, now: float) -> str:
        """Handle the datagram in the buffer; the reason when it was dropped, else ""."""
        if length == 0:
            return "empty"
        if length > MAX_DATAGRAM:
            return "oversized"
        first = self._buffer[0]
        if 128 <= first <= 191:
            return self._take_srtp(opened, length, address, now)
        if first < 4:
            return self._take_check(opened, length, address, now)
        if 20 <= first <= 63:
            connection = self._addresses.get(address)
            if connection is None:
                return "stranger"
            return "" if connection.receive_dtls(bytes(self._view[:length])) else "dtls_full"
        return "foreign"

    def _take_srtp(self, opened: Way, length: int, address: Address, now: float) -> str:
        connection = self._addresses.get(address)
        if connection is None:
            return self._roaming.take(opened, length, address, now)
        connection.heard_at = now
        session = connection.receiving
        if session is None:
            return "early"
        if length < 12:
            return "short"
        return self._open_srtp(connection, session, length, now)

    def _settle_full(self, later: list[tuple[Connection, bytes, float]]) -> None:
        if len(later) >= MAX_LATER:
            self.settle(later[0][2] + 2 * LATER_S)

    def settle(self, now: float) -> None:
        """Take the reports that have waited for ``LATER_S`` (see ``rtcp.may_wait``): all at once they cost a third of
        what they cost one by one, each after a wake-up of its own. When each arrived is kept."""
        self._roaming.step(now)
        if not self._later or now - self._later[0][2] < LATER_S:
            return
        later = self._later[:]
        self._later.clear()  # the same list: compiled code adds to it
        core, batch = self._core, self.batch
        for connection, data, arrived in later:
            if connection.receiving is None:
                continue
            try:
                core.receive_rtcp(connection.peer, connection.leg, memoryview(data), arrived, batch)
            except Exception:
                self.dropped[self._failed()] += 1

    def _open_srtp(self, connection: Connection, session: SrtpSession, length: int, now: float) -> str:
        """Decrypt the datagram in the buffer and hand it to the core."""
        is_rtcp = 192 <= self._buffer[1] <= 223  # RFC 5761 4
        ssrc = _SSRC.unpack_from(self._buffer, 4 if is_rtcp else 8)[0]
        known = connection.ssrcs
        if ssrc not in known and len(known) >= MAX_SSRCS:
            return "ssrc_flood"
        session.length[0] = length
        if (session.unprotect_rtcp if is_rtcp else session.unprotect)(session.state, self._pointer, session.length):
            return "srtp_refused"
        length = session.length[0]
        known.add(ssrc)
        if is_rtcp and may_wait(self._view[:length]):
            self._later.append((connection, bytes(self._view[:length]), now))
            self._settle_full(self._later)
        elif is_rtcp:
            self._core.receive_rtcp(connection.peer, connection.leg, self._view[:length], now, self.batch)
        elif connection.leg == "publish":
            self._core.receive_rtp(connection.peer, self._view[:length], now, self.batch)
        else:
            return "wrong_leg"
        return ""

    def _take_check(self, opened: Way, length: int, address: Address, now: float) -> str:
        user = local_user(self._view[:length])
        connection = self._by_user.get(user) if user is not None else None
        if connection is None:
            return "stun_unknown"
        answer = connection.ice.check(bytes(self._view[:length]), address, now)
        if answer is None:
            return "stun_refused"
        self._addresses.put(address, connection, opened.family if isinstance(opened, socket.socket) else None)
        if connection.ice.is_chosen:
            connection.socket = opened
        if connection.is_silent:
            connection.on_heard(connection)
        for forgotten in connection.ice.forgotten:
            if self._addresses.get(forgotten) is connection:
                self._addresses.pop(forgotten)
        connection.ice.forgotten.clear()
        self._send(opened, answer, address)
        return ""

    # --- out --------------------------------------------------------------------------------------------------------

    @property
    def sent(self) -> int:
        """Media and RTCP packets handed to the kernel."""
        return self._sender.sent

    @property
    def due(self) -> float | None:
        """When ``flush`` wants to be called although nothing arrives (a pacer holds packets); None: it does not."""
        return self._sender.due

    def flush(self) -> None:
        """Send every packet of the batch that may leave now."""
        if self._door.amiss:
            self._sender.note_amiss(self._door.amiss)
        if self.batch.queues:
            self._sender.flush(self.batch, self._clock())

    def send_dtls(self, connection: Connection, data: bytes) -> None:
        """A handshake datagram to the connection's address; dropped while there is none."""
        if connection.ice.selected is not None and connection.socket is not None:
            self._send(connection.socket, data, connection.ice.selected)

    def _send(self, opened: Way, data: bytes, address: Address) -> None:
        try:
            opened.sendto(data, address)
        except OSError:
            self.dropped["send_refused"] += 1
