"""Where servers and load meet: a network of their own, the server on one core and all load on the other.

Everything runs in new network and process namespaces: nothing outside disturbs the packets, and when the bench ends,
however it ends, the kernel ends every process in it.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ADDRESS = "10.99.0.1"
"""On a veth pair, because Janus does not offer loopback; packets between two local addresses take ``lo`` anyway."""
INSIDE = "DIEMCAU_BENCH_INSIDE"
LOAD_CORE, SERVER_CORE = 0, 1
TICK = os.sysconf("SC_CLK_TCK")


def enter(module: str, arguments: Sequence[str]) -> None:
    """Start ``module`` again in namespaces of its own; returns only in there. Needs util-linux and iproute2."""
    if os.environ.get(INSIDE):
        for line in (
            "link set lo up",
            "link add bench0 type veth peer name bench1",
            f"address add {ADDRESS}/24 dev bench0",
            "link set bench0 up",
            "link set bench1 up",
        ):
            subprocess.run(["ip", *line.split()], check=True)
        os.sched_setaffinity(0, {LOAD_CORE})
        return
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    command = ["unshare", *user, "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
    command += [sys.executable, "-m", module, *arguments]
    inside = subprocess.Popen(command, env=os.environ | {INSIDE: "1"})
    # unshare itself ignores SIGTERM; when it is killed, so is everything in the namespaces.
    signal.signal(signal.SIGTERM, lambda number, frame: inside.kill())
    try:
        raise SystemExit(inside.wait())
    finally:
        inside.kill()


def go_first() -> None:
    """Come before everybody else on this machine, server and load alike: for latency, where others use the cores too.
    Real-time priority, since a nice value counts only among the processes of one session. Needs root."""
    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))


@contextmanager
def on_server_core() -> Iterator[None]:
    """Processes started in here live on the server's core, with all threads they ever make."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(SERVER_CORE, (os.cpu_count() or 1) - 1)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def cpu(pid: int) -> dict[str, float]:
    """Seconds of CPU of a process with all its threads: on the core at all (exact), and user and system time (in
    ticks; the kernel scales them to the exact sum)."""
    exact = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            exact += int((task / "schedstat").read_text().split()[0])
        except OSError:  # a thread that ended just now
            continue
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return {"cpu_s": exact / 1e9, "user_s": int(fields[11]) / TICK, "system_s": int(fields[12]) / TICK}


def memory(pid: int) -> int:
    """Resident bytes of a process that are its own (RSS without pages of files)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    return 0


def load_average() -> str:
    """What `uptime` says of the machine."""
    return Path("/proc/loadavg").read_text().strip()


class Worker:
    """A load process and what it says."""

    def __init__(self, *module: str) -> None:
        self._module = module
        self._process: asyncio.subprocess.Process | None = None
        self._waiting: dict[tuple[str, str], asyncio.Future[dict[str, Any]]] = {}
        self._reading: asyncio.Task[None] | None = None
        self._has_ended = False

    async def start(self) -> None:
        """Run it on the load's core."""
        name, *rest = self._module
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", name, str(LOAD_CORE), *rest,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, limit=1 << 20,
        )  # fmt: skip
        self._reading = asyncio.ensure_future(self._read())

    async def _read(self) -> None:
        assert self._process is not None and self._process.stdout is not None
        async for line in self._process.stdout:
            said = json.loads(line)
            leg = said.get("leg", "")
            kind = next(key for key in ("sdp", "up", "error", "mark", "playing", "closed") if key in said)
            future = self._waiting.pop(("up" if kind == "error" else kind, leg), None)
            if future is None or future.done():
                continue
            if kind == "error":
                future.set_exception(RuntimeError(f"{leg}: {said['error']}"))
            else:
                future.set_result(said)
        self._has_ended = True
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(RuntimeError(f"{self._module} ended"))

    def expect(self, kind: str, leg: str = "") -> asyncio.Future[dict[str, Any]]:
        """What the process will say of this kind; ask before it can be said."""
        if self._has_ended:
            raise RuntimeError(f"{self._module} ended")
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[(kind, leg)] = future
        return future

    def tell(self, **command: Any) -> None:
        """One command."""
        assert self._process is not None and self._process.stdin is not None
        self._process.stdin.write(json.dumps(command).encode() + b"\n")

    async def ask(self, kind: str, **command: Any) -> dict[str, Any]:
        """One command and what is said to it. Raises TimeoutError, RuntimeError."""
        future = self.expect(kind, command.get("leg", ""))
        self.tell(**command)
        async with asyncio.timeout(30):
            return await future

    async def end(self) -> None:
        """Close its input and wait."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            try:
                async with asyncio.timeout(5):
                    await self._process.wait()
            except TimeoutError:
                self._process.kill()
                await self._process.wait()
        if self._reading is not None:
            await self._reading
