"""A room whose media goes over a line that can be cut: the hub announces an impairment proxy instead of its relay, and
only media is cut. Shared by the short tests and by ``make soak``."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from tests.browser.looks import sees_moving
from tests.browser.receptions import OPERATOR, POINT, admitted, others
from tests.browser.story import Person, screens, world_in
from tests.browser.support import until
from tests.support.fake_app import free_port
from tests.support.impair import ImpairmentProxy

BACK_S = 2.0
"""How soon after the line's return picture and sound are there again."""


@dataclass
class CutRoom:
    """Two screens in one session, and the line of both."""

    operator: Person
    officer: Person
    line: ImpairmentProxy

    async def totals(self) -> list[dict[str, float]]:
        """Per screen: pictures decoded, sound packets received, connections made so far."""
        found = []
        for person in (self.operator, self.officer):
            inbound = [one for one in await person.stats() if one["type"] == "inbound-rtp"]
            found.append({
                "pictures": sum(one.get("framesDecoded", 0) for one in inbound),
                "sound": sum(one["packetsReceived"] for one in inbound if one["kind"] == "audio"),
                "made": await person.page.evaluate("() => window.__peers.length"),
            })  # fmt: skip
        return found

    async def flows(self, since: list[dict[str, float]]) -> bool:
        """Pictures and sound have come to both screens since then."""
        now = await self.totals()
        return all(b["pictures"] > a["pictures"] and b["sound"] > a["sound"] for a, b in zip(since, now, strict=True))

    async def cut(self, seconds: float) -> float:
        """Cut the line of both for so long; how long after its return picture and sound are back on both screens."""
        self.line.black_out = True
        await asyncio.sleep(seconds)
        before = await self.totals()
        self.line.black_out = False
        began = time.monotonic()
        await until(lambda: self.flows(before), 30, f"back after {seconds} s")
        return time.monotonic() - began

    async def rebound(self) -> float:
        """The router forgets the ports of both and gives new ones; how long until picture and sound are back."""
        before = await self.totals()
        self.line.rebind()
        began = time.monotonic()
        await until(lambda: self.flows(before), 30, "back by new ports")
        return time.monotonic() - began

    async def settle(self) -> None:
        """Wait until both screens show the other one moving, and no page says that anything is lost."""
        await sees_moving(self.operator, others(POINT))
        await sees_moving(self.officer, others(OPERATOR))
        for person in (self.operator, self.officer):
            await person.page.locator('body[data-media="connected"]').wait_for()


@contextlib.asynccontextmanager
async def cut_room(folder: Path, name: str) -> AsyncIterator[CutRoom]:
    """A hub, a room with two screens, and the line between them and the relay."""
    port = free_port()
    line = ImpairmentProxy(("127.0.0.1", port))
    options = ("--port", "0", "--media-port", str(port), "--announce", f"127.0.0.1:{line.port}")
    with world_in(folder / "data", *options, "--no-worker") as world:
        line.start()
        try:
            async with screens(world, name) as all_screens:
                operator, officer = await admitted(all_screens, "Đường truyền chập chờn")
                room = CutRoom(operator, officer, line)
                await room.settle()
                yield room
        finally:
            line.stop()
