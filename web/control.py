"""The control socket: HTTP over a unix socket in the data folder, only for this machine's administrator.

The file has mode 0600, so whoever can open it can also read the database; commands run as the system. One route:
``POST /control/{command}`` with a JSON object of arguments, answered by the command's JSON object or by the error
shape of ``web/errors.py``. The commands themselves are in ``web/commands``.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse

from web import errors, logs
from web.errors import Refusal
from web.folder import SOCKET_NAME, socket_path
from web.hub import Hub

log = logs.get("control")
PATIENCE_S = 120.0
BASE = "http://hub"


class HubError(Exception):
    """The hub refused a command. ``code`` and the sentence come from it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def create_control_app(hub: Hub) -> FastAPI:
    """The application behind the control socket."""
    from web.commands import COMMANDS

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.state.hub = hub
    errors.install(app)
    app.add_middleware(errors.LastResort)

    @app.post("/control/{command}")
    async def run(command: str, request: Request) -> JSONResponse:
        if command not in COMMANDS:
            raise Refusal("command.unknown", f"This hub has no command {command!r}; is it an older version?")
        arguments = await request.json()
        log.info("command", command=command)
        return JSONResponse(await COMMANDS[command](hub, **arguments))

    return app


def listen(folder: Path) -> socket.socket:
    """The bound socket, mode 0600. The caller holds the folder's lock, so a file that lies there is a dead hub's."""
    path = socket_path(folder)
    (folder / SOCKET_NAME).unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listener.bind(path)
    finally:
        os.umask(before)
    return listener


def ask_hub(folder: Path, command: str, arguments: dict[str, Any]) -> dict[str, Any] | None:
    """Run ``command`` in the hub of ``folder``; None when no hub runs there. Raises HubError."""
    if not (folder / SOCKET_NAME).exists():
        return None
    transport = httpx.HTTPTransport(uds=socket_path(folder))
    try:
        with httpx.Client(transport=transport, base_url=BASE, timeout=PATIENCE_S) as client:
            response = client.post(f"/control/{command}", json=arguments)
    except httpx.ConnectError:
        return None
    except httpx.HTTPError as error:
        raise HubError("hub.silent", f"The hub did not answer: {type(error).__name__}") from error
    body = response.json()
    if response.status_code != 200:
        raise HubError(body.get("error", "internal"), body.get("message", ""))
    assert isinstance(body, dict)
    return body
