"""Commands about the ways to the relays, for ``diemcau doctor``."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from rooms.ids import new_id
from web import turn
from web.errors import Refusal
from web.hub import Hub, running
from web.testlegs import TooManyLegs


async def open_legs(hub: Hub, sdp: str) -> dict[str, Any]:
    """A test leg at every linked relay: their answers, and TURN servers with credentials good for the test."""
    pool = running(hub.relays)
    answers = []
    for relay in sorted(pool.linked()):
        try:
            leg = hub.test_legs.take("doctor")
        except TooManyLegs as error:
            raise Refusal("reach.busy") from error
        answers.append(await leg.open(pool, relay, sdp, True))
    until = hub.now() + timedelta(seconds=turn.CHECK_S)
    return {"answers": answers, "iceServers": turn.ice_servers(hub.config, f"check-{new_id()}", until)}
