"""The worker's rounds between this machine's folder and the store, and the way back for who asks for a file.

Every few seconds: what is new is put and read back, what was dropped is removed, what nobody needs here goes. A store
that is away or lies stops the round, is said on the board, and is asked again at the next; nothing is lost meanwhile,
for a local copy goes only after the store has given it back unchanged.
"""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from pathlib import Path

from sqlalchemy import select

from rooms import keeping, recordings
from rooms.errors import RoomsError, StorageFailed
from rooms.models import Relay
from web import errors, logs
from web.hub import Hub

log = logs.get("keeping")

EVERY_S = 5.0
LET_GO_EVERY_S = 300.0
ZIPS_STAY_S = 3600.0
"""A downloaded package's ZIP in the cache, which is not encrypted."""


class Keeping:
    """One machine's rounds; a thread of its own, so that no job waits for a slow store."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.stopping = threading.Event()
        self.let_go_at = 0.0

    def run(self) -> None:
        """Rounds until stopped."""
        while not self.stopping.wait(EVERY_S):
            self.step()

    def step(self) -> None:
        """One round. Never raises."""
        try:
            self._round()
        except Exception as error:  # mostly the database being away; said once per change by whoever needs it
            log.warning("round failed", error=type(error).__name__, code=errors.code_of(error)[0])

    def _round(self) -> None:
        hub, store = self.hub, self.hub.store
        if store is None:
            return
        now = hub.now()
        kept = keeping.put_new(hub.database, hub.files, store, now, go_on=lambda: not self.stopping.is_set())
        code = kept.code
        if not code:
            try:
                keeping.drop_asked(hub.database, store)
            except StorageFailed as error:
                code = error.code
        if kept.stored or kept.waiting or code or self._unknown():
            self._note(code, kept.waiting)
        if time.monotonic() >= self.let_go_at:
            self.let_go_at = time.monotonic() + LET_GO_EVERY_S
            before = now - timedelta(hours=hub.config.store_local_hours)
            gone = keeping.let_go(hub.database, hub.files, before, in_use=self._in_use)
            if gone:
                log.info("local copies removed", files=gone)
            tidy_zips(hub.config.data / "cache" / "packages")

    def _unknown(self) -> bool:
        with self.hub.database.read() as db:
            state = keeping.state_of(db)
        return state is None or state.code != "" or state.waiting != 0

    def _note(self, code: str, waiting: int) -> None:
        if keeping.note_state(self.hub.database, code, waiting, self.hub.now()):
            tell = log.error if code else log.info
            tell("store fares", code=code or "well", waiting=waiting)

    def _in_use(self, session_id: str) -> bool:
        """Journals that are still in a spool of this machine are compared with the package before they go."""
        with self.hub.database.read() as db:
            spools = [Path(spool) for spool in db.scalars(select(Relay.spool)) if spool]
        return any((spool / session_id).is_dir() for spool in spools)


def tidy_zips(folder: Path) -> None:
    """Remove ZIPs that were downloaded a while ago."""
    if folder.is_dir():
        for path in folder.glob("*.zip"):
            if path.stat().st_mtime < time.time() - ZIPS_STAY_S:
                path.unlink(missing_ok=True)


def bring_package(hub: Hub, session_id: str) -> None:
    """Have a session's package on this machine, before a transaction that reads or adds to it. Harmless without one.

    Raises NotFound when the package is nowhere, StorageFailed.
    """
    with hub.database.read() as db:
        row = recordings.package_of(db, session_id)
        path = row.path if row is not None else ""
    if path and hub.files.behind is not None:
        hub.files.at_hand(path)


def try_to_bring(hub: Hub, session_id: str) -> bool:
    """``bring_package`` for work that goes on without; whether it is here."""
    try:
        bring_package(hub, session_id)
    except RoomsError as error:
        log.warning("package not at hand", session=session_id, code=error.code)
        return False
    return True
