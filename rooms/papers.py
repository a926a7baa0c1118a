"""Scans and documents: PDF, JPEG, PNG by content, at most 20 MiB each (issue 2, point 4)."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import filetype
import sqlalchemy as sa
from sqlalchemy.orm import Session

from rooms import access, audit
from rooms.access import Right
from rooms.actor import Actor
from rooms.errors import Invalid, WrongState
from rooms.files import FileStore, Stored, Stream
from rooms.ids import new_id
from rooms.models import Minutes, Paper, ReceptionSession
from rooms.words import SessionState

MAX_PAPER = 20 * 1024 * 1024
MAX_TITLE = 200

SUFFIXES = {"application/pdf": ".pdf", "image/jpeg": ".jpg", "image/png": ".png"}
"""What may be attached, by content; the suffix is only for whoever downloads it."""

_ENDINGS = {"application/pdf": b"%%EOF", "image/jpeg": b"\xff\xd9", "image/png": b"IEND"}
"""What each kind must have near its end: a scan cut short by a bad line is refused, not filed."""
_TAIL = 2048


def attach(
    db: Session, actor: Actor, files: FileStore, owner_kind: str, owner_id: str, title: str, stream: Stream,
    now: dt.datetime, *, kind: str = "scan",
) -> Paper:  # fmt: skip
    """Attach a paper to a visit, petition, case or session. What it is, is read from its bytes, not from its name.

    Raises NotFound, Forbidden, Invalid (paper.wrong_type, paper.cut_short, paper.empty, file.too_large), WrongState
    once the session is locked, StorageFailed.
    """
    owner = access.load_owner(db, actor, owner_kind, owner_id, _right_to_add(owner_kind), now)
    _open_for_papers(db, owner)
    return take_in(db, actor, files, owner_kind, owner_id, title, stream, now, kind=kind)


def take_in(
    db: Session, actor: Actor, files: FileStore, owner_kind: str, owner_id: str, title: str, stream: Stream,
    now: dt.datetime, *, kind: str,
) -> Paper:  # fmt: skip
    """``attach`` without asking whether the owner takes papers: for supplements to locked sessions, too."""
    stored = files.put("papers", stream, limit=MAX_PAPER)
    try:
        mime = _kind_of(files, stored)
    except Invalid:
        files.remove(stored.path)
        raise
    paper = Paper(
        id=new_id(), owner_kind=owner_kind, owner_id=owner_id, kind=kind, title=title.strip()[:MAX_TITLE], mime=mime,
        length=stored.length, sha256=stored.sha256, path=stored.path, added_at=now, added_by=actor.user_id,
    )  # fmt: skip
    db.add(paper)
    db.flush()
    audit.log(db, actor, "paper.attached", owner_kind, owner_id, now, detail={"paper": paper.id})
    return paper


def open_paper(
    db: Session, actor: Actor, files: FileStore, paper_id: str, now: dt.datetime, *, taken: bool = False
) -> tuple[Paper, Path]:
    """The paper and where its bytes lie or, brought back by ``files.at_hand``, would lie; the look is logged,
    ``taken``: as a download.

    Raises NotFound.
    """
    paper = access.load_paper(db, actor, paper_id, now=now)
    path = files.where(paper.path)
    audit.log(db, actor, "paper.downloaded" if taken else "paper.opened", "paper", paper.id, now)
    return paper, path


def papers_of(db: Session, owner_kind: str, owner_id: str) -> list[Paper]:
    """Papers of an object that the caller has already loaded for the actor, oldest first."""
    found = sa.select(Paper).where(
        Paper.owner_kind == owner_kind, Paper.owner_id == owner_id, Paper.withdrawn_at.is_(None)
    )
    return list(db.scalars(found.order_by(Paper.added_at, Paper.id)))


def withdraw(db: Session, actor: Actor, paper_id: str, reason: str, now: dt.datetime) -> Paper:
    """Take a paper out of the file with a reason; its bytes stay. Raises WrongState once locked."""
    paper = access.load_paper(db, actor, paper_id, now=now)
    owner = access.load_owner(db, actor, paper.owner_kind, paper.owner_id, _right_to_add(paper.owner_kind), now)
    if not reason.strip():
        raise Invalid("paper.reason_missing", "A reason is needed.", field="reason")
    _open_for_papers(db, owner)
    if paper.withdrawn_at is None:
        paper.withdrawn_at, paper.withdrawn_by, paper.withdrawn_reason = now, actor.user_id, reason.strip()
        audit.log(db, actor, "paper.withdrawn", "paper", paper.id, now, reason=reason.strip())
    return paper


def _right_to_add(owner_kind: str) -> Right:
    return Right.WRITE if owner_kind in ("session", "minutes") else Right.RECEIVE


def _open_for_papers(db: Session, owner: object) -> None:
    """What belongs to a locked session is in its signed package: later papers are supplements, not attachments."""
    session = owner
    if isinstance(owner, Minutes) and owner.session_id:
        session = db.get(ReceptionSession, owner.session_id)
    if isinstance(session, ReceptionSession) and session.state is SessionState.LOCKED:
        raise WrongState("session", session.state.value, "The session is locked; add a supplement instead.")


def _kind_of(files: FileStore, stored: Stored) -> str:
    """The MIME type read from the bytes. Raises Invalid paper.empty, paper.wrong_type, paper.cut_short."""
    if stored.length == 0:
        raise Invalid("paper.empty", "The file is empty.", field="file")
    guessed = filetype.guess_mime(stored.head)
    if guessed not in SUFFIXES:
        raise Invalid("paper.wrong_type", "Only PDF, JPEG and PNG files can be attached.", field="file")
    with files.open(stored.path) as file:
        file.seek(max(0, stored.length - _TAIL))
        if _ENDINGS[guessed] not in file.read():
            raise Invalid("paper.cut_short", "The file is incomplete; scan or save it again.", field="file")
    return str(guessed)
