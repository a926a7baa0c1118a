"""The relay process: sockets, timers, links, outbox and recorder around the core. ``main`` is ``diemcau relay``.

Nothing here waits for an app: media goes on, is recorded and is reported later when every app is gone. An orphan (no
app and no peer for ten minutes) ends. SIGTERM closes the journals, reports them and ends.

Exit codes: 0 ended as asked, 1 bug, 2 usage, 3 enrolment refused or no hub, 4 port or folder in use.
"""

from __future__ import annotations

import asyncio
import fcntl
import gc
import json
import logging
import os
import secrets
import shutil
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from media.connections import Connections
from media.courier import Courier
from media.enrolment import EnrolmentRefused, HubAway, Identity, identify, tls_context
from media.errors import PeerError, StaleEpoch, UsageError
from media.front import Front
from media.icetcp import IceTcp
from media.journalwriter import JournalWriter
from media.keeper import Keeper
from media.link import AppLink
from media.logs import start_logging
from media.messages import (
    LINK_VERSION,
    Ack,
    Answer,
    Ask,
    ClosePeer,
    Crosstalk,
    Desired,
    Drain,
    ForgetKept,
    Hello,
    KeepEvents,
    Layers,
    Leg,
    Line,
    PeerDown,
    PeerUp,
    PublishOffer,
    Quality,
    ReadKept,
    Refused,
    RelayState,
    ReportBody,
    Source,
    Speaker,
    SubscribeAnswer,
    SubscribeOffer,
    SubscribeStart,
    TimeIs,
    ToApp,
    ToRelay,
    ViewOffer,
    Views,
    Welcome,
)
from media.ownerclock import OwnerClock
from media.recorder import SpoolRecorder
from media.relay import Relay, RelayOptions
from media.settings import Announced, Settings, read_settings
from media.shipper import Shipper
from media.types import PeerId, SessionId
from media.waiting import NetworkSelector

ORPHAN_S = 600.0
QUALITY_S = 2.0
STOP_S = 5.0
"""How long SIGTERM waits for the disk, and then again for the app to take the last reports."""
COPY_STOP_S = 2.0  # and for the last copies: what is durable here is not lost by an end
MIN_DELAY_S = 0.001
YOUNG_OBJECTS = 20_000
"""Before the collector looks: a relay's objects are packets, which hold no cycles and are gone in two seconds."""

_log = logging.getLogger("media.process")


