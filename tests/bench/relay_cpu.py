"""CPU of a real relay process per forwarded packet: one 720p point to 11 viewers over DTLS-SRTP and UDP on loopback.

Run with ``python -m tests.bench.relay_cpu [viewers] [seconds]``; prints one JSON line. CPU is user and system time of
the relay process alone, read from /proc over the measured span; packets are those it says it sent. Sender and viewers
run in this process: they share the machine, not the figure. Absolute times on shared machines mean little: compare
runs made side by side.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from pathlib import Path

from media.client import MediaClient
from media.clip import ClipOptions, make_clip
from tests.support.fake_app import FakeApp, RelayProcessUnderTest, Room, running_relay, until

CLIP = ClipOptions(width=1280, height=720, rate=30, seconds=5, bitrate_bps=1_500_000)
TICK = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> tuple[float, float]:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return int(fields[11]) / TICK, int(fields[12]) / TICK


def sent(app: FakeApp) -> int:
    """Packets that the relay says it has sent so far."""
    return app.quality.packets_out if app.quality is not None else 0


async def measure(viewers: int, seconds: float) -> dict[str, float]:
    """Run the scenario and read the figures."""
    clip = make_clip(1, "bench", [], CLIP)
    with tempfile.TemporaryDirectory() as folder:
        async with running_relay(Path(folder)) as (app, relay):
            return await _run(app, relay, clip, viewers, seconds)


async def _run(
    app: FakeApp, relay: RelayProcessUnderTest, clip: object, viewers: int, seconds: float
) -> dict[str, float]:
    room = Room(app)
    publisher = MediaClient(clip)  # type: ignore[arg-type]
    await room.join("sender", publisher)
    watching = [MediaClient(None) for _ in range(viewers)]
    for number, client in enumerate(watching):
        await room.view(f"viewer{number:02d}", "sender", client)
    await until(lambda: all(client.received.get(("sender", "camera")) for client in watching), 30)
    process = relay.process
    assert process is not None
    await asyncio.sleep(2)
    packets, begun = sent(app), cpu_seconds(process.pid)
    clock = asyncio.get_running_loop().time()
    await asyncio.sleep(seconds)
    ended, packets = cpu_seconds(process.pid), sent(app) - packets
    span = asyncio.get_running_loop().time() - clock
    await room.close()
    for client in watching:
        await client.close()
    user, system = ended[0] - begun[0], ended[1] - begun[1]
    return {
        "viewers": viewers,
        "packets_per_s": round(packets / span, 1),
        "us_per_packet": round((user + system) * 1e6 / max(1, packets), 2),
        "us_user": round(user * 1e6 / max(1, packets), 2),
        "us_system": round(system * 1e6 / max(1, packets), 2),
        "share_of_core": round((user + system) / span, 4),
    }


def main() -> None:
    """Command line."""
    viewers = int(sys.argv[1]) if len(sys.argv) > 1 else 11
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 20.0
    print(json.dumps(asyncio.run(measure(viewers, seconds))))  # noqa: T201


if __name__ == "__main__":
    main()
