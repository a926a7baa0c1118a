"""Takes handed in: received piece by piece, cut by the session's log, filed, and made part of the signed record.

A take is what a point's browser recorded by itself while it had no hub (docs/formats.md, Take). It is *from the point*:
an original beside the relay's journals, never in their place. ``against`` is the log's word (``signaling.onrecord``):
why a span may not be kept, "" if it may. What may not be kept is never written to the disk.
"""

from __future__ import annotations

import datetime as dt
import io
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from rooms import access, audit, supplements, takeform
from rooms.actor import SYSTEM, Actor
from rooms.db import Database
from rooms.errors import Conflict, Invalid, NotFound, WrongState
from rooms.files import FileStore
from rooms.models import Package, ReceptionSession, Take, TakePiece
from rooms.package import PaperFile
from rooms.signing import Signer
from rooms.takekeys import TakeKeys
from rooms.words import SessionState, TakeState

Against = Callable[[Sequence[str], float, float], str]
"""Sources, start and end in UNIX seconds; why it may not be kept, "" if it may."""

QUIET_DAYS = 14
"""A device that has not come back so long after its last piece will not: what is there is filed, as incomplete."""
MAX_OPEN = 64
"""Takes of one participant that are being handed in at once; a browser has one per outage."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a piece. ``sha256``: of the sealed bytes; the device deletes its copy when it reads its own hash
    here. ``cut``: why its media was not kept, "" if it was."""

    number: int
    sha256: str
    cut: str


@dataclass(frozen=True, slots=True)
class Filed:
    """A filed take: what the log says of it, and files that are of no use any more once this is committed."""

    facts: dict[str, Any]
    orphans: tuple[str, ...] = ()


def begin(db: Session, actor: Actor, keys: TakeKeys, raw: bytes, now: dt.datetime) -> Take:
    """A device announces a take; announced again it is the same.

    Raises Invalid (take.malformed, take.unknown_key, take.too_many), Conflict take.other_header, NotFound for a point
    that the actor has nothing to do with.
    """
    header = takeform.parse_header(raw)
    access.load_point(db, actor, header.session, header.participant, now=now)
    keys.key_of(header)
    there = db.get(Take, header.take)
    if there is not None:
        if there.header.encode() != raw:
            raise Conflict("take.other_header", "Another recording has this name.")
        return there
    open_ones = sa.select(sa.func.count()).where(
        Take.participant_id == header.participant, Take.state == TakeState.RECEIVING
    )
    if (db.scalar(open_ones) or 0) >= MAX_OPEN:
        raise Invalid("take.too_many", "Too many recordings are being handed in at once.")
    take = Take(id=header.take, session_id=header.session, participant_id=header.participant, header=raw.decode())
    take.begun_at = take.heard_at = now
    take.handed_in_by = actor.user_id
    db.add(take)
    db.flush()
    audit.log(db, actor, "take.begun", "session", header.session, now, detail={"take": header.take})
    return take


def load(db: Session, actor: Actor, take_id: str, now: dt.datetime) -> Take:
    """A take for whoever hands it in. Raises NotFound."""
    take = db.get(Take, take_id)
    if take is None:
        raise NotFound()
    access.load_point(db, actor, take.session_id, take.participant_id, now=now)
    return take


def numbers_of(db: Session, take_id: str) -> list[int]:
    """Numbers of the pieces that are here."""
    found = sa.select(TakePiece.number).where(TakePiece.take_id == take_id)
    return list(db.scalars(found.order_by(TakePiece.number)))


