"""Log-in: server-side sessions in the database, throttled attempts.

The cookie holds a random id (starsessions); ``login_session`` (rooms.logins) holds its SHA-256, so that a copy of the
database opens no session. The id changes at log-in. A session ends after ``session_idle_s`` without use and after
``session_max_s`` in any case. Attempts are counted per account and per client address with ``limits``; when the
counter's store does not answer, the log-in is refused (fail closed, engineering.md 4.3).
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import limits
from asgi_csrf import asgi_csrf
from limits.storage import storage_from_string
from limits.strategies import MovingWindowRateLimiter
from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starsessions import SessionStore, load_session
from starsessions.session import get_session_handler

from rooms import logins, people
from rooms.actor import Actor
from rooms.db import Database
from rooms.errors import LoginRefused, NotFound
from rooms.models import User
from web import logs
from web.config import Config
from web.errors import Refusal, send_refusal
from web.firstfield import first_field
from web.hub import Hub

log = logs.get("auth")

TOUCH_AFTER_S = 60.0
"""An unchanged session is written at most this often, so that reading pages does not write."""

NO_SESSION_PREFIXES = (
    "/static/", "/healthz", "/readyz", "/metrics", "/whip/", "/whep/", "/relay/", "/peer/", "/hub-ca.pem",
)  # fmt: skip


def cookie_name(config: Config, word: str) -> str:
    """The cookie's name; __Host- binds it to this host and to TLS where there is TLS."""
    return f"__Host-{word}" if config.secure_cookies else word


class DatabaseSessionStore(SessionStore):
    """starsessions' store over ``login_session``. Calls run in a thread: the event loop never waits for the disk."""

    def __init__(self, database: Database, config: Config, now: Callable[[], datetime]) -> None:
        self.database = database
        self.idle = timedelta(seconds=config.session_idle_s)
        self.longest = timedelta(seconds=config.session_max_s)
        self.now = now

    async def read(self, session_id: str, lifetime: int) -> bytes:
        """The session's data, b"{}" when it does not exist or has ended."""
        return await asyncio.to_thread(self.read_now, session_id)

    async def write(self, session_id: str, data: bytes, lifetime: int, ttl: int) -> str:
        """Keep the data; does nothing when it is unchanged and was touched a moment ago."""
        await asyncio.to_thread(self.write_now, session_id, data)
        return session_id

    async def remove(self, session_id: str) -> None:
        """Forget the session."""
        await asyncio.to_thread(self.remove_now, session_id)

    def read_now(self, session_id: str) -> bytes:
        """``read`` for callers that already are in a thread."""
        now = self.now()
        with self.database.read() as db:
            data = logins.read(db, session_id, now)
        return data if data and now.timestamp() < times(data)[0] + self.longest.total_seconds() else b"{}"

    def write_now(self, session_id: str, data: bytes) -> None:
        """``write`` for callers that already are in a thread."""
        now = self.now()
        created, used = times(data)
        with self.database.read() as db:
            before = logins.read(db, session_id, now)
        plain = without_metadata(data)
        if before and without_metadata(before) == plain and used - times(before)[1] < TOUCH_AFTER_S:
            return
        ttl = min(self.idle, timedelta(seconds=created) + self.longest - timedelta(seconds=now.timestamp()))
        with self.database.write() as db:
            logins.write(db, session_id, data, ttl, now, user_id=plain.get("user"))

    def remove_now(self, session_id: str) -> None:
        """``remove`` for callers that already are in a thread."""
        with self.database.write() as db:
            logins.remove(db, session_id)


def times(data: bytes) -> tuple[float, float]:
    """When a session began and when it was last used (UNIX seconds), as starsessions notes it."""
    metadata = json.loads(data or b"{}").get("__metadata__", {})
    return float(metadata.get("created", 0.0)), float(metadata.get("last_access", 0.0))


def without_metadata(data: bytes) -> dict[str, Any]:
    """A session's own data, without the times that starsessions adds."""
    loaded = json.loads(data or b"{}")
    return {key: value for key, value in loaded.items() if key != "__metadata__"}


class LoginThrottle:
    """Counts failed log-ins per account and per client address."""

    def __init__(self, config: Config) -> None:
        self.limiter = MovingWindowRateLimiter(storage_from_string(config.redis_url or "memory://"))
        self.account = limits.parse_many(config.login_limit_account)
        self.address = limits.parse_many(config.login_limit_address)

    def check(self, login: str, address: str) -> None:
        """Take one attempt for the account. Raises LoginRefused login.slow_down, also when the store is away."""
        try:
            free = all(self.limiter.test(item, "address", key_of(address)) for item in self.address)
            allowed = free and all([self.limiter.hit(item, "account", key_of(login)) for item in self.account])
        except Exception as error:
            log.error("throttle store away", error=type(error).__name__)
            raise LoginRefused("login.slow_down", "Log-in is not possible right now.") from error
        if not allowed:
            raise LoginRefused("login.slow_down", "Too many wrong attempts. Wait some minutes.")

    def failed(self, address: str) -> None:
        """The attempt was wrong: count it for the address too."""
        for item in self.address:
            self.limiter.hit(item, "address", key_of(address))

    def succeeded(self, login: str) -> None:
        """The attempt was right: the account starts anew."""
        for item in self.account:
            self.limiter.clear(item, "account", key_of(login))


