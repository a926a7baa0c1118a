"""A command's way to the running hub: one request through the control socket (``web/control.py``).

Nothing of the application is imported here: a command to a running hub answers in a third of the time, and costs a
machine that is busy with media a third.
"""

from __future__ import annotations

import json
import socket
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from web.folder import SOCKET_NAME, socket_path

PATIENCE_S = 120.0


class HubError(Exception):
    """The hub refused a command. ``code`` and the sentence come from it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class _Connection(HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("hub", timeout=PATIENCE_S)
        self._path = path

    def connect(self) -> None:
        """Open the socket; called by the first request."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def ask_hub(folder: Path, command: str, arguments: dict[str, Any]) -> dict[str, Any] | None:
    """Run ``command`` in the hub of ``folder``; None when no hub runs there. Raises HubError."""
    if not (folder / SOCKET_NAME).exists():
        return None
    connection = _Connection(socket_path(folder))
    try:
        try:
            connection.connect()
        except OSError:
            return None
        connection.request("POST", f"/control/{command}", json.dumps(arguments), {"content-type": "application/json"})
        response = connection.getresponse()
        body = json.loads(response.read())
    except (OSError, HTTPException, ValueError) as error:
        raise HubError("hub.silent", f"The hub did not answer: {type(error).__name__}") from error
    finally:
        connection.close()
    if response.status != 200:
        raise HubError(body.get("error", "internal"), body.get("message", ""))
    assert isinstance(body, dict)
    return body
