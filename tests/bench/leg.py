"""One light WebRTC transport for load: a plain socket, full ICE, aiortc's DTLS, SRTP.

No peer connection, no jitter buffer and no task per packet: whoever owns the leg calls ``drain`` now and then and gets
every RTP packet still encrypted (its header is readable) and every RTCP packet decrypted. That keeps hundreds of legs
on one core, so that the server under test is what is measured.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import struct
import time
from collections.abc import Callable
from typing import Any

from aioice import stun
from aiortc import RTCCertificate, RTCDtlsFingerprint, RTCDtlsParameters, RTCDtlsTransport, rtcdtlstransport

CHECK_S = 2.5
"""Between two checks of a connected pair; Chromium takes as long."""
FAST_CHECK_S = 0.05
CONNECT_S = 20.0
TIMESTAMPNS = 35
"""SO_TIMESTAMPNS of Linux; Python has no name for it."""
_NOTE_ROOM = socket.CMSG_SPACE(16)
_TIMESPEC = struct.Struct("@ll")
RECEIVE_BUFFER = 4 * 1024 * 1024
PROFILES = {
    "gcm": rtcdtlstransport.SRTP_AEAD_AES_256_GCM,
    "gcm128": rtcdtlstransport.SRTP_AEAD_AES_128_GCM,
    "cm": rtcdtlstransport.SRTP_AES128_CM_SHA1_80,
}
"""What ``--srtp`` may name: the one profile that the clients offer or accept, so that both servers use the same."""


class _Records:
    """What aiortc takes for its ICE transport: DTLS records of the leg's socket."""

    role = "controlling"

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._send_now = send
        self.queue: asyncio.Queue[bytes] = asyncio.Queue()

    async def _recv(self) -> bytes:
        return await self.queue.get()

    async def _send(self, data: bytes) -> None:
        self._send_now(data)


