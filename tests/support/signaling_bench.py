"""Signaling as it runs, on a real database, with pages and relays on sockets in memory."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import datetime as dt
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from media import messages as r
from rooms import db as rooms_db
from rooms import relays as relay_rows
from rooms import sessions as rows
from rooms import tickets
from rooms.actor import SYSTEM
from rooms.errors import StorageFailed
from rooms.words import ParticipantRole, ParticipantState, TicketKind
from signaling.endpoints import Endpoints
from signaling.host import HostOptions, SessionHost
from signaling.hubchannel import HubChannel
from signaling.relays import RelayOptions, RelayPool
from signaling.sessions import Sessions
from signaling.sockets import SocketClosed
from signaling.store import Store
from tests.support.factories import NOW
from tests.support.migrated import migrated
from tests.support.sockets import JsonPeer, MemorySocket, socket_pair

FAST = HostOptions(ring_s=0.2, silent_s=120.0, tick_s=0.05, state_every_s=0.01, check_lock_s=0.05)
QUICK = RelayOptions(gone_s=0.3, hung_s=5.0, silent_s=60.0, retry_s=0.05, answer_s=2.0)


class FlakyDatabase(rooms_db.Database):
    """A database that can be switched off."""

    away = False

    def write(self) -> Any:
        """A transaction, or StorageFailed while ``away``."""
        if self.away:
            raise StorageFailed("database.unavailable")
        return super().write()

    def read(self) -> Any:
        """A transaction, or StorageFailed while ``away``."""
        if self.away:
            raise StorageFailed("database.unavailable")
        return super().read()


class FakeRelay:
    """A relay that speaks the real messages and has no media. Its reports wait until they are acknowledged."""

    def __init__(self, bench: Bench, relay: str) -> None:
        self.bench, self.id = bench, relay
        self.key = Ed25519PrivateKey.generate()
        self.boot = f"{relay}-boot1"
        self.refuse_with = ""
        self.got: list[r.ToRelay] = []
        self.desired: dict[str, r.Desired] = {}
        self.outbox: dict[int, r.Report] = {}
        self.kept: dict[str, list[r.KeptEvent]] = {}
        self.can_keep = True  # it knows how to
        self.keeps = True  # its disk takes events
        self.fences: dict[str, int] = {}
        self.number = 0
        self.welcome: r.Welcome | None = None
        self._socket: MemorySocket | None = None
        self._tasks: list[asyncio.Task[Any]] = []
        self._changed = asyncio.Event()

    @property
    def public(self) -> str:
        """The public key as the database has it."""
        raw = self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return base64.b64encode(raw).decode()

    async def dial(self, key: Ed25519PrivateKey | None = None) -> None:
        """Link up and send what waits."""
        near, far = socket_pair()
        serving = asyncio.create_task(self.bench.pool.serve(far))
        challenge = r.decode_to_relay(await near.receive_text())
        assert isinstance(challenge, r.Challenge)
        signed = (key or self.key).sign(
            b"diemcau relay link v1\n" + challenge.nonce.encode() + b"\n" + self.id.encode()
        )
        sessions = {session: wanted.epoch for session, wanted in self.desired.items() if wanted.state != "closed"}
        hello = r.Hello(
            version=r.LINK_VERSION, relay=self.id, signature=base64.b64encode(signed).decode(), boot=self.boot, pid=1,
            addresses=("127.0.0.1:5000",), sessions=sessions,
            kept={one: len(events) for one, events in self.kept.items() if events} if self.can_keep else None,
        )  # fmt: skip
        await near.send_text(r.encode(hello))
        welcome = r.decode_to_relay(await near.receive_text())
        assert isinstance(welcome, r.Welcome)
        self.welcome, self._socket = welcome, near
        self._tasks = [serving, asyncio.create_task(self._read(near))]
        for report in list(self.outbox.values()):
            await near.send_text(r.encode(report))

    async def _read(self, socket: MemorySocket) -> None:
        with contextlib.suppress(SocketClosed):
            while True:
                message = r.decode_to_relay(await socket.receive_text())
                self.got.append(message)
                await self._act(socket, message)
                self._changed.set()

    async def _act(self, socket: MemorySocket, message: r.ToRelay) -> None:
        match message:
            case r.Desired():
                known = self.desired.get(message.session)
                if known is None or (message.epoch, message.version) > (known.epoch, known.version):
                    self.desired[message.session] = message
            case r.PublishOffer() | r.ViewOffer() | r.SubscribeStart():
                reply: r.ToApp = r.Answer(req=message.req, sdp="answer")
                if self.refuse_with:
                    reply = r.Refused(req=message.req, code=self.refuse_with, message="no")
                await socket.send_text(r.encode(reply))
            case r.KeepEvents() | r.ReadKept():
                reply = self._keep(message)
                await socket.send_text(r.encode(reply))
            case r.ForgetKept():
                held = self.kept.get(message.session, [])
                self.kept[message.session] = [
                    one for one in held if one.epoch > message.epoch or one.number > message.number
                ]
            case r.Ack():
                self.outbox = {n: report for n, report in self.outbox.items() if n > message.number}

    def _keep(self, message: r.KeepEvents | r.ReadKept) -> r.ToApp:
        """As ``media.keeper`` does it."""
        session, epoch = message.session, message.epoch
        if epoch < self.fences.get(session, 0):
            return r.Refused(req=message.req, code="stale_epoch", message="no")
        self.fences[session] = epoch
        held = self.kept.setdefault(session, [])
        if isinstance(message, r.ReadKept):
            return r.KeptEvents(req=message.req, events=tuple(held))
        if not self.keeps:
            return r.Refused(req=message.req, code="relay_error", message="no")
        stays = [one for one in held if one.epoch != epoch or one.number <= message.after]
        self.kept[session] = [*stays, *message.events]
        return r.Answer(req=message.req)

    async def report(self, session: str, body: r.ReportBody, epoch: int = 1) -> int:
        """Make a report and send it if linked."""
        self.number += 1
        report = r.Report(number=self.number, session=session, epoch=epoch, utc=self.bench.clock(), body=body)
        self.outbox[self.number] = report
        await self.say(report)
        return self.number

    async def say(self, message: r.ToApp) -> None:
        """Send any message if linked."""
        if self._socket is not None:
            with contextlib.suppress(SocketClosed):
                await self._socket.send_text(r.encode(message))

    async def hang_up(self) -> None:
        """The link is lost."""
        if self._socket is not None:
            await self._socket.close(1006)
            self._socket = None
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    async def until(self, fact: Any, patience_s: float = 20.0) -> None:
        """Wait until ``fact()`` is true."""
        async with asyncio.timeout(patience_s):
            while not fact():
                self._changed.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), 0.02)

    async def wants(self, session: str, fact: Any) -> r.Desired:
        """Wait for a desired state of which ``fact`` is true."""
        await self.until(lambda: session in self.desired and fact(self.desired[session]))
        return self.desired[session]


class Bench:
    """One app: its database, pool, sessions, hub channel, endpoints."""

    def __init__(self, folder: Path, host_options: HostOptions = FAST, relay_options: RelayOptions = QUICK) -> None:
        self.url = f"sqlite:///{folder / 'hub.db'}"
        migrated(folder / "hub.db")
        opened = rooms_db.open_database(self.url)
        self.database = FlakyDatabase(opened.engine)
        self.host_options, self.relay_options = host_options, relay_options
        # The shared worlds of tests/support begin at NOW; this app's clock does too, and runs on from there.
        ahead = NOW.timestamp() - time.time() + 60.0
        self.clock = lambda: time.time() + ahead
        self.alive: dict[str, bool] = {}
        self.pages: list[asyncio.Task[None]] = []
        self.relays: list[FakeRelay] = []
        self._build("app1")

    def _build(self, owner: str) -> None:
        self.store = Store(self.database, owner, self.clock)
        self.pool = RelayPool(self.store, self.clock, self.relay_options, lambda relay, pid: self.alive.get(relay))
        self.sessions = Sessions(self.store, self.pool, self.clock, options=self.host_options)
        self.channel = HubChannel(self.store, self.sessions, self.clock, every_s=0.02)
        self.endpoints = Endpoints(self.sessions)

    async def start(self) -> None:
        """Begin."""
        await self.sessions.start()
        await self.channel.start()

    async def restart(self, owner: str = "app2") -> None:
        """The app dies and another takes over."""
        await self.stop()
        self._build(owner)
        await self.start()

    async def stop(self) -> None:
        """End; pages and relays lose their sockets."""
        await self.channel.stop()
        await self.sessions.stop()
        await self.pool.stop()
        if self.pages:
            _done, hanging = await asyncio.wait(self.pages, timeout=20.0)
            assert not hanging, "a socket outlived the app"
        self.pages = []
        for relay in self.relays:
            await relay.hang_up()

    async def relay(self, name: str = "relay1", dial: bool = True) -> FakeRelay:
        """An enrolled relay, linked."""
        relay = FakeRelay(self, name)
        with self.database.write() as db:
            relay_rows.add(db, name, relay.public, self.now(), name=name)
        self.relays.append(relay)
        if dial:
            await relay.dial()
        return relay

    def open_plain(self, **points: str) -> tuple[str, dict[str, str]]:
        """A session with one operator "op" and these points (name=state), as rows; ids by name."""
        with self.database.write() as db:
            session = rows.open_plain(db, SYSTEM, "Phiên thử", self.now()).id
            ids = {"op": self._row(db, session, "op", ParticipantRole.OPERATOR, ParticipantState.ADMITTED)}
            for name, state in points.items():
                ids[name] = self._row(db, session, name, ParticipantRole.POINT, ParticipantState(state))
        return session, ids

    def now(self) -> dt.datetime:
        """The app's clock."""
        return dt.datetime.fromtimestamp(self.clock(), dt.UTC)

    def _row(self, db: Any, session: str, name: str, role: ParticipantRole, state: ParticipantState) -> str:
        return rows.add_participant(db, session, f"Điểm cầu {name}", self.now(), role=role, state=state).id

    def ticket(
        self, session: str, participant: str, kind: TicketKind = TicketKind.PAGE, user: str | None = None,
        device: str = "",
    ) -> str:  # fmt: skip
        """A ticket's secret."""
        with self.database.write() as db:
            _, secret = tickets.issue(
                db, kind, self.now(), dt.timedelta(minutes=1), session_id=session, participant_id=participant,
                device=device, user_id=user,
            )  # fmt: skip
            return secret

    def connect(self, session: str, local: bool = False) -> JsonPeer:
        """A page's socket before its hello."""
        near, far = socket_pair()
        self.pages.append(asyncio.create_task(self.sessions.pages.serve(session, far, local=local)))
        return JsonPeer(near)

    async def page(
        self, session: str, participant: str, device: str = "", token: str = "", last_event: int = 0,
        user: str | None = None, local: bool = False,
    ) -> JsonPeer:  # fmt: skip
        """A page that said hello and got its welcome (the last of ``got``)."""
        peer = self.connect(session, local)
        token = token or self.ticket(session, participant, user=user)
        await peer.tell("hello", version=1, token=token, device=device or f"dev-{participant}", last_event=last_event)
        await peer.until("welcome")
        return peer

    async def device(self, user: str | None, device: str) -> JsonPeer:
        """A device on the hub channel."""
        with self.database.write() as db:
            _, secret = tickets.issue(db, TicketKind.HUB, self.now(), dt.timedelta(minutes=1), user_id=user)
        near, far = socket_pair()
        self.pages.append(asyncio.create_task(self.channel.serve(far)))
        peer = JsonPeer(near)
        await peer.tell("present", version=1, token=secret, device=device)
        return peer

    def events(self, session: str, kind: str) -> list[dict[str, Any]]:
        """Bodies of one kind of event in the session's log."""
        with self.database.read() as db:
            return [dict(event.body) for event in rows.events_since(db, session, 0) if event.kind == kind]

    def host(self, session: str) -> SessionHost:
        """The session's host, which is there."""
        return self.sessions.hosts[session]

    def kinds(self, session: str) -> list[str]:
        """Kinds of the session's log in the database."""
        with self.database.read() as db:
            return [event.kind for event in rows.events_since(db, session, 0)]


@contextlib.asynccontextmanager
async def running_bench(folder: Path, **options: Any) -> AsyncIterator[Bench]:
    """A started bench that is stopped at the end."""
    bench = Bench(folder, **options)
    await bench.start()
    try:
        yield bench
    finally:
        await bench.stop()
        bench.database.dispose()
