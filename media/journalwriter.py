"""The thread that writes journals.

``JournalWriter`` is the recorder's ``Sink``: a bounded queue in memory, one thread that writes and fdatasyncs. The disk
is reached through ``Files`` so that tests can throw away everything after the last fdatasync. A file that fails is
tried again until it works; blocks stay in memory until they are durable, because after a failed fdatasync the kernel
may have forgotten them. Format: docs/formats.md.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from media import journal
from media.journalscan import recover, scan, sync_folder
from media.messages import Recovered, TrackClosed
from media.recorder import Append, Closed, Durable, Ended, EndSession, Failed, Job, Open, Result

SYNC_S = 0.4
"""A written file is fdatasynced when its last fdatasync is so long ago: with each hand-over of the recorder."""
WAKE_S = 0.6
"""Looked at without being woken: longer than between two hand-overs, so that each costs one wake-up."""
SYNC_THREADS = 8
FEW = 16
"""So many files are synced one after the other as long as that takes less than ``SLOW_S`` in all: handing each to a
thread of its own costs a small relay more than all its packets' way to the disk."""
SLOW_S = 0.1
RETRY_S = 0.5
GIVE_UP_S = 30.0
"""A closed journal that still cannot be finished after so long is recovered: it ends at its last whole block."""
QUEUE_BYTES = 64 << 20
"""Media waiting for the disk, all tracks together: about 70 s of ten tracks at 700 kbit/s."""

_log = logging.getLogger(__name__)


class Files(Protocol):
    """The disk as the writer sees it; every method may raise OSError."""

    def create(self, session: str, name: str) -> int:
        """A handle on a new, locked, empty file."""

    def write(self, handle: int, offset: int, data: bytes) -> None:
        """All of ``data`` at ``offset``."""

    def sync(self, handles: Sequence[int]) -> list[OSError | None]:
        """Everything written to them so far survives a power cut, where the answer is None."""

    def close(self, handle: int) -> None:
        """Let go of the handle."""

    def recover(self, session: str, name: str) -> Recovered | TrackClosed | None:
        """Finish a file that was let go of with what is durable in it; None: there is nothing of it."""

    def names(self, session: str) -> tuple[str, ...]:
        """The journals of a session, sorted."""


