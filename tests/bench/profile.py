"""Where a server's time goes, by part: ``python -m tests.bench.profile 11x8 [relay|janus|relay=DIR]``. Needs perf.

perf samples the server while the scenario plays; the shares of libraries are laid over the microseconds per packet
that were measured beside it. Python's own functions cannot be told apart this way (3.11): they are one part.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import tempfile
from pathlib import Path

from tests.bench import plan
from tests.bench.arena import enter
from tests.bench.run import Run

SECONDS = 8


async def profile(scenario: str, server: str) -> dict[str, object]:
    """Microseconds per packet by library or kernel, and the largest functions."""
    with tempfile.TemporaryDirectory() as folder:
        run = Run(server, plan.scenario(scenario), Path(folder))
        async with run.running():
            await run.publish_all()
            await run.watch_all()
            await asyncio.sleep(8)
            before, used = await run.marks(), run.cpu()
            file = f"{folder}/perf.data"
            await _run(
                "perf", "record", "-q", "-F", "997", "-o", file, "-p", str(run.server.pids[0]), "sleep", f"{SECONDS}"
            )
            after, used_then = await run.marks(), run.cpu()
            packets = sum(after[index]["received"] - before[index]["received"] for index in (1, 2))
            each = (used_then["cpu_s"] - used["cpu_s"]) * 1e6 / max(1, packets)
            libraries = await _run("perf", "report", "-i", file, "--stdio", "--sort", "dso")
            functions = await _run("perf", "report", "-i", file, "--stdio", "--sort", "dso,symbol")
    return {
        "us_per_packet": round(each, 2),
        "by_library": {name: round(share * each / 100, 2) for name, share in _shares(libraries)[:8]},
        "by_function": {name: round(share * each / 100, 2) for name, share in _shares(functions)[:25]},
    }


async def _run(*command: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    out, _ = await process.communicate()
    return out.decode(errors="replace")


def _shares(text: str) -> list[tuple[str, float]]:
    return [(name.strip(), float(share)) for share, name in re.findall(r"^\s+([0-9.]+)%\s+(.+)$", text, re.M)]


def main() -> None:
    """Command line."""
    enter("tests.bench.profile", sys.argv[1:])
    scenario = sys.argv[1] if len(sys.argv) > 1 else "11x8"
    server = sys.argv[2] if len(sys.argv) > 2 else "relay"
    sys.stdout.write(json.dumps(asyncio.run(profile(scenario, server)), indent=1) + "\n")


if __name__ == "__main__":
    main()