def put(
    database: Database, actor: Actor, files: FileStore, keys: TakeKeys, take_id: str, number: int, sealed: bytes,
    against: Callable[[Session, Take], Against], now: dt.datetime,
) -> Receipt:  # fmt: skip
    """Take one sealed piece in. Sent again, the same piece gets the same answer.

    Raises NotFound, Invalid (take.malformed, take.sealed_otherwise, take.broken_chain), Conflict take.other_piece,
    WrongState once the take is filed, StorageFailed.
    """
    with database.read() as db:
        take = load(db, actor, take_id, now)
        header = takeform.parse_header(take.header.encode())
        known = db.get(TakePiece, (take_id, number))
        before = db.get(TakePiece, (take_id, number - 1)) if number else None
        piece = takeform.open_piece(keys.key_of(header), sealed)
        if known is not None:
            if known.sealed_sha256 != piece.sealed_sha256:
                raise Conflict("take.other_piece", "Another piece has this number.")
            return Receipt(number, known.sealed_sha256, known.cut)
        if take.state is not TakeState.RECEIVING:
            raise WrongState("take", take.state.value)
        expected = header.digest.hex() if number == 0 else before.sealed_sha256 if before is not None else ""
        if piece.number != number or (expected and piece.previous != expected):
            raise Invalid("take.broken_chain", "This part of the recording does not follow the one before.")
        cut = "" if piece.is_end else _cut(against(db, take), piece, now)
    stored = None
    if not piece.is_end and not cut:
        stored = files.put("takes", io.BytesIO(piece.media), limit=takeform.MAX_MEDIA, suffix=".webm")
    row = TakePiece(
        take_id=take_id, number=number, previous=piece.previous, sealed_sha256=piece.sealed_sha256,
        start_us=piece.start_us, end_us=piece.end_us, error_us=piece.error_us, mime=piece.mime,
        sources=list(piece.sources), reason=piece.reason, cut=cut,
    )  # fmt: skip
    if stored is not None:
        row.path, row.length, row.sha256 = stored.path, stored.length, stored.sha256
    try:
        with database.write() as db:
            take = db.get_one(Take, take_id, with_for_update=True)
            if take.state is not TakeState.RECEIVING:
                raise WrongState("take", take.state.value)
            take.heard_at = now
            db.add(row)
    except BaseException:
        if stored is not None:
            files.remove(stored.path)
        raise
    return Receipt(number, piece.sealed_sha256, cut)


def _cut(against: Against, piece: takeform.Piece, now: dt.datetime) -> str:
    start, end = piece.start_us / 1e6, piece.end_us / 1e6
    if end > now.timestamp() + 60:
        return "clock"  # the device's reckoning cannot be right: nobody knows where this belongs
    error = min(piece.error_us / 1e6, 5.0)
    return against(piece.sources, start - error, end + error)


def file(db: Session, take_id: str, files: FileStore, against: Against, now: dt.datetime) -> Filed:
    """Nothing more comes: look once more what may be kept, and write the list. Filed twice is filed once.

    Raises NotFound, StorageFailed.
    """
    take = db.get(Take, take_id, with_for_update=True)
    if take is None:
        raise NotFound()
    rows = list(db.scalars(sa.select(TakePiece).where(TakePiece.take_id == take_id).order_by(TakePiece.number)))
    if take.state is TakeState.FILED:
        return Filed(facts_of(take, rows))
    orphans = []
    for row in rows:
        # The log may have learnt of a pause only after the piece came: kept events of a relay, a takeover.
        late = "" if row.cut or row.reason else against(row.sources, row.start_us / 1e6, row.end_us / 1e6)
        if late:
            orphans.append(row.path)
            row.cut, row.path, row.length, row.sha256 = late, "", 0, ""
    header = takeform.parse_header(take.header.encode())
    ended = next((row.reason for row in rows if row.reason), "")
    raw = takeform.list_bytes(header, [_stated(row) for row in rows], ended=ended, filed=now)
    stored = files.put("takes", io.BytesIO(raw), limit=len(raw), suffix=".json")
    kept = [row for row in rows if row.path]
    take.state, take.ended, take.filed_at = TakeState.FILED, ended, now
    take.path, take.sha256 = stored.path, stored.sha256
    take.pieces, take.cut = len(kept), sum(1 for row in rows if row.cut)
    take.missing = (rows[-1].number + 1 - len(rows)) if rows else 0
    take.complete = bool(ended) and not take.missing
    take.first_utc = min((row.start_us / 1e6 for row in kept), default=None)
    take.last_utc = max((row.end_us / 1e6 for row in kept), default=None)
    db.flush()
    return Filed(facts_of(take, rows), tuple(orphans))


