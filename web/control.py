"""The control socket: HTTP over a unix socket in the data folder, only for this machine's administrator.

The file has mode 0600, so whoever can open it can also read the database; commands run as the system. One route:
``POST /control/{command}`` with a JSON object of arguments, answered by the command's JSON object or by the error
shape of ``web/errors.py``. The commands themselves are in ``web/commands``; how a command gets
here is in ``web/askhub.py``.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse

from web import errors, logs
from web.errors import Refusal
from web.folder import SOCKET_NAME, socket_path
from web.hub import Hub

log = logs.get("control")


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
