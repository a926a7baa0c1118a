"""The one place where an error becomes an HTTP answer.

    Refusal            what web itself refuses, by code (login.needed, csrf.failed, request.too_large, ...)
    RoomsError         the domain's refusals, by their own code
    SignalingError     the same for what a session refuses (has ``code`` too)
    database away      db.away, 503: nothing was stored, nothing is lost, come back
    anything else      internal, 500: logged with its traceback, never shown

Programs (REST, WHIP, relays, scripts) get ``{"error": code, "message": text}``; a person who opened a page gets a
page. Both say what happened and what to do; neither shows a traceback, a path or a name.
"""

from __future__ import annotations

import html
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from rooms.errors import RoomsError
from signaling.errors import SignalingError
from web import i18n, logs
from web.i18n import N_
from web.sentences import SENTENCES

log = logs.get("errors")

STATUS: dict[str, int] = {
    "login.needed": 401,
    "login.wrong": 401,
    "login.inactive": 403,
    "login.slow_down": 429,
    "csrf.failed": 403,
    "forbidden": 403,
    "not_found": 404,
    "request.foreign_origin": 403,
    "custody.reason_needed": 403,
    "custody.same_person": 403,
    "delivery.changed": 409,
    "request.too_large": 413,
    "request.malformed": 400,
    "request.method": 405,
    "request.type": 415,
    "request.not_acceptable": 406,
    "request.range": 416,
    "request.no_condition": 428,
    "request.other_condition": 412,
    "request.restart": 422,
    "ticket.unknown": 401,
    "ticket.used": 401,
    "ticket.expired": 401,
    "paper.too_large": 413,
    "paper.wrong_type": 415,
    "storage.full": 507,
    "storage.failed": 500,
    "store.unavailable": 503,
    "store.refused": 503,
    "store.corrupted": 500,
    "store.key_missing": 500,
    "store.key_damaged": 500,
    "database.busy": 503,
    "db.away": 503,
    "relay.away": 503,
    "relay.none": 503,
    "relay.timeout": 503,
    "relay_full": 503,
    "relay_error": 503,
    "unknown_peer": 409,
    "owner.moved": 503,
    "session.over": 409,
    "session.unknown": 404,
    "ticket.refused": 401,
    "reach.busy": 429,
    "participant.unknown": 404,
    "participant.not_admitted": 403,
    "participant.removed": 403,
    "right.missing": 403,
    "right.buttons": 403,
    "sdp.no_common_codec": 406,
    "sdp.too_long": 413,
    "record.storage": 507,
    "take.busy": 429,
    "take.unknown_key": 409,
    "take.other_header": 409,
    "take.other_piece": 409,
    "take.broken_chain": 409,
    "internal": 500,
}
"""Exact codes; what is not here goes by its last part (BY_SUFFIX), then 400."""

BY_SUFFIX: dict[str, int] = {
    "wrong_state": 409,
    "conflict": 409,
    "stale_epoch": 409,
    "exists": 409,
    "taken": 409,
    "not_found": 404,
    "forbidden": 403,
    "not_allowed": 403,
    "expired": 401,
    "too_large": 413,
    "too_long": 413,
    "wrong_type": 415,
}

HEADINGS: dict[int, str] = {
    400: N_("Yêu cầu chưa hợp lệ"),
    401: N_("Cần đăng nhập"),
    403: N_("Không được phép"),
    404: N_("Không tìm thấy nội dung này"),
    409: N_("Nội dung đã thay đổi"),
    413: N_("Nội dung quá lớn"),
    415: N_("Kiểu tệp không được nhận"),
    429: N_("Hãy đợi ít phút"),
    500: N_("Máy chủ gặp lỗi"),
    503: N_("Máy chủ tạm thời không phản hồi"),
    507: N_("Ổ đĩa đã đầy"),
}
"""What a page says above the sentence, by status."""

JSON_PREFIXES = ("/api/", "/whip/", "/whep/", "/relay/", "/peer/", "/control/", "/healthz", "/readyz", "/metrics")


class Refusal(Exception):
    """A request that the web layer refuses. ``code`` is stable; ``message`` English, for codes without a sentence."""

    def __init__(self, code: str, message: str = "", headers: dict[str, str] | None = None, **values: Any) -> None:
        super().__init__(code)
        self.code = code
        self.message = message
        self.headers = headers or {}
        self.values = values


def status_of(code: str) -> int:
    """The HTTP status that belongs to an error code."""
    if code in STATUS:
        return STATUS[code]
    return BY_SUFFIX.get(code.rsplit(".", 1)[-1], 400)


def sentence(code: str, fallback: str = "", language: str = "vi") -> str:
    """What people read for ``code``, in their language; ``fallback`` (English) where the table has nothing."""
    text = SENTENCES.get(code) or SENTENCES.get(code.rsplit(".", 1)[-1])
    if text is None:
        return fallback or code
    return i18n.translate(text, language)