class Leg:
    """A transport to one server. ``on_rtp(buffer, length)`` gets the shared receive buffer: take what you need."""

    certificate: RTCCertificate | None = None
    """One for the whole process: making keys is not what is measured."""

    def __init__(self, address: str, profile: str) -> None:
        if Leg.certificate is None:
            Leg.certificate = RTCCertificate.generateCertificate()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        self.socket.setblocking(False)
        self.socket.bind((address, 0))
        self.host, self.port = self.socket.getsockname()
        self.ufrag, self.pwd = secrets.token_hex(4), secrets.token_hex(16)
        self.remote_ufrag, self.remote_pwd = "", ""
        self.remote: tuple[str, int] | None = None
        self._records = _Records(self._send_record)
        self._transport = RTCDtlsTransport(self._records, [Leg.certificate])  # type: ignore[arg-type]
        self._transport._srtp_profiles = [PROFILES[profile]]
        self._buffer = bytearray(2048)
        self._check_at = 0.0
        self._is_controlling = True
        self._reachable = asyncio.Event()
        self.is_up = False
        self.outgoing: Any = None  # pylibsrtp.Session
        self.incoming: Any = None
        self.on_rtp: Callable[[bytearray, int], None] = lambda buffer, length: None
        self.on_rtcp: Callable[[bytes], None] = lambda data: None
        self.refused = 0  # sends that the kernel did not take
        self.arrived = 0  # CLOCK_MONOTONIC nanoseconds at which the kernel took in what on_rtp gets, once stamped
        self.is_stamped = False

    def stamp(self) -> None:
        """From now on have the kernel say when each packet came (SO_TIMESTAMPNS)."""
        self.is_stamped = True
        self.socket.setsockopt(socket.SOL_SOCKET, TIMESTAMPNS, 1)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate, as in a=fingerprint."""
        assert Leg.certificate is not None
        return next(item.value for item in Leg.certificate.getFingerprints() if item.algorithm == "sha-256")

    async def connect(
        self,
        remote: tuple[str, int],
        ufrag: str,
        pwd: str,
        fingerprints: list[tuple[str, str]],
        is_client: bool,
        is_controlling: bool = True,
    ) -> None:
        """Find the server and make keys with it. ``is_client``: our DTLS role; ``is_controlling``: our ICE role (who
        offered, unless the server is ICE-lite). Raises TimeoutError or ConnectionError."""
        self.remote, self.remote_ufrag, self.remote_pwd = remote, ufrag, pwd
        self._is_controlling = is_controlling
        self.socket.connect(remote)
        pump = asyncio.ensure_future(self._pump())
        try:
            async with asyncio.timeout(CONNECT_S):
                await self._reachable.wait()
                transport = self._transport
                transport._set_role("client" if is_client else "server")
                await transport.start(RTCDtlsParameters([RTCDtlsFingerprint(*item) for item in fingerprints]))
                if transport.state != "connected":
                    raise ConnectionError(f"DTLS is {transport.state}")
        finally:
            pump.cancel()
        self.outgoing, self.incoming = transport._tx_srtp, transport._rx_srtp
        self.is_up = True

    async def _pump(self) -> None:
        while True:
            self.drain(time.monotonic())
            await asyncio.sleep(0.01)

    def drain(self, now: float) -> None:
        """Take everything that arrived; send a check when one is due."""
        try:
            if self.is_stamped:
                self._drain_stamped()
            else:
                receive, buffer, on_rtp = self.socket.recv_into, self._buffer, self.on_rtp
                while True:
                    length = receive(buffer)
                    if 128 <= buffer[0] <= 191 and not 192 <= buffer[1] <= 223:
                        on_rtp(buffer, length)
                    else:
                        self._take_other(bytes(memoryview(buffer)[:length]))
        except BlockingIOError:
            pass
        except ConnectionRefusedError:
            self.refused += 1
        if now >= self._check_at and self.remote is not None:
            self._check(now)

    def _drain_stamped(self) -> None:
        """As the loop in ``drain``, with the time of each packet. Ends by BlockingIOError."""
        receive, buffer, buffers, on_rtp = self.socket.recvmsg_into, self._buffer, [self._buffer], self.on_rtp
        offset = time.time_ns() - time.monotonic_ns()
        while True:
            length, notes, _, _ = receive(buffers, _NOTE_ROOM)
            if 128 <= buffer[0] <= 191 and not 192 <= buffer[1] <= 223:
                seconds, nanoseconds = _TIMESPEC.unpack_from(notes[0][2])
                self.arrived = seconds * 1_000_000_000 + nanoseconds - offset
                on_rtp(buffer, length)
            else:
                self._take_other(bytes(memoryview(buffer)[:length]))

    def _take_other(self, data: bytes) -> None:
        """A datagram that is not RTP: RTCP, STUN or DTLS."""
        if not data:
            return
        if 128 <= data[0] <= 191:
            self._take_rtcp(data)
        elif data[0] < 4:
            self._take_stun(data)
        elif 20 <= data[0] <= 63:
            self._records.queue.put_nowait(data)

    def _take_rtcp(self, data: bytes) -> None:
        if self.incoming is None:
            return
        try:
            plain = self.incoming.unprotect_rtcp(data)
        except Exception:  # of an earlier key, or damaged: not ours to judge
            return
        self.on_rtcp(plain)

    def _check(self, now: float) -> None:
        self._check_at = now + (CHECK_S if self.is_up else FAST_CHECK_S)
        message = stun.Message(
            stun.Method.BINDING,
            stun.Class.REQUEST,
            attributes={
                "USERNAME": f"{self.remote_ufrag}:{self.ufrag}",
                "PRIORITY": 1845501695,
            },
        )
        if self._is_controlling:
            message.attributes |= {"ICE-CONTROLLING": 1 << 40 | self.port, "USE-CANDIDATE": None}
        else:
            message.attributes["ICE-CONTROLLED"] = 1 << 40 | self.port
        message.add_message_integrity(self.remote_pwd.encode())
        self.send(bytes(message))

    def _take_stun(self, data: bytes) -> None:
        message = stun.parse_message(data)
        if message.message_class is stun.Class.RESPONSE:
            self._reachable.set()
        elif message.message_class is stun.Class.REQUEST:
            assert self.remote is not None
            answer = stun.Message(
                stun.Method.BINDING,
                stun.Class.RESPONSE,
                message.transaction_id,
                {"XOR-MAPPED-ADDRESS": self.remote},
            )
            answer.add_message_integrity(self.pwd.encode())
            self.send(bytes(answer))

    def _send_record(self, data: bytes) -> None:
        self.send(data)

    def send(self, data: bytes) -> None:
        """One datagram to the server."""
        try:
            self.socket.send(data)
        except OSError:
            self.refused += 1

    def send_rtcp(self, data: bytes) -> None:
        """One compound RTCP packet."""
        if self.outgoing is not None:
            self.send(self.outgoing.protect_rtcp(data))

    async def close(self) -> None:
        """Say good-bye and give the port back."""
        await self._transport.stop()
        self.socket.close()
