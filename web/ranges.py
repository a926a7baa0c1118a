"""Files with Range: one range, strictly read (RFC 9110 14.1.2, 14.2).

``bytes=a-b``, ``bytes=a-`` and ``bytes=-n`` are answered with 206; a range outside the file with 416. What is not a
byte range in this form is ignored, as the RFC has it for malformed ones; several ranges at once are refused with 416
(no player of ours asks for them, and they are how range parsers are attacked, CVE-2025-62727).
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from starlette.concurrency import iterate_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import FileResponse, Response
from starlette.types import Receive, Scope, Send

from rooms.stores import Store
from web.errors import Refusal, send_refusal

_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")
_SEVERAL = re.compile(r"bytes=[0-9\s,-]*,[0-9\s,-]*")


def read_range(header: str, length: int) -> tuple[int, int] | None:
    """The first and last byte asked for; None when the header is to be ignored. Raises Refusal request.range."""
    if len(header) > 4096 or _SEVERAL.fullmatch(header):
        raise _outside(length)
    match = _RANGE.fullmatch(header.strip())
    if match is None or match.group(0) == "bytes=-":
        return None
    first, last = match.groups()
    if not first:
        count = int(last)
        if count == 0 or length == 0:
            raise _outside(length)
        return max(0, length - count), length - 1
    start, end = int(first), int(last) if last else length - 1
    if last and end < start:
        return None
    if start >= length:
        raise _outside(length)
    return start, min(end, length - 1)


def _outside(length: int) -> Refusal:
    return Refusal("request.range", headers={"Content-Range": f"bytes */{length}"})


class RangeFile(FileResponse):
    """A file that players may read in pieces. ``name`` is what a download is called; None shows it in place."""

    def __init__(self, path: Path, media_type: str, name: str | None = None) -> None:
        super().__init__(
            path,
            media_type=media_type,
            filename=name,
            stat_result=path.stat(),
            headers={"Accept-Ranges": "bytes", "Cache-Control": "private, no-store"},
        )
        self.length = path.stat().st_size

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = Headers(scope=scope).get("range")
        headers = [(name, value) for name, value in scope["headers"] if name != b"range"]
        if asked is not None:
            try:
                wanted = read_range(asked, self.length)
            except Refusal as refusal:
                await send_refusal(scope, receive, send, refusal)
                return
            if wanted is not None:
                headers.append((b"range", f"bytes={wanted[0]}-{wanted[1]}".encode()))
        await super().__call__({**scope, "headers": headers}, receive, send)


class RangeObject(Response):
    """The same for an object in a store: only what is asked for is fetched, in pieces, by a thread."""

    def __init__(self, store: Store, key: str, length: int, media_type: str, name: str | None = None) -> None:
        super().__init__(media_type=media_type)
        self.store, self.key, self.length = store, key, length
        self.headers.update({"Accept-Ranges": "bytes", "Cache-Control": "private, no-store"})
        if name is not None:
            self.headers["Content-Disposition"] = f'attachment; filename="{name}"'

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = Headers(scope=scope).get("range")
        try:
            wanted = read_range(asked, self.length) if asked is not None else None
        except Refusal as refusal:
            await send_refusal(scope, receive, send, refusal)
            return
        first, last = wanted or (0, self.length - 1)
        self.headers["Content-Length"] = str(last - first + 1)
        if wanted is not None:
            self.headers["Content-Range"] = f"bytes {first}-{last}/{self.length}"
        pieces = await asyncio.to_thread(self.store.read, self.key, first, last - first + 1)
        status = 206 if wanted is not None else 200
        await send({"type": "http.response.start", "status": status, "headers": self.raw_headers})
        if scope["method"] != "HEAD":
            async for piece in iterate_in_threadpool(pieces):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
