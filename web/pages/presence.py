"""The ticket with which a page opens the hub channel."""

from __future__ import annotations

from datetime import timedelta

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from rooms import tickets
from rooms.words import TicketKind
from web.deps import ActorDep, DeviceDep, HubDep

router = APIRouter()

TICKET_LIFE = timedelta(minutes=1)
"""Long enough for one connection attempt on a poor line; every attempt takes a new one."""


@router.post("/presence/ticket")
def ticket(hub: HubDep, actor: ActorDep, device: DeviceDep) -> Response:
    """A one-time ticket for this device and user."""
    with hub.database.write() as db:
        _, secret = tickets.issue(db, TicketKind.HUB, hub.now(), TICKET_LIFE, device=device, user_id=actor.user_id)
    return JSONResponse({"token": secret, "device": device}, headers={"cache-control": "no-store"})
