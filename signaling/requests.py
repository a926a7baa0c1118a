"""Carries out what a page asks for: most requests are a command to the room, the rest is here.

What people write (names, lines, sections) is stored by ``rooms`` in the same transaction as the event that says so;
the log itself holds only ids.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session

from media import messages as r
from rooms import access, minutes, sessions
from rooms.actor import Actor
from rooms.errors import NotFound, RoomsError
from rooms.ids import new_id
from rooms.words import LineKind
from signaling import messages as m
from signaling.commands import HUB, Ask, Command
from signaling.connection import Connection
from signaling.errors import Refusal, RequestRefused, Unavailable
from signaling.host import SessionHost
from signaling.state import RoomState
from signaling.store import Extra, Seat, actor_of, moment, with_ids

if TYPE_CHECKING:
    from signaling.sessions import Sessions

log = logging.getLogger(__name__)

MAX_NAME = 200
PERSON_KEYS = ("label", "name", "capacity", "title")

Body = dict[str, Any]


class Requests:
    """The requests of pages, for all sessions of this app."""

    def __init__(self, manager: Sessions) -> None:
        self._manager = manager
        self._special: dict[type[Any], Callable[[SessionHost, Seat, Any], Awaitable[Body]]] = {
            m.Publish: self._publish,
            m.Unpublish: self._unpublish,
            m.Subscribe: self._subscribe,
            m.Hand: self._hand,
            m.People: self._people,
            m.AnswerNotice: self._answer_notice,
            m.Ring: self._ring,
            m.Bookmark: self._bookmark,
            m.MinutesTake: self._minutes_take,
            m.MinutesLine: self._minutes_line,
            m.MinutesSection: self._minutes_section,
            m.MinutesFreeze: self._minutes_freeze,
            m.ToDenunciation: self._to_denunciation,
            m.NextVisit: self._next_visit,
            m.Chat: self._chat,
        }

    async def handle(self, host: SessionHost, seat: Seat, connection: Connection, message: m.FromPage) -> None:
        """Carry out one message and answer it. Raises what ``errors`` and ``rooms.errors`` name."""
        if isinstance(message, m.Ping):
            connection.send(m.Pong(n=message.n, utc=host.clock()))
        elif isinstance(message, m.SubscribeAnswer):
            await self._check(host, seat, message)
            answer = r.SubscribeAnswer(peer=seat.device, offer=message.offer, sdp=message.sdp)
            host.pool.send(host.relay, answer)
        elif isinstance(message, m.Views):
            self._views(host, seat, connection, message)
        elif isinstance(message, m.Seen):
            await host.lines.seen(seat.participant, message)
        elif isinstance(message, m.Hello):
            raise RequestRefused(Refusal("message.unknown"))
        else:
            special = self._special.get(type(message))
            if special is not None:
                body = await special(host, seat, message)
            else:
                await host.submit(Ask(seat.participant, message, id=new_id()))
                body = {}
            if isinstance(message, m.Publish):
                connection.send(m.Answer(req=message.req, sdp=body["sdp"]))
            else:
                connection.send(m.Done(req=message.req, body=body))

    async def _check(self, host: SessionHost, seat: Seat, message: m.FromPage) -> None:
        """Raises RequestRefused unless the request is allowed; writes nothing."""
        await host.check(Ask(seat.participant, message))

    # --- media -------------------------------------------------------------------------------------------------------

    async def _publish(self, host: SessionHost, seat: Seat, message: m.Publish) -> Body:
        await self._check(host, seat, message)
        offer = r.PublishOffer(
            req=host.pool.next_request(), peer=seat.device, sdp=message.sdp, sources=message.sources, local=seat.local,
            restart=message.restart,
        )  # fmt: skip
        answer = await host.pool.ask(host.relay, offer)
        return {"sdp": answer.sdp}

    async def _unpublish(self, host: SessionHost, seat: Seat, message: m.Unpublish) -> Body:
        await self._check(host, seat, message)
        host.pool.send(host.relay, r.ClosePeer(peer=seat.device, leg="publish"))
        return {}

    async def _subscribe(self, host: SessionHost, seat: Seat, message: m.Subscribe) -> Body:
        await self._check(host, seat, message)
        start = r.SubscribeStart(
            req=host.pool.next_request(), peer=seat.device, local=seat.local, restart=message.restart
        )
        await host.pool.ask(host.relay, start)
        return {}

    @staticmethod
    def _views(host: SessionHost, seat: Seat, connection: Connection, message: m.Views) -> None:
        """Not answered, nor refused: it is told again when somebody who is let in shows something."""
        one = host.state.find(seat.participant)
        if one is not None and one.connected and connection.views.take(connection.heard):
            host.pool.send(host.relay, r.Views(peer=seat.device, views=message.views))

    async def _hand(self, host: SessionHost, seat: Seat, message: m.Hand) -> Body:
        await self._check(host, seat, message)
        me = frozenset({seat.participant})
        host.audience.hands = host.audience.hands | me if message.up else host.audience.hands - me
        host.audience.dirty()
        return {}

    async def _chat(self, host: SessionHost, seat: Seat, message: m.Chat) -> Body:
        await self._check(host, seat, message)
        now = host.clock()
        line = m.Event(
            number=0, utc=now, at_s=max(0.0, now - host.state.opened_utc), kind="chat.line",
            body={"participant": seat.participant, "text": message.text},
        )  # fmt: skip
        for participant, connection in host.audience.connections.items():
            one = host.state.find(participant)
            if one is not None and one.connected and one.role in ("operator", "point"):
                connection.send(line)
        return {}

    # --- people, notice, rings ---------------------------------------------------------------------------------------

    async def _people(self, host: SessionHost, seat: Seat, message: m.People) -> Body:
        people = [_person(one) for one in message.people]
        ask = Ask(seat.participant, message, ids=("",) * len(people))

        def extra(db: Session, state: RoomState) -> Command:
            labels = sessions.set_people(db, host.session, message.participant, people, moment(host.clock()))
            return with_ids(ask, ids=tuple(labels))

        await host.submit(ask, extra)
        await host.refresh()
        return {}

    async def _answer_notice(self, host: SessionHost, seat: Seat, message: m.AnswerNotice) -> Body:
        ask = Ask(seat.participant, message)

        def extra(db: Session, state: RoomState) -> Command:
            sessions.answer_notice(db, host.session, message.participant, message.person, message.answer)
            return ask

        await host.submit(ask, extra)
        await host.refresh()
        return {}

    async def _ring(self, host: SessionHost, seat: Seat, message: m.Ring) -> Body:
        ask = Ask(seat.participant, message, id=new_id())

        def extra(db: Session, state: RoomState) -> Command:
            try:
                access.load_site(db, actor_of(db, seat.user, host.clock()), message.site, now=moment(host.clock()))
            except NotFound:
                raise RequestRefused(Refusal("site.unknown")) from None
            return ask

        await host.submit(ask, extra)
        await host.refresh()
        return {"ring": ask.id}

    # --- minutes -----------------------------------------------------------------------------------------------------

    async def read_minutes(self, host: SessionHost) -> None:
        """The minutes as pages show them; made and prefilled at first use."""

        def work() -> Body:
            with host.store.database.write() as db:
                row = minutes.prefill(db, actor_of(db, "", 0.0), moment(host.clock()), session_id=host.session)
                return minutes.view(db, row.id)

        try:
            host.audience.minutes = await host.store.run(work)
        except (RoomsError, Unavailable) as error:
            log.warning("session %s: minutes cannot be read: %s", host.session, error)

    async def _with_minutes(
        self, host: SessionHost, seat: Seat, ask: Ask, work: Callable[[Session, Actor, str], str]
    ) -> Body:
        """Run ``work`` on the minutes, in one transaction with the event; pages get the new minutes."""
        if not seat.user and seat.participant != HUB:
            raise RequestRefused(Refusal("right.missing"))  # a room's device is nobody who could sign

        def extra(db: Session, state: RoomState) -> Command:
            now = host.clock()
            actor = actor_of(db, seat.user, now)
            row = minutes.prefill(db, actor, moment(now), session_id=host.session)
            return with_ids(ask, id=work(db, actor, row.id))

        written = await host.submit(ask, extra)
        await self.read_minutes(host)
        host.audience.send_minutes()
        command = written.command
        return {"id": command.id} if isinstance(command, Ask) and command.id else {}

    async def _minutes_take(self, host: SessionHost, seat: Seat, message: m.MinutesTake) -> Body:
        def work(db: Session, actor: Actor, row: str) -> str:
            minutes.take(db, actor, row, seat.device, moment(host.clock()))
            return ""

        return await self._with_minutes(host, seat, Ask(seat.participant, message), work)

    async def _minutes_line(self, host: SessionHost, seat: Seat, message: m.MinutesLine) -> Body:
        def work(db: Session, actor: Actor, row: str) -> str:
            now = host.clock()
            if message.line:
                return minutes.correct_line(
                    db, actor, row, message.line, message.text, moment(now), speaker=message.speaker,
                    device=seat.device,
                ).id  # fmt: skip
            at_s = message.at_s if message.at_s is not None else now - host.state.opened_utc
            return minutes.add_line(
                db, actor, row, message.text, moment(now), speaker=message.speaker,
                at=moment(host.state.opened_utc + at_s), at_s=at_s, device=seat.device,
            ).id  # fmt: skip

        return await self._with_minutes(host, seat, Ask(seat.participant, message), work)

    async def _bookmark(self, host: SessionHost, seat: Seat, message: m.Bookmark) -> Body:
        def work(db: Session, actor: Actor, row: str) -> str:
            now = host.clock()
            return minutes.add_line(
                db, actor, row, message.text, moment(now), at=moment(now), at_s=now - host.state.opened_utc,
                kind=LineKind.BOOKMARK, device=seat.device,
            ).id  # fmt: skip

        return await self._with_minutes(host, seat, Ask(seat.participant, message), work)

    async def _minutes_section(self, host: SessionHost, seat: Seat, message: m.MinutesSection) -> Body:
        def work(db: Session, actor: Actor, row: str) -> str:
            saved = minutes.save_section(
                db, actor, row, message.section, message.text, message.base, moment(host.clock()), device=seat.device
            )
            return saved.id

        return await self._with_minutes(host, seat, Ask(seat.participant, message), work)

    async def _minutes_freeze(self, host: SessionHost, seat: Seat, message: m.MinutesFreeze) -> Body:
        def work(db: Session, actor: Actor, row: str) -> str:
            minutes.freeze(db, actor, row, moment(host.clock()))
            return ""

        return await self._with_minutes(host, seat, Ask(seat.participant, message), work)

    # --- larger steps ------------------------------------------------------------------------------------------------

    async def _to_denunciation(self, host: SessionHost, seat: Seat, message: m.ToDenunciation) -> Body:
        await host.submit(Ask(seat.participant, message))
        self._manager.went_to_denunciation(host, seat, message.participant)
        return {}

    async def _next_visit(self, host: SessionHost, seat: Seat, message: m.NextVisit) -> Body:
        await self._check(host, seat, message)
        session = await self._manager.next_visit.go_on(host, seat, message)
        return {"session": session}


def _person(given: dict[str, str]) -> dict[str, str]:
    """A person of a point's list with known keys only. Raises RequestRefused."""
    if any(len(value) > MAX_NAME for value in given.values()) or not given.get("name", "").strip():
        raise RequestRefused(Refusal("people.invalid"))
    return {key: given[key] for key in PERSON_KEYS if given.get(key)}


async def settle(work: Callable[[], Awaitable[None]], every_s: float = 2.0, times: int = 300) -> None:
    """Carry out something that must not be lost while the database is away."""
    for _ in range(times):
        try:
            await work()
            return
        except Unavailable:
            await asyncio.sleep(every_s)
    log.error("given up after %d attempts", times)


__all__ = ["Extra", "Requests", "settle"]
