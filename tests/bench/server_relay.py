"""The relay under test: its real process, told by an app that does nothing else."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from media.messages import (
    Answer,
    ClosePeer,
    Desired,
    Layers,
    Member,
    PublishOffer,
    RecordMode,
    SubscribeAnswer,
    SubscribeOffer,
    SubscribeStart,
    ToApp,
)
from tests.bench.arena import on_server_core
from tests.bench.plan import Scenario, Session
from tests.support.fake_app import ROOT, FakeApp, RelayProcessUnderTest

Renegotiate = Callable[[str, str], Coroutine[Any, Any, str]]


_LAUNCH = """
import dataclasses
import media.process, media.relay

def relay(listener, recorder, options=None):
    options = options or media.relay.RelayOptions()
    names = [field.name for field in dataclasses.fields(options)]
    ceilings = [name for name in names if name.startswith("max_") or name == "camera_bitrate_bps"]
    return media.relay.Relay(listener, recorder, dataclasses.replace(options, **dict.fromkeys(ceilings, 10**9)))

media.process.Relay = relay
if PROFILE:
    import cProfile, signal
    profile = cProfile.Profile()
    signal.signal(signal.SIGUSR1, lambda number, frame: profile.enable())
    signal.signal(signal.SIGUSR2, lambda number, frame: (profile.disable(), profile.dump_stats(PROFILE)))
if IS_FAST:
    try:
        import media.viewerline
        media.viewerline.START_BPS = 10**8
    except ImportError:
        pass
raise SystemExit(media.process.main())
"""
"""The relay's process with ceilings out of the way, and, where the clip is played faster than it is, with lines that
are believed in from the start: nobody sends 12 or 60 Mbit/s to a viewer otherwise. Estimating, probing and pacing go
on as ever."""


class _RelayProcess(RelayProcessUnderTest):
    """The relay of any checkout."""

    code = ROOT
    is_fast = False
    profile = ""

    async def start(self) -> None:
        arguments = ["--folder", str(self.folder), "--port", str(self.port), "--address", str(self.announce)]
        arguments += ["--app", f"http://127.0.0.1:{self.apps[0]}"]
        with (self.folder / "relay.log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-c",
                _LAUNCH.replace("IS_FAST", str(self.is_fast)).replace("PROFILE", repr(self.profile)),
                *arguments,
                cwd=self.code,
                stderr=log,
                stdout=log,
            )


class _App(FakeApp):
    """Asks nothing of a sender: layers that nobody takes are sent on, as Janus has it."""

    async def _take(self, message: ToApp) -> None:
        if not isinstance(message, Layers):
            await super()._take(message)


class RelayServer:
    """``renegotiate(leg, offer)`` brings a later offer to its leg and returns the answer. ``code``: other checkout.
    ``is_fast``: the clip is played faster than anybody plays one."""

    name = "relay"
    record: RecordMode = "off"

    def __init__(self, folder: Path, renegotiate: Renegotiate, code: Path | None, is_fast: bool, address: str) -> None:
        self._relay = _RelayProcess(folder / "relay", [])
        self._relay.code = code or ROOT
        self._relay.is_fast = is_fast
        self._relay.announce = address
        self._app = _App(self._relay.public_key)
        self._app.on_offer = self._offered
        self._renegotiate = renegotiate
        self._first: dict[str, asyncio.Future[SubscribeOffer]] = {}
        self._last: dict[str, int] = {}
        self._versions: dict[str, int] = {}
        self._gone: set[str] = set()

    def profile_into(self, file: str) -> None:
        """Before ``start``: have SIGUSR1 begin a profile of its functions, and SIGUSR2 end it and write ``file``."""
        self._relay.profile = file

    @property
    def pids(self) -> list[int]:
        """All its processes."""
        assert self._relay.process is not None
        return [self._relay.process.pid]

    async def start(self) -> None:
        """Run it on the server's core."""
        await self._app.start()
        self._relay.apps = [self._app.port]
        with on_server_core():
            await self._relay.start()
        await self._app.connected()

    async def open(self, scenario: Scenario) -> None:
        """Tell it of all sessions."""
        for session in scenario.sessions:
            await self._app.send(self._desired(session, "running"))

    def _desired(self, session: Session, state: Any) -> Desired:
        self._versions[session.name] = self._versions.get(session.name, 0) + 1
        members = []
        for name in sorted({*session.sends, *session.watches}):
            if f"{session.name}/{name}" in self._gone:
                continue
            sending = session.sends.get(name)
            publish: Any = () if sending is None else ("mic", "camera") if sending.sound else ("camera",)
            receives = session.watches.get(name, ())
            members.append(Member(participant=name, peer=f"{session.name}/{name}", publish=publish, receives=receives))
        return Desired(
            record=self.record,
            part=1,
            session=f"bench{session.name}",
            epoch=1,
            version=self._versions[session.name],
            state=state,
            members=tuple(members),
        )

    async def publish(self, session: Session, participant: str, sdp: str) -> str:
        """The answer to a publish offer."""
        answer: Any = await self._app.ask(
            PublishOffer(req="", peer=f"{session.name}/{participant}", sdp=sdp, sources={"0": "camera", "1": "mic"})
        )
        if not isinstance(answer, Answer):
            raise RuntimeError(answer)
        return str(answer.sdp)

    async def subscribe(self, session: Session, participant: str) -> str:
        """The offer for a subscribe leg."""
        peer = f"{session.name}/{participant}"
        if peer in self._gone:
            self._gone.remove(peer)
            await self._app.send(self._desired(session, "running"))
        future = self._first[peer] = asyncio.get_running_loop().create_future()
        await self._app.ask(SubscribeStart(req="", peer=peer))
        return str((await asyncio.wait_for(future, 10)).sdp)

    async def answer(self, session: Session, participant: str, sdp: str) -> None:
        """The answer to it."""
        peer = f"{session.name}/{participant}"
        await self._app.send(SubscribeAnswer(peer=peer, offer=self._last[peer], sdp=sdp))

    async def _offered(self, offer: SubscribeOffer) -> None:
        self._last[offer.peer] = offer.offer
        first = self._first.pop(offer.peer, None)
        if first is not None:
            first.set_result(offer)
            return
        sdp = await self._renegotiate(offer.peer, offer.sdp)
        await self._app.send(SubscribeAnswer(peer=offer.peer, offer=offer.offer, sdp=sdp))

    async def leave(self, session: Session, participant: str) -> None:
        """A viewer leaves the session."""
        peer = f"{session.name}/{participant}"
        await self._app.send(ClosePeer(peer=peer))
        self._gone.add(peer)
        await self._app.send(self._desired(session, "running"))

    def dropped(self) -> dict[str, int]:
        """What it says it dropped, by reason."""
        return dict(self._app.quality.dropped) if self._app.quality is not None else {}

    def log(self) -> str:
        """The end of what it wrote."""
        return self._relay.log()[-4000:]

    async def stop(self) -> None:
        """End it."""
        self._app.on_offer = None
        await self._relay.end()
        await self._app.stop()
