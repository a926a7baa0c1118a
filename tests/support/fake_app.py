"""The smallest app that speaks the relay link, and a real relay process dialling it. For integration tests."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from media.client import MediaClient, use_loopback_only
from media.enrolment import SIGNED_PREFIX, load_key
from media.messages import (
    LINK_VERSION,
    Ack,
    Answer,
    AskTime,
    Challenge,
    Crosstalk,
    Desired,
    Hello,
    Layers,
    Member,
    PublishOffer,
    Quality,
    Refused,
    RelayState,
    Report,
    Source,
    Speaker,
    SubscribeAnswer,
    SubscribeOffer,
    SubscribeStart,
    TimeIs,
    ToApp,
    ToRelay,
    ViewOffer,
    Welcome,
    decode_to_app,
    encode,
)

ROOT = Path(__file__).parents[2]
RELAY_ID = "relayaaaaaaaaaaaaaaaaaaa"
AHEAD_S = 40.0
"""Its clock is so far from the relay's ..."""
LATE_S = 0.5
"""... and the handshake told it late, as a busy app does."""


class FakeApp:
    """Keeps what the relay says. ``acks``: whether reports are acknowledged at once."""

    def __init__(self, public_key: Ed25519PublicKey) -> None:
        self.clock = lambda: time.time() + AHEAD_S
        self.acks = True
        self.acked = 0
        self.reports: list[Report] = []
        self.offers: list[SubscribeOffer] = []
        self.refusals: list[Refused] = []
        self.speakers: list[Speaker] = []
        self.layers: list[Layers] = []
        self.crosstalks: list[Crosstalk] = []
        self.quality: Quality | None = None
        self.hello: Hello | None = None
        self.port = 0
        self.on_offer: Callable[[SubscribeOffer], Any] | None = None
        self._public_key = public_key
        self._server: Server | None = None
        self._socket: ServerConnection | None = None
        self._waiting: dict[str, asyncio.Future[Answer | Refused | RelayState]] = {}
        self._req = itertools.count(1)
        self._changed = asyncio.Condition()
        self._tasks: set[asyncio.Task[Any]] = set()

    async def start(self) -> None:
        """Listen; on the same port again after ``stop``."""
        self._server = await serve(self._serve, "127.0.0.1", self.port)
        self.port = next(iter(self._server.sockets)).getsockname()[1]

    async def stop(self) -> None:
        """Close every link and stop listening."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
        self._server = self._socket = None

    async def settle(self) -> None:
        """Wait for answers that are being made."""
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _serve(self, opened: ServerConnection) -> None:
        assert opened.request is not None and opened.request.path == "/relay/link"
        nonce = os.urandom(16).hex()
        await opened.send(encode(Challenge(version=LINK_VERSION, nonce=nonce)))
        hello = decode_to_app(await opened.recv())
        assert isinstance(hello, Hello)
        signed = SIGNED_PREFIX + f"{nonce}\n{hello.relay}".encode()
        self._public_key.verify(base64.b64decode(hello.signature), signed)
        await opened.send(encode(Welcome(app="app", utc=self.clock() - LATE_S, acked=self.acked)))
        self.hello, self._socket = hello, opened
        try:
            async for frame in opened:
                await self._take(decode_to_app(frame))
        except ConnectionClosed:
            pass
        finally:
            if self._socket is opened:
                self._socket = None

    async def _take(self, message: ToApp) -> None:
        match message:
            case Answer() | Refused() | RelayState():
                future = self._waiting.pop(message.req, None)
                if future is not None:
                    future.set_result(message)
                elif isinstance(message, Refused):
                    self.refusals.append(message)
            case SubscribeOffer():
                self.offers.append(message)
                if self.on_offer is not None:
                    task = asyncio.ensure_future(self.on_offer(message))
                    self._tasks.add(task)
                    task.add_done_callback(self._tasks.discard)
            case Report():
                self.reports.append(message)
                if self.acks:
                    self.acked = message.number
                    await self.send(Ack(number=message.number))
            case Speaker():
                self.speakers.append(message)
            case Crosstalk():
                self.crosstalks.append(message)
            case Layers():
                self.layers.append(message)
            case Quality():
                self.quality = message
            case AskTime():
                await self.send(TimeIs(mono=message.mono, utc=self.clock()))
            case _:
                raise AssertionError(message)
        async with self._changed:
            self._changed.notify_all()

    async def send(self, message: ToRelay) -> None:
        """One message to the relay, which has to be there."""
        assert self._socket is not None
        await self._socket.send(encode(message))

    async def until(self, condition: Callable[[], Any], seconds: float = 10.0) -> Any:
        """Wait until ``condition`` holds after some message; its value. Raises TimeoutError."""
        async with asyncio.timeout(seconds):
            while not (value := condition()):
                async with self._changed:
                    try:
                        await asyncio.wait_for(self._changed.wait(), 0.1)
                    except TimeoutError:
                        continue
            return value

    async def connected(self) -> Hello:
        """Wait for a relay."""
        await self.until(lambda: self._socket is not None, 30)
        assert self.hello is not None
        return self.hello

    async def ask(self, message: Any) -> Any:
        """Send a request with a fresh ``req`` and wait for what comes back."""
        req = f"r{next(self._req)}"
        fields = {name: getattr(message, name) for name in message.__struct_fields__} | {"req": req}
        future = self._waiting[req] = asyncio.get_running_loop().create_future()
        await self.send(type(message)(**fields))
        return await asyncio.wait_for(future, 10)

    def bodies(self, kind: type[Any]) -> list[Any]:
        """Bodies of the reports of one kind."""
        return [report.body for report in self.reports if isinstance(report.body, kind)]


class RelayProcessUnderTest:
    """A relay as its own process, in its own folder."""

    def __init__(self, folder: Path, apps: list[int], port: int = 0) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.apps = apps
        self.port = port or free_port()
        self.announce: str | tuple[str, ...] = "127.0.0.1"
        self.options: tuple[str, ...] = ()
        self.public_key = load_key(folder).public_key()
        (folder / "relay.json").write_text(json.dumps({"relay": RELAY_ID}))
        self.process: asyncio.subprocess.Process | None = None

    @property
    def address(self) -> tuple[str, int]:
        """The media port."""
        return "127.0.0.1", self.port

    async def start(self) -> None:
        """Run it; its log goes to relay.log in its folder."""
        arguments = ["--folder", str(self.folder), "--port", str(self.port)]
        for address in (self.announce,) if isinstance(self.announce, str) else self.announce:
            arguments += ["--address", address]
        arguments += self.options
        for app in self.apps:
            arguments += ["--app", f"http://127.0.0.1:{app}"]
        with (self.folder / "relay.log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "media.process", *arguments, cwd=ROOT, stderr=log, stdout=log
            )

    async def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Signal it and wait; its exit code."""
        if self.process is None or self.process.returncode is not None:
            return 0 if self.process is None else int(self.process.returncode or 0)
        self.process.send_signal(number)
        return await asyncio.wait_for(self.process.wait(), 15)

    def log(self) -> str:
        """What it wrote so far."""
        return (self.folder / "relay.log").read_text()


