"""``/relay/copies``: a relay hands in what its journals have grown by, signed with its key (docs/protocol.md)."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
from pathlib import Path

from fastapi import APIRouter
from starlette.requests import Request

from rooms import copies, relays
from rooms.models import ReceptionSession, Relay
from rooms.signing import is_signed
from rooms.words import SessionState
from web.deps import HubDep
from web.errors import Refusal
from web.hub import Hub

router = APIRouter()

SIGNED = b"diemcau relay copy v1\n"


@router.post("/relay/copies", include_in_schema=False)
async def take_copies(request: Request, hub: HubDep) -> dict[str, object]:
    """Keep a piece; says how much of each journal of its session is kept. Nothing is taken from strangers, of sessions
    that are not there or locked, or where a copy saves nothing."""
    raw = await request.body()
    name, signature = request.headers.get("x-relay", ""), request.headers.get("x-signature", "")
    return await asyncio.to_thread(_taken, hub, name, signature, raw)


def _taken(hub: Hub, name: str, signature: str, raw: bytes) -> dict[str, object]:
    with hub.database.read() as db:
        relay = relays.get(db, name)
        if relay is None or not _proves(relay, signature, raw):
            raise Refusal("not_found")
        spool = Path(relay.spool) if relay.spool else None
    if not wanted(hub, spool):
        return {"wanted": False, "kept": {}, "over": False}
    session, parts = copies.read_piece(raw)
    with hub.database.read() as db:
        row = db.get(ReceptionSession, session)
        is_over = row is None or row.state is SessionState.LOCKED
    if is_over:
        return {"wanted": True, "kept": {}, "over": True}
    return {"wanted": True, "kept": hub.copies.keep(session, parts), "over": False}


def _proves(relay: Relay, signature: str, raw: bytes) -> bool:
    try:
        public = base64.b64decode(relay.public_key, validate=True)
        signed = base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        return False
    return is_signed(public, signed, SIGNED + f"{relay.id}\n{hashlib.sha256(raw).hexdigest()}".encode())


def wanted(hub: Hub, spool: Path | None) -> bool:
    """Whether copies save anything: not where journals and store lie on one file system of one machine (auto)."""
    if hub.config.copies != "auto":
        return hub.config.copies == "on"
    if spool is None or not spool.is_dir():
        return True  # the spool of another machine
    place = hub.copies_root
    while place is not None and not place.exists():  # made with its first file
        place = place.parent
    return place is None or spool.stat().st_dev != place.stat().st_dev


__all__ = ["router", "wanted"]
