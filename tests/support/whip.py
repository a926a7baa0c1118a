"""WHIP and WHEP clients for tests: they publish or watch by a token of the command line and come back after a loss."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx

from media.client import MediaClient
from media.messages import Source

SDP = "application/sdp"
AGAIN_S = 0.25


class WhipClient:
    """One token and its media; ``location`` is that of the leg that is open."""

    def __init__(self, token: dict[str, Any], media: MediaClient) -> None:
        self.token = token
        self.media = media
        self.location = ""
        self.starts: list[int] = []  # pictures sent before each publish leg: a leg's clip starts with its first
        self.http = httpx.AsyncClient(timeout=15)

    @property
    def headers(self) -> dict[str, str]:
        """What every request carries."""
        return {"Authorization": f"Bearer {self.token['token']}", "Content-Type": SDP}

    async def publish(self, within: float = 10.0) -> float:
        """Offer until the hub takes it (503 while a relay is away); the seconds it took. Raises AssertionError."""
        began = time.monotonic()
        sdp, _ = await self.media.publish_offer()
        self.starts.append(self.media.sent["camera"].frames)
        await self.media.publish_answer(await self._post(sdp, began + within))
        return time.monotonic() - began

    async def view(self, participant: str, within: float = 10.0) -> float:
        """Watch a participant, as ``publish``."""
        began = time.monotonic()
        if self.media.subscriber is not None:
            await self.media.subscriber.close()
        sdp = await self.media.view_offer()
        await self.media.view_answer(await self._post(sdp, began + within), participant)
        return time.monotonic() - began

    async def _post(self, sdp: str, deadline: float) -> str:
        while True:
            answer = await self.http.post(self.token["url"], content=sdp, headers=self.headers)
            if answer.status_code == 201:
                self.location = answer.headers["Location"]
                return answer.text
            assert answer.status_code == 503 and time.monotonic() < deadline, (answer.status_code, answer.text[:300])
            await asyncio.sleep(AGAIN_S)

    async def delete(self) -> int:
        """End the leg at the hub; the status."""
        return (await self.http.delete(self.location, headers=self.headers)).status_code

    async def close(self) -> None:
        """Go without a word."""
        await self.media.close()
        await self.http.aclose()


async def until_frames(media: MediaClient, participant: str, more: int, within: float) -> None:
    """Wait until ``more`` further pictures of ``participant`` have come. Raises AssertionError."""
    key: tuple[str, Source] = (participant, "camera")
    before = media.received[key].frames if key in media.received else 0
    deadline = time.monotonic() + within
    while True:
        now = media.received[key].frames if key in media.received else 0
        if now - before >= more:
            return
        assert time.monotonic() < deadline, f"{now - before} of {more} pictures within {within} s: {media.state()}"
        await asyncio.sleep(0.05)
