"""Reports that the hub must get, on disk until it has them. Survives kill -9; never waits for the disk in the loop.

Numbers rise by one and never repeat. After an unclean end a gap is left, because numbers may have been given whose
report did not reach the disk. A report is handed out once it is on disk, or at once when the disk cannot be written:
a full disk is just what the hub must hear of.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

from media.messages import Report, ReportBody, decode_to_app, encode

UNCLEAN_GAP = 1_000_000
"""More reports than a relay can make while its disk refuses to take them."""
_SCHEMA = """
PRAGMA journal_mode=WAL;
PRAGMA synchronous=FULL;
CREATE TABLE IF NOT EXISTS reports (number INTEGER PRIMARY KEY, frame TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS meta (id INTEGER PRIMARY KEY CHECK (id = 1), last INTEGER NOT NULL, clean INTEGER NOT NULL);
INSERT OR IGNORE INTO meta VALUES (1, 0, 1);
"""

_log = logging.getLogger(__name__)


class Outbox:
    """Numbered reports. ``ready`` is called in the writer's thread when more can be sent (wrap it for the loop).

    Raises sqlite3.Error from the constructor when the file cannot be used at all.
    """

    def __init__(self, path: Path, ready: Callable[[], None]) -> None:
        self._path = path
        self._ready = ready
        self._lock = threading.Lock()
        self._frames: dict[int, str] = {}  # not acknowledged, in order of their numbers
        self._waiting: set[int] = set()  # of these, not on disk yet
        self._jobs: queue.SimpleQueue[tuple[str, int, str] | None] = queue.SimpleQueue()
        with contextlib.closing(self._connect()) as database:
            database.executescript(_SCHEMA)
            last, clean = (int(value) for value in database.execute("SELECT last, clean FROM meta").fetchone())
            for number, frame in database.execute("SELECT number, frame FROM reports ORDER BY number"):
                self._frames[number] = frame
            self._last = max(last, *self._frames) if self._frames else last
            if not clean:
                self._last += UNCLEAN_GAP
            database.execute("UPDATE meta SET last = ?, clean = 0", (self._last,))
            database.commit()
        self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)
        self._thread.start()

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=5.0)

    def add(self, session: str, epoch: int, utc: float, body: ReportBody) -> int:
        """Keep a report; returns its number."""
        with self._lock:
            self._last += 1
            number = self._last
            frame = encode(Report(number=number, session=session, epoch=epoch, utc=utc, body=body))
            self._frames[number] = frame
            self._waiting.add(number)
        self._jobs.put(("add", number, frame))
        return number

    def after(self, number: int) -> list[tuple[int, str]]:
        """Reports with higher numbers that may be sent, in order: nothing beyond one that is still being written."""
        with self._lock:
            barrier = min(self._waiting, default=self._last + 1)
            return [(each, frame) for each, frame in self._frames.items() if number < each < barrier]

    def ack(self, number: int) -> None:
        """The hub has everything up to ``number``. A number from the future only moves the counter on: then the
        hub knows this relay from before its folder was lost."""
        with self._lock:
            self._last = max(self._last, number)
            done = [each for each in self._frames if each <= number]
            for each in done:
                del self._frames[each]
                self._waiting.discard(each)
        if done:
            self._jobs.put(("ack", number, ""))

    def __len__(self) -> int:
        return len(self._frames)

    def close(self, timeout: float) -> None:
        """Write what is left and end the thread."""
        self._jobs.put(None)
        self._thread.join(timeout)

    # --- the writer's thread ----------------------------------------------------------------------------------------

    def _run(self) -> None:
        is_open = True
        while is_open:
            jobs = [self._jobs.get()]
            with contextlib.suppress(queue.Empty):
                while True:
                    jobs.append(self._jobs.get_nowait())
            is_open = None not in jobs
            work = [job for job in jobs if job is not None]
            try:
                self._write(work, is_closing=not is_open)
            except sqlite3.Error as error:
                _log.error("outbox cannot be written: %s", type(error).__name__)
            with self._lock:
                self._waiting.difference_update(number for kind, number, _ in work if kind == "add")
            self._ready()

    def _write(self, work: list[tuple[str, int, str]], is_closing: bool) -> None:
        with contextlib.closing(self._connect()) as database, database:
            database.execute("PRAGMA synchronous=FULL")
            for kind, number, frame in work:
                if kind == "add":
                    database.execute("INSERT OR REPLACE INTO reports VALUES (?, ?)", (number, frame))
                    database.execute("UPDATE meta SET last = max(last, ?)", (number,))
                else:
                    database.execute("DELETE FROM reports WHERE number <= ?", (number,))
                    database.execute("UPDATE meta SET last = max(last, ?)", (number,))
            if is_closing:
                database.execute("UPDATE meta SET clean = 1")


def report_of(frame: str) -> Report:
    """A stored frame as a message. Raises LinkError."""
    message = decode_to_app(frame)
    assert isinstance(message, Report)
    return message
