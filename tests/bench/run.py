"""One scenario at one server: starting everything, joining, reading counters, taking everything down."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.bench.arena import ADDRESS, Worker, cpu, memory
from tests.bench.plan import Scenario, Session
from tests.bench.sdp import FEEDBACK
from tests.bench.server_janus import JanusServer
from tests.bench.server_relay import RelayServer

JOIN_AT_ONCE = 8


class Run:
    """``server``: "janus", "relay", or "relay=DIR" for the relay of another checkout; "recording": the relay, which
    writes journals of everything. ``srtp``, ``feedback``: what the
    clients offer and accept. ``address``: this machine's, for server and clients."""

    def __init__(
        self,
        server: str,
        scenario: Scenario,
        folder: Path,
        srtp: str = "gcm",
        feedback: Sequence[str] = FEEDBACK,
        address: str = ADDRESS,
    ) -> None:
        self.scenario = scenario
        self._terms = {"address": address, "srtp": srtp, "feedback": list(feedback)}
        kind, _, code = server.partition("=")
        self.server: JanusServer | RelayServer
        if kind == "janus":
            self.server = JanusServer(folder)
        else:
            is_fast = any(each.speed > 1 for session in scenario.sessions for each in session.sends.values())
            self.server = RelayServer(folder, self._renegotiate, Path(code) if code else None, is_fast, address)
            if kind == "recording":
                self.server.name, self.server.record = "recording", "full"
        self.sender = Worker("tests.bench.sender")
        self.viewers = Worker("tests.bench.viewer")
        self.probe = Worker("tests.bench.viewer", "probe")
        self._gate = asyncio.Semaphore(JOIN_AT_ONCE)
        last = scenario.sessions[-1]
        self._probing = f"{last.name}/{sorted(last.watches)[-1]}"

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """With the server and the load there, and its sessions open; nobody has joined."""
        workers = (self.sender, self.viewers, self.probe)
        try:
            for worker in workers:
                await worker.start()
            await self.server.start()
            await self.server.open(self.scenario)
            yield
        except BaseException:
            sys.stderr.write(self.server.log())
            raise
        finally:
            await self.server.stop()
            for worker in workers:
                await worker.end()

    async def publish_all(self) -> None:
        """Everybody who sends is up and plays."""
        await self._at_once(self.publish, [(s, name) for s in self.scenario.sessions for name in s.sends])
        await self.sender.ask("playing", do="play")
        await asyncio.sleep(1.0)

    async def watch_all(self) -> None:
        """Everybody who watches is up."""
        await self.watch([(s, name) for s in self.scenario.sessions for name in s.watches])

    async def watch(self, who: list[tuple[Session, str]]) -> None:
        """These are up."""
        await self._at_once(self._watch, who)

    async def leave(self, who: list[tuple[Session, str]]) -> None:
        """These are gone, at both ends."""
        for session, participant in who:
            leg = f"{session.name}/{participant}"
            await self._worker(leg).ask("closed", do="close", leg=leg)
            await self.server.leave(session, participant)

    async def _at_once(self, step: Any, who: list[tuple[Session, str]]) -> None:
        async def one(session: Session, participant: str) -> None:
            async with self._gate:
                await step(session, participant)

        async with asyncio.TaskGroup() as group:
            for session, participant in who:
                group.create_task(one(session, participant))

    async def publish(self, session: Session, participant: str) -> None:
        """One sender is up."""
        sending = session.sends[participant]
        leg = f"{session.name}/{participant}"
        wishes = {"layers": sending.layers, "sound": sending.sound, "speed": sending.speed}
        said = await self.sender.ask("sdp", do="publish", leg=leg, **wishes, **self._terms)
        answer = await self.server.publish(session, participant, said["sdp"])
        await self.sender.ask("up", do="answer", leg=leg, sdp=answer)

    async def _watch(self, session: Session, participant: str) -> None:
        leg = f"{session.name}/{participant}"
        up = self._worker(leg).expect("up", leg)
        offer = await self.server.subscribe(session, participant)
        await self.server.answer(session, participant, await self._renegotiate(leg, offer))
        await asyncio.wait_for(up, 30)

    def _worker(self, leg: str) -> Worker:
        return self.probe if leg == self._probing else self.viewers

    async def _renegotiate(self, leg: str, offer: str) -> str:
        said = await self._worker(leg).ask(
            "sdp", do="offer", leg=leg, sdp=offer, remb_bps=500_000_000, **self._terms
        )  # fmt: skip
        return str(said["sdp"])

    async def marks(self) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        """Counters of sender, viewers and probe."""
        workers = (self.sender, self.viewers, self.probe)
        said = await asyncio.gather(*(worker.ask("mark", do="mark") for worker in workers))
        return said[0]["mark"], said[1]["mark"], said[2]["mark"]

    def cpu(self) -> dict[str, float]:
        """CPU of all the server's processes so far."""
        used = [cpu(pid) for pid in self.server.pids]
        return {key: sum(each[key] for each in used) for key in used[0]}

    def memory(self) -> int:
        """Bytes that the server holds."""
        return sum(memory(pid) for pid in self.server.pids)
