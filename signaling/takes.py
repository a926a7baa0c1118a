"""What points recorded by themselves, in the session's log: filed with an event where the log is still open."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy.orm import Session

from rooms import sessions as rows
from rooms import takes
from rooms.files import FileStore
from rooms.models import Take
from rooms.takes import Against, Filed
from signaling.commands import Command, TakeFiled
from signaling.loading import ALL, as_event
from signaling.onrecord import OnRecord
from signaling.sessions import Sessions
from signaling.state import RoomState
from signaling.store import moment


def against(db: Session, take: Take) -> Against:
    """The word of the session's log, as it stands now, on what may be kept of a take."""
    log = [as_event(event) for event in rows.events_since(db, take.session_id, 0, limit=ALL)]
    return OnRecord(take.session_id, take.participant_id, log).against


class Takes:
    """Files takes at the app that owns their session. ``files``: where their pieces lie."""

    def __init__(self, sessions: Sessions, files: FileStore) -> None:
        self._sessions = sessions
        self._store, self._clock, self._files = sessions.store, sessions.clock, files
        sessions.operations.add("take.file", self._file)

    async def file(self, session: str, take: str) -> dict[str, Any]:
        """Nothing more comes of a take: file it, once. Gives what the log says of it.

        A session that is locked already gets no event: its signed supplement says the same.
        Raises NotFound, StorageFailed, Unavailable.
        """
        facts: dict[str, Any] = await self._sessions.operations.do("take.file", session=session, take=take)
        return facts

    async def _file(self, session: str, take: str) -> dict[str, Any]:
        filed: list[Filed] = []

        def work(db: Session) -> bool:
            """Whether it is filed now for the first time."""
            row = db.get_one(Take, take)
            first = row.filed_at is None
            filed.append(takes.file(db, take, self._files, against(db, row), moment(self._clock())))
            return first

        def extra(db: Session, state: RoomState) -> Command:
            return TakeFiled(filed[-1].facts) if work(db) else TakeFiled()

        if (await self._store.run(self._store.standing, session)).locked:
            await self._store.run(self._apart, work)
        else:
            host = await self._sessions.host(session)
            await host.submit(TakeFiled(), extra)
        for path in filed[-1].orphans:
            await self._store.run(self._files.remove, path)
        return filed[-1].facts

    def _apart(self, work: Callable[[Session], object]) -> None:
        with self._store.database.write() as db:
            work(db)
