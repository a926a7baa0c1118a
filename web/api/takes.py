"""What points recorded by themselves comes in: announced, piece by piece, then filed (docs/protocol.md, Takes).

Whoever is logged in at the device hands in, if the point's site is theirs; nothing is told of the session but that it
took the piece. Pieces come one at a time and wait for one another, so that a hub with running sessions stays quick.
"""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.requests import Request

from rooms import takes
from rooms.actor import Actor
from rooms.takeform import MAX_HEADER, MAX_PIECES
from rooms.words import TakeState
from signaling.takes import against
from web.deps import ActorDep, HubDep
from web.errors import Refusal
from web.hub import Hub, running

router = APIRouter()

AT_ONCE = 2
"""Pieces that one app takes in at the same time; whoever comes then is told to come back."""
WAIT_S = 5.0


class Announced(BaseModel):
    """A take's header, the very text that its pieces are bound to."""

    header: str = Field(max_length=MAX_HEADER)


@router.post("/api/takes")
def begin(body: Announced, hub: HubDep, actor: ActorDep) -> dict[str, Any]:
    """Announce a take; ``have``: numbers of the pieces that are here already. Refuses as ``rooms.takes.begin``."""
    with hub.database.write() as db:
        take = takes.begin(db, actor, hub.take_keys, body.header.encode(), hub.now())
        return {"take": take.id, "filed": take.state is TakeState.FILED, "have": takes.numbers_of(db, take.id)}


@router.put("/api/takes/{take_id}/pieces/{number}")
async def piece(take_id: str, number: int, request: Request, hub: HubDep, actor: ActorDep) -> dict[str, Any]:
    """One sealed piece. The device deletes its copy when ``sha256`` is the hash of what it sent.

    Refuses take.busy (429), and as ``rooms.takes.put``.
    """
    sealed = await request.body()
    gate = gate_of(hub)
    try:
        async with asyncio.timeout(WAIT_S):
            await gate.acquire()
    except TimeoutError as error:
        raise Refusal("take.busy", headers={"Retry-After": "5"}) from error
    try:
        return await asyncio.to_thread(_take_in, hub, actor, take_id, min(number, MAX_PIECES), sealed)
    finally:
        gate.release()


def gate_of(hub: Hub) -> asyncio.Semaphore:
    """How many pieces are taken in at once."""
    if hub.take_gate is None:
        hub.take_gate = asyncio.Semaphore(AT_ONCE)
    return hub.take_gate


def _take_in(hub: Hub, actor: Actor, take_id: str, number: int, sealed: bytes) -> dict[str, Any]:
    receipt = takes.put(hub.database, actor, hub.files, hub.take_keys, take_id, number, sealed, against, hub.now())
    return {"number": receipt.number, "sha256": receipt.sha256, "cut": receipt.cut}


@router.post("/api/takes/{take_id}/filed")
async def filed(take_id: str, hub: HubDep, actor: ActorDep) -> dict[str, Any]:
    """Nothing more comes. What was kept and what was not, in numbers; ``sha256`` of the list that is filed."""

    def session_of() -> str:
        with hub.database.read() as db:
            return takes.load(db, actor, take_id, hub.now()).session_id

    session = await asyncio.to_thread(session_of)
    facts = await running(hub.takes).file(session, take_id)
    return {name: facts[name] for name in ("take", "pieces", "cut", "missing", "complete", "sha256")}
