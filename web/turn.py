"""Credentials for coturn: valid for some hours, made from a shared secret (the TURN REST scheme), no account behind.

Username: end of validity and an opaque device id; password: base64 of HMAC-SHA1 over it. Only pages of people who have
a seat in a session get them.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime, timedelta
from typing import Any

from web.config import Config

VALID = timedelta(hours=6)
"""Longer than a sitting's half day: coturn checks it again at every refresh of an allocation."""


def ice_servers(config: Config, device: str, now: datetime) -> list[dict[str, Any]]:
    """What a page gives to its peer connections; empty without a TURN server."""
    if not config.turn_url:
        return []
    username = f"{int((now + VALID).timestamp())}:{device}"
    digest = hmac.new(config.turn_secret.encode(), username.encode(), hashlib.sha1).digest()
    return [{"urls": [config.turn_url], "username": username, "credential": base64.b64encode(digest).decode()}]
