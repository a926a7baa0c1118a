"""DTLS-SRTP of one leg: the only file that touches private names of aiortc and pylibsrtp (versions are pinned;
``tests/unit/media/test_transport.py`` fails when a name moves).

The handshake is aiortc's own, run over an object that hands it the DTLS records of one validated address and nothing
else. Its SRTP sessions are then used in place, on the buffers of the front and of the sender, through pylibsrtp's
binding: no copy and no object per packet.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pylibsrtp
from aiortc import RTCCertificate, RTCDtlsFingerprint, RTCDtlsParameters, RTCDtlsTransport
from OpenSSL import SSL

from media.sdp import Fingerprint

MAX_WAITING_RECORDS = 32
"""DTLS datagrams that wait for the handshake; a whole flight of a browser has two to four."""
TRAILER = 160
"""Room that protecting needs behind a packet: libsrtp's longest trailer is 148 (SRTCP index, tag, MKI)."""

_binding: Any = pylibsrtp
_ffi, _lib = _binding.ffi, _binding.lib
_length = _ffi.new("int *")  # one for all: no call of libsrtp outlives the next one


class Certificate(RTCCertificate):
    """The process's certificate, with one SSL context for all legs instead of one per handshake."""

    _context: Any = None

    def _create_ssl_context(self, srtp_profiles: Any) -> Any:
        if self._context is None:
            self._context = super()._create_ssl_context(srtp_profiles)
            self._context.set_mode(SSL.MODE_RELEASE_BUFFERS)  # legs are silent after the handshake: 9 kB less each
        return self._context

    @property
    def fingerprints(self) -> tuple[Fingerprint, ...]:
        """The digest to announce: SHA-256 alone, which every client knows."""
        return tuple(
            Fingerprint(item.algorithm, item.value) for item in self.getFingerprints() if item.algorithm == "sha-256"
        )


class _Records:
    """What aiortc takes for its ICE transport: a bounded queue of DTLS records in, a callback out. A list and a future:
    an asyncio.Queue per leg would hold 3 kB for as long as the leg lives."""

    def __init__(self, send: Callable[[bytes], None], role: str) -> None:
        self.role = role
        self.send_now: Callable[[bytes], None] = send
        self._waiting: list[bytes] = []
        self._asked: asyncio.Future[None] | None = None
        self.is_closed = False

    def put(self, data: bytes) -> bool:
        """False: the queue is full and the record is lost, as on the wire; DTLS repeats it."""
        if self.is_closed or len(self._waiting) >= MAX_WAITING_RECORDS:
            return False
        self._waiting.append(data)
        self._answer()
        return True

    def close(self) -> None:
        self.is_closed = True
        self._waiting.clear()
        self._answer()

    def _answer(self) -> None:
        if self._asked is not None and not self._asked.done():
            self._asked.set_result(None)

    async def _recv(self) -> bytes:
        while not self._waiting:
            if self.is_closed:
                raise ConnectionError("closed")
            self._asked = asyncio.get_running_loop().create_future()
            try:
                await self._asked
            finally:
                self._asked = None
        return self._waiting.pop(0)

    async def _send(self, data: bytes) -> None:
        if not self.is_closed:
            self.send_now(data)


def _nothing(*_: object) -> None:
    """Instead of a callback whose leg is gone: what names each other would wait for the collector of cycles."""