def free_port() -> int:
    """A UDP port that is free now."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def running_relay(
    folder: Path, announce: str | tuple[str, ...] = "127.0.0.1", options: tuple[str, ...] = ()
) -> AsyncIterator[tuple[FakeApp, RelayProcessUnderTest]]:
    """An app and a relay that found each other. ``announce``: the relay's address for clients, as IP or IP:port;
    or several. ``options``: more of its command line."""
    use_loopback_only()
    relay = RelayProcessUnderTest(folder / "relay", [])
    relay.announce = announce
    relay.options = options
    app = FakeApp(relay.public_key)
    await app.start()
    relay.apps = [app.port]
    await relay.start()
    try:
        await app.connected()
        yield app, relay
    finally:
        await relay.end()
        await app.stop()


class Room:
    """One session at a relay with clients in it, told through the app. Each change sends the whole desired state."""

    def __init__(self, app: FakeApp, session: str = "sessionaaaaaaaaaaaaaaaaa", epoch: int = 1) -> None:
        self.app = app
        self.session = session
        self.epoch = epoch
        self.version = 0
        self.members: dict[str, Member] = {}
        self.clients: dict[str, MediaClient] = {}
        self.state: Any = "running"
        self.record: Any = "off"
        app.on_offer = self._answer

    async def tell(self) -> None:
        """Send the desired state as it is now."""
        self.version += 1
        members = tuple(self.members.values())
        await self.app.send(
            Desired(
                session=self.session,
                epoch=self.epoch,
                version=self.version,
                state=self.state,
                record=self.record,
                part=1 if self.record != "off" else 0,
                members=members,
            )
        )

    def add(self, participant: str, peer: str, publish: tuple[Source, ...] = ()) -> None:
        """A member; ``tell`` makes it so."""
        self.members[participant] = Member(participant=participant, peer=peer, publish=publish)

    def change(self, participant: str, **changes: Any) -> None:
        """Change fields of a member; ``tell`` makes it so."""
        self.members[participant] = msgspec.structs.replace(self.members[participant], **changes)

    async def join(self, participant: str, client: MediaClient) -> None:
        """Admit a participant whose peer id is ``peer-<participant>``; publish when it has a clip, and subscribe."""
        peer = f"peer-{participant}"
        self.add(participant, peer, ("mic", "camera"))
        self.clients[peer] = client
        await self.tell()
        if client.clip is not None:
            await self.publish(participant)
        assert isinstance(await self.app.ask(SubscribeStart(req="", peer=peer)), Answer)

    async def publish(self, participant: str) -> None:
        """(Re)open the publish leg."""
        client = self.clients[f"peer-{participant}"]
        sdp, sources = await client.publish_offer()
        answer = await self.app.ask(PublishOffer(req="", peer=f"peer-{participant}", sdp=sdp, sources=sources))
        assert isinstance(answer, Answer), answer
        await client.publish_answer(answer.sdp)

    async def view(self, viewer: str, participant: str, client: MediaClient) -> None:
        """A WHEP client on a peer of its own."""
        peer = f"peer-{viewer}"
        self.members[viewer] = Member(participant=viewer, peer=peer, receives=(participant,))
        await self.tell()
        offer = await client.view_offer()
        answer = await self.app.ask(
            ViewOffer(req="", peer=peer, session=self.session, participant=participant, sdp=offer)
        )
        assert isinstance(answer, Answer), answer
        await client.view_answer(answer.sdp, participant)

    async def _answer(self, offer: SubscribeOffer) -> None:
        client = self.clients.get(offer.peer)
        if client is not None:
            sdp = await client.subscribe_answer(offer.sdp, offer.lines)
            await self.app.send(SubscribeAnswer(peer=offer.peer, offer=offer.offer, sdp=sdp))

    async def close(self) -> None:
        """Close every client; offers that are still on their way must not open new connections."""
        clients, self.clients = self.clients, {}
        self.app.on_offer = None
        await self.app.settle()
        for client in clients.values():
            await client.close()


async def until(condition: Callable[[], Any], seconds: float = 10.0) -> Any:
    """Poll ``condition`` every 50 ms; its value. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not (value := condition()):  # noqa: ASYNC110 (waits for a real process)
            await asyncio.sleep(0.05)
        return value
