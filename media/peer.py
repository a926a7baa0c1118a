"""One leg of a peer as the media port sees it: its ICE, its DTLS-SRTP and its outgoing packets.

Who closes whom: ``media.connections`` makes and closes them; a connection never closes itself, it tells its end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from media.ice import SETUP_S, Address, Consent, IceLite
from media.messages import Leg
from media.sdp import Fingerprint
from media.transport import Certificate, Dtls, SrtpSession
from media.types import PeerId, SendQueue


class Way(Protocol):
    """How datagrams leave: a UDP socket, or a TCP connection that frames them (media.icetcp)."""

    def sendto(self, data: memoryview | bytes, address: Address, /) -> int:
        """Send one datagram. Raises OSError; BlockingIOError when there is no room."""


Route = tuple[SrtpSession, Address, Way, int, bytes, int, bool]
"""Where a connection's packets go: what it was made of (keys, address, socket), and what the kernel and libsrtp need of
it (the socket's file, the address as ``sockaddr``, the keys' address, whether packets may go as runs)."""


class ConnectionQueue(SendQueue):
    """A queue that knows its connection, for the sender."""

    __slots__ = ("connection",)

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection.peer)
        self.connection = connection


class Connection:
    """The transport of one leg.

    ``receiving``/``sending`` are None until the handshake is done and after ``close``, when ``queue`` is gone, too.
    ``is_silent``: consent ran out, nothing is sent. ``on_up`` and ``on_end`` are called at most once each.
    """

    __slots__ = (
        "_dtls", "_on_up", "fingerprints", "heard_at", "ice", "is_closed", "is_silent", "is_up", "leg", "on_heard",
        "peer", "queue", "receiving", "route", "sending", "socket", "ssrcs", "takes_runs",
    )  # fmt: skip

    def __init__(
        self,
        peer: PeerId,
        leg: Leg,
        now: float,
        certificate: Certificate,
        send: Callable[[Connection, bytes], None],
        on_up: Callable[[Connection], None],
        on_end: Callable[[Connection], None],
    ) -> None:
        self.peer = peer
        self.leg: Leg = leg
        self.ice = IceLite(now)
        self.queue = ConnectionQueue(self)
        self.receiving: SrtpSession | None = None
        self.sending: SrtpSession | None = None
        self.is_silent = False
        self.takes_runs = True  # until a run was refused: its path may not carry packets of this size whole
        self.route: Route | None = None  # the sender's, as long as what it was made of is the same
        self.is_closed = False
        self.is_up = False
        self.fingerprints: tuple[Fingerprint, ...] = ()
        self.socket: Way | None = None  # the one whose address the client uses; set by the front
        self.ssrcs: set[int] = set()  # seen with a good tag: libsrtp keeps state for each
        self.heard_at = now  # when anything like media last came from an address of its own, even if it was refused
        self.on_heard: Callable[[Connection], None] = lambda connection: None  # a check after silence
        self._on_up = on_up
        self._dtls = Dtls(certificate, lambda data: send(self, data), lambda: on_end(self))

    def start(self, fingerprints: tuple[Fingerprint, ...], is_server: bool) -> None:
        """The remote side's fingerprints are known: the handshake may run. Once only."""
        self.fingerprints = fingerprints
        if not self._dtls.is_started:
            self._dtls.start(fingerprints, is_server, self._ready)

    def _ready(self) -> None:
        if self.is_closed:
            return
        self.receiving, self.sending = self._dtls.receiving, self._dtls.sending
        self.is_up = True
        self._on_up(self)

    def receive_dtls(self, data: bytes) -> bool:
        """One DTLS datagram from a validated address; False when the queue is full."""
        return self._dtls.receive(data)

    def consent(self, now: float) -> Consent:
        """Fresh, expired or dead; a leg whose handshake does not end counts as one without a check."""
        state = self.ice.consent(now)
        if not self.is_up and now - self.ice.created_at > 2 * SETUP_S:
            return Consent.DEAD
        return state

    async def close(self) -> None:
        """Say good-bye (close_notify) and forget the keys."""
        if self.is_closed:
            return
        self.is_closed = True
        self.receiving = self.sending = None
        await self._dtls.close()
        del self.queue  # which names this connection: together they would wait for the collector of cycles
