"""What transports hold and give back: memory at many of them, and memory over people who come and go."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.bench.arena import load_average
from tests.bench.run import Run

PAUSE_S = 3.0
"""For both servers to finish handshakes and to free what they free later."""


async def memory(run: Run) -> dict[str, Any]:
    """Everybody in the scenario joins; what the server holds per viewer's transport, and per sender's."""
    async with run.running():
        empty = run.memory()
        await run.publish_all()
        await asyncio.sleep(PAUSE_S)
        sending = run.memory()
        await run.watch_all()
        await asyncio.sleep(2 * PAUSE_S)
        full = run.memory()
        senders = sum(len(session.sends) for session in run.scenario.sessions)
        watchers = run.scenario.legs - senders
        _, viewers, probe = await run.marks()
        return {
            "server": run.server.name,
            "transports": run.scenario.legs,
            "kb_per_viewer": round((full - sending) / watchers / 1000, 1),
            "kb_per_sender": round((sending - empty) / senders / 1000, 1),
            "empty_mb": round(empty / 1e6, 2),
            "full_mb": round(full / 1e6, 2),
            "quiet_legs": viewers["quiet"] + probe["quiet"],
            "machine": load_average(),
        }


async def churn(run: Run) -> dict[str, Any]:
    """Ten viewers join and leave, over and over; what the server holds before, after a quarter, and at the end."""
    session = run.scenario.sessions[0]
    *some, probe = [(session, name) for name in sorted(session.watches)]
    async with run.running():
        await run.publish_all()
        await run.watch([probe])  # stays
        await asyncio.sleep(PAUSE_S)
        held = [run.memory()]
        for _ in range(run.scenario.joins // len(some)):
            await run.watch(some)
            await asyncio.sleep(0.3)
            await run.leave(some)
            held.append(run.memory())
        await asyncio.sleep(PAUSE_S)
        held.append(run.memory())
        quarter = len(held) // 4
        return {
            "server": run.server.name,
            "joined": run.scenario.joins,
            "before_mb": round(held[0] / 1e6, 2),
            "quarter_mb": round(held[quarter] / 1e6, 2),
            "most_mb": round(max(held) / 1e6, 2),
            "after_mb": round(held[-1] / 1e6, 2),
            "kb_per_join": round((held[-1] - held[quarter]) / (run.scenario.joins * 3 / 4) / 1000, 2),
            "series_mb": [round(each / 1e6, 1) for each in held[:: max(1, len(held) // 20)]],
            "machine": load_average(),
        }
