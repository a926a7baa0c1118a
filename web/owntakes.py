"""What points recorded by themselves, on its way out of the hub: in extracts, in copies, in hand-over packages.

Nothing leaves that is not part of the signed record, and the session's log is asked once more about every piece: what
it has off the record by now goes out as little as it was taken in.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy.orm import Session

from rooms import recordings, takes
from rooms.models import Take, TakePiece
from signaling.takes import against
from web import logs, replays
from web.hub import Hub
from web.replays import HeldTake

log = logs.get("owntakes")


def place(hub: Hub, session_id: str) -> None:
    """Sign what came after the lock and waits for its supplement, so that what goes out names a part of the package.

    Nothing is done before the lock and after a disposal. Raises StorageFailed, package.BrokenPackage.
    """
    with hub.database.read() as db:
        package = recordings.package_of(db, session_id)
        if package is None or package.disposed_at is not None:
            return
        waiting = [take.id for take in takes.of_session(db, session_id) if not take.placed and take.pieces]
    for take_id in waiting:
        with hub.database.write() as db:
            takes.supplement(db, hub.files, take_id, hub.signer, hub.now())


def leaving(hub: Hub, db: Session, session_id: str, participants: Collection[str] | None = None) -> dict[str, HeldTake]:
    """The takes in the signed record (of these participants; None: of all) with the pieces that may go out."""
    words: dict[str, takes.Against] = {}

    def wanted(take: Take, piece: TakePiece) -> bool:
        if not take.placed or (participants is not None and take.participant_id not in participants):
            return False
        if take.id not in words:
            words[take.id] = against(db, take)
        why = words[take.id](piece.sources, piece.start_us / 1e6, piece.end_us / 1e6)
        if why:
            log.warning("piece stays here", session=session_id, take=take.id, number=piece.number, code=why)
        return not why

    return replays.takes_of(hub, db, session_id, wanted)


def task_of(held: dict[str, HeldTake]) -> dict[str, list[list[Any]]]:
    """As the maker of replay files is told them."""
    return {take: [[str(path), start] for path, start in one.pieces] for take, one in held.items()}


def stated(take_id: str, held: HeldTake) -> dict[str, Any]:
    """What is said of a file that was made from a take: where it is from, and the list that fixes its originals."""
    return {"origin": "point", "take": take_id, "take_list_sha256": held.list_sha256}