class RelayProcess:
    """All parts of a running relay. Implements the listeners of core, legs and links."""

    def __init__(self, settings: Settings, identity: Identity) -> None:
        self._settings = settings
        self._identity = identity
        self._loop = asyncio.get_running_loop()
        self.boot = secrets.token_hex(8)
        now, utc = time.monotonic(), time.time()
        self._writer = JournalWriter(settings.spool)
        self._recorder = SpoolRecorder(self._writer, lambda: secrets.token_hex(4), self.boot, now, utc)
        self._shipper = Shipper(
            settings.spool, settings.apps, identity, self._recorder.lengths, lambda: tls_context(settings),
            self._recorder.forget_lengths,
        )  # fmt: skip
        self._core = Relay(self, self._recorder, RelayOptions(loudest=settings.loudest))
        self._core.utc_offset = utc - now
        self.front = Front(self._core, time.monotonic, self._plan)
        port = self.front.open(settings.port, [ip for ip, _ in settings.addresses])
        self.announced = Announced(settings.addresses, port)
        self._tcp = IceTcp(self.front)
        self.announced.has_tcp = self._tcp.open(port, [ip for ip, _ in settings.addresses])
        self._legs = Connections(
            self.front, self._core, self.announced, self, time.monotonic, takes_wide=not settings.remb
        )
        self._courier = Courier(settings.folder / "outbox.db", self._loop)
        self._keeper = Keeper(settings.folder / "kept.db", self._loop)
        self._links = [AppLink(app, self, lambda: tls_context(settings)) for app in settings.apps]
        self._desired: dict[str, Desired] = {}
        self._clock, self._clock_of = OwnerClock(), self._links[:1]  # the app that was linked last
        self._owners: dict[str, AppLink] = {}  # peer -> the app that spoke of it last
        self._changed: set[PeerId] = set()
        self._recording = asyncio.Event()  # the recorder is busy
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._lonely_since = now
        self._cpu = (now, time.process_time())
        self._spool_free, self._octets = -1, 0
        self._is_ending = False
        self.stop = asyncio.Event()

    # --- running ----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Until ``stop`` is set; then end everything in order."""
        self._writer.start()
        self._shipper.start()
        tasks = [asyncio.ensure_future(link.run()) for link in self._links]
        tasks += [
            asyncio.ensure_future(self._every(lambda: self._recorder.period, self._poll_recorder, self._recording))
        ]
        tasks += [asyncio.ensure_future(self._every(lambda: 1.0, self._tick))]
        tasks += [asyncio.ensure_future(self._every(lambda: QUALITY_S, self._report_quality))]
        gc.collect()
        gc.set_threshold(YOUNG_OBJECTS, 20, 20)
        gc.freeze()  # what exists now lives as long as the process: keep it out of every collection
        _log.info("relay %s listens on %s", self._identity.relay, ", ".join(self.announced.texts()))
        _log.info("receive buffer: %d bytes", self.front.receive_buffer())
        await self.stop.wait()
        _log.info("relay ends")
        await self._end()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._tcp.close()
        self.front.close()

    async def _end(self) -> None:
        self._is_ending = True
        await self._legs.close_all()
        self._recorder.close_all(time.monotonic())
        await asyncio.to_thread(self._writer.stop, STOP_S)
        self._poll_recorder()
        if self._timer is not None:
            self._timer.cancel()
        await asyncio.to_thread(self._shipper.stop, COPY_STOP_S)
        await self._courier.close(STOP_S)
        await asyncio.to_thread(self._keeper.close, STOP_S)

    async def _every(
        self, period: Callable[[], float], step: Callable[[], None], while_set: asyncio.Event | None = None
    ) -> None:
        is_well = True
        while True:
            if while_set is not None:
                await while_set.wait()
            await asyncio.sleep(period())
            try:
                step()
                is_well = True
            except Exception:
                if is_well:  # the first of a row: a full log helps nobody
                    _log.exception("a periodic step failed")
                is_well = False

    def _plan(self) -> None:
        """Have the core, or packets that a pacer holds back, called at their next deadline."""
        due, held = self._core.next_deadline(), self.front.due
        if held is not None and (due is None or held < due):
            due = held
        if self._recorder.is_busy:
            self._recording.set()
        if due is None or (self._timer is not None and self._timer_at <= due + MIN_DELAY_S):
            return
        if self._timer is not None:
            self._timer.cancel()
        delay = max(MIN_DELAY_S, due - time.monotonic())
        self._timer_at = time.monotonic() + delay
        self._timer = self._loop.call_later(delay, self._deadline)

    def _deadline(self) -> None:
        self._timer = None
        try:
            now = time.monotonic()
            self.front.settle(now)
            self._core.handle_deadline(now, self.front.batch)
        except Exception:
            _log.exception("a deadline failed")
        self.front.flush()
        self._plan()

    def _poll_recorder(self) -> None:
        for session, epoch, body in self._recorder.poll(time.monotonic(), time.time()):
            self.report(session, epoch, body)
        if not self._recorder.is_busy:
            self._recording.clear()  # wake-ups cost a small relay more than packets: none without need

    def _tick(self) -> None:
        now = time.monotonic()
        self._core.utc_offset = time.time() - now
        if not self._recording.is_set():
            self._poll_recorder()
        self._legs.tick(now)
        if len(self._legs) or any(link.is_up for link in self._links):
            self._lonely_since = now
        drained = self._legs.is_draining and not self._core.sessions() and not len(self._legs)
        if drained or now - self._lonely_since > ORPHAN_S:
            _log.info("nothing left to do")
            self.stop.set()

    def _report_quality(self) -> None:
        now, used = time.monotonic(), time.process_time()
        since, before = self._cpu
        self._cpu = (now, used)
        octets, self._octets = self._octets, self._recorder.counters.octets
        self._loop.run_in_executor(None, self._look_at_disk)  # a stuck disk answers late, to the next report
        message = Quality(
            utc=time.time(),
            legs=tuple(self._core.quality(now)),
            cpu=round((used - before) / max(now - since, 0.001), 4),
            packets_in=self.front.received,
            packets_out=self.front.sent,
            dropped={reason: count for reason, count in (self._core.dropped | self.front.dropped).items() if count},
            spool_free=self._spool_free,
            written_bps=round((self._octets - octets) * 8 / max(now - since, 0.001)),
            copies_late_s=round(self._shipper.late_s, 1),
        )
        self._send_all(message)
        self._ask_time(now)

    def _ask_time(self, now: float) -> None:
        question = self._clock.ask(now) if any(link.is_up for link in self._clock_of) else None
        if question is not None:
            self._clock_of[0].send(question)

    def _look_at_disk(self) -> None:
        try:
            self._spool_free = shutil.disk_usage(self._settings.spool).free
        except OSError:
            self._spool_free = -1

    def _send_all(self, message: ToApp) -> None:
        for link in self._links:
            link.send(message)

    # --- listener of the core and of the legs -----------------------------------------------------------------------

    def report(self, session: SessionId | str, epoch: int, body: ReportBody) -> None:
        """Keep a report until the hub has it (Listener)."""
        self._courier.add(session, epoch, body)

    def speaker(self, session: SessionId, participant: str) -> None:
        """Tell the apps who speaks (Listener)."""
        self._send_all(Speaker(session=session, participant=participant))

    def subscriptions_changed(self, peer: PeerId) -> None:
        """Renegotiate soon, once for all changes of this turn (Listener)."""
        if not self._changed:
            self._loop.call_soon(self._renegotiate)
        self._changed.add(peer)

    def _renegotiate(self) -> None:
        peers, self._changed = self._changed, set()
        if not self._is_ending:
            self._legs.changed(sorted(peers))
            self._plan()

    def crosstalk(self, session: SessionId, pairs: tuple[tuple[str, str], ...]) -> None:
        """Tell the apps which rooms hear each other (Listener)."""
        self._send_all(Crosstalk(session=session, pairs=pairs))

    def layers_wanted(self, peer: PeerId, source: Source, rids: tuple[str, ...]) -> None:
        """Tell a publisher which layers it need send (Listener)."""
        link = self._owners.get(peer)
        if link is not None:
            link.send(Layers(peer=peer, source=source, rids=rids))

    def leg_up(self, peer: PeerId, leg: Leg) -> None:
        """A leg is connected (LegListener)."""
        self._report_leg(peer, PeerUp(peer=peer, leg=leg))
        self._plan()

    def leg_down(self, peer: PeerId, leg: Leg, reason: str) -> None:
        """A leg is gone (LegListener)."""
        self._report_leg(peer, PeerDown(peer=peer, leg=leg, reason=reason))

    def _report_leg(self, peer: PeerId, body: PeerUp | PeerDown) -> None:
        of_peer = [each for each in self._desired.values() if any(member.peer == peer for member in each.members)]
        for desired in of_peer:
            self.report(desired.session, desired.epoch, body)
        if not of_peer:
            self.report("", 0, body)

    def offer(self, peer: PeerId, number: int, text: str, lines: tuple[Line, ...]) -> None:
        """Send an offer to the app that has the peer (LegListener)."""
        link = self._owners.get(peer)
        if link is not None:
            link.send(SubscribeOffer(peer=peer, offer=number, sdp=text, lines=lines))

    # --- listener of the links --------------------------------------------------------------------------------------

    def hello(self, nonce: str) -> Hello:
        """Our first message to an app (LinkListener)."""
        return Hello(
            version=LINK_VERSION,
            relay=self._identity.relay,
            signature=self._identity.sign(nonce),
            boot=self.boot,
            pid=os.getpid(),
            addresses=self.announced.texts(),
            sessions=self._core.sessions(),
            kept=self._keeper.sessions(),
        )

    def link_up(self, link: AppLink, welcome: Welcome) -> None:
        """An app is there (LinkListener)."""
        _log.info("link to %s is up", link.app)
        self._recorder.set_clock_offset(welcome.utc - time.time())  # until a question is answered
        self._clock.forget()
        self._clock_of = [link]
        self._ask_time(time.monotonic())
        self._core.set_ceilings(welcome.max_source_bps, welcome.max_viewer_bps)
        self._courier.link_up(link, welcome.acked)
        self._legs.repeat_offers(time.monotonic(), 0.0)

    def link_down(self, link: AppLink) -> None:
        """An app is gone (LinkListener)."""
        _log.info("link to %s is down", link.app)
        self._courier.link_down(link, self._links)
        if not any(each.is_up for each in self._links):
            self._recorder.set_clock_offset(None)

    def link_message(self, link: AppLink, message: ToRelay) -> None:
        """One message of an app (LinkListener). A bug in handling it must not cost the link."""
        req = getattr(message, "req", "")
        try:
            self._handle(link, message)
        except StaleEpoch as error:
            _log.warning("%s", error)
            link.send(Refused(req=req, code=error.code, message=str(error)))
        except PeerError as error:
            link.send(Refused(req=req, code=error.code, message=str(error)))
        except Exception:
            _log.exception("a %s failed", type(message).__name__)
            if req:
                link.send(Refused(req=req, code="relay_error", message="the relay could not do this"))
        self._plan()

    def _handle(self, link: AppLink, message: ToRelay) -> None:
        peer = getattr(message, "peer", None)
        if isinstance(peer, str):
            self._owners[peer] = link
        match message:
            case Desired():
                self._apply(link, message)
            case PublishOffer():
                link.send(Answer(req=message.req, sdp=self._legs.publish(message)))
            case SubscribeStart():
                if message.restart:
                    self._legs.restart(PeerId(message.peer))
                else:
                    self._legs.subscribe(PeerId(message.peer), message.local)
                link.send(Answer(req=message.req))
            case SubscribeAnswer():
                self._legs.answer(message)
            case ViewOffer():
                link.send(Answer(req=message.req, sdp=self._legs.view(message)))
            case Views():
                if message.peer in self._legs.peers():
                    self._core.set_views(PeerId(message.peer), message.views, time.monotonic())
            case ClosePeer():
                self._legs.close(PeerId(message.peer), message.leg)
                self._forget_owners()
            case TimeIs() if link in self._clock_of:
                self._clock.take(message, time.monotonic(), time.time())
                self._recorder.set_clock_offset(self._clock.offset)
            case Ack():
                self._courier.ack(message.number)
            case Ask():
                link.send(self._state(message.req))
            case KeepEvents() | ReadKept() | ForgetKept():
                self._keeper.handle(message, link.send)
            case Drain():
                self._legs.is_draining = True
            case _:
                _log.warning("unexpected %s", type(message).__name__)

    def _apply(self, link: AppLink, desired: Desired) -> None:
        self._core.apply(desired, time.monotonic())
        self._keeper.fence(desired.session, desired.epoch)
        for member in desired.members:
            if member.peer is not None:
                self._owners[member.peer] = link
        if desired.state == "closed":
            self._desired.pop(desired.session, None)
            self._forget_owners()
        else:
            self._desired[desired.session] = desired

    def _forget_owners(self) -> None:
        known = self._legs.peers() | {member.peer for each in self._desired.values() for member in each.members}
        self._owners = {peer: link for peer, link in self._owners.items() if peer in known}

    def _state(self, req: str) -> RelayState:
        free = shutil.disk_usage(self._settings.folder).free
        return RelayState(req=req, sessions=self._core.sessions(), peers=self._legs.connected(), spool_free=free)