class Dtls:
    """One leg's handshake, and its SRTP once that is done.

    ``send`` takes a DTLS datagram for the leg's address. ``on_end`` is called once when the other side closed the
    connection or the handshake failed; not after ``close``.
    """

    def __init__(self, certificate: Certificate, send: Callable[[bytes], None], on_end: Callable[[], None]) -> None:
        self._records = _Records(send, "controlled")
        self._transport = RTCDtlsTransport(self._records, [certificate])  # type: ignore[arg-type]
        self._on_end = on_end
        self._is_closing = False
        self._task: asyncio.Task[None] | None = None
        self.sending: SrtpSession | None = None
        self.receiving: SrtpSession | None = None

    def receive(self, data: bytes) -> bool:
        """One DTLS datagram from a validated address; False when it had to be dropped."""
        return self._records.put(data)

    @property
    def is_started(self) -> bool:
        """The remote fingerprints are known and the handshake may run."""
        return self._task is not None

    def start(self, fingerprints: tuple[Fingerprint, ...], is_server: bool, on_ready: Callable[[], None]) -> None:
        """Run the handshake; ``on_ready`` is called when SRTP can be used."""
        if self._is_closing:
            return
        self._transport._set_role("server" if is_server else "client")
        remote = RTCDtlsParameters([RTCDtlsFingerprint(item.algorithm, item.value) for item in fingerprints])
        self._task = asyncio.ensure_future(self._run(remote, on_ready))

    async def _run(self, remote: RTCDtlsParameters, on_ready: Callable[[], None]) -> None:
        transport = self._transport
        pump = None
        try:
            await transport.start(remote)
            if transport.state == "connected":
                self.receiving = SrtpSession(transport._rx_srtp)
                self.sending = SrtpSession(transport._tx_srtp)
                for session in (transport._rx_srtp, transport._tx_srtp):
                    session._cdata = session._buffer = None  # 1.5 kB each, for copies that nobody makes
                on_ready()
                pump = transport._task
        except Exception:  # hostile records must end this leg at most, and silently
            pass
        if pump is not None:
            pump.add_done_callback(self._ended)
        else:
            self._ended()

    def _ended(self, pump: asyncio.Future[Any] | None = None) -> None:
        if pump is not None and not pump.cancelled():
            pump.exception()  # read, so that the loop does not report it
        if not self._is_closing:
            self._on_end()

    async def close(self) -> None:
        """Tell the other side (close_notify) and forget the keys."""
        if self._is_closing:
            return
        self._is_closing = True
        try:
            if self._task is not None:
                await self._transport.stop()
        except Exception:  # nobody is left who could be told
            pass
        self._records.close()
        self.sending = self.receiving = None
        if self._task is not None:
            self._task.cancel()
        # OpenSSL's and libsrtp's state is most of what a leg holds: it does not wait for the next collection of cycles.
        transport: Any = self._transport
        transport._ssl = transport._rx_srtp = transport._tx_srtp = None
        self._task, self._on_end, self._records.send_now = None, _nothing, _nothing


class SrtpSession:
    """One direction's SRTP, in place on buffers that the caller owns.

    ``protect``, ``protect_rtcp``, ``unprotect`` and ``unprotect_rtcp`` are libsrtp's own functions, to be called as
    ``function(state, pointer, length)``: ``length[0]`` is the number of bytes at ``pointer`` before and after, the
    result is 0 or why it was refused (wrong tag, replay, not RTP). They never raise. Protecting writes exactly the
    tag behind the packet (16 bytes with AES-GCM, 10 with AES-CM, for RTCP 4 more); keep TRAILER bytes of room.
    """

    __slots__ = (
        "_session", "address", "length", "protect", "protect_rtcp", "state", "unprotect", "unprotect_rtcp",
    )  # fmt: skip

    def __init__(self, session: Any) -> None:
        self._session = session  # owns the C object
        self.state = session._srtp[0]
        self.address = int(_ffi.cast("uintptr_t", self.state))  # the same, for compiled code
        self.length = _length
        self.protect = _lib.srtp_protect
        self.protect_rtcp = _lib.srtp_protect_rtcp
        self.unprotect = _lib.srtp_unprotect
        self.unprotect_rtcp = _lib.srtp_unprotect_rtcp


def address_of(name: str) -> int:
    """Where one of libsrtp's functions lies, for compiled code: "srtp_protect", "srtp_unprotect_rtcp" ..."""
    return int(_ffi.cast("uintptr_t", _ffi.addressof(_lib, name)))


def pointer_to(buffer: bytearray, offset: int = 0) -> Any:
    """Where ``buffer`` lies, for SrtpSession. The buffer must live, and must not be resized, as long as this does."""
    return _ffi.from_buffer(buffer) + offset
