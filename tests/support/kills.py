"""A recorded session in which processes are killed with ``kill -9`` at random moments; what the package then holds.

The recorder is a part of the relay's process: killing the one kills the other.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from media.client import MediaClient
from media.clip import ClipOptions, make_clip
from media.messages import Source
from tests.support import hub as hub_support
from tests.support.exported import Exported
from tests.support.hub import StartedHub, until
from tests.support.whip import WhipClient

SOURCES: tuple[Source, ...] = ("mic", "camera")
VICTIMS = ("relay", "relay", "app", "worker")
SETTLED_S = 2.0
"""So long after each return the sender's clock is in the journal and the record is on disk."""


@dataclass
class Killed:
    """What became of the session. ``lost``: per kill of the relay, seconds of what had been sent and is not there."""

    victims: list[str] = field(default_factory=list)
    lost: list[float] = field(default_factory=list)
    shown: dict[str, Any] = field(default_factory=dict)
    verified: int = -1
    steps: list[set[int]] = field(default_factory=list)


def open_hub(folder: Path) -> StartedHub:
    """A hub whose relay outlives its app, on a port that stays."""
    hub_support.START_S = 180.0  # killed and started again while everything else runs on this machine, too
    hub = StartedHub(folder, "--http", "--keep-relays", "--port", "0", "--media-port", "0")
    hub.start()
    port = hub.url.rpartition(":")[2]
    hub.options = ("--http", "--keep-relays", "--port", port, "--media-port", "0")
    hub.until_ready(120)
    return hub


async def hold(hub: StartedHub, folder: Path, kills: int, seed: int) -> Killed:
    """Record, kill ``kills`` times, close, lock, export."""
    rng = random.Random(seed)
    told = Killed()
    clip = make_clip(5, "Lục Nam", [], ClipOptions(rate=15, seconds=30))
    session = (await asyncio.to_thread(hub.ask, "session", "open", f"Phiên {seed}", "--record"))["id"]
    token = await asyncio.to_thread(hub.ask, "token", session, "--publish", "Máy ghi")
    encoder = WhipClient(token, MediaClient(clip))
    await encoder.publish(30)
    deaths = []
    for number in range(kills):
        await asyncio.sleep(SETTLED_S + rng.uniform(0, 1.5))
        victim = VICTIMS[(number + seed) % len(VICTIMS)]
        told.victims.append(victim)
        if victim == "relay":
            os.kill(hub.relay_pid(), signal.SIGKILL)
            deaths.append(time.time())
            await asyncio.sleep(0.3)
            await encoder.publish(120)
        elif victim == "worker":
            os.kill(hub.worker_pid(), signal.SIGKILL)
        else:
            await asyncio.to_thread(hub.stop, signal.SIGKILL)
            await asyncio.to_thread(hub.start)
            await asyncio.to_thread(hub.until_ready, 120)
    await asyncio.sleep(SETTLED_S)
    await encoder.close()
    await asyncio.to_thread(hub.ask, "session", "close", session, "--lock")
    await asyncio.to_thread(until, lambda: hub.ask("session", "show", session)["locked"], 120, "locked")
    target = folder / f"package-{seed}.zip"
    await asyncio.to_thread(hub.ask, "export", session, "-o", str(target))
    told.verified = (await asyncio.to_thread(lambda: hub.run("verify", str(target), check=False))).returncode
    told.shown = await asyncio.to_thread(hub.ask, "session", "show", session)
    measure(told, Exported(target), deaths)
    return told


def measure(told: Killed, exported: Exported, deaths: list[float]) -> None:
    """Read the loss out of the journals, by the sender's own clock in them."""
    for source in SOURCES:
        tracks = [track for track in exported.tracks(source) if track.reports]
        told.steps += [track.steps() for track in tracks]
        for death in deaths:
            before = [track.last for track in tracks if track.first < death]
            told.lost.append(death - max(before, default=0.0))
