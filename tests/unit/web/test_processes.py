"""Knowing a process again, hearing of its end, stopping exactly it."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.support.hub import until
from web import processes
from web.processes import Identity, Watched
from web.supervisor import living
from web.wiring import is_alive

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
STUBBORN = [
    sys.executable, "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(60)",
]  # fmt: skip


def test_a_process_is_known_by_id_and_start_time() -> None:
    own = Identity.of(os.getpid())
    assert own is not None
    assert own.lives()
    assert not Identity(own.pid, own.started + 1).lives(), "another one with a recycled id"
    assert Identity.of(2**22 + 1) is None


async def test_its_end_is_heard_at_once_and_it_is_no_child_of_our_session(tmp_path: Path) -> None:
    child = processes.start(SLEEP, tmp_path / "log")
    assert os.getsid(child.pid) == child.pid
    identity = Identity.of(child.pid)
    assert identity is not None
    ended: list[str] = []
    watched = Watched(identity, lambda: ended.append("x"), child)
    os.kill(child.pid, signal.SIGKILL)
    await asyncio.wait_for(watched.ended.wait(), 5)
    assert ended == ["x"]
    assert not identity.lives()


async def test_one_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    log = tmp_path / "log"
    child = processes.start(STUBBORN, log)
    await asyncio.to_thread(until, log.read_text, 10, "deaf to SIGTERM")
    identity = Identity.of(child.pid)
    assert identity is not None
    watched = Watched(identity, lambda: None, child)
    await watched.stop(patience=0.2)
    assert not identity.lives()


async def test_one_that_is_forgotten_runs_on(tmp_path: Path) -> None:
    child = processes.start(SLEEP, tmp_path / "log")
    identity = Identity.of(child.pid)
    assert identity is not None
    watched = Watched(identity, lambda: None, child)
    watched.forget()
    watched.send(signal.SIGKILL)
    assert identity.lives()
    child.kill()
    child.wait()


def test_a_note_of_a_process_that_is_gone_is_nobody(tmp_path: Path) -> None:
    assert living(tmp_path) is None
    (tmp_path / "process.json").write_text("not json")
    assert living(tmp_path) is None
    done = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    (tmp_path / "process.json").write_text(json.dumps({"pid": int(done.stdout), "started": 1}))
    assert living(tmp_path) is None


def test_only_relays_of_this_folder_are_judged_by_their_process(tmp_path: Path) -> None:
    folder = tmp_path / "relays" / "0"
    folder.mkdir(parents=True)
    (folder / "relay.json").write_text('{"relay": "r1"}')
    assert is_alive(tmp_path, "r1", 2**22 + 1) is False
    assert is_alive(tmp_path, "r1", os.getppid()) is True
    assert is_alive(tmp_path, "elsewhere", 1) is None
