"""After a restore: what a certificate says is gone may lie there again, and goes once more (docs/operations.md).

Nothing is decided here: the disposal was approved by two people and certified. A database that was restored too may
have forgotten it; then the certificate, kept outside and signed by this hub, is taken in again as it is, and stands.
Only a hold that somebody placed after the destruction stops it: then the restore has brought something back that is
wanted now.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from rooms import audit, destruction, filed, holds
from rooms.actor import SYSTEM
from rooms.certificates import Certificate
from rooms.destruction import Elsewhere
from rooms.errors import Conflict
from rooms.files import FileStore
from rooms.models import Disposal, Paper, User
from rooms.stores import Store
from rooms.words import DisposalState


@dataclass(frozen=True, slots=True)
class There:
    """Something that is there again. ``kind``: as in a certificate; ``path``: in the store, a name outside of it."""

    kind: str
    session: str
    path: str


def kept(db: Session, after: str = "", limit: int = 100) -> list[tuple[str, bytes, bytes]]:
    """Certificates that the database holds, in the order of their ids, from ``after`` on: id, bytes, signature."""
    query = sa.select(Disposal).where(Disposal.state == DisposalState.DONE, Disposal.id > after)
    rows = db.scalars(query.order_by(Disposal.id).limit(limit))
    return [(row.id, row.certificate.encode(), bytes.fromhex(row.signature)) for row in rows]


def there_again(files: FileStore, store: Store | None, one: Certificate) -> list[There]:
    """What of a certificate lies in folder or store; a package by its folder. Raises StorageFailed."""
    found = []
    for session, path in zip(one.sessions, one.packages, strict=True):
        if (files.root / path).exists() or (store is not None and next(iter(store.list(path + "/")), None) is not None):
            found.append(There("package", session, path))
    for line in one.singles:
        path = line["path"]
        if (files.root / path).exists() or (store is not None and store.length(path) is not None):
            found.append(There(line["what"], line["session"], path))
    return found


def is_open(db: Session, one: Certificate) -> bool:
    """Whether the database has forgotten the disposal: it stands there as never done."""
    row = db.get(Disposal, one.disposal)
    return row is None or row.state is not DisposalState.DONE


def begin(
    db: Session, one: Certificate, signature: bytes, count: int, now: dt.datetime, elsewhere: Sequence[Elsewhere]
) -> list[dict[str, Any]]:
    """Take the certificate in where the database has forgotten it, put the object out of reach again, write down that
    ``count`` things were there, and list what is to go: what it names, and what was made of these records since.

    Raises Conflict disposal.held, certificate.other.
    """
    _refuse_held(db, one)
    row = db.get(Disposal, one.disposal, with_for_update=True)
    if row is not None and row.state is DisposalState.DONE and row.certificate.encode() != one.raw:
        raise Conflict("certificate.other", "The hub holds another certificate of this disposal.")
    before = one.destroyed
    if row is None or row.state is not DisposalState.DONE:
        _take_in(db, one, signature, row, now)
        before = now  # what was made since the restore holds the record, too
    named = [line["path"] for line in one.lines if line["what"] == "paper"]
    papers = list(db.scalars(sa.select(Paper.id).where(Paper.path.in_(named))))
    going = {line["path"]: line for line in destruction.single_lines(db, one.sessions, papers, before)}
    going |= {line["path"]: line for line in one.lines}
    for session, path in zip(one.sessions, one.packages, strict=True):  # the folder goes with whatever lies in it
        first = f"{path}/manifest.json"
        going.setdefault(first, {"what": "package", "session": session, "path": first})
    destruction.put_out_of_reach(db, one.sessions, papers, one.destroyed, before)
    if count:
        detail = {"disposal": one.disposal, "found": count}
        for kind, object_id in {(one.object_kind, one.object_id), *(("session", name) for name in one.sessions)}:
            audit.log(db, SYSTEM, "disposal.again", kind, object_id, now, detail=detail)
    return [*going.values(), *(destruction.copy_line(copy) for copy in elsewhere)]


def _refuse_held(db: Session, one: Certificate) -> None:
    named = [(one.object_kind, one.object_id), *(("session", session) for session in one.sessions)]
    named += [("case", case) for session in one.sessions for case in filed.cases_of(db, "session", session)]
    if any(hold.placed_at > one.destroyed for hold in holds.in_force(db, named)):
        raise Conflict("disposal.held", "Somebody holds this since it was restored.")


def _take_in(db: Session, one: Certificate, signature: bytes, row: Disposal | None, now: dt.datetime) -> None:
    """The row as it was when the certificate was written; users that the database does not know stay unnamed."""
    proposer, approver = _user(db, one.proposed[0]), _user(db, one.approved[0])
    if row is None:
        row = Disposal(id=one.disposal, object_kind=one.object_kind, object_id=one.object_id)
    row.basis, row.reason, row.error = one.basis[:500], one.reason[:2000], ""
    row.proposed_by, row.proposed_at = proposer, one.proposed[1]
    row.decided_by, row.decided_at = approver, one.approved[1]
    row.destroyed_at, row.inventory = one.destroyed, [dict(line) for line in one.lines]
    row.certificate, row.signature, row.key_id = one.raw.decode(), signature.hex(), one.key_id
    row.state = DisposalState.DONE
    db.add(row)
    db.flush()
    audit.log(db, SYSTEM, "disposal.taken_in", one.object_kind, one.object_id, now, detail={"disposal": one.disposal})


def _user(db: Session, user_id: str) -> str | None:
    return user_id if user_id and db.get(User, user_id) is not None else None


def end(db: Session, one: Certificate) -> None:
    """It is gone again: ZIPs of these records are not looked for any more."""
    for delivery in destruction.deliveries_of(db, one.sessions, one.destroyed):
        if delivery.removed_at is not None:
            delivery.path = ""
    db.flush()
