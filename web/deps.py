"""What routes ask for: the hub, the actor, this browser's device, the language.

A route that writes opens ``with hub.database.write() as db`` itself, so that the commit happens before the answer
is made (a FastAPI dependency would commit after it). Routes that touch the database are plain ``def``: they run in a
thread and never block the event loop.
"""

from __future__ import annotations

import ipaddress
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection, Request

from rooms.actor import Actor
from web import i18n
from web.errors import Refusal
from web.hub import Hub


def get_hub(connection: HTTPConnection) -> Hub:
    """The running hub."""
    hub: Hub = connection.app.state.hub
    return hub


def optional_actor(connection: HTTPConnection) -> Actor | None:
    """Who is logged in, or None. Rights are read fresh at every request: a withdrawn right ends at once."""
    from web.auth import actor_of_session

    return actor_of_session(get_hub(connection), connection)


def current_actor(request: Request) -> Actor:
    """Who is logged in. Raises Refusal login.needed (pages go to the log-in page, programs get 401)."""
    actor = optional_actor(request)
    if actor is None:
        raise Refusal("login.needed", "Log in first.")
    return actor


def device_id(connection: HTTPConnection) -> str:
    """This browser's device id: enrolled, or a random one in a cookie that lasts (web/devices.py)."""
    return str(connection.scope.get("device", ""))


def client_address(connection: HTTPConnection) -> str:
    """The client's address as uvicorn saw it (X-Forwarded-For only from trusted proxies). For throttling only."""
    return connection.client.host if connection.client else "local"


def is_local(connection: HTTPConnection) -> bool:
    """Whether the client came over loopback: only then are loopback addresses of a relay of use to it (design 2)."""
    try:
        address = ipaddress.ip_address(client_address(connection))
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


HubDep = Annotated[Hub, Depends(get_hub)]
ActorDep = Annotated[Actor, Depends(current_actor)]
OptionalActorDep = Annotated[Actor | None, Depends(optional_actor)]
DeviceDep = Annotated[str, Depends(device_id)]
LanguageDep = Annotated[str, Depends(i18n.language_of)]
