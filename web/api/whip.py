"""WHIP (RFC 9725) and WHEP over HTTP: bearer token, offer in, answer out. What stands behind is signaling.endpoints.

``POST /whip/{participant}`` 201 with ``Location`` and the answer; ``DELETE`` of that location 200. Neither trickle nor
restart by PATCH: 405 (RFC 9725 4.3); a client that moved posts a new offer. Any web page may call this
(CORS ``*``): there is no cookie here that could be misused, only the token.

Refusals: 400 broken SDP, 401 no or bad token, 403 the token is for another participant, 404 no such address,
406 no common codec, 409 the session is not open for it, 413 too long, 415 not SDP, 503 no relay.
"""

from __future__ import annotations

import asyncio
from typing import Literal

from fastapi import APIRouter
from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response

from rooms import tickets
from rooms.errors import TicketRefused
from rooms.ids import is_id
from rooms.words import TicketKind
from web.deps import HubDep, is_local
from web.errors import Refusal, status_of
from web.hub import Hub, running

router = APIRouter()

SDP = "application/sdp"
CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Location, Link, ETag, Accept-Post",
}
PREFLIGHT = {
    **CORS,
    "Access-Control-Allow-Methods": "POST, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, If-Match",
    "Access-Control-Max-Age": "86400",
    "Accept-Post": SDP,
}
Way = Literal["whip", "whep"]


class WayConvertor(Convertor[str]):
    """The first part of these addresses, and nothing else: every other path belongs to its own route."""

    regex = "whip|whep"

    def convert(self, value: str) -> str:
        """As it stands."""
        return value

    def to_string(self, value: str) -> str:
        """As it stands."""
        return value


register_url_convertor("way", WayConvertor())
KINDS: dict[str, TicketKind] = {"whip": TicketKind.WHIP, "whep": TicketKind.WHEP}


def refuse(code: str, message: str = "", **headers: str) -> Refusal:
    """A refusal that a page elsewhere may read."""
    return Refusal(code, message, {**CORS, **headers})


def bearer(request: Request) -> str:
    """The token of the Authorization header. Raises Refusal ticket.unknown (401)."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise refuse("ticket.unknown", "Send the token as Authorization: Bearer.")
    return token.strip()


@router.post("/{way:way}/{participant}")
async def offer(way: Way, participant: str, request: Request, hub: HubDep) -> Response:
    """Take an offer, give the answer."""
    token = await check(hub, way, participant, bearer(request))
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != SDP:
        raise refuse("request.type", f"The body must be {SDP}.", **{"Accept-Post": SDP})
    sdp = await read_sdp(request)
    try:
        run = running(hub.endpoints).publish if way == "whip" else running(hub.endpoints).view
        opened = await run(token, sdp, is_local(request))
    except Exception as error:
        raise told(error) from error
    location = f"{hub.config.base_url}/{way}/{participant}/{opened.resource}"
    return Response(opened.sdp, 201, {**CORS, "Location": location}, SDP)


@router.delete("/{way:way}/{participant}/{resource}")
async def delete(way: Way, participant: str, resource: str, request: Request, hub: HubDep) -> Response:
    """End what the offer opened."""
    token = await check(hub, way, participant, bearer(request), resource)
    try:
        await running(hub.endpoints).delete(token, KINDS[way], resource)
    except Exception as error:
        raise told(error) from error
    return Response(status_code=200, headers=CORS)


@router.options("/{way:way}/{participant}")
@router.options("/{way:way}/{participant}/{resource}")
async def options(way: Way, participant: str, resource: str = "") -> Response:
    """What may be asked here, also as a preflight."""
    return Response(status_code=200, headers=PREFLIGHT)


@router.api_route("/{way:way}/{participant}", methods=["GET", "HEAD", "PUT", "PATCH", "DELETE"])
async def not_at_endpoint(way: Way, participant: str) -> Response:
    """An endpoint only takes offers (RFC 9725 4.2: other methods are refused with 405)."""
    raise refuse("request.method", "", Allow="POST, OPTIONS")


@router.api_route("/{way:way}/{participant}/{resource}", methods=["GET", "HEAD", "POST", "PUT", "PATCH"])
async def not_at_session(way: Way, participant: str, resource: str) -> Response:
    """A running one can only be ended: neither trickle nor restart (RFC 9725 4.3)."""
    raise refuse("request.method", "", Allow="DELETE, OPTIONS")


async def check(hub: Hub, way: Way, participant: str, token: str, resource: str = "") -> str:
    """The token, when it opens this very address. Raises Refusal: 401, 403, 404."""
    if not is_id(participant) or (resource and not is_id(resource)):
        raise refuse("not_found")

    def look() -> tuple[str | None, str]:
        with hub.database.write() as db:
            row = tickets.redeem(db, token, KINDS[way], hub.now())
            return row.participant_id, row.resource

    try:
        holder, own_resource = await asyncio.to_thread(look)
    except TicketRefused as error:
        raise refuse(error.code, error.message) from error
    if holder != participant:
        raise refuse("forbidden", "This token is for another participant.")
    if resource and own_resource != resource:
        raise refuse("not_found")
    return token


async def read_sdp(request: Request) -> str:
    """The offer as text. Raises Refusal request.malformed."""
    try:
        sdp = (await request.body()).decode()
    except UnicodeDecodeError as error:
        raise refuse("sdp.malformed", "The offer is not UTF-8.") from error
    if not sdp.startswith("v=0"):
        raise refuse("sdp.malformed", "The body is no session description: it must begin with v=0.")
    return sdp


def told(error: Exception) -> Exception:
    """The same error with CORS headers, when it has a code."""
    code = getattr(error, "code", "")
    if not isinstance(code, str) or not code or status_of(code) == 500:
        return error
    return refuse(code, str(getattr(error, "message", "")), **({"Retry-After": "2"} if status_of(code) == 503 else {}))
