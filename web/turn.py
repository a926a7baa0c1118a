"""Credentials for coturn: valid for minutes, made from a shared secret (the TURN REST scheme), no account behind.

Username: end of validity and an opaque id; password: base64 of HMAC-SHA1 over it. Only people who were let into a
session that is open get them (``web/pages/room.py``), and the device check for its few seconds (``web/api/reach.py``).
Pages ask again before the end: coturn looks at the end of validity whenever an allocation is made.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from web.config import Config

CHECK_S = 120
"""How long the device check's credentials are good."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Name and password for one TURN client."""

    username: str
    password: str


def credentials(secret: str, holder: str, until: datetime) -> Credentials:
    """Good until ``until``. ``holder``: an opaque id, for coturn's quota per user; nothing personal."""
    username = f"{int(until.timestamp())}:{holder}"
    digest = hmac.new(secret.encode(), username.encode(), hashlib.sha1).digest()
    return Credentials(username, base64.b64encode(digest).decode())


def ice_servers(config: Config, holder: str, until: datetime) -> list[dict[str, Any]]:
    """What a page gives to its peer connections; empty without a TURN server."""
    if not config.turn_url:
        return []
    made = credentials(config.turn_secret, holder, until)
    return [{"urls": list(config.turn_url), "username": made.username, "credential": made.password}]
