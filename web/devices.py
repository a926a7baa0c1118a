"""This browser's device id, in a cookie that nobody else can make.

An enrolled device (rooms.sites) holds a secret whose hash is in the database; every other browser holds a random id
that the hub has signed. So an id that one has seen, in a log or on a colleague's screen, opens nothing: presence,
rings and seats of a device go to the browser that holds its cookie.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from collections.abc import Callable
from datetime import datetime
from http.cookies import SimpleCookie

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rooms import sites
from rooms.db import Database
from rooms.errors import RoomsError
from rooms.ids import is_id, new_id
from web.auth import NO_SESSION_PREFIXES, cookie_name
from web.config import Config

DEVICE_SECONDS = 400 * 86400  # the longest a browser keeps a cookie
ENROLLED = "e."
MAX_COOKIE = 200


def signed(device: str, secret: str) -> str:
    """The cookie's value for a browser that is not enrolled. ``secret``: the hub's."""
    digest = hmac.digest(secret.encode(), b"device id\n" + device.encode(), hashlib.sha256)
    return f"{device}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


def signed_device(value: str, secret: str) -> str:
    """The device id of a signed value, "" when this hub has not made it."""
    device = value.partition(".")[0]
    if not is_id(device) or not value.isascii():
        return ""
    return device if hmac.compare_digest(value, signed(device, secret)) else ""


def set_cookie(config: Config, value: str) -> str:
    """The Set-Cookie header with this value."""
    morsels: SimpleCookie = SimpleCookie({cookie_name(config, "device"): value})
    morsel = next(iter(morsels.values()))
    morsel["path"], morsel["max-age"], morsel["samesite"] = "/", str(DEVICE_SECONDS), "Lax"
    morsel["httponly"] = True
    if config.secure_cookies:
        morsel["secure"] = True
    return morsel.OutputString()


def enrolled_cookie(config: Config, secret: str) -> str:
    """The Set-Cookie header that makes this browser an enrolled device. ``secret``: from ``sites.enroll_device``."""
    return set_cookie(config, ENROLLED + secret)


class DeviceCookie:
    """Gives every browser a lasting device id (``scope["device"]``): the newest socket of a device wins."""

    def __init__(
        self, app: ASGIApp, config: Config, secret: str, database: Database, now: Callable[[], datetime]
    ) -> None:
        self.app, self.config, self.secret, self.database, self.now = app, config, secret, database, now
        self.name = cookie_name(config, "device")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or scope["path"].startswith(NO_SESSION_PREFIXES):
            await self.app(scope, receive, send)
            return
        held = HTTPConnection(scope).cookies.get(self.name, "")[:MAX_COOKIE]
        device, keep = await self.device_of(held)
        scope["device"] = device

        async def with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start" and not keep:
                headers = MutableHeaders(scope=message)
                made = any(one.startswith(f"{self.name}=") for one in headers.getlist("set-cookie"))
                if not made:  # a device that is being enrolled gets its own
                    headers.append("Set-Cookie", set_cookie(self.config, signed(device, self.secret)))
            await send(message)

        await self.app(scope, receive, with_cookie)

    async def device_of(self, held: str) -> tuple[str, bool]:
        """The device id for a cookie's value, and whether the browser keeps that cookie."""
        if held.startswith(ENROLLED):
            try:
                device = await asyncio.to_thread(self.enrolled, held.removeprefix(ENROLLED))
            except RoomsError:  # the database is away: the browser must not lose its enrolment over that
                return new_id(), True
        else:
            device = signed_device(held, self.secret)
        return (device, True) if device else (new_id(), False)

    def enrolled(self, secret: str) -> str:
        """Id of the enrolled device that holds this secret, "" for a retired or unknown one."""
        with self.database.read() as db:
            found = sites.device_by_secret(db, secret, self.now())
            return found.id if found is not None else ""
