"""Carries out what devices on the hub channel ask for: answering a ring, waiting for a visit, calling for help."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.orm import Session

from rooms import audit, people, visits
from rooms import sessions as rows
from rooms.errors import NotFound
from rooms.ids import new_id
from rooms.models import Site
from rooms.words import ParticipantRole, ParticipantState
from signaling import devicemessages as d
from signaling import messages as m
from signaling.board import Alert, Present, Snapshot
from signaling.commands import Command, RingAnswered
from signaling.connection import Connection
from signaling.errors import Refusal, RequestRefused, Translate, Unavailable
from signaling.sessions import Sessions
from signaling.state import RoomState
from signaling.store import Store, actor_of, moment

MAX_HELP = 500

RoomUrl = Callable[[str], str]


@dataclass(slots=True, eq=False)
class Desk:
    """A device on the channel after its handshake."""

    connection: Connection
    present: Present
    translate: Translate
    last: d.HubState | None = None
    waits_for: str = ""


class DeskRequests:
    """``snapshot`` gives what is live in all apps; ``noted`` is told of a call for help, or that something changed."""

    def __init__(
        self,
        store: Store,
        sessions: Sessions,
        clock: Callable[[], float],
        snapshot: Callable[[], Snapshot],
        noted: Callable[[Alert | None], None],
        room_url: RoomUrl,
    ) -> None:
        self._store, self._sessions, self._clock = store, sessions, clock
        self._snapshot, self._noted, self._room_url = snapshot, noted, room_url
        sessions.operations.add("ring.answer", self._answer_ring)

    async def handle(self, desk: Desk, message: d.FromDevice) -> None:
        """Carry out one message and answer it. Raises what ``errors`` and ``rooms.errors`` name."""
        match message:
            case m.Ping():
                desk.connection.send(m.Pong(n=message.n, utc=self._clock()))
            case d.RingAnswer():
                await self._answer(desk, message)
            case d.Wait():
                await self._wait(desk, message)
            case d.Help():
                await self._help(desk, message)
            case d.Present():
                raise RequestRefused(Refusal("message.unknown"))

    async def _answer(self, desk: Desk, message: d.RingAnswer) -> None:
        live = self._snapshot().live
        session = next((s for s, one in live.items() if any(r.ring == message.ring for r in one.state.rings)), "")
        if not session:
            raise RequestRefused(Refusal("ring.unknown"))
        present = desk.present
        await self._sessions.operations.do(
            "ring.answer", session=session, ring=message.ring, accept=message.accept, sites=list(present.sites),
            user=present.user,
        )  # fmt: skip
        desk.connection.send(m.Done(req=message.req))
        if message.accept:
            desk.connection.send(d.Called(session=session, url=self._room_url(session)))

    async def _answer_ring(self, session: str, ring: str, accept: bool, sites: list[str], user: str) -> None:
        """Where the session is: somebody at one of ``sites`` answers."""
        host = await self._sessions.host(session)
        call = next((one for one in host.state.rings if one.ring == ring), None)
        if call is None or call.site not in sites:
            raise RequestRefused(Refusal("ring.unknown"))
        site = call.site
        seated = (p for p in host.state.participants if p.site == site and p.state != "removed" and p.role != "viewer")
        known = next(seated, None)
        now = self._clock()

        def extra(db: Session, state: RoomState) -> Command:
            if not accept:
                return RingAnswered(ring, False, "")
            if known is not None:
                return RingAnswered(ring, True, known.participant)
            place = db.get(Site, site)
            row = rows.add_participant(
                db, session, place.name if place is not None else "", moment(now), role=ParticipantRole.GUEST,
                site_id=site, user_id=user or None, publish=("mic", "camera", "screen"),
                state=ParticipantState.ADMITTED,
            )  # fmt: skip
            return RingAnswered(ring, True, row.id)

        await host.submit(RingAnswered(ring, accept, known.participant if known else ""), extra)
        await host.refresh()

    async def _wait(self, desk: Desk, message: d.Wait) -> None:
        if not desk.present.user:
            raise RequestRefused(Refusal("visit.unknown"))

        def work() -> None:
            with self._store.database.write() as db:
                now = self._clock()
                visits.queue_online(db, actor_of(db, desk.present.user, now), message.visit, moment(now))

        try:
            await self._store.run(work)
        except NotFound:
            raise RequestRefused(Refusal("visit.unknown")) from None
        desk.waits_for = message.visit
        desk.connection.send(m.Done(req=message.req))
        self._noted(None)

    async def _help(self, desk: Desk, message: d.Help) -> None:
        if len(message.text) > MAX_HELP:
            raise RequestRefused(Refusal("text.too_long", {"limit": MAX_HELP}))
        now = self._clock()
        site = desk.present.sites[0] if desk.present.sites else ""
        alert = Alert(new_id(), message.kind, site, now, message.text)
        desk.connection.send(m.Done(req=message.req, body={"alert": alert.alert}))
        self._noted(alert)

        def work() -> None:
            with self._store.database.write() as db:
                actor = people.actor_of(db, desk.present.user, moment(now)) if desk.present.user else None
                if actor is not None:
                    audit.log(db, actor, f"help.{message.kind}", "site", site, moment(now))

        with contextlib.suppress(Unavailable, NotFound):
            await self._store.run(work)