def key_of(text: str) -> str:
    """A counter's key without the name or address in it."""
    return hashlib.sha256(text.strip().casefold().encode()).hexdigest()[:24]


def log_in(hub: Hub, request: Request, login: str, password: str) -> User:
    """Check the password and bind this browser's session to the user, under a new session id.

    For plain (threaded) routes. Raises LoginRefused: login.wrong, login.slow_down, login.inactive.
    """
    address = request.client.host if request.client else "local"
    hub.throttle.check(login, address)
    try:
        user = people.log_in(hub.database, login, password, hub.now())
    except LoginRefused as refused:
        count_login(hub, refused.code)
        hub.throttle.failed(address)
        raise
    if user is None:
        count_login(hub, "login.wrong")
        hub.throttle.failed(address)
        raise LoginRefused()
    hub.throttle.succeeded(login)
    count_login(hub, "ok")
    handler = get_session_handler(request)
    if handler.session_id:
        session_store(hub).remove_now(handler.session_id)
    handler.regenerate_id()
    if handler.metadata is not None:
        handler.metadata["created"] = hub.now().timestamp()
    request.session.clear()
    request.session.update({"user": user.id, "since": hub.now().timestamp()})
    log.info("logged in", user=user.id)
    return user


def log_out(request: Request) -> None:
    """End this browser's session; the row goes when the answer is sent."""
    request.session.clear()


def count_login(hub: Hub, outcome: str) -> None:
    """One more log-in attempt in the metrics."""
    hub.metrics.logins.labels(outcome).inc()


def session_store(hub: Hub) -> DatabaseSessionStore:
    """The store of this hub's sessions."""
    return DatabaseSessionStore(hub.database, hub.config, hub.now)


def actor_of_session(hub: Hub, connection: HTTPConnection) -> Actor | None:
    """The logged-in actor, with rights as they are now; None when nobody is logged in."""
    user_id = connection.session.get("user") if "session" in connection.scope else None
    if not user_id:
        return None
    with hub.database.read() as db:
        try:
            return people.actor_of(db, user_id, hub.now())
        except NotFound:  # closed since
            return None


class SessionLoader:
    """Loads the session before the route runs; leaves alone what needs none (files, health, tokens)."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            if scope["path"].startswith(NO_SESSION_PREFIXES):
                scope["session"] = {}
            else:
                await load_session(HTTPConnection(scope))
        await self.app(scope, receive, send)


class CsrfGuard:
    """asgi-csrf, with its way of failing on odd input turned into answers.

    What it trips over before the route is reached (a form without a boundary, a cookie that is not UTF-8, a token that
    is not ASCII) becomes request.malformed; what the route raises passes.
    """

    def __init__(self, app: ASGIApp, config: Config, secret: str) -> None:
        self.config = config
        self.inner = asgi_csrf(
            self.enter,
            cookie_name=cookie_name(config, "csrftoken"),
            signing_secret=secret,
            cookie_secure=config.secure_cookies,
            send_csrf_failed=self.refuse,
        )
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        entered: list[bool] = []
        scope = {**scope, "csrf.entered": entered}
        try:
            headers = Headers(scope=scope)
            boundary = boundary_of(headers.get("content-type", ""))
            if scope["method"] == "POST" and boundary and "x-csrftoken" not in headers:
                token, receive = await first_field(receive, boundary)
                if not token and "cookie" in headers:
                    await self.refuse(scope, send, None)
                    return
                scope["headers"] = [*scope["headers"], (b"x-csrftoken", token)]
            await self.inner(scope, receive, send)
        except HTTPException:  # the body grew too long while it was read
            raise
        except Exception:
            if entered:
                raise
            await send_refusal(scope, receive, send, Refusal("request.malformed"))

    async def enter(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The check was passed: on to the route."""
        scope["csrf.entered"].append(True)
        await self.app(scope, receive, send)

    @staticmethod
    async def refuse(scope: Scope, send: Send, _reason: Any) -> None:
        """The answer to a forged or outdated form."""

        async def nothing() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        scope["csrf.entered"].append(True)
        await send_refusal(scope, nothing, send, Refusal("csrf.failed"))


def boundary_of(content_type: str) -> bytes:
    """The boundary of a multipart form; empty for other bodies. Raises ValueError for a form without one."""
    kind, options = parse_options_header(content_type)
    if kind != b"multipart/form-data":
        return b""
    if not options.get(b"boundary"):
        raise ValueError("a form without a boundary")
    return options[b"boundary"]
