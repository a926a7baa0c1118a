"""All legs of a relay: opening, renegotiating and closing them. Between the links (SDP), the front and the core.

Who closes whom: a leg ends when an app says so, when its client closes DTLS, when consent is gone for 120 s, or when
another leg of the same peer and direction takes its place (then the core is not told to detach: the new one takes
over there). Every end of a leg that was up is reported once.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from media import ortc, sdp
from media.errors import RelayFull, SdpError, UnknownPeer
from media.front import Front
from media.ice import Consent
from media.messages import Leg, Line, PublishOffer, SubscribeAnswer, ViewOffer
from media.offers import OfferedLines, ViewedLines
from media.peer import Connection
from media.relay import Relay
from media.sdp import Description
from media.settings import Announced
from media.transport import Certificate
from media.types import PeerId, PublishedMedia

MAX_LEGS = 600
"""Both legs of 300 devices: far above what one core forwards, low enough to bound memory."""
REPEAT_OFFER_S = 8.0
"""An offer without an answer is sent again after this long: its message, or the answer, may have been lost."""


class LegListener(Protocol):
    """What the process wants to know of legs."""

    def leg_up(self, peer: PeerId, leg: Leg) -> None:
        """ICE and DTLS are done (again)."""

    def leg_down(self, peer: PeerId, leg: Leg, reason: str) -> None:
        """A leg that was up ended or fell silent."""

    def offer(self, peer: PeerId, number: int, text: str, lines: tuple[Line, ...]) -> None:
        """Bring this offer to the peer."""


@dataclass(slots=True)
class LegState:
    """One leg: its connection and what was negotiated. ``lines`` only on subscribe legs, ``media`` only on publish."""

    connection: Connection
    is_local: bool = False
    session_id: int = field(default_factory=lambda: secrets.randbits(62))
    version: int = 0
    media: tuple[PublishedMedia, ...] = ()
    lines: OfferedLines | ViewedLines | None = None
    offer_text: str = ""
    offered_at: float = 0.0


class Connections:
    """The legs by peer and direction. ``clock``: monotonic seconds."""

    def __init__(
        self, front: Front, core: Relay, announced: Announced, listener: LegListener, clock: Callable[[], float],
        takes_wide: bool = True,
    ) -> None:  # fmt: skip
        self._front = front
        self._core = core
        self._announced = announced
        self._listener = listener
        self._clock = clock
        self._takes_wide = takes_wide
        self._certificate = Certificate.generateCertificate()
        self._legs: dict[tuple[PeerId, Leg], LegState] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self.is_draining = False

    # --- requests ---------------------------------------------------------------------------------------------------

    def publish(self, message: PublishOffer) -> str:
        """Take a publish offer; returns the answer. Raises SdpError, RelayFull, UnknownPeer (a restart without the leg
        it belongs to); a running leg then stays as it is."""
        peer = PeerId(message.peer)
        offer = sdp.parse(message.sdp)
        sections, media = ortc.publish(offer, message.sources, self._core.most_bps, self._takes_wide)
        is_server = self._check_transport(offer)
        state = self._legs.get((peer, "publish"))
        if state is not None and state.connection.fingerprints == offer.transport.fingerprints:
            self._restart_if_new(state, offer)
        elif message.restart:
            raise UnknownPeer("there is no such leg to restart")
        else:
            state = self._open(peer, "publish", message.local)
        state.media = media
        self._set_remote(state, offer, is_server)
        if state.connection.is_up:
            self._attach(state)
        return self._write(state, sections, "passive" if is_server else "active")

    def restart(self, peer: PeerId) -> None:
        """Restart ICE of the subscribe leg on the same DTLS: an offer with new credentials goes to the listener.
        Raises UnknownPeer."""
        state = self._legs.get((peer, "subscribe"))
        if state is None or not isinstance(state.lines, OfferedLines):
            raise UnknownPeer("there is no subscribe leg of this peer")
        state.connection.ice.restart()
        self._front.add(state.connection)
        self._offer(peer, state)

    def subscribe(self, peer: PeerId, is_local: bool) -> None:
        """Open (or replace) the subscribe leg; the offer goes to the listener. Raises RelayFull."""
        old = self._legs.get((peer, "subscribe"))
        number = old.lines.number if old is not None and isinstance(old.lines, OfferedLines) else 0
        state = self._open(peer, "subscribe", is_local)
        state.lines = OfferedLines(lambda: secrets.randbits(32) or 1, number)
        state.lines.assign(self._core.wanted(peer))
        self._offer(peer, state)

    def answer(self, message: SubscribeAnswer) -> None:
        """Take the answer to an offer; stale ones are ignored. Raises SdpError, UnknownPeer."""
        peer = PeerId(message.peer)
        state = self._legs.get((peer, "subscribe"))
        if state is None or not isinstance(state.lines, OfferedLines):
            raise UnknownPeer("there is no subscribe leg of this peer")
        answer = sdp.parse(message.sdp)
        if answer.transport.setup == "actpass":
            raise SdpError("sdp.malformed", "an answer has to choose a DTLS role")
        is_server = self._check_transport(answer)
        if not state.lines.answer(message.offer, answer):
            return
        self._set_remote(state, answer, is_server)
        self._set_subscribed(peer, state)
        if state.lines.is_dirty():
            self._offer(peer, state)

    def view(self, message: ViewOffer) -> str:
        """Take a WHEP offer; returns the answer. Raises SdpError, RelayFull."""
        peer = PeerId(message.peer)
        offer = sdp.parse(message.sdp)
        is_server = self._check_transport(offer)
        lines = ViewedLines(offer, message.participant, lambda: secrets.randbits(32) or 1)
        state = self._legs.get((peer, "subscribe"))
        if state is not None and state.connection.fingerprints == offer.transport.fingerprints:
            self._restart_if_new(state, offer)
        else:
            state = self._open(peer, "subscribe", message.local)
        state.lines = lines
        lines.assign(self._core.wanted(peer))
        self._set_remote(state, offer, is_server)
        self._set_subscribed(peer, state)
        return self._write(state, lines.sections(), "passive" if is_server else "active")

    def close(self, peer: PeerId, leg: Leg | None, reason: str = "closed") -> None:
        """End one leg of a peer, or both; unknown ones are ignored."""
        for each in ("publish", "subscribe") if leg is None else (leg,):
            state = self._legs.pop((peer, each), None)
            if state is not None:
                self._drop(state, reason)
                self._core.detach(peer, state.connection.leg, self._clock())

    def changed(self, peers: Iterable[PeerId]) -> None:
        """What these peers should receive changed: tell the core, and offer where the client has to know."""
        for peer in peers:
            state = self._legs.get((peer, "subscribe"))
            if state is None or state.lines is None:
                continue
            needs_offer = state.lines.assign(self._core.wanted(peer))
            self._set_subscribed(peer, state)
            if needs_offer:
                self._offer(peer, state)

    def repeat_offers(self, now: float, older_than_s: float = REPEAT_OFFER_S) -> None:
        """Send offers that are still without an answer again, with the same number."""
        for (peer, _), state in self._legs.items():
            lines = state.lines
            if isinstance(lines, OfferedLines) and lines.in_flight and now - state.offered_at >= older_than_s:
                state.offered_at = now
                self._listener.offer(peer, lines.number, state.offer_text, lines.lines())

    # --- time -------------------------------------------------------------------------------------------------------

    def tick(self, now: float) -> None:
        """Once a second: consent, and offers that got lost."""
        for (peer, leg), state in list(self._legs.items()):
            connection = state.connection
            consent = connection.consent(now)
            if consent is Consent.DEAD:
                self.close(peer, leg, "consent")
            elif consent is Consent.EXPIRED and not connection.is_silent:
                connection.is_silent = True
                if connection.is_up:
                    self._listener.leg_down(peer, leg, "consent")
            elif consent is Consent.FRESH:
                self._wake(connection)
        self.repeat_offers(now)

    async def close_all(self) -> None:
        """End every leg with a good-bye; returns when they were sent."""
        for peer, leg in list(self._legs):
            self.close(peer, leg)
        if self._closing:
            await asyncio.wait(self._closing, timeout=1.0)

    def connected(self) -> dict[str, tuple[Leg, ...]]:
        """Peer -> legs that are up and have consent."""
        found: dict[str, tuple[Leg, ...]] = {}
        for (peer, leg), state in self._legs.items():
            if state.connection.is_up and not state.connection.is_silent:
                found[peer] = (*found.get(peer, ()), leg)
        return found

    def peers(self) -> set[str]:
        """Everybody who has a leg."""
        return {peer for peer, _ in self._legs}

    def __len__(self) -> int:
        return len(self._legs)

    # --- inside -----------------------------------------------------------------------------------------------------

    @staticmethod
    def _check_transport(description: Description) -> bool:
        """True when we are the DTLS server. Raises SdpError when ICE or DTLS values are missing."""
        section = description.transport
        if not section.ice_ufrag or len(section.ice_pwd) < 22:
            raise SdpError("sdp.malformed", "ICE user name or password is missing")
        if not any(item.algorithm in ("sha-256", "sha-384", "sha-512") for item in section.fingerprints):
            raise SdpError("sdp.malformed", "there is no usable DTLS fingerprint")
        return section.setup != "passive"

    def _restart_if_new(self, state: LegState, offer: Description) -> None:
        ice = state.connection.ice
        if ice.remote_ufrag and ice.remote_ufrag != offer.transport.ice_ufrag:
            ice.restart()
            self._front.add(state.connection)

    def _open(self, peer: PeerId, leg: Leg, is_local: bool) -> LegState:
        old = self._legs.get((peer, leg))
        if old is None and (self.is_draining or len(self._legs) >= MAX_LEGS):
            raise RelayFull("this relay takes no new peers")
        if old is not None:
            self._drop(old, "replaced")
        connection = Connection(
            peer, leg, self._clock(), self._certificate, self._front.send_dtls, self._up, self._ended
        )
        connection.on_heard = self._wake
        state = self._legs[(peer, leg)] = LegState(connection, is_local)
        self._front.add(connection)
        return state

    def _set_remote(self, state: LegState, description: Description, is_server: bool) -> None:
        section = description.transport
        state.connection.ice.remote_ufrag = section.ice_ufrag
        state.connection.start(section.fingerprints, is_server)

    def _write(self, state: LegState, sections: tuple[sdp.OwnSection, ...], setup: str) -> str:
        state.version += 1
        ice = state.connection.ice
        transport = sdp.Transport(
            ice.ufrag, ice.pwd, self._certificate.fingerprints, setup, self._announced.for_client(state.is_local),
            self._announced.has_tcp,
        )  # fmt: skip
        return sdp.write(state.session_id, state.version, sections, transport)

    def _offer(self, peer: PeerId, state: LegState) -> None:
        assert isinstance(state.lines, OfferedLines)
        number, sections, lines = state.lines.offer()
        state.offer_text = self._write(state, sections, "actpass")
        state.offered_at = self._clock()
        self._listener.offer(peer, number, state.offer_text, lines)

    def _up(self, connection: Connection) -> None:
        state = self._legs.get((connection.peer, connection.leg))
        if state is not None and state.connection is connection:
            self._attach(state)
            self._listener.leg_up(connection.peer, connection.leg)

    def _wake(self, connection: Connection) -> None:
        """Its client is heard again."""
        if connection.is_silent and not connection.is_closed:
            connection.is_silent = False
            if connection.is_up:
                self._listener.leg_up(connection.peer, connection.leg)

    def _attach(self, state: LegState) -> None:
        connection, now = state.connection, self._clock()
        if connection.leg == "publish":
            self._core.attach_publisher(connection.peer, state.media, connection.queue, now)
        else:
            self._core.attach_subscriber(connection.peer, connection.queue, now)
            self._set_subscribed(connection.peer, state)

    def _set_subscribed(self, peer: PeerId, state: LegState) -> None:
        if state.connection.is_up and state.lines is not None:
            lines = state.lines.subscribed(lambda who, source: self._core.codec_of(who, source, peer))
            self._core.set_subscribed(peer, lines, self._clock())

    def _ended(self, connection: Connection) -> None:
        state = self._legs.get((connection.peer, connection.leg))
        if state is not None and state.connection is connection:
            self.close(connection.peer, connection.leg, "closed" if connection.is_up else "error")

    def _drop(self, state: LegState, reason: str) -> None:
        connection = state.connection
        self._front.remove(connection)
        if connection.is_up and not connection.is_silent:
            self._listener.leg_down(connection.peer, connection.leg, reason)
        task = asyncio.ensure_future(connection.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
