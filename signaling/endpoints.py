"""WHIP (RFC 9725) and WHEP for what is not our page: encoders and players with a bearer token.

``web`` owns the HTTP; this is what stands behind its three methods. A token from the command line counts as admitted,
and the notice of the recording is on the account of whoever issued it (issue 2, point 2). The resource in the
address is the peer id; it was made by the hub and says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from media import messages as r
from rooms.errors import TicketRefused
from rooms.words import TicketKind
from signaling import messages as m
from signaling.commands import Add, Ask
from signaling.errors import NotAllowed, Refusal, RequestRefused
from signaling.sessions import Sessions
from signaling.store import Seat

MAX_SDP = 64 * 1024
"""Bytes of an offer; a browser's with ten sections has 20 kB."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The answer to an offer, and the resource that ``DELETE`` names."""

    sdp: str
    resource: str


class Endpoints:
    """What WHIP and WHEP do. Raises NotAllowed (401), RequestRefused and Unavailable (codes in errors.py)."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._do = sessions.operations.do
        sessions.operations.add("whip.publish", self._publish)
        sessions.operations.add("whep.view", self._view)
        sessions.operations.add("whip.delete", self._delete)

    async def publish(self, secret: str, sdp: str, local: bool = False) -> Opened:
        """WHIP: the token's participant sends what it offers. A second offer replaces the first (a restart).
        ``local``: the client came over loopback."""
        return Opened(**await self._do("whip.publish", secret=secret, sdp=sdp, local=local))

    async def view(self, secret: str, sdp: str, local: bool = False) -> Opened:
        """WHEP: watch the participant that the token names. ``local`` as in ``publish``."""
        return Opened(**await self._do("whep.view", secret=secret, sdp=sdp, local=local))

    async def delete(self, secret: str, kind: TicketKind, resource: str) -> None:
        """``DELETE`` of what ``publish`` or ``view`` opened. Raises NotAllowed for somebody else's resource."""
        await self._do("whip.delete", secret=secret, kind=kind.value, resource=resource)

    async def _publish(self, secret: str, sdp: str, local: bool) -> dict[str, str]:
        seat = await self._seat(secret, TicketKind.WHIP)
        _bounded(sdp)
        host = await self._sessions.connect_peer(seat.session, seat.participant, seat.resource)
        # Asked again in the room's own words, so that a closed or paused session is told apart.
        await host.check(Ask(seat.participant, m.Publish(req="", sdp=sdp)))
        offer = r.PublishOffer(req=host.pool.next_request(), peer=seat.resource, sdp=sdp, local=local)
        answer = await host.pool.ask(host.relay, offer)
        return {"sdp": answer.sdp, "resource": seat.resource}

    async def _view(self, secret: str, sdp: str, local: bool) -> dict[str, str]:
        seat = await self._seat(secret, TicketKind.WHEP)
        _bounded(sdp)
        host = await self._sessions.host(seat.session)
        if host.state.find(seat.participant) is None:
            await host.refresh()
        if host.state.find(seat.participant) is None:
            raise RequestRefused(Refusal("participant.unknown"))
        viewer = seat.resource
        if host.state.find(viewer) is None:
            await host.submit(
                Add(viewer, "viewer", kind="whep", admitted=True, receives=(seat.participant,), notice_to=seat.user)
            )
        await self._sessions.connect_peer(seat.session, viewer, seat.resource)
        offer = r.ViewOffer(
            req=host.pool.next_request(), peer=seat.resource, session=seat.session, participant=seat.participant,
            sdp=sdp, local=local,
        )  # fmt: skip
        answer = await host.pool.ask(host.relay, offer)
        return {"sdp": answer.sdp, "resource": seat.resource}

    async def _delete(self, secret: str, kind: str, resource: str) -> None:
        seat = await self._seat(secret, TicketKind(kind))
        if seat.resource != resource:
            raise NotAllowed()
        host = await self._sessions.host(seat.session)
        participant = seat.participant if kind == TicketKind.WHIP.value else seat.resource
        host.pool.send(host.relay, r.ClosePeer(peer=resource))
        one = host.state.find(participant)
        if one is not None and one.connected:
            await host.submit(Ask(participant, m.Leave(req="")))

    async def _seat(self, secret: str, kind: TicketKind) -> Seat:
        store = self._sessions.store
        try:
            seat = await store.run(store.redeem, secret, kind, self._sessions.clock())
        except TicketRefused as error:
            raise NotAllowed() from error
        if not seat.session or not seat.participant:
            raise NotAllowed()
        return seat


def _bounded(sdp: str) -> None:
    if len(sdp) > MAX_SDP:
        raise RequestRefused(Refusal("message.too_long"))