def wants_json(request: Request) -> bool:
    """True for programs and scripts; False for a person who opened or submitted a page."""
    if request.url.path.startswith(JSON_PREFIXES):
        return True
    return "text/html" not in request.headers.get("accept", "")


def language_of(request: Request) -> str:
    """The language of this request's person."""
    return i18n.language_of(request)


def answer(request: Request, code: str, message: str = "", headers: dict[str, str] | None = None) -> Response:
    """The answer for ``code``: JSON or a page."""
    status = status_of(code)
    text = sentence(code, message, language_of(request))
    if status == 503:
        headers = {"Retry-After": "5", **(headers or {})}
    if wants_json(request):
        if status == 401 and request.url.path.startswith(("/whip/", "/whep/")):
            headers = {"WWW-Authenticate": "Bearer", **(headers or {})}
        return JSONResponse({"error": code, "message": text}, status, headers)
    if code == "login.needed" and request.method in ("GET", "HEAD"):
        from urllib.parse import quote

        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"/login?next={quote(target, safe='/')}", 303)
    return _page(request, status, code, text, headers)


def _page(request: Request, status: int, code: str, text: str, headers: dict[str, str] | None) -> Response:
    try:
        from web.pages import render

        language = i18n.language_of(request)
        heading = i18n.translate(HEADINGS.get(status, HEADINGS[500] if status >= 500 else HEADINGS[400]), language)
        response: Response = render.render_error(request, status, code, heading, text)
        response.headers.update(headers or {})
        return response
    except Exception:  # the designed page must never be the reason for a bare 500
        log.exception("error page failed", code=code)
        body = (
            f'<!doctype html><html lang="vi"><meta charset="utf-8"><title>{status}</title>'
            f"<h1>{html.escape(text)}</h1><p>{html.escape(code)}</p><p><a href='/'>Về trang đầu</a></p></html>"
        )
        return HTMLResponse(body, status, headers)


async def send_refusal(scope: Scope, receive: Receive, send: Send, refusal: Refusal) -> None:
    """Answer from a middleware, where no route has been found yet."""
    response = answer(Request(scope, receive), refusal.code, refusal.message, refusal.headers)
    await response(scope, receive, send)


def install(app: FastAPI) -> None:
    """Register the handlers on ``app``."""
    app.add_exception_handler(Refusal, _on_refusal)
    app.add_exception_handler(RoomsError, _on_coded)
    app.add_exception_handler(SignalingError, _on_coded)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(DBAPIError, _on_database)
    app.add_exception_handler(PoolTimeout, _on_database)


def code_of(error: BaseException) -> tuple[str, str]:
    """(code, English sentence) of any exception; ("internal", "") for what nobody foresaw."""
    if is_database_away(error):
        return "db.away", ""
    code = getattr(error, "code", None)
    if isinstance(code, str) and code:
        return code, str(getattr(error, "message", "") or "")
    return "internal", ""


def is_database_away(error: BaseException) -> bool:
    """True when the database did not answer (stopped, unreachable, locked for too long)."""
    if isinstance(error, RoomsError):
        return error.code == "database.unavailable"
    return isinstance(error, OperationalError | InterfaceError | PoolTimeout) or (
        isinstance(error, DBAPIError) and error.connection_invalidated
    )


async def _on_refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return answer(request, error.code, error.message, error.headers)


async def _on_coded(request: Request, error: Exception) -> Response:
    code, message = code_of(error)
    if status_of(code) >= 500:
        log.warning("refused", code=code, path=route_of(request))
    return answer(request, code, message)


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    codes = {401: "login.needed", 403: "forbidden", 404: "not_found", 405: "request.method", 413: "request.too_large",
             415: "request.type", 416: "request.range"}  # fmt: skip
    code = codes.get(error.status_code, "request.malformed" if error.status_code < 500 else "internal")
    return answer(request, code, "", dict(error.headers or {}))


async def _on_validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    fields = sorted({".".join(str(part) for part in item["loc"][1:]) for item in error.errors()})
    return answer(request, "request.malformed", f"These fields are missing or wrong: {', '.join(fields)[:200]}")


async def _on_database(request: Request, error: Exception) -> Response:
    if is_database_away(error):
        log.warning("database away", path=route_of(request))
        return answer(request, "db.away")
    log.error("database error", path=route_of(request), exc_info=error)
    return answer(request, "internal")


def route_of(request: Request) -> str:
    """The route's pattern, never the path itself: that may hold ids or words someone searched for."""
    route = request.scope.get("route")
    return str(getattr(route, "path", "")) or "(none)"


class LastResort:
    """Outermost middleware: whatever nobody caught becomes a 500 with a sentence; the traceback goes to the log."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def watched(message: Any) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except Exception as error:
            if started:
                raise
            code, message = code_of(error)
            if code == "internal":
                log.error("unforeseen error", path=route_of(Request(scope)), exc_info=error)
            await send_refusal(scope, receive, send, Refusal(code, message))
