"""Events that a session's owner cannot write because its database is away: on this relay's disk until it can.

What is answered is synced (SQLite, ``synchronous=FULL``, as in the outbox): a batch is there as a whole or not at
all, a torn write cannot be taken for an event, and one session's events go without touching another's. A plain file
would need all three built again for the same one sync. The loop never waits: a thread writes, in the order of what
was asked, so that a read sees every batch that was taken before it.

A session's highest epoch is a fence: who asked under a lower one is refused from then on. It is on disk too, because
a relay that starts again must not take events of an owner that lost the session meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec

from media.errors import PeerError, StaleEpoch
from media.messages import Answer, ForgetKept, KeepEvents, KeptEvent, KeptEvents, ReadKept, Refused, ToApp

MAX_KEPT = 2000
"""Events of one session: several times what an owner keeps before it refuses further requests."""

MAX_FENCES = 10_000
_SCHEMA = """
PRAGMA journal_mode=WAL;
PRAGMA synchronous=FULL;
CREATE TABLE IF NOT EXISTS kept (
    session TEXT NOT NULL, epoch INTEGER NOT NULL, number INTEGER NOT NULL, frame BLOB NOT NULL,
    PRIMARY KEY (session, epoch, number)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS fences (session TEXT PRIMARY KEY, epoch INTEGER NOT NULL);
"""

_log = logging.getLogger(__name__)
_event = msgspec.json.Decoder(KeptEvent)

Reply = Callable[[ToApp], None]
Job = tuple[KeepEvents | ReadKept | ForgetKept, Reply]


class KeptFull(PeerError):
    """More events than an owner may leave here."""

    code = "kept_full"


class Keeper:
    """Kept events by session, epoch and number. Raises sqlite3.Error from the constructor when its file is no use."""

    def __init__(self, path: Path, loop: asyncio.AbstractEventLoop) -> None:
        self._path = path
        self._loop = loop
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        with contextlib.closing(self._connect()) as database:
            database.executescript(_SCHEMA)
            self._fences: dict[str, int] = dict(database.execute("SELECT session, epoch FROM fences ORDER BY rowid"))
            self._held: dict[str, int] = _counts(database)
        self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)
        self._thread.start()

    def _connect(self) -> sqlite3.Connection:
        database = sqlite3.connect(self._path, timeout=1.0)
        database.execute("PRAGMA synchronous=FULL")
        return database

    def sessions(self) -> dict[str, int]:
        """Sessions with kept events, and how many."""
        return dict(self._held)

    def fence(self, session: str, epoch: int) -> None:
        """An owner of this epoch has spoken: lower ones are refused from now on."""
        self._fences[session] = max(epoch, self._fences.pop(session, 0))
        if len(self._fences) > MAX_FENCES:
            del self._fences[next(iter(self._fences))]

    def handle(self, message: KeepEvents | ReadKept | ForgetKept, reply: Reply) -> None:
        """Take a request; ``reply`` is called in the loop. Raises StaleEpoch, KeptFull.

        Forgetting needs no fence: whoever asks has seen the events in the database.
        """
        if not isinstance(message, ForgetKept):
            known = self._fences.get(message.session, 0)
            if message.epoch < known:
                raise StaleEpoch(message.session, message.epoch, known)
            if isinstance(message, KeepEvents) and len(message.events) > MAX_KEPT:
                raise KeptFull(f"{len(message.events)} events")
            self.fence(message.session, message.epoch)
        self._jobs.put((message, reply))

    def close(self, timeout: float) -> None:
        """Write what was asked for and end the thread."""
        self._jobs.put(None)
        self._thread.join(timeout)

    # --- the writer's thread ----------------------------------------------------------------------------------------

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            message, reply = job
            req = getattr(message, "req", "")
            held: dict[str, int] | None = None
            answer: ToApp
            try:
                with contextlib.closing(self._connect()) as database:
                    answer = self._do(database, message)
                    held = _counts(database)
            except (sqlite3.Error, msgspec.MsgspecError) as error:
                _log.error("kept events: %s failed: %s", type(message).__name__, type(error).__name__)
                answer = Refused(req=req, code="relay_error", message="the disk does not take events")
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to be told
                self._loop.call_soon_threadsafe(self._tell, reply if req else None, answer, held)

    def _tell(self, reply: Reply | None, answer: ToApp, held: dict[str, int] | None) -> None:
        if held is not None:
            self._held = held
        if reply is not None:
            reply(answer)

    def _do(self, database: sqlite3.Connection, message: KeepEvents | ReadKept | ForgetKept) -> ToApp:
        match message:
            case KeepEvents():
                with database:
                    _raise_fence(database, message.session, message.epoch)
                    _replace_tail(database, message)
                return Answer(req=message.req)
            case ForgetKept():
                with database:
                    database.execute(
                        "DELETE FROM kept WHERE session = ? AND epoch <= ? AND number <= ?",
                        (message.session, message.epoch, message.number),
                    )
                return Answer(req="")
            case ReadKept():
                try:
                    with database:
                        _raise_fence(database, message.session, message.epoch)
                except sqlite3.Error:  # a full disk can be read: the fence holds as long as this process does
                    _log.error("kept events: the fence cannot be written")
                found = database.execute(
                    "SELECT frame FROM kept WHERE session = ? ORDER BY epoch, number", (message.session,)
                )
                return KeptEvents(req=message.req, events=tuple(_event.decode(frame) for (frame,) in found))


def _raise_fence(database: sqlite3.Connection, session: str, epoch: int) -> None:
    database.execute(
        "INSERT INTO fences VALUES (?, ?) ON CONFLICT (session) DO UPDATE SET epoch = max(epoch, excluded.epoch)",
        (session, epoch),
    )
    database.execute(
        "DELETE FROM fences WHERE rowid <= (SELECT max(rowid) FROM fences) - ?"
        " AND session NOT IN (SELECT session FROM kept)",
        (MAX_FENCES,),
    )


def _replace_tail(database: sqlite3.Connection, message: KeepEvents) -> None:
    database.execute(
        "DELETE FROM kept WHERE session = ? AND epoch = ? AND number > ?",
        (message.session, message.epoch, message.after),
    )
    rows = [(message.session, event.epoch, event.number, msgspec.json.encode(event)) for event in message.events]
    database.executemany("INSERT OR REPLACE INTO kept VALUES (?, ?, ?, ?)", rows)


def _counts(database: sqlite3.Connection) -> dict[str, int]:
    return Counter(dict(database.execute("SELECT session, count(*) FROM kept GROUP BY session")))
