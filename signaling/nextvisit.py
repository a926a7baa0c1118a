"""The next visit of a sitting: one session is closed, the next one opened, and the same connections go over."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from rooms import sessions as rows
from signaling import messages as m
from signaling.commands import HUB, Ask, Command
from signaling.errors import Unavailable
from signaling.host import SessionHost
from signaling.requests import settle
from signaling.state import Participant, RoomState
from signaling.store import Seat, actor_of, moment

if TYPE_CHECKING:
    from signaling.sessions import Sessions


class NextVisit:
    """Carries a sitting from visit to visit."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._store, self._clock = sessions.store, sessions.clock

    async def go_on(self, host: SessionHost, seat: Seat, message: m.NextVisit) -> str:
        """Close this visit's session and go on with the sitting's next one, on the same connections.

        Sites that were rung into this visit stay behind: they were asked about this citizen, not about the next.
        """
        operator = host.state.find(host.state.operator)
        ask, opened = Ask(seat.participant, message), ""

        def extra(db: Session, state: RoomState) -> Command:
            # One transaction with the event that closes this one: never two sessions, never none.
            nonlocal opened
            actor = actor_of(db, seat.user, self._clock())
            site = operator.site if operator is not None else ""
            row = rows.open_for_visit(
                db, actor, message.visit, moment(self._clock()), operator_site_id=site or None, chair=host.labels.chair
            )
            if host.relay:
                row.relay_id = host.relay
            opened = row.id
            return ask

        await host.submit(ask, extra)
        try:
            await self._go_over(host, opened)
        except Unavailable:
            # The pages follow when the database is back.
            self._sessions.chore(settle(lambda: self._go_over(host, opened)))
        return opened

    async def _go_over(self, old: SessionHost, session: str) -> None:
        await self._move_pages(old, await self._sessions.host(session))

    async def _move_pages(self, old: SessionHost, new: SessionHost) -> None:
        """Pages of points that take part in both go over; a visit's own point only if it receives the next one too."""
        taken = set(new.audience.connections)
        for page in self._sessions.pages.on(old):
            here = old.state.find(page.seat.participant)
            there = _same_place(new, here, page.seat.user, taken) if here is not None and here.connected else ""
            if not there:
                continue
            taken.add(there)
            seat = replace(page.seat, session=new.session, participant=there)
            resume = await self._store.run(self._store.issue_resume, seat, self._clock())
            one = new.state.find(there)
            if one is not None and not one.admitted and there not in new.loaded.visit_points:
                await new.submit(Ask(HUB, m.Admit(req="", participant=there)))
            await old.audience.detach(page.connection, page.seat.participant)
            page.host, page.seat = new, seat
            page.connection.send(m.Moved(session=new.session))
            try:
                await new.audience.attach(page.connection, seat, resume, 0)
            except Unavailable:
                page.connection.close(m.CLOSE_AGAIN, "database away")  # it comes back to where it was sent


def _same_place(new: SessionHost, here: Participant, user: str, taken: set[str]) -> str:
    """The participant of the next session that stands for this one, "" if there is none: the person's own seat, else
    a free one of the same site and role. No two pages get the same."""
    same = [
        one.participant
        for one in new.state.participants
        if here.site and one.site == here.site and one.participant not in taken
    ]
    users = new.loaded.users
    own = [name for name in same if user and users.get(name) == user]
    role = [name for name in same if (one := new.state.find(name)) is not None and one.role == here.role]
    return next(iter(own + role), "")
