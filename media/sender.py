"""The way out: the only place that writes, protects and sends media.

For each queue of a batch, each pair becomes one packet: header and payload are written into one buffer shared by all
(the working set stays in the processor's cache, whatever the number of viewers), stamped with what only its departure
tells, and protected in place. Packets of one leg lie back to back there. A run of packets of equal size, of which the
last may be shorter, goes to the kernel with one call (UDP_SEGMENT, "GSO": 0.7 us a packet against 3.3 for ``sendto``);
a frame of a picture is such a run. Where the kernel, the interface or the path refuses runs, packets go one by one.

``Sender._send_plain`` is the reference. Where ``media._native`` was built (media/native/send.c, ADR 22) UDP legs are
sent by that: the same packets, the same runs, a third of the time. The tests play both.
"""

from __future__ import annotations

import errno
import socket
import struct
from typing import Any

from media.addresses import to_sockaddr
from media.codecs import patch_vp8
from media.ice import Address
from media.native import compiled
from media.pacer import Pacer
from media.peer import Connection, ConnectionQueue, Route, Way
from media.rtp import PATCH, abs_send_time
from media.transport import TRAILER, SrtpSession, address_of, pointer_to
from media.types import Batch, Ready, SentLog

UDP_SEGMENT = 103  # linux/udp.h; not in Python's socket module before 3.14
MAX_SEGMENTS = 64  # UDP_MAX_SEGMENTS of the first kernels that had it
ROOM = 60_000  # bytes written before everything goes out: a run is one IP packet of at most 65,535 bytes
MAX_PACKET = 1500
TAG = 16  # bytes that SRTP adds with AES-GCM (10 with AES-CM), as the log counts them
_NO_RUNS_HERE = (errno.EIO, errno.ENOPROTOOPT, errno.EOPNOTSUPP)  # no checksums in hardware, or no such option
_NO_RUNS_THERE = (errno.EINVAL, errno.EMSGSIZE)  # packets of this size have to be cut up on that path

_NONE: frozenset[int] = frozenset()
_pack = PATCH.pack_into
if compiled is not None:
    compiled.know_queue(ConnectionQueue, Pacer)


