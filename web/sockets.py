"""The websockets: ``/ws/session/{id}``, ``/ws/hub`` and ``/relay/link``, adapted to what signaling asks of a socket.

Who may come in is decided by the first message (a one-time ticket, a relay's key), never by the cookie alone; the
origin was checked by ``security.OriginCheck``. Text frames only, bounded in size before anything reads them.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hmac
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from media.messages import MAX_LINK_MESSAGE
from rooms import relays
from rooms.actor import SYSTEM
from rooms.errors import RoomsError
from signaling.errors import SignalingError
from signaling.messages import CLOSE_AGAIN, MAX_MESSAGE
from signaling.sockets import SocketClosed
from web import i18n
from web.deps import HubDep, get_hub, is_local
from web.errors import Refusal, sentence
from web.hub import Hub, running
from web.passing import hand_on

router = APIRouter()

CLOSE_UNSUPPORTED = 1003
CLOSE_TOO_BIG = 1009


class SocketAdapter:
    """A Starlette websocket as ``signaling.sockets.Socket``. ``limit``: the longest frame taken, in bytes."""

    def __init__(self, websocket: WebSocket, limit: int) -> None:
        self.websocket = websocket
        self.limit = limit

    async def send_text(self, text: str) -> None:
        """Send one frame. Raises SocketClosed."""
        try:
            await self.websocket.send_text(text)
        except (WebSocketDisconnect, RuntimeError, OSError) as error:
            raise SocketClosed(getattr(error, "code", 1006)) from error

    async def receive_text(self) -> str:
        """The next text frame. Raises SocketClosed, also after closing for a frame that may not come here."""
        if self.websocket.application_state is WebSocketState.DISCONNECTED:
            raise SocketClosed
        try:
            message = await self.websocket.receive()
        except RuntimeError as error:
            raise SocketClosed from error
        if message["type"] == "websocket.disconnect":
            raise SocketClosed(message.get("code", 1006))
        text: str | None = message.get("text")
        if text is None:
            await self.close(CLOSE_UNSUPPORTED, "text frames only")
            raise SocketClosed(CLOSE_UNSUPPORTED)
        if len(text) > self.limit or len(text.encode()) > self.limit:
            await self.close(CLOSE_TOO_BIG, "too long")
            raise SocketClosed(CLOSE_TOO_BIG)
        return text

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close; never raises, may be called twice."""
        if self.websocket.application_state is not WebSocketState.DISCONNECTED:
            with contextlib.suppress(RuntimeError, OSError, WebSocketDisconnect):
                await self.websocket.close(code, reason)


@contextlib.asynccontextmanager
async def accepted(websocket: WebSocket, kind: str, limit: int) -> AsyncIterator[tuple[Hub, SocketAdapter]]:
    """The accepted socket, counted while it is open; closed with "come back" when the hub is stopping."""
    hub = get_hub(websocket)
    await websocket.accept()
    socket = SocketAdapter(websocket, limit)
    with hub.metrics.sockets.labels(kind).track_inprogress():
        try:
            yield hub, socket
        finally:
            await socket.close(CLOSE_AGAIN if hub.stopping else 1000)


def translator(websocket: WebSocket) -> Callable[[str, str, Mapping[str, Any]], str]:
    """Speaks the language of this socket's person: sentence by code, English where there is none."""
    language = i18n.language_of(websocket)
    return lambda code, message, values: sentence(code, message, language)


@router.websocket("/ws/session/{session_id}")
async def session_socket(websocket: WebSocket, session_id: str) -> None:
    """A page of a session (docs/protocol.md). The ticket in ``hello`` says who it is."""
    async with accepted(websocket, "session", MAX_MESSAGE) as (hub, socket):
        if await handed_on(hub, session_id, socket, websocket):
            return
        await running(hub.sessions).pages.serve(session_id, socket, translator(websocket), is_local(websocket))


async def handed_on(hub: Hub, session: str, socket: SocketAdapter, websocket: WebSocket) -> bool:
    """Serve the page through the app that owns its session, if that is another one that lives."""
    if hub.peers is None:
        return False
    for _ in range(2):
        try:
            there = await running(hub.sessions).whereabouts(session)
        except (RoomsError, SignalingError):
            return False  # told to the page in the session's own words
        if there is None:
            return False
        hub.handed_on.add(socket)
        try:
            if await hand_on(hub.peers, there, session, socket, i18n.language_of(websocket), is_local(websocket)):
                return True
        finally:
            hub.handed_on.discard(socket)
    return False


@router.websocket("/ws/hub")
async def hub_socket(websocket: WebSocket) -> None:
    """A device's presence, queue and rings."""
    async with accepted(websocket, "hub", MAX_MESSAGE) as (hub, socket):
        await running(hub.channel).serve(socket, translator(websocket))


@router.websocket("/relay/link")
async def relay_link(websocket: WebSocket) -> None:
    """A relay; it proves its key in the handshake."""
    async with accepted(websocket, "relay", MAX_LINK_MESSAGE) as (hub, socket):
        await running(hub.relays).serve(socket)


class Enrolment(BaseModel):
    """What a relay sends once. ``public_key``: base64 of 32 raw bytes (Ed25519)."""

    token: str = Field(max_length=200)
    public_key: str = Field(max_length=64)
    name: str = Field("", max_length=100)
    spool: str = Field("", max_length=1000)


@router.post("/relay/enrol")
def enrol_relay(body: Enrolment, hub: HubDep) -> dict[str, str]:
    """Take a relay in for a one-time token, or for the standing token of the configuration (HUB_RELAY_TOKEN)."""
    try:
        key = base64.b64decode(body.public_key, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refusal("relay.bad_key", "The public key is not base64.") from error
    if len(key) != 32:
        raise Refusal("relay.bad_key", "The public key must have 32 bytes.")
    return {"relay": _enrolled(hub, body)}


def _enrolled(hub: Hub, body: Enrolment) -> str:
    now = hub.now()
    token = body.token
    with hub.database.write() as db:
        standing = hub.config.relay_token
        if standing and hmac.compare_digest(token.encode(), standing.encode()):
            token = relays.enrol_token(db, SYSTEM, now)
        return relays.enrol(db, token, body.public_key, now, name=body.name, spool=body.spool).id
