"""Child processes that may outlive us: start them apart, know them again, hear of their end at once.

A process is remembered by its id and its start time (``/proc/<pid>/stat``), so that a recycled id is not mistaken for
it. Its end is heard through a pidfd: no polling, also for processes that a former run of ours started.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

STOP_PATIENCE_S = 10.0


@dataclass(frozen=True)
class Identity:
    """A process that really is the one we mean: ``started`` is the kernel's start time in clock ticks since boot."""

    pid: int
    started: int

    @staticmethod
    def of(pid: int) -> Identity | None:
        """The living process ``pid``, or None when there is none (a zombie is none)."""
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return None
        return None if fields[0] in ("Z", "X") else Identity(pid, int(fields[19]))

    def lives(self) -> bool:
        """True while this very process runs."""
        return Identity.of(self.pid) == self


def start(command: list[str], log_file: Path, environ: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    """Start ``command`` in a process session of its own, its output appended to ``log_file``."""
    log_file.parent.mkdir(parents=True, exist_ok=True)
    with log_file.open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            env=dict(environ) if environ is not None else None,
        )


class Watched:
    """A running process whose end calls ``on_end`` (in the event loop, once)."""

    def __init__(self, identity: Identity, on_end: Callable[[], None], child: subprocess.Popen[bytes] | None) -> None:
        self.identity = identity
        self.ended = asyncio.Event()
        self._on_end = on_end
        self._child = child
        self._loop = asyncio.get_running_loop()
        self._fd = os.pidfd_open(identity.pid)
        self._loop.add_reader(self._fd, self._end)

    def _end(self) -> None:
        self.forget()
        if self._child is not None:
            self._child.wait()  # reap; it has ended
        self.ended.set()
        self._on_end()

    def forget(self) -> None:
        """Stop watching; the process runs on."""
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1

    def send(self, number: signal.Signals) -> None:
        """Send a signal to exactly this process."""
        if self._fd >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._fd, number)

    async def stop(self, patience: float = STOP_PATIENCE_S) -> None:
        """SIGTERM, then SIGKILL after ``patience`` seconds."""
        self.send(signal.SIGTERM)
        try:
            await asyncio.wait_for(self.ended.wait(), patience)
        except TimeoutError:
            self.send(signal.SIGKILL)
            await self.ended.wait()
