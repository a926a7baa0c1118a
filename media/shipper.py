"""Sends copies of running journals to the hub, from a thread of its own: neither forwarding nor writing waits for it.

One HTTP request per piece, signed with the relay's key over the piece's hash, so that it may be sent twice and to any
app. The hub may want none (everything lies on one disk, where a copy saves nothing); then it is asked again later.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import logging
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from media.copies import Backlog, Piece, encode
from media.enrolment import Identity

EVERY_S = 3.0
"""Arrived at most 1.0 s ago is durable, sent within 3 s more and the time of the request: well within 10 s."""
RETRY_S = 2.0
UNWANTED_S = 60.0
TIMEOUT_S = 5.0
MAX_REPLY = 1 << 20
SIGNED_PREFIX = b"diemcau relay copy v1\n"

_log = logging.getLogger(__name__)

Lengths = Mapping[str, Mapping[str, int]]


class Unwanted(Exception):
    """The hub wants no copies."""


class Shipper:
    """``lengths``: session -> journal -> durable bytes, asked in the shipper's thread. ``forget`` is told
    of sessions that are over. ``late_s``: for how long copies
    could not be sent, 0 while they can."""

    def __init__(
        self, spool: Path, apps: tuple[str, ...], identity: Identity, lengths: Callable[[], Lengths],
        context: Callable[[], ssl.SSLContext], forget: Callable[[str], None],
    ) -> None:  # fmt: skip
        self._spool, self._apps, self._identity = spool, apps, identity
        self._lengths, self._context, self._forget = lengths, context, forget
        self._backlog = Backlog()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="shipper", daemon=True)
        self._connection: http.client.HTTPConnection | None = None
        self._turn = 0
        self._failure = ""
        self._well_at = time.monotonic()
        self.wanted = False

    @property
    def late_s(self) -> float:
        """Seconds since everything durable was last known to be kept elsewhere; 0 while copies are not wanted."""
        return time.monotonic() - self._well_at if self.wanted else 0.0

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """Send what is left, for ``timeout`` seconds at most."""
        self._stopping.set()
        self._thread.join(timeout)

    def _run(self) -> None:
        wait = EVERY_S
        while True:
            is_last = self._stopping.wait(wait)
            try:
                self.send_all()
                wait, self._failure = EVERY_S, ""
            except Unwanted:
                wait = UNWANTED_S
            except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
                self._disconnect()
                self._note(f"{type(error).__name__} {error}")
                wait = RETRY_S
            except Exception:
                _log.exception("copies failed")
                wait = RETRY_S
            if is_last:
                self._disconnect()
                return

    def _note(self, failure: str) -> None:
        if failure != self._failure:
            _log.warning("copies of journals cannot be sent: %s", failure)
        self._failure = failure

    def send_all(self) -> None:
        """Send everything that is durable now. Raises Unwanted, OSError, HTTPException, ValueError, KeyError."""
        lengths = self._lengths()
        if not lengths:
            self._well_at = time.monotonic()
            return
        self._backlog.note(lengths)
        while (piece := self._backlog.next()) is not None:
            self._send(piece)
        self._well_at = time.monotonic()

    def _send(self, piece: Piece) -> None:
        parts = []
        for each in piece.ranges:
            try:
                with (self._spool / piece.session / each.file).open("rb") as file:
                    file.seek(each.start)
                    data = file.read(each.end - each.start)
            except FileNotFoundError:
                data = b""
            if data:
                parts.append((each.file, each.start, data))
            else:
                self._backlog.lost(piece.session, each.file)
        if piece.ranges and not parts:
            return
        reply = self._post(encode(piece.session, parts))
        self.wanted = bool(reply["wanted"])
        if not self.wanted:
            raise Unwanted
        kept = {str(file): int(length) for file, length in reply["kept"].items()}
        self._backlog.kept(piece.session, kept, bool(reply["over"]))
        if reply["over"]:
            self._forget(piece.session)

    def _post(self, body: bytes) -> Any:
        signed = SIGNED_PREFIX + f"{self._identity.relay}\n{hashlib.sha256(body).hexdigest()}".encode()
        headers = {
            "Content-Type": "application/octet-stream",
            "X-Relay": self._identity.relay,
            "X-Signature": base64.b64encode(self._identity.key.sign(signed)).decode(),
        }
        if self._connection is None:
            self._connection = self._connect(self._apps[self._turn % len(self._apps)])
        self._connection.request("POST", "/relay/copies", body, headers)
        with self._connection.getresponse() as reply:
            text = reply.read(MAX_REPLY)
            if reply.status != 200:
                raise ValueError(f"the hub answered {reply.status}")
        return json.loads(text)

    def _connect(self, app: str) -> http.client.HTTPConnection:
        parts = urlsplit(app)
        if parts.scheme == "https":
            return http.client.HTTPSConnection(parts.netloc, timeout=TIMEOUT_S, context=self._context())
        return http.client.HTTPConnection(parts.netloc, timeout=TIMEOUT_S)

    def _disconnect(self) -> None:
        """Whatever comes next begins with another app."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._turn += 1
        self._backlog.forget_there()
