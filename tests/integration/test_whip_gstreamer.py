"""Debian's simple-whip-client (GStreamer) publishes: forwarded to a WHEP viewer (aiortc), recorded, ended by DELETE."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from media.client import MediaClient, use_loopback_only
from tests.support.gstreamer import GstreamerClient
from tests.support.hub import StartedHub, started, until
from tests.support.whip import WhipClient, until_frames

pytestmark = pytest.mark.timeout(90)
TURN = {"HUB_TURN_URL": "turn:127.0.0.1:9?transport=udp", "HUB_TURN_SECRET": "made-up-for-this-test"}
"""Nobody listens there: a TURN server that is away must not keep a client on the same network out."""


@pytest.mark.long
async def test_it_is_seen_heard_and_recorded(tmp_path: Path) -> None:
    use_loopback_only()
    with started(tmp_path / "hub", environ=TURN) as hub:
        hub.until_ready()
        session = hub.ask("session", "open", "Phiên thử máy", "--record")["id"]
        token = hub.ask("token", session, "--publish", "Máy phát")
        client = GstreamerClient(tmp_path / "gstreamer", token, "--follow-link")
        try:
            pictures, sounds = await watched(hub, session, token["participant"])
            assert pictures >= 45 and sounds >= 100
            assert await asyncio.to_thread(client.interrupt) == 0
            until(
                lambda: "connected" not in states(hub, session) and "left" in states(hub, session), 5, "gone by DELETE"
            )
        finally:
            client.kill()
        said = client.said()
        assert "[trickle]" not in said and "No ETag" not in said, "candidates were taken"
        assert "turn://" in said and "No Link headers" not in said, "the TURN server was told"
        assert "HTTP error" not in said and "[WARN]" not in said, said
        hub.ask("session", "close", session, "--lock")
        until(lambda: hub.ask("session", "show", session)["locked"], 20, "locked")
        shown = hub.ask("session", "show", session)
        assert (shown["complete"], shown["gaps"]) == (True, [])
        packets = {track["source"]: track["packets"] for track in shown["tracks"] if track["state"] == "closed"}
        assert packets["camera"] >= pictures and packets["mic"] >= sounds


async def watched(hub: StartedHub, session: str, participant: str) -> tuple[int, int]:
    """What a viewer gets until it has three seconds of pictures: pictures and sounds."""
    viewing = await asyncio.to_thread(hub.ask, "token", session, "--subscribe", participant)
    viewer = WhipClient(viewing, MediaClient(None))
    try:
        await viewer.view(participant)
        await until_frames(viewer.media, participant, 45, 20)
        return viewer.media.received[participant, "camera"].frames, viewer.media.received[participant, "mic"].frames
    finally:
        await viewer.close()


def states(hub: StartedHub, session: str) -> list[str]:
    """Where the session's participants are."""
    return [one["state"] for one in hub.ask("session", "show", session)["participants"]]