# --- the process ----------------------------------------------------------------------------------------------------


def take_folder(folder: Path) -> int:
    """A lock on ``folder`` for as long as the process lives. Raises OSError (BlockingIOError: taken)."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise
    return handle


async def run_relay(settings: Settings, selector: NetworkSelector | None = None) -> None:
    """Enrol, listen, serve until told to stop. ``selector``: the loop's, to pass ordinary packets while it waits."""
    identity = await identify(settings)
    process = RelayProcess(settings, identity)
    loop = asyncio.get_running_loop()
    if selector is not None and process.front.can_wait:
        selector.watch(process.front.wait)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, process.stop.set)
    state = settings.folder / "state.json"
    started = {"pid": os.getpid(), "boot": process.boot, "relay": identity.relay, "utc": time.time()}
    state.write_text(json.dumps(started | {"addresses": process.announced.texts()}))
    try:
        await process.run()
    finally:
        if selector is not None:
            selector.watch(None)
        state.unlink(missing_ok=True)


def main(argv: Sequence[str] | None = None) -> int:
    """``diemcau relay``: returns the exit code (see the module's docstring)."""
    settings = read_settings(sys.argv[1:] if argv is None else argv)
    start_logging()
    try:
        lock = take_folder(settings.folder)
        settings.spool.mkdir(exist_ok=True, mode=0o700)
    except BlockingIOError:
        _log.error("another relay runs on this folder")
        return 4
    except OSError as error:
        _log.error("the folder cannot be used: %s", error.strerror)
        return 4
    try:
        selector = NetworkSelector()
        with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)) as runner:
            runner.run(run_relay(settings, selector))
    except UsageError as error:
        _log.error("%s", error)
        return 2
    except (EnrolmentRefused, HubAway) as error:
        _log.error("%s", error)
        return 3
    except OSError as error:
        _log.error("UDP port %s cannot be used: %s", settings.port, error.strerror or error)
        return 4
    finally:
        os.close(lock)
    return 0


if __name__ == "__main__":
    sys.exit(main())
