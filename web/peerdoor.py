"""What other apps ask of this one: ``/peer/call`` and ``/peer/session/{id}``. Closed (404) unless there are others.

The request's proof stands for the app that took the browser's socket or request and checked its origin; who may enter
a session is decided here by the ticket, as always.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.requests import HTTPConnection, Request
from starlette.websockets import WebSocket

from rooms.errors import RoomsError
from signaling.errors import SignalingError
from signaling.messages import MAX_MESSAGE
from signaling.owners import as_told
from web import i18n
from web.deps import HubDep, get_hub
from web.errors import Refusal, sentence
from web.hub import Hub, running
from web.sockets import accepted

router = APIRouter()

NOT_FOUND = 4003


class Call(BaseModel):
    """An operation of ``signaling.owners.Operations``."""

    operation: str = Field(max_length=40)
    arguments: dict[str, Any]


def is_peer(hub: Hub, connection: HTTPConnection, method: str, body: bytes = b"") -> bool:
    """Whether another app of this hub asks."""
    if hub.peers is None:
        return False
    url = connection.url
    target = f"{url.path}?{url.query}" if url.query else url.path
    return hub.peers.proof.holds(connection.headers.get("authorization", ""), method, target, body)


@router.post("/peer/call", include_in_schema=False)
async def call(request: Request, hub: HubDep) -> dict[str, Any]:
    """Carry out an operation on a session of ours. Errors that the caller is to pass on come as values."""
    body = await request.body()
    if not is_peer(hub, request, "POST", body):
        raise Refusal("not_found")
    try:
        asked = Call.model_validate_json(body)
    except ValueError as error:
        raise Refusal("request.malformed") from error
    try:
        return {"result": await running(hub.sessions).operations.do_here(asked.operation, asked.arguments)}
    except (SignalingError, RoomsError) as error:
        return {"error": as_told(error)}


@router.websocket("/peer/session/{session_id}")
async def session_socket(websocket: WebSocket, session_id: str, language: str = "vi", local: bool = False) -> None:
    """A page of a session of ours, whose browser is connected to another app."""
    if not is_peer(get_hub(websocket), websocket, "GET"):
        await websocket.close(NOT_FOUND, "peers only")
        return
    spoken = language if language in i18n.LANGUAGES else i18n.SOURCE
    async with accepted(websocket, "session", MAX_MESSAGE) as (hub, socket):
        await running(hub.sessions).pages.serve(
            session_id, socket, lambda code, message, values: sentence(code, message, spoken), local
        )