class OsFiles:
    """``Files`` below a real folder: ``<root>/<session>/<name>``, files 0600, folders 0700."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._pool = ThreadPoolExecutor(SYNC_THREADS, thread_name_prefix="journal-sync")
        self._took = 0.0  # s for each file, the last time

    def create(self, session: str, name: str) -> int:
        """See ``Files``. The lock tells a scan that somebody lives who writes here."""
        folder = self._root / session
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / name
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            sync_folder(folder)
            sync_folder(self._root)
        except OSError:
            os.close(handle)
            path.unlink(missing_ok=True)
            raise
        return handle

    def write(self, handle: int, offset: int, data: bytes) -> None:
        """See ``Files``."""
        view = memoryview(data)
        while view:
            done = os.pwrite(handle, view, offset)
            view, offset = view[done:], offset + done

    def sync(self, handles: Sequence[int]) -> list[OSError | None]:
        """See ``Files``. Many at once: the file system then commits them together."""
        began, count = time.monotonic(), len(handles)
        if count == 1 or (count <= FEW and self._took * count <= SLOW_S):
            found = [_fdatasync(handle) for handle in handles]
            self._took = (time.monotonic() - began) / count
            return found
        found = list(self._pool.map(_fdatasync, handles))
        self._took = (time.monotonic() - began) / min(count, SYNC_THREADS)
        return found

    def close(self, handle: int) -> None:
        """See ``Files``."""
        os.close(handle)

    def recover(self, session: str, name: str) -> Recovered | TrackClosed | None:
        """See ``Files``."""
        path = self._root / session / name
        found = recover(path) if path.exists() else None
        return found.body if found is not None else None

    def names(self, session: str) -> tuple[str, ...]:
        """See ``Files``."""
        folder = self._root / session
        if not folder.is_dir():
            return ()
        return tuple(sorted(p.name for p in folder.iterdir() if p.name.endswith((".dcj", ".damaged"))))


def _fdatasync(handle: int) -> OSError | None:
    try:
        os.fdatasync(handle)
    except OSError as error:
        return error
    return None


@dataclass(slots=True)
class _Block:
    data: bytes
    number: int  # of the Append it came from; 0 for HEAD and TAIL
    head: bytes
    payload: int  # what it took of the queue


@dataclass(slots=True)
class _Journal:
    key: int
    session: str
    name: str
    encoder: journal.Encoder
    handle: int = -1
    blocks: deque[_Block] = field(default_factory=deque)  # not yet durable, oldest first
    written: int = 0  # of them, how many are written
    offset: int = 0  # after the last written block
    durable: int = 0  # after the last durable block
    durable_head: bytes = b""
    number: int = 0
    synced_at: float = -1e9
    retry_at: float = -1e9
    failed: str = ""
    closing_since: float | None = None
    given_up: bool = False
    finished: bool = False


class JournalWriter:
    """Writes below ``spool``. ``start`` begins the scan of what is there and the thread; ``stop`` ends both.

    ``submit`` and ``results`` may be called from another thread than ``step`` (the thread calls ``step``; unit tests do
    so themselves). ``files``: for tests. ``lost``: blocks given up at a close, for metrics.
    """

    def __init__(self, spool: Path, files: Files | None = None, queue_bytes: int = QUEUE_BYTES) -> None:
        self._spool = spool
        self._files = files or OsFiles(spool)
        self._limit = queue_bytes
        self._inbox: deque[Job] = deque()
        self._out: deque[Result] = deque()
        self._lock = threading.Lock()
        self._queued = 0
        self._journals: dict[int, _Journal] = {}
        self._ending: list[EndSession] = []
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._scanned = threading.Event()
        self._scanned.set()
        self._thread: threading.Thread | None = None
        self.lost = 0

    @property
    def queued_bytes(self) -> int:
        """Media in memory that is not durable yet."""
        return self._queued

    def start(self) -> None:
        """Start writing, and scanning the journals that are in the spool now. Raises OSError without a spool folder."""
        self._spool.mkdir(mode=0o700, parents=True, exist_ok=True)
        old = sorted(self._spool.glob("*/*.dcj"))
        if old:
            self._scanned.clear()
            threading.Thread(target=self._scan, args=(old,), name="journal-scan", daemon=True).start()
        self._thread = threading.Thread(target=self._run, name="journal-writer", daemon=True)
        self._thread.start()

    def stop(self, timeout: float) -> bool:
        """Write what was submitted and end; False when that took longer than ``timeout`` seconds (a stuck disk)."""
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout)
            return not self._thread.is_alive()
        return True

    def submit(self, job: Job) -> bool:
        """See ``Sink``."""
        if isinstance(job, Append):
            size = len(job.payload)
            with self._lock:
                if self._queued + size > self._limit:
                    return False
                self._queued += size
            self._inbox.append(job)  # ``wake`` follows
            return True
        self._inbox.append(job)
        self._wake.set()
        return True

    def wake(self) -> None:
        """See ``Sink``."""
        self._wake.set()

    def results(self) -> list[Result]:
        """See ``Sink``."""
        taken = []
        while self._out:
            taken.append(self._out.popleft())
        return taken

    # --- the thread --------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            self._wake.wait(WAKE_S if self._journals or self._ending else None)
            self._wake.clear()
            stopping = self._stopping.is_set()
            try:
                self.step(time.monotonic())
            except Exception:
                _log.exception("journal writer step failed")
                time.sleep(RETRY_S)  # a bug must neither end the thread nor spin
            if stopping and not self._inbox and self._idle():
                return

    def _idle(self) -> bool:
        return all(not j.blocks and j.closing_since is None for j in self._journals.values())

    def step(self, now: float) -> None:
        """Take all jobs, write all blocks, sync what is due. May block as long as the disk does."""
        while self._inbox:
            self._take(self._inbox.popleft(), now)
        ready = [item for item in self._journals.values() if now >= item.retry_at]
        self._sync([item for item in ready if self._write(item, now)], now)
        for item in ready:
            self._end(item, now)
            if item.finished:
                del self._journals[item.key]
        for ending in list(self._ending):
            if self._scanned.is_set() and not any(j.session == ending.session for j in self._journals.values()):
                self._ending.remove(ending)
                self._out.append(Ended(ending.session, ending.epoch, self._names(ending.session)))

    def _names(self, session: str) -> tuple[str, ...]:
        try:
            return self._files.names(session)
        except OSError:
            _log.exception("spool folder cannot be listed", extra={"session": session})
            return ()

    def _take(self, job: Job, now: float) -> None:
        if isinstance(job, Open):
            item = _Journal(job.key, job.session, job.name, journal.Encoder())
            self._journals[job.key] = item
            self._add(item, journal.HEAD, job.header, 0, 0)
        elif isinstance(job, EndSession):
            self._ending.append(job)
        elif isinstance(job, Append):
            item = self._journals[job.key]
            self._add(item, journal.DATA, job.payload, job.number, len(job.payload))
        else:
            item = self._journals[job.key]
            self._add(item, journal.TAIL, journal.tail_payload(job.tail), 0, 0)
            item.closing_since = now

    def _add(self, item: _Journal, kind: bytes, payload: bytes | bytearray, number: int, queued: int) -> None:
        data = item.encoder.block(kind, payload)
        item.blocks.append(_Block(data, number, item.encoder.head, queued))

    def _write(self, item: _Journal, now: float) -> bool:
        """Write what waits; whether it is time for a sync then."""
        try:
            if item.handle < 0 and not item.given_up:
                item.handle = self._files.create(item.session, item.name)
            while item.written < len(item.blocks):
                data = item.blocks[item.written].data
                self._files.write(item.handle, item.offset, data)
                item.offset += len(data)
                item.written += 1
        except OSError as error:
            self._fail(item, error, now)
            return False
        return item.written > 0 and (item.closing_since is not None or now - item.synced_at >= SYNC_S)

    def _sync(self, items: Sequence[_Journal], now: float) -> None:
        if not items:
            return
        for item, error in zip(items, self._files.sync([item.handle for item in items]), strict=True):
            if error is None:
                self._settle(item, now)
            else:
                # The kernel may have dropped these pages and call them clean: write them all again.
                item.written, item.offset = 0, item.durable
                self._fail(item, error, now)

    def _end(self, item: _Journal, now: float) -> None:
        if item.closing_since is None:
            return
        if item.blocks or item.given_up:
            if now - item.closing_since >= GIVE_UP_S:
                item.retry_at = now + RETRY_S
                self._give_up(item)
            return
        self._let_go(item)
        item.finished = True
        self._out.append(Closed(item.key, item.encoder.length, item.encoder.sha256()))

    def _settle(self, item: _Journal, now: float) -> None:
        item.synced_at, item.failed = now, ""
        freed = 0
        for _ in range(item.written):
            block = item.blocks.popleft()
            item.number = max(item.number, block.number)
            item.durable_head = block.head
            freed += block.payload
        item.written, item.durable = 0, item.offset
        with self._lock:
            self._queued -= freed
        self._out.append(Durable(item.key, item.number, item.durable_head, item.durable))

    def _fail(self, item: _Journal, error: OSError, now: float) -> None:
        code = "disk_full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "disk_error"
        item.retry_at = now + RETRY_S
        if item.failed != code:
            item.failed = code
            self._out.append(Failed(item.key, code))
            _log.error("journal cannot be written", extra={"file": item.name, "code": code, "errno": error.errno})

    def _give_up(self, item: _Journal) -> None:
        self.lost += len(item.blocks)
        with self._lock:
            self._queued -= sum(block.payload for block in item.blocks)
        item.blocks.clear()
        item.written, item.given_up = 0, True
        self._let_go(item)
        try:
            recovered = self._files.recover(item.session, item.name)
        except OSError:
            _log.exception("journal cannot be recovered", extra={"file": item.name})
            return  # the disk is worse than full: asked again with every retry
        item.finished = True
        length, sha = (recovered.length, recovered.sha256) if recovered is not None else (0, "")
        self._out.append(Closed(item.key, length, sha, recovered))

    def _let_go(self, item: _Journal) -> None:
        handle, item.handle = item.handle, -1
        if handle >= 0:
            try:
                self._files.close(handle)
            except OSError:
                _log.exception("journal cannot be closed", extra={"file": item.name})

    # --- the scan ----------------------------------------------------------------------------------------------------

    def _scan(self, paths: list[Path]) -> None:
        try:
            for found in scan(paths):
                self._out.append(found)
        except Exception:
            _log.exception("scan of the spool failed")
        finally:
            self._scanned.set()
            self._wake.set()