class Sender:
    """Sends batches. ``runs``: use UDP_SEGMENT where it works. ``due``: when to flush again because a pacer holds
    something back; None while none does. ``dropped`` is the front's. ``is_native``: use the compiled way out."""

    def __init__(self, dropped: dict[str, int], runs: bool = True, is_native: bool = True) -> None:
        self.sent = 0
        self.due: float | None = None
        self._dropped = dropped
        self._runs = runs
        self._capable: set[Way] = set()  # UDP sockets only
        self._native: Any = compiled if is_native else None
        self._files: dict[Way, tuple[int, int]] = {}  # UDP sockets, for the compiled way out: file and family
        self._protect, self._protect_rtcp = address_of("srtp_protect"), address_of("srtp_protect_rtcp")
        self._buffer = bytearray(ROOM + MAX_PACKET + TRAILER)
        self._view = memoryview(self._buffer)
        self._base = pointer_to(self._buffer)
        self._asked: tuple[Any, Any, int] = (None, None, 0)
        self._short = _NONE
        self._stamped_at = -1.0
        self._stamp = b"\0\0\0"
        self._segments: dict[int, list[tuple[int, int, bytes]]] = {}  # packet size -> control message

    def add_socket(self, opened: socket.socket) -> None:
        """Find out whether a UDP socket takes runs. An old kernel would ignore the control message and send a run as
        one big datagram, so it is asked by an option that it must refuse then."""
        if self._native is not None and isinstance(opened, socket.socket):
            self._files[opened] = (opened.fileno(), opened.family)
        try:
            opened.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 0)
        except OSError:
            return
        if self._runs:
            self._capable.add(opened)

    def flush(self, batch: Batch, now: float) -> None:
        """Send what the batch's queues hold, as far as their pacers let it; queues that still hold some stay named."""
        self.due = None
        queues = batch.queues
        waiting = []
        try:
            if self._files:
                self._flush_native(queues, now)
            for queue in queues:
                assert isinstance(queue, ConnectionQueue)
                pacer, pairs = queue.pacer, queue.pairs
                if pacer is None:
                    self.send(queue.connection, queue.log, pairs, now)
                    pairs.clear()
                    continue
                self.send(queue.connection, queue.log, pacer.take(queue, now), now)
                if queue.connection.is_closed:
                    pairs.clear()
                elif pairs:
                    waiting.append(queue)
                    self.due = pacer.due if self.due is None else min(self.due, pacer.due)
        except BaseException:
            for queue in queues:  # whatever it was must not happen again with the same packets
                queue.pairs.clear()
            queues.clear()
            raise
        queues[:] = waiting

    def _flush_native(self, queues: list[Any], now: float) -> None:
        """The same for most queues as compiled; those that are not so simple stay in ``queues``."""
        stamp = int(now * 262144.0) & 0xFFFFFF
        sent, amiss = self._native.flush(queues, self._protect, self._protect_rtcp, stamp, now)
        self.sent += sent
        if amiss:
            self.note_amiss(amiss)

    def note_amiss(self, amiss: list[Any]) -> None:
        """Take what the compiled way out told of legs, in twos, and empty the list."""
        found = amiss[:]
        amiss.clear()
        for at in range(0, len(found), 2):
            self._note(found[at], found[at + 1])

    def send(self, connection: Connection, log: SentLog | None, pairs: list[Any], now: float) -> None:
        """Write, protect and send pairs (see ``SendQueue``) in order."""
        session, address, opened = connection.sending, connection.ice.selected, connection.socket
        if session is None or address is None or opened is None or connection.is_silent:
            self._dropped["send_closed"] += len(pairs) // 2
            return
        route = connection.route
        if route is None or route[0] is not session or route[1] is not address or route[2] is not opened:
            route = self._find_route(connection) if self._files else None
        if route is not None:
            self._send_native(connection, route, log, pairs, now)
        else:
            self._send_plain(connection, session, opened, address, log, pairs, now)

    def _send_plain(
        self, connection: Connection, session: SrtpSession, opened: Way, address: Address, log: SentLog | None,
        pairs: list[Any], now: float,
    ) -> None:  # fmt: skip
        """``send`` in Python: the reference."""
        buffer, base, state, protect, length = self._buffer, self._base, session.state, session.protect, session.length
        if now != self._stamped_at:
            self._stamped_at, self._stamp = now, abs_send_time(now)
        time = self._stamp
        written = start = size = count = 0  # end of what is written; the run: where it starts, its size, its packets
        known = None
        sizes: list[int] = []  # of the packets with a transport-wide number
        wide = log.next if log is not None else 0
        short = self._one_short(pairs) if len(pairs) > 2 else _NONE
        items = iter(pairs)
        for stint, packet in zip(items, items, strict=True):
            if written > ROOM:
                self._emit(connection, opened, address, start, written, size, count)
                written = start = count = 0
            if stint is not None:
                if stint is not known:
                    known, template = stint, stint.header
                    header, head, payload_type = template.buffer, template.size, template.payload_type
                    offset, time_offset, shifted = stint.offset, stint.time_offset, stint.shifted
                    level_at = template.level_at
                    wide_at = template.wide_at if log is not None else 0
                    patch_wide, constant = template.patch_wide, template.constant
                    if template.time_at:
                        header[template.time_at : template.time_at + 3] = time
                layer_number, timestamp, marker, payload, level, vp8 = packet
                seq, time_out = (layer_number + offset) & 0xFFFF, (timestamp + time_offset) & 0xFFFFFFFF
                if wide_at:
                    patch_wide(header, 1, payload_type | marker, seq, time_out, constant, wide + len(sizes) & 0xFFFF)
                    sizes.append(head + len(payload) + TAG)
                else:
                    _pack(header, 1, payload_type | marker, seq, time_out)
                if level_at:
                    template.set_level(level)
                body = written + head
                end = body + len(payload)
                buffer[written:body] = header
                buffer[body:end] = payload
                if shifted:
                    patch_vp8(buffer, body, vp8, stint.picture_shift, stint.tl0_shift)
                if len(payload) in short and not stint.audio:
                    buffer[written] |= 0x20
                    buffer[end] = 1
                    end += 1
                length[0] = end - written
                refused = protect(state, base + written, length)
            else:
                self._place(packet, written, time, wide + len(sizes))
                if packet.wide_at and log is not None:
                    sizes.append(len(packet.data) + TAG)
                length[0] = len(packet.data)
                refused = (session.protect_rtcp if packet.is_rtcp else protect)(state, base + written, length)
            if refused:
                self._dropped["send_refused"] += 1
                continue
            octets = length[0]
            if octets != size or count == MAX_SEGMENTS or not count:
                if 0 < octets < size and 0 < count < MAX_SEGMENTS:  # the shorter last one of a run
                    written += octets
                    self._emit(connection, opened, address, start, written, size, count + 1)
                    start, count = written, 0
                    continue
                if count:
                    self._emit(connection, opened, address, start, written, size, count)
                start, size, count = written, octets, 0
            written += octets
            count += 1
        if count == 1:
            try:
                opened.sendto(self._view[start:written], address)
                self.sent += 1
            except OSError as error:
                self._refused(error, 1)
        elif count:
            self._emit(connection, opened, address, start, written, size, count)
        if log is not None and sizes:
            log.add_all(sizes, now)

    def _send_native(self, connection: Connection, route: Route, log: Any, pairs: list[Any], now: float) -> None:
        """``send`` as compiled."""
        _, _, _, file, name, state, runs = route
        stamp = int(now * 262144.0) & 0xFFFFFF
        told = self._native.send(file, name, state, self._protect, self._protect_rtcp, pairs, stamp, log, runs, now)
        if type(told) is int:
            self.sent += told
        else:
            self._note(connection, told)

    def _note(self, connection: Connection, told: tuple[int, int, int, int, int]) -> None:
        """Something was amiss (media/native/send.c)."""
        sent, full, refused, unprotected, failed = told
        self.sent += sent
        self._dropped["send_full"] += full
        self._dropped["send_refused"] += refused + unprotected
        if failed:
            connection.route = None
            if failed in _NO_RUNS_HERE and connection.socket is not None:
                self._capable.discard(connection.socket)
            else:
                connection.takes_runs = False

    def _find_route(self, connection: Connection) -> Route | None:
        """The connection's route anew; None: it is not for the compiled way out (TCP), or leads nowhere."""
        session, address, opened = connection.sending, connection.ice.selected, connection.socket
        connection.route = None
        if session is not None and address is not None and opened is not None and opened in self._files:
            file, family = self._files[opened]
            runs = connection.takes_runs and opened in self._capable
            connection.route = session, address, opened, file, to_sockaddr(address, family), session.address, runs
        return connection.route

    def _one_short(self, pairs: list[Any]) -> frozenset[int]:
        """Payload sizes that are one less than another one in ``pairs``. Browsers cut a frame into packets whose sizes
        differ by one byte; those that have less get a byte of padding (RFC 3550 5.1), and the frame is one run.
        Viewers of one picture get the same packets one after the other: the answer to the last question is kept."""
        asked = (pairs[1], pairs[-1], len(pairs))
        if asked[0] is not self._asked[0] or asked[1] is not self._asked[1] or asked[2] != self._asked[2]:
            sizes = {len(pairs[at + 1][3]) for at in range(0, len(pairs), 2) if pairs[at] is not None}
            self._asked, self._short = asked, frozenset([size for size in sizes if size + 1 in sizes]) or _NONE
        return self._short

    def _place(self, packet: Ready, at: int, time: bytes, wide: int) -> None:
        """Put a packet that is already written into the buffer and stamp it."""
        buffer = self._buffer
        buffer[at : at + len(packet.data)] = packet.data
        if packet.time_at:
            buffer[at + packet.time_at : at + packet.time_at + 3] = time
        if packet.wide_at:
            buffer[at + packet.wide_at : at + packet.wide_at + 2] = (wide & 0xFFFF).to_bytes(2, "big")

    def _emit(
        self, connection: Connection, opened: Way, address: Address, start: int, end: int, size: int,
        count: int,
    ) -> None:  # fmt: skip
        """Hand ``count`` packets that lie in ``buffer[start:end]`` to the kernel; all have ``size`` bytes, or the last
        one less."""
        view = self._view
        if count > 1 and connection.takes_runs and opened in self._capable:
            segment = self._segments.get(size)
            if segment is None:
                segment = [(socket.IPPROTO_UDP, UDP_SEGMENT, struct.pack("=H", size))]
                self._segments[size] = segment
            try:
                opened.sendmsg((view[start:end],), segment, 0, address)  # type: ignore[attr-defined]
                self.sent += count
                return
            except OSError as error:
                if error.errno in _NO_RUNS_HERE:
                    self._capable.discard(opened)
                elif error.errno in _NO_RUNS_THERE:
                    connection.takes_runs = False
                else:
                    self._refused(error, count)
                    return
        for at in range(start, end, size):
            try:
                opened.sendto(view[at : min(at + size, end)], address)
                self.sent += 1
            except OSError as error:
                self._refused(error, 1)

    def _refused(self, error: OSError, count: int) -> None:
        reason = "send_full" if error.errno in (errno.EAGAIN, errno.ENOBUFS) else "send_refused"
        self._dropped[reason] += count
