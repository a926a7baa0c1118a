"""Where a server's time goes: ``python -m tests.bench.profile 11x8 [relay|janus|relay=DIR] [functions]``.

By library and kernel function with perf, which samples the server while the scenario plays; the shares are laid over
the microseconds per packet that were measured beside it. With ``functions`` (relay only) by Python function instead,
with cProfile: that makes calls dearer than they are, so read it as a list of suspects.
"""

from __future__ import annotations

import asyncio
import io
import os
import pstats
import re
import signal
import sys
import tempfile
from pathlib import Path

from tests.bench import plan
from tests.bench.arena import enter
from tests.bench.run import Run
from tests.bench.server_relay import RelayServer

SECONDS = 8


async def profile(scenario: str, server: str, by_function: bool) -> None:
    """Write it to standard output."""
    with tempfile.TemporaryDirectory() as folder:
        run = Run(server, plan.scenario(scenario), Path(folder))
        if by_function and isinstance(run.server, RelayServer):
            run.server.profile_into(f"{folder}/profile")
        async with run.running():
            await run.publish_all()
            await run.watch_all()
            await asyncio.sleep(8)
            before, used = await run.marks(), run.cpu()
            text = await (_functions(run, folder) if by_function else _samples(run, folder))
            after, used_then = await run.marks(), run.cpu()
            packets = sum(after[index]["received"] - before[index]["received"] for index in (1, 2))
            each = (used_then["cpu_s"] - used["cpu_s"]) * 1e6 / max(1, packets)
    sys.stdout.write(f"{each:.2f} us per packet, {packets} packets in {SECONDS} s\n")
    if by_function:
        sys.stdout.write(text)
        return
    for name, share in _shares(text)[:30]:
        sys.stdout.write(f"{share * each / 100:6.2f} us  {name}\n")


async def _samples(run: Run, folder: str) -> str:
    file = f"{folder}/perf.data"
    record = ("perf", "record", "-q", "-F", "997", "-o", file, "-p", str(run.server.pids[0]))
    await _run(*record, "sleep", str(SECONDS))
    libraries = await _run("perf", "report", "-i", file, "--stdio", "--sort", "dso")
    return libraries + await _run("perf", "report", "-i", file, "--stdio", "--sort", "dso,symbol")


async def _functions(run: Run, folder: str) -> str:
    pid = run.server.pids[0]
    os.kill(pid, signal.SIGUSR1)
    await asyncio.sleep(SECONDS)
    os.kill(pid, signal.SIGUSR2)
    await asyncio.sleep(1.0)
    out = io.StringIO()
    pstats.Stats(f"{folder}/profile", stream=out).sort_stats("tottime").print_stats(40)
    return out.getvalue()


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
    asyncio.run(profile(scenario, server, "functions" in sys.argv))


if __name__ == "__main__":
    main()
