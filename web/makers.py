"""Processes that make derived media: how the worker runs them, and what they begin with.

Each has one task (a line of JSON on standard input), says how far it is in lines of JSON, and yields to live media: a
low place in the queues of processor and disk, and, while a session runs, no more than a share of one core. Further
lines on its input change that share; when the input ends the worker is dead, and so the process ends too. Whoever
stops reading kills it: nothing of a cancelled job goes on.
"""

from __future__ import annotations

import ctypes
import json
import os
import platform
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from typing import IO, Any

from media.budget import Budget
from rooms.errors import StorageFailed
from web import logs

log = logs.get("makers")

NICENESS = 15
LOOK_EVERY_S = 0.25
"""How often the worker looks whether the job was cancelled: well under the second that is promised."""
ORPHANED = 3
"""Exit code of a maker whose worker died."""

Watch = Callable[[], float | None]
"""Called every LOOK_EVERY_S: gives the share of a core that may be used now (None: no bound), or raises to stop."""


def run(module: str, task: dict[str, Any], watch: Watch) -> Iterator[dict[str, Any]]:
    """Run a maker and give its lines as they come. Raises StorageFailed when it fails, and what ``watch`` raises."""
    with tempfile.TemporaryFile() as complaint:
        command = [sys.executable, "-m", module]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=complaint, bufsize=0) as process:
            assert process.stdin and process.stdout
            try:
                share = watch()
                _tell(process.stdin, {**task, "share": share})
                for line in _lines(process.stdout):
                    now = watch()
                    if now != share:
                        share = now
                        _tell(process.stdin, {"share": share})
                    if line is not None:
                        yield json.loads(line)
                process.wait()
            except BaseException:
                process.kill()
                raise
        if process.returncode:
            complaint.seek(0)
            said = complaint.read()[-2000:].decode(errors="replace")
            log.error("maker failed", module=module, status=process.returncode, complaint=said)
            raise StorageFailed("replay.failed", "The replay files could not be made.")


def _tell(pipe: IO[bytes], message: dict[str, Any]) -> None:
    left = memoryview(json.dumps(message).encode() + b"\n")
    try:
        while left:
            left = left[os.write(pipe.fileno(), left) :]
    except BrokenPipeError:
        pass  # it has died; its exit code says so


def _lines(pipe: IO[bytes]) -> Iterator[bytes | None]:
    """Whole lines as they come; None whenever there was none for LOOK_EVERY_S."""
    waiting = b""
    while True:
        ready, _, _ = select.select([pipe], [], [], LOOK_EVERY_S)
        if not ready:
            yield None
            continue
        piece = os.read(pipe.fileno(), 1 << 16)
        if not piece:
            return
        *whole, waiting = (waiting + piece).split(b"\n")
        yield from whole


# --- in the maker ----------------------------------------------------------------------------------------------------


class Maker:
    """The maker's side: its task, how it tells what it has done, and when it has to wait."""

    def __init__(self) -> None:
        """Step back behind live media and read the task."""
        os.nice(NICENESS)
        _idle_disk()
        self._input = _lines_of_input()
        self.task: dict[str, Any] = json.loads(next(self._input))
        self._budget = Budget(self.task.pop("share", None))
        self._told = 0.0
        threading.Thread(target=self._listen, daemon=True).start()

    @property
    def share(self) -> float | None:
        """Of one core, that may be used now; None: no bound."""
        return self._budget.share

    def _listen(self) -> None:
        for line in self._input:
            self._budget.share = json.loads(line).get("share")
        os._exit(ORPHANED)

    def say(self, line: dict[str, Any]) -> None:
        """A line for the worker."""
        sys.stdout.write(json.dumps(line, default=str) + "\n")
        sys.stdout.flush()

    def told(self, done: float) -> None:
        """How far it is, 0 to 1, at most four times a second; waits while its share is used up."""
        now = time.monotonic()
        if now - self._told >= LOOK_EVERY_S:
            self._told = now
            self.say({"done": round(done, 4)})
        self.pause()

    def pause(self) -> None:
        """Wait while the share is used up."""
        while (wait := self._budget.pause(time.process_time(), time.monotonic())) > 0:
            time.sleep(wait)


def _lines_of_input() -> Iterator[bytes]:
    # Without the interpreter's own buffers: a thread that waits in them would disturb the end of the process.
    waiting = b""
    while piece := os.read(sys.stdin.fileno(), 1 << 16):
        *whole, waiting = (waiting + piece).split(b"\n")
        yield from whole


def end_with_parent() -> None:
    """Have the kernel kill this process when its parent dies (prctl(2), PR_SET_PDEATHSIG)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)


_IOPRIO_SET = {"x86_64": 251, "aarch64": 30}
_IDLE_CLASS = 3 << 13
_THIS_PROCESS = 1


def _idle_disk() -> None:
    """The disk only when nobody else wants it (ioprio_set(2), no wrapper in libc); elsewhere as the system has it."""
    number = _IOPRIO_SET.get(platform.machine())
    if number is not None and sys.platform == "linux":
        ctypes.CDLL(None).syscall(number, _THIS_PROCESS, 0, _IDLE_CLASS)
