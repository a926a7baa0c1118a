"""Scans and documents: PDF, JPEG, PNG by content, at most 20 MiB each (issue 2, point 4)."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from sqlalchemy.orm import Session

from rooms.actor import Actor
from rooms.files import FileStore, Stream
from rooms.models import Paper

MAX_PAPER = 20 * 1024 * 1024


def attach(
    db: Session, actor: Actor, files: FileStore, owner_kind: str, owner_id: str, title: str, stream: Stream,
    now: dt.datetime, *, kind: str = "scan",
) -> Paper:  # fmt: skip
    """Attach a paper to a visit, petition, case or session. What it is, is read from its bytes, not from its name.

    Raises NotFound, Forbidden, Invalid (paper.wrong_type, paper.too_large, paper.empty), StorageFailed.
    """
    raise NotImplementedError


def open_paper(db: Session, actor: Actor, files: FileStore, paper_id: str, now: dt.datetime) -> tuple[Paper, Path]:
    """The paper and where its bytes are; the look is logged. Raises NotFound."""
    raise NotImplementedError


def papers_of(db: Session, owner_kind: str, owner_id: str) -> list[Paper]:
    """Papers of an object that the caller has already loaded for the actor, oldest first."""
    raise NotImplementedError


def withdraw(db: Session, actor: Actor, paper_id: str, reason: str, now: dt.datetime) -> Paper:
    """Take a paper out of the file with a reason; its bytes stay. Raises WrongState once locked."""
    raise NotImplementedError
