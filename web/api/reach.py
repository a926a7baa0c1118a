"""How a page reaches the relays: TURN credentials for those who were let in, and test legs for the device check.

Test legs: web/testlegs.py.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.requests import Request

from rooms import access
from rooms.ids import new_id
from rooms.models import Participant
from rooms.seats import IN_CHARGE
from rooms.words import SessionState
from web import turn
from web.deps import ActorDep, HubDep, is_local
from web.errors import Refusal
from web.hub import Hub, running
from web.testlegs import TooManyLegs

router = APIRouter()

MAX_SDP = 16_384
OPEN = (SessionState.OPEN, SessionState.RUNNING, SessionState.SUSPENDED)
REFRESH_PART = 0.6
"""Pages ask for new credentials after this part of their time."""


class TestOffer(BaseModel):
    """The offer of a test leg, and to which of the linked relays it goes."""

    __test__ = False
    sdp: str = Field(max_length=MAX_SDP)
    relay: int = Field(0, ge=0, lt=64)


@router.post("/api/sessions/{session_id}/ice")
def ice(session_id: str, hub: HubDep, actor: ActorDep) -> dict[str, Any]:
    """TURN credentials for somebody who is let into a session that is open; ``refresh_s``: when to ask again.

    Refuses participant.not_admitted (403) for everybody who may see the session and is not inside.
    """
    now = hub.now()
    with hub.database.read() as db:
        session = access.load_session(db, actor, session_id, now=now)
        inside = db.scalars(
            sa.select(Participant).where(
                Participant.session_id == session.id,
                Participant.user_id == actor.user_id,
                Participant.state.in_(IN_CHARGE),
            )
        ).first()
        if inside is None or session.state not in OPEN:
            raise Refusal("participant.not_admitted", "TURN credentials are for those who were let in.")
        holder = inside.id
    return servers(hub, holder, hub.config.turn_ttl_s)


def servers(hub: Hub, holder: str, seconds: float) -> dict[str, Any]:
    """What a page's peer connections are configured with."""
    return {
        "iceServers": turn.ice_servers(hub.config, holder, hub.now() + timedelta(seconds=seconds)),
        "iceTransportPolicy": "relay" if hub.config.force_relay else "all",
        "refresh_s": seconds * REFRESH_PART,
    }


@router.post("/api/reach/plan")
def plan(hub: HubDep, actor: ActorDep) -> dict[str, Any]:
    """What the device check has to try: how many relays there are, and TURN credentials good for its duration."""
    found = servers(hub, f"check-{new_id()}", turn.CHECK_S)
    return {"relays": len(running(hub.relays).linked()), "iceServers": found["iceServers"]}


@router.post("/api/reach/legs")
async def test_leg(body: TestOffer, request: Request, hub: HubDep, actor: ActorDep) -> dict[str, str]:
    """Open a test leg; the relay's answer. Refuses too many at once (reach.busy), SDP that no relay takes, no relay."""
    pool = running(hub.relays)
    linked = sorted(pool.linked())
    if body.relay >= len(linked):
        raise Refusal("relay.none", "There is no such relay.")
    try:
        leg = hub.test_legs.take(actor.user_id or "")
    except TooManyLegs as error:
        raise Refusal("reach.busy") from error
    answer = await leg.open(pool, linked[body.relay], body.sdp, is_local(request))
    return {"sdp": answer}
