"""Debian's Janus as the server to compare with: its videoroom, driven over its Unix socket.

As packaged, but for what would only cost it: transports and plugins that nobody uses here are not loaded, sessions do
not time out. Rooms have no bitrate cap. It records nothing, as the relay does not in these runs.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import shutil
import socket
from pathlib import Path
from typing import Any

from tests.bench.arena import on_server_core
from tests.bench.plan import Scenario, Session

PLUGIN = "libjanus_videoroom.so"
TRANSPORT = "libjanus_pfunix.so"


def is_installed() -> bool:
    """Whether there is a Janus to compare with."""
    return shutil.which("janus") is not None


class JanusServer:
    """One Janus process and the room of each session."""

    name = "janus"

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "janus"
        self._path = self._folder / "api"
        self._process: asyncio.subprocess.Process | None = None
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._transactions = itertools.count(1)
        self._waiting: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._reading: asyncio.Task[None] | None = None
        self._session = 0
        self._rooms: dict[str, int] = {}
        self._feeds: dict[tuple[str, str], int] = {}
        self._subscribers: dict[tuple[str, str], int] = {}

    @property
    def pids(self) -> list[int]:
        """All its processes."""
        assert self._process is not None
        return [self._process.pid]

    def _configure(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        library = next(Path("/usr/lib").glob("*/janus"))
        plugins = ",".join(sorted(path.name for path in (library / "plugins").glob("*.so") if path.name != PLUGIN))
        transports = ",".join(
            sorted(path.name for path in (library / "transports").glob("*.so") if path.name != TRANSPORT)
        )
        (self._folder / "janus.jcfg").write_text(
            f"""general: {{ configs_folder = "{self._folder}" debug_level = 3 session_timeout = 0 }}
            plugins: {{ disable = "{plugins}" }}
            transports: {{ disable = "{transports}" }}
            """
        )
        (self._folder / "janus.transport.pfunix.jcfg").write_text(
            f'general: {{ enabled = true json = "compact" path = "{self._path}" }}'
        )
        (self._folder / "janus.plugin.videoroom.jcfg").write_text("general: { string_ids = false }")

    async def start(self) -> None:
        """Run it on the server's core."""
        self._configure()
        for _ in range(12):  # its Unix socket's thread may start too early and give up (a race of 1.1.2): then it ends
            if await self._launch():
                break
        else:
            raise RuntimeError(f"janus does not start: {self.log()}")
        self._socket.setblocking(False)
        self._reading = asyncio.ensure_future(self._read())
        self._session = (await self._ask({"janus": "create"}))["data"]["id"]

    async def _launch(self) -> bool:
        with on_server_core(), (self._folder / "log").open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                "janus", "-F", str(self._folder), "-C", str(self._folder / "janus.jcfg"), stdout=log, stderr=log
            )
        while self._process.returncode is None:
            try:
                self._socket.connect(str(self._path))
                return True
            except OSError:
                await asyncio.sleep(0.1)
        return False

    async def _read(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            data = await loop.sock_recv(self._socket, 1 << 20)
            if not data:
                return
            said = json.loads(data)
            if said["janus"] == "ack":
                continue
            future = self._waiting.pop(said.get("transaction", ""), None)
            if future is not None and not future.done():
                future.set_result(said)

    async def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        transaction = str(next(self._transactions))
        future = self._waiting[transaction] = asyncio.get_running_loop().create_future()
        request["transaction"] = transaction
        if self._session:
            request["session_id"] = self._session
        await asyncio.get_running_loop().sock_sendall(self._socket, json.dumps(request).encode())
        said: dict[str, Any] = await asyncio.wait_for(future, 15)
        problem = said.get("error") or said.get("plugindata", {}).get("data", {}).get("error")
        if problem:
            raise RuntimeError(f"janus: {said}")
        return said

    async def _attach(self) -> int:
        said = await self._ask({"janus": "attach", "plugin": "janus.plugin.videoroom"})
        return int(said["data"]["id"])

    async def _message(self, handle: int, body: dict[str, Any], jsep: dict[str, str] | None = None) -> dict[str, Any]:
        request: dict[str, Any] = {"janus": "message", "handle_id": handle, "body": body}
        if jsep is not None:
            request["jsep"] = jsep
        return await self._ask(request)

    async def open(self, scenario: Scenario) -> None:
        """Make a room for each session."""
        handle = await self._attach()
        for number, session in enumerate(scenario.sessions, 1):
            body = {"request": "create", "room": number, "publishers": 100, "bitrate": 0}
            await self._message(handle, body | {"videocodec": "vp8", "audiocodec": "opus"})
            self._rooms[session.name] = number

    async def publish(self, session: Session, participant: str, sdp: str) -> str:
        """The answer to a publish offer."""
        handle = await self._attach()
        feed = self._feeds[(session.name, participant)] = len(self._feeds) + 1
        body = {"request": "joinandconfigure", "ptype": "publisher", "room": self._rooms[session.name], "id": feed}
        said = await self._message(handle, body, {"type": "offer", "sdp": sdp, "rid_order": "lmh"})
        return str(said["jsep"]["sdp"])

    async def subscribe(self, session: Session, participant: str) -> str:
        """The offer for a subscribe leg."""
        handle = self._subscribers[(session.name, participant)] = await self._attach()
        streams = [{"feed": self._feeds[(session.name, feed)]} for feed in session.watches[participant]]
        body = {"request": "join", "ptype": "subscriber", "room": self._rooms[session.name], "streams": streams}
        said = await self._message(handle, body)
        return str(said["jsep"]["sdp"])

    async def answer(self, session: Session, participant: str, sdp: str) -> None:
        """The answer to it."""
        handle = self._subscribers[(session.name, participant)]
        await self._message(handle, {"request": "start"}, {"type": "answer", "sdp": sdp})

    async def leave(self, session: Session, participant: str) -> None:
        """A viewer leaves the room."""
        handle = self._subscribers.pop((session.name, participant))
        await self._ask({"janus": "detach", "handle_id": handle})

    def dropped(self) -> dict[str, int]:
        """Janus does not say."""
        return {}

    def log(self) -> str:
        """The end of what it wrote."""
        return (self._folder / "log").read_text(errors="replace")[-4000:]

    async def stop(self) -> None:
        """End it."""
        if self._reading is not None:
            self._reading.cancel()
        self._socket.close()
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            try:
                await asyncio.wait_for(self._process.wait(), 10)
            except TimeoutError:
                self._process.kill()
                await self._process.wait()
