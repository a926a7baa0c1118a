"""TURN credentials: what coturn computes from the same secret, and an end."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime
from pathlib import Path

from web.config import load
from web.turn import ice_servers

NOW = datetime(2024, 9, 5, 8, 0, tzinfo=UTC)


def test_without_a_server_there_are_none(tmp_path: Path) -> None:
    assert ice_servers(load({}, data=tmp_path), "d" * 24, NOW) == []


def test_coturn_would_accept_them_until_their_end(tmp_path: Path) -> None:
    config = load({"HUB_TURN_URL": "turns:turn.example:5349", "HUB_TURN_SECRET": "shared"}, data=tmp_path)
    (server,) = ice_servers(config, "d" * 24, NOW)
    assert server["urls"] == ["turns:turn.example:5349"]
    until, device = server["username"].split(":")
    assert NOW.timestamp() < int(until) <= NOW.timestamp() + 6 * 3600
    assert device == "d" * 24
    expected = hmac.new(b"shared", server["username"].encode(), hashlib.sha1).digest()
    assert base64.b64decode(server["credential"]) == expected