def _stated(row: TakePiece) -> dict[str, Any]:
    return {
        "number": row.number,
        "previous": row.previous,
        "sealed_sha256": row.sealed_sha256,
        "start_us": row.start_us,
        "end_us": row.end_us,
        "error_us": row.error_us,
        "mime": row.mime,
        "sources": row.sources,
        "reason": row.reason,
        "cut": row.cut,
        "file": name_of(row) if row.path else None,
        "length": row.length,
        "sha256": row.sha256,
    }


def facts_of(take: Take, rows: Sequence[TakePiece]) -> dict[str, Any]:
    """What manifest, supplement and log say of a filed take: ids, counts and times only."""
    return {
        "take": take.id,
        "participant": take.participant_id,
        "origin": "point",
        "pieces": take.pieces,
        "cut": dict(sorted(Counter(row.cut for row in rows if row.cut).items())),
        "missing": take.missing,
        "complete": take.complete,
        "ended": take.ended,
        "first_utc": take.first_utc,
        "last_utc": take.last_utc,
        "sha256": take.sha256,
    }


# --- into the signed record ------------------------------------------------------------------------------------------


def pieces_of(db: Session, take_id: str) -> list[TakePiece]:
    """The pieces of a take, in order."""
    return list(db.scalars(sa.select(TakePiece).where(TakePiece.take_id == take_id).order_by(TakePiece.number)))


def name_of(row: TakePiece) -> str:
    """The name of a piece's media in package and supplement."""
    return takeform.file_name(row.take_id, row.number)


def of_session(db: Session, session_id: str) -> list[Take]:
    """The filed takes of a session, in the order of their beginnings; the caller has loaded the session."""
    found = sa.select(Take).where(Take.session_id == session_id, Take.state == TakeState.FILED)
    return list(db.scalars(found.order_by(Take.first_utc, Take.id)))


def files_of(db: Session, files: FileStore, take: Take) -> list[PaperFile]:
    """The files of a filed take under the names that its list gives them."""
    items = [PaperFile(files.path_of(take.path), takeform.list_name(take.id))]
    for row in pieces_of(db, take.id):
        if row.path:
            items.append(PaperFile(files.path_of(row.path), name_of(row)))
    return items


def unplaced(db: Session) -> list[str]:
    """Filed takes that came after the lock of their session and are in no supplement yet."""
    found = (
        sa.select(Take.id)
        .join(ReceptionSession, ReceptionSession.id == Take.session_id)
        .where(Take.state == TakeState.FILED, Take.placed == "", ReceptionSession.state == SessionState.LOCKED)
    )
    return list(db.scalars(found.limit(20)))


def quiet(db: Session, now: dt.datetime) -> list[str]:
    """Takes whose device has not been heard of for QUIET_DAYS."""
    before = now - dt.timedelta(days=QUIET_DAYS)
    return list(db.scalars(sa.select(Take.id).where(Take.state == TakeState.RECEIVING, Take.heard_at < before)))


def supplement(db: Session, files: FileStore, take_id: str, signer: Signer, now: dt.datetime) -> str:
    """Add a filed take to the package of its locked session, signed; the supplement's path. Twice gives the same.

    Raises NotFound, WrongState before the lock, StorageFailed, package.BrokenPackage.
    """
    take = db.get(Take, take_id, with_for_update=True)
    if take is None:
        raise NotFound()
    if take.placed:
        return take.placed
    session = db.get_one(ReceptionSession, take.session_id, with_for_update=True)  # one writer per package
    package = db.scalar(sa.select(Package).where(Package.session_id == session.id))
    if package is None or take.state is not TakeState.FILED:
        raise WrongState("session", session.state.value)
    for row in supplements.adopt(db, files, package):  # ours, if the process died before it could write it down
        if row.kind == "from_point" and supplements.facts_of(files, row)["takes"][0]["take"] == take.id:
            take.placed = row.path
            return row.path
    facts = {"takes": [facts_of(take, pieces_of(db, take.id))]}
    items = files_of(db, files, take)
    take.placed = supplements.add(db, SYSTEM, files, session, "from_point", items, facts, signer, now).path
    db.flush()
    return take.placed
