"""What stands between the network and the routes: body size, origin of unsafe requests, headers of every answer.

Pure ASGI middleware (streaming answers and websockets pass untouched). Sources: ASVS 5.0 V3 and V4.4,
engineering.md 4.2 and 4.3. CSRF tokens are asgi-csrf's; the origin check here is the second lock on that door.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rooms import copies, takeform
from web.config import MIB, Config
from web.errors import Refusal, send_refusal

MAX_BODY = MIB  # forms and JSON; papers have their own limit
MAX_SDP_BODY = 64 * 1024
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
UPLOAD_PATHS = ("/papers", "/upload")
SCRIPTLESS_PREFIXES = ("/whip/", "/whep/", "/relay/", "/peer/")
"""Called by programs with a token of their own and no cookie: the origin is not asked."""


def content_security_policy(config: Config) -> str:
    """The policy of every page: nothing inline, nothing from elsewhere (engineering.md 4.3)."""
    base = urlsplit(config.base_url)
    socket = f"{'wss' if base.scheme == 'https' else 'ws'}://{base.netloc}"
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            f"connect-src 'self' {socket}",
            "media-src 'self' blob:",
            "img-src 'self' data:",
            "font-src 'self'",
            "manifest-src 'self'",
            "form-action 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
        )
    )


class SecurityHeaders:
    """Adds the security headers to every HTTP answer that does not carry them already."""

    def __init__(self, app: ASGIApp, config: Config) -> None:
        self.app = app
        self.headers = {
            "Content-Security-Policy": content_security_policy(config),
            "Permissions-Policy": "camera=(self), microphone=(self), display-capture=(self), fullscreen=(self), "
            "geolocation=(), payment=(), usb=()",
            "X-Content-Type-Options": "nosniff",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Referrer-Policy": "same-origin",
            "X-Frame-Options": "DENY",
        }
        if config.secure_cookies:
            self.headers["Strict-Transport-Security"] = "max-age=31536000"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self.headers.items():
                    headers.setdefault(name, value)
                if not scope["path"].startswith("/static/"):
                    headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self.app(scope, receive, with_headers)


def max_body(config: Config, path: str) -> int:
    """The largest request body accepted at ``path``, in bytes."""
    if path.startswith(("/whip/", "/whep/")):
        return MAX_SDP_BODY
    if path == "/relay/copies":
        return copies.MAX_PIECE
    if path.startswith("/api/takes/"):
        return takeform.MAX_PIECE
    if path.rstrip("/").endswith(UPLOAD_PATHS):
        return config.max_upload + MAX_BODY
    return MAX_BODY


class BodyLimit:
    """Refuses a body that is too long, by its announced length or as soon as it gets there."""

    def __init__(self, app: ASGIApp, config: Config) -> None:
        self.app = app
        self.config = config

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = max_body(self.config, scope["path"])
        announced = Headers(scope=scope).get("content-length", "0")
        if not announced.isdecimal() or int(announced) > limit:
            await send_refusal(scope, receive, send, Refusal("request.too_large"))
            return
        received, started = 0, False

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                raise TooLarge
            return message

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, counted, watched)
        except TooLarge:
            if not started:
                await send_refusal(scope, receive, send, Refusal("request.too_large"))


class TooLarge(HTTPException):
    """The body grew past its limit while it was read (an HTTPException, so that FastAPI's form reader lets it by)."""

    def __init__(self) -> None:
        super().__init__(413)


def allowed_origins(config: Config) -> frozenset[str]:
    """Origins whose pages may act here: our own address and those configured."""
    base = urlsplit(config.base_url)
    return frozenset({f"{base.scheme}://{base.netloc}", *config.origins})


def same_origin(origin: str, host: str, secure: bool) -> bool:
    """True when ``origin`` is the very address this request was sent to (any name of a local-CA hub)."""
    return bool(host) and origin == f"{'https' if secure else 'http'}://{host}"


class OriginCheck:
    """Unsafe requests and websockets from a foreign page are refused.

    HTTP: an Origin header, where present, must be ours; Sec-Fetch-Site must not say cross-site. Websockets from
    browsers carry cookies, so a missing Origin is refused too; relays are programs and authenticate by key.
    """

    def __init__(self, app: ASGIApp, config: Config) -> None:
        self.app = app
        self.origins = allowed_origins(config)
        self.secure = config.secure_cookies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or scope["path"].startswith(SCRIPTLESS_PREFIXES):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if scope["type"] == "http" and scope["method"] in SAFE_METHODS:
            await self.app(scope, receive, send)
            return
        if self.passes(headers, needed=scope["type"] == "websocket"):
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 4003, "reason": "origin"})
        else:
            await send_refusal(scope, receive, send, Refusal("request.foreign_origin"))

    def passes(self, headers: Headers, needed: bool) -> bool:
        """True when the request comes from one of our own pages (or from no page, unless ``needed``)."""
        origin = headers.get("origin")
        if origin is None:
            return not needed and headers.get("sec-fetch-site", "none") in ("same-origin", "none")
        return origin in self.origins or same_origin(origin, headers.get("host", ""), self.secure)
