"""Keeps the relays and the worker of ``serve`` alive.

A relay is its own process in its own process session and outlives this app: a start finds those that still run
through the data folder (``relays/<slot>/process.json``: process, port) and adopts them. One that died is started again
at once with the same folder, key and port. Relays end with ``serve`` only under ``--own``; otherwise media goes on
while the app is replaced, and an orphan without sessions ends by itself after 10 minutes (design 2).
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from web import logs, processes
from web.config import Config
from web.processes import Identity, Watched
from web.tls import write_private

log = logs.get("supervisor")

NOTE = "process.json"
QUICK_DEATH_S = 5.0
LONGEST_WAIT_S = 30.0


class PortTaken(Exception):
    """A port that we need is in use."""

    def __init__(self, port: int, kind: str) -> None:
        super().__init__(
            f"The {kind} port {port} is in use by another program. Stop it, or give another one "
            f"({'--port' if kind == 'TCP' else '--media-port'})."
        )
        self.port = port


@dataclass
class Child:
    """One process that we keep alive. ``command`` makes its command line anew at every start."""

    name: str
    folder: Path
    log_file: Path
    command: Callable[[], list[str]]
    port: int = 0
    watched: Watched | None = None
    started_at: float = 0.0
    wait_s: float = 0.0
    starting: asyncio.Task[None] | None = field(default=None, repr=False)

    @property
    def note(self) -> Path:
        """Where the process is written down for the next run of ours."""
        return self.folder / NOTE


class Supervisor:
    """Starts, adopts, restarts and stops the children. ``enrol`` gives a fresh one-time token for a relay."""

    def __init__(
        self,
        config: Config,
        app: str,
        ca: Path | None,
        enrol: Callable[[], str],
        on_restart: Callable[[], None] = lambda: None,
    ) -> None:
        self.config = config
        self.app = app
        self.ca = ca
        self.enrol = enrol
        self.on_restart = on_restart
        self.children: list[Child] = []
        self.stopping = False

    def plan(self, with_worker: bool = True) -> None:
        """Lay out the children: relays with their ports, and the worker. Raises PortTaken."""
        count = self.config.relays if self.config.relays >= 0 else max(1, (os.cpu_count() or 1) - 1)
        for slot in range(count):
            self.children.append(self._relay(slot))
        if not with_worker:
            return
        worker = self.config.data / "worker"
        worker.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "web", "worker", "--data", str(self.config.data)]
        self.children.append(Child("worker", worker, worker / "worker.log", lambda: command))

    def _relay(self, slot: int) -> Child:
        folder = self.config.data / "relays" / str(slot)
        folder.mkdir(parents=True, exist_ok=True)
        child = Child(f"relay-{slot}", folder, folder / "relay.log", lambda: self._relay_command(child))
        known = _read_note(child.note)
        wanted = self._wanted_port(slot)
        child.port = wanted or int(known.get("port", 0)) or free_udp_port()
        if living(child.folder) is None and not udp_port_is_free(child.port):
            if wanted:
                raise PortTaken(child.port, "UDP")
            child.port = free_udp_port()
        return child

    def _wanted_port(self, slot: int) -> int:
        if self.config.media_port == 0:
            return 0
        first = self.config.media_port if self.config.media_port > 0 else self.config.port + 1
        return first + slot

    def _relay_command(self, child: Child) -> list[str]:
        command = [sys.executable, "-m", "media.process", "--folder", str(child.folder)]
        for app in (self.app, *self.config.peers):
            command += ["--app", app]
        command += ["--port", str(child.port), "--name", child.name]
        command += ["--loudest", str(self.config.media_loudest)]
        if self.config.media_remb:
            command.append("--remb")
        for address in self.config.announce:  # none: the relay announces what this machine has
            command += ["--address", address]
        if self.ca is not None:
            command += ["--ca", str(self.ca)]
        if not (child.folder / "relay.json").exists():  # not enrolled yet; a file, because everyone can read arguments
            token = child.folder / "enrol-token"
            write_private(token, self.enrol().encode())
            command += ["--enrol", f"@{token}"]
        return command

    async def start(self) -> None:
        """Adopt what still runs, start the rest."""
        for child in self.children:
            found = living(child.folder)
            if found is None:
                await self._start(child)
            elif child.name == "worker" or _read_note(child.note).get("app") != self.app:
                # A worker belongs to one app, and a relay that dials another address will never find this one.
                log.info("replaced", child=child.name, pid=found.pid)
                os.kill(found.pid, signal.SIGTERM)
                await self._start(child)
            else:
                log.info("adopted", child=child.name, pid=found.pid)
                self._watch(child, found, None)

    async def _start(self, child: Child) -> None:
        """Start one; when even that fails (no database for a token, no room for the log), try again shortly."""
        try:
            command = await asyncio.to_thread(child.command)
            if self.stopping:
                return
            process = processes.start(command, child.log_file, self._environ(child))
        except Exception as error:
            log.error("not started", child=child.name, error=type(error).__name__)
            self._again(child, 1.0)
            return
        identity = Identity.of(process.pid) or Identity(process.pid, 0)
        note = {"pid": identity.pid, "started": identity.started, "port": child.port, "app": self.app}
        child.note.write_text(json.dumps(note))
        child.started_at = time.monotonic()
        log.info("started", child=child.name, pid=identity.pid, port=child.port)
        self._watch(child, identity, process)

    def _again(self, child: Child, wait_s: float) -> None:
        child.starting = asyncio.create_task(self._start_in(child, wait_s), name=f"start-{child.name}")

    async def _start_in(self, child: Child, wait_s: float) -> None:
        await asyncio.sleep(wait_s)
        await self._start(child)

    @staticmethod
    def _environ(child: Child) -> dict[str, str]:
        """The child's environment: a relay gets no setting of the hub, secrets least of all."""
        if not child.name.startswith("relay"):
            return dict(os.environ)
        return {key: value for key, value in os.environ.items() if not key.startswith("HUB_")}

    def _watch(self, child: Child, identity: Identity, process: subprocess.Popen[bytes] | None) -> None:
        child.watched = Watched(identity, lambda: self._ended(child), process)

    def _ended(self, child: Child) -> None:
        child.watched = None
        if self.stopping:
            return
        lived = time.monotonic() - child.started_at
        child.wait_s = min(LONGEST_WAIT_S, max(0.5, child.wait_s * 2)) if lived < QUICK_DEATH_S else 0.0
        log.warning("ended", child=child.name, lived_s=round(lived, 1), again_in_s=child.wait_s)
        self.on_restart()
        self._again(child, child.wait_s)

    async def stop(self, relays_too: bool) -> None:
        """Stop the worker; the relays too when asked, else they run on and the next start adopts them."""
        self.stopping = True
        waits = []
        for child in self.children:
            if child.starting is not None:
                child.starting.cancel()
            if child.watched is None:
                continue
            if relays_too or child.name == "worker":
                waits.append(child.watched.stop())
            else:
                child.watched.forget()
        await asyncio.gather(*waits)


def living(folder: Path) -> Identity | None:
    """The process that was written down in ``folder``, when it still runs."""
    known = _read_note(folder / NOTE)
    identity = Identity(int(known.get("pid", 0)), int(known.get("started", 0)))
    return identity if identity.pid and identity.lives() else None


def stop_left_relays(data: Path) -> list[int]:
    """SIGTERM to every relay that an earlier ``serve`` on this folder left running; their process ids."""
    stopped = []
    for note in sorted(data.glob(f"relays/*/{NOTE}")):
        found = living(note.parent)
        if found is not None:
            os.kill(found.pid, signal.SIGTERM)
            stopped.append(found.pid)
    return stopped


def _read_note(path: Path) -> dict[str, Any]:
    try:
        note = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) else {}


def udp_port_is_free(port: int) -> bool:
    """True when ``port`` can be bound now."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("0.0.0.0", port))
        except OSError:
            return False
        return True


def free_udp_port() -> int:
    """A port that is free now for UDP and TCP."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp:
            tcp.bind(("0.0.0.0", 0))
            port = int(tcp.getsockname()[1])
            if udp_port_is_free(port):
                return port
