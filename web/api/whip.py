"""WHIP (RFC 9725) and WHEP over HTTP: bearer token, offer in, answer out. What stands behind is signaling.endpoints.

``POST /whip/{participant}`` 201 with ``Location``, ``ETag``, a ``Link`` for each TURN server, and the answer;
``DELETE`` of that location 200. ``PATCH`` with candidates is 204: the relay is ICE-lite and needs none of them, but
clients that send them stay content. A restart by ``PATCH`` is 422 (RFC 9725 4.3.3): a client that moved posts a new
offer. Any web page may call this (CORS ``*``): there is no cookie here that could be misused, only the token.

Refusals: 400 broken SDP, 401 no or bad token, 403 the token is for another participant, 404 no such address,
406 no common codec, 409 the session is not open for it, 412 a fragment of another ICE session, 413 too long,
415 not SDP, 422 restart, 428 a fragment without If-Match, 503 no relay.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
from typing import Literal

from fastapi import APIRouter
from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response

from media import sdpfrag
from media.errors import SdpError
from media.sdp import MAX_SDP
from rooms import tickets
from rooms.errors import TicketRefused
from rooms.ids import is_id
from rooms.words import TicketKind
from web.deps import HubDep, is_local
from web.errors import Refusal, status_of
from web.hub import Hub, running
from web.turn import ice_servers

router = APIRouter()

SDP = "application/sdp"
FRAGMENT = "application/trickle-ice-sdpfrag"
CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Location, Link, ETag, Accept-Post, Accept-Patch",
}
PREFLIGHT = {
    **CORS,
    "Access-Control-Allow-Methods": "POST, PATCH, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, If-Match",
    "Access-Control-Max-Age": "86400",
    "Accept-Post": SDP,
    "Accept-Patch": FRAGMENT,
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
    sdp = await read_text(request, MAX_SDP)
    if not sdp.startswith("v=0"):
        raise refuse("sdp.malformed", "The body is no session description: it must begin with v=0.")
    try:
        run = running(hub.endpoints).publish if way == "whip" else running(hub.endpoints).view
        opened = await run(token, sdp, is_local(request))
    except Exception as error:
        raise told(error) from error
    location = f"{hub.config.base_url}/{way}/{participant}/{opened.resource}"
    made = Response(opened.sdp, 201, {**CORS, "Location": location, "ETag": entity_tag(opened.resource, sdp)}, SDP)
    add_links(made, hub, opened.resource)
    return made


@router.patch("/{way:way}/{participant}/{resource}")
async def patch(way: Way, participant: str, resource: str, request: Request, hub: HubDep) -> Response:
    """Candidates, which are not needed; or a restart, which takes a new offer."""
    await check(hub, way, participant, bearer(request), resource)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FRAGMENT:
        raise refuse("request.type", f"The body must be {FRAGMENT}.", **{"Accept-Patch": FRAGMENT})
    wanted = request.headers.get("if-match", "").strip()
    if not wanted:
        raise refuse("request.no_condition", "Send If-Match with the ETag of the answer.")
    if wanted == "*":
        raise refuse("request.restart", "To restart ICE, post a new offer to the endpoint.")
    own = entity_tag(resource, await read_text(request, sdpfrag.MAX_FRAGMENT))
    if own not in (part.strip() for part in wanted.split(",")):
        raise refuse("request.other_condition", "This fragment belongs to another ICE session.")
    return Response(status_code=204, headers=CORS)


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
async def options(way: Way, participant: str, request: Request, hub: HubDep, resource: str = "") -> Response:
    """What may be asked here, also as a preflight; to the holder of the token also which TURN servers there are, for
    clients that need them before they offer."""
    told = Response(status_code=200, headers=PREFLIGHT)
    if "authorization" in request.headers:
        await check(hub, way, participant, bearer(request), resource)
        add_links(told, hub, participant)
    return told


@router.api_route("/{way:way}/{participant}", methods=["GET", "HEAD", "PUT", "PATCH", "DELETE"])
async def not_at_endpoint(way: Way, participant: str) -> Response:
    """An endpoint only takes offers (RFC 9725 4.2: other methods are refused with 405)."""
    raise refuse("request.method", "", Allow="POST, OPTIONS")


@router.api_route("/{way:way}/{participant}/{resource}", methods=["GET", "HEAD", "POST", "PUT"])
async def not_at_session(way: Way, participant: str, resource: str) -> Response:
    """A running one can only be told of candidates and ended."""
    raise refuse("request.method", "", Allow="PATCH, DELETE, OPTIONS")


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


async def read_text(request: Request, limit: int) -> str:
    """The body as text. Raises Refusal: sdp.too_long, sdp.malformed."""
    body = await request.body()
    if len(body) > limit:
        raise refuse("sdp.too_long", f"The body may have {limit} bytes.")
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise refuse("sdp.malformed", "The body is not UTF-8.") from error


def entity_tag(resource: str, text: str) -> str:
    """The strong ETag of the ICE session that an offer began or a fragment belongs to (RFC 9725 4.3.1).
    Raises Refusal sdp.malformed when it names none."""
    try:
        user, password = sdpfrag.credentials(text, MAX_SDP)
    except SdpError as error:
        raise refuse(error.code, str(error)) from error
    return f'"{hashlib.sha256(f"{resource}:{user}:{password}".encode()).hexdigest()[:32]}"'


def add_links(answer: Response, hub: Hub, holder: str) -> None:
    """A Link header for each TURN server, with credentials of its own (RFC 9725 4.6)."""
    until = hub.now() + dt.timedelta(seconds=hub.config.turn_ttl_s)
    for server in ice_servers(hub.config, holder, until):
        for url in server["urls"]:
            login = f'username="{server["username"]}"; credential="{server["credential"]}"'
            answer.headers.append("Link", f'<{url}>; rel="ice-server"; {login}; credential-type="password"')


def told(error: Exception) -> Exception:
    """The same error with CORS headers, when it has a code."""
    code = getattr(error, "code", "")
    if not isinstance(code, str) or not code or status_of(code) == 500:
        return error
    return refuse(code, str(getattr(error, "message", "")), **({"Retry-After": "2"} if status_of(code) == 503 else {}))
