"""Training mode (phiên thử): a space of its own, no numbers, no counters, gone after seven days (design 1)."""

from __future__ import annotations

import datetime as dt
import shutil

import sqlalchemy as sa
from sqlalchemy.orm import Session

from rooms.actor import Actor
from rooms.errors import NotFound
from rooms.files import FileStore
from rooms.keeping import ask_to_drop
from rooms.models import (
    Attendee,
    Base,
    Case,
    CaseLink,
    Gap,
    InvitedSite,
    Minutes,
    MinutesLine,
    MinutesSection,
    MinutesSignature,
    Package,
    Paper,
    Participant,
    ParticipantPerson,
    Petition,
    ReceptionSession,
    ReplayFile,
    SessionEvent,
    Sitting,
    Supplement,
    Take,
    TakePiece,
    Ticket,
    Track,
    TrainingSpace,
    VaultEntry,
    VaultOpening,
    Visit,
    VisitPerson,
)

LIFE = dt.timedelta(days=7)


def training_space(db: Session, actor: Actor, site_id: str, now: dt.datetime, *, name: str = "") -> TrainingSpace:
    """A fresh space at a site. The caller has checked the actor."""
    space = TrainingSpace(site_id=site_id, name=name, created_by=actor.user_id, created_at=now, expires_at=now + LIFE)
    db.add(space)
    db.flush()
    return space


def expired(db: Session, now: dt.datetime) -> list[str]:
    """Ids of spaces whose seven days are over."""
    return list(db.scalars(sa.select(TrainingSpace.id).where(TrainingSpace.expires_at <= now)))


def purge(db: Session, files: FileStore, space_id: str, now: dt.datetime) -> list[str]:
    """Remove an expired space with all that is in it; gives the ids of its sessions (their spools go too).

    Only rows of the space are touched; the audit log stays. Raises NotFound for a space that is not yet over.
    """
    if space_id not in expired(db, now):
        raise NotFound()
    own = {
        model: list(db.scalars(sa.select(model.id).where(model.training_space_id == space_id)))
        for model in (Sitting, Visit, Case, Petition, ReceptionSession)
    }
    sessions, visits = own[ReceptionSession], own[Visit]
    everything = [object_id for ids in own.values() for object_id in ids]
    minutes = _ids(db, Minutes, sa.or_(Minutes.session_id.in_(sessions), Minutes.visit_id.in_(visits)))
    everything += minutes
    _remove_files(db, files, everything, sessions)
    participants = _ids(db, Participant, Participant.session_id.in_(sessions))
    takes = _ids(db, Take, Take.session_id.in_(sessions))
    entries = _ids(db, VaultEntry, VaultEntry.object_id.in_(everything))
    papers = _ids(db, Paper, Paper.owner_id.in_(everything))
    # From the leaves to the roots, as the foreign keys want it.
    for model, condition in (
        (Ticket, sa.or_(Ticket.session_id.in_(sessions), Ticket.participant_id.in_(participants))),
        (MinutesSignature, MinutesSignature.minutes_id.in_(minutes)),
        (MinutesSection, MinutesSection.minutes_id.in_(minutes)),
        (Supplement, Supplement.session_id.in_(sessions)),
        (ReplayFile, ReplayFile.session_id.in_(sessions)),
        (Package, Package.session_id.in_(sessions)),
        (Gap, Gap.session_id.in_(sessions)),
        (Track, Track.session_id.in_(sessions)),
        (TakePiece, TakePiece.take_id.in_(takes)),
        (Take, Take.id.in_(takes)),
        (SessionEvent, SessionEvent.session_id.in_(sessions)),
        (ParticipantPerson, ParticipantPerson.participant_id.in_(participants)),
        (Participant, Participant.id.in_(participants)),
        (Paper, Paper.id.in_(papers)),
        (VisitPerson, VisitPerson.visit_id.in_(visits)),
        (Petition, Petition.id.in_(own[Petition])),
        (VaultOpening, VaultOpening.entry_id.in_(entries)),
        (VaultEntry, VaultEntry.id.in_(entries)),
        (CaseLink, sa.or_(CaseLink.case_id.in_(own[Case]), CaseLink.object_id.in_(everything))),
    ):
        _delete(db, model, condition)
    db.execute(sa.update(MinutesLine).where(MinutesLine.minutes_id.in_(minutes)).values(corrects_id=None))
    db.execute(sa.update(Case).where(Case.id.in_(own[Case])).values(merged_into_id=None))
    _delete(db, MinutesLine, MinutesLine.minutes_id.in_(minutes))
    _delete(db, Minutes, Minutes.id.in_(minutes))
    _delete(db, ReceptionSession, ReceptionSession.id.in_(sessions))
    _delete(db, Visit, Visit.id.in_(visits))
    _delete(db, Case, Case.id.in_(own[Case]))
    _delete(db, InvitedSite, InvitedSite.sitting_id.in_(own[Sitting]))
    _delete(db, Attendee, Attendee.sitting_id.in_(own[Sitting]))
    _delete(db, Sitting, Sitting.id.in_(own[Sitting]))
    _delete(db, TrainingSpace, TrainingSpace.id == space_id)
    return sessions


def _ids(db: Session, model: type[Base], condition: sa.ColumnElement[bool]) -> list[str]:
    return list(db.scalars(sa.select(model.id).where(condition)))  # type: ignore[attr-defined]


def _delete(db: Session, model: type[Base], condition: sa.ColumnElement[bool]) -> None:
    db.execute(sa.delete(model).where(condition).execution_options(synchronize_session=False))


def _remove_files(db: Session, files: FileStore, owners: list[str], sessions: list[str]) -> None:
    """Papers, replay files and packages. A crash after this leaves rows without files, which the next purge removes."""
    for path in db.scalars(sa.select(Paper.path).where(Paper.owner_id.in_(owners))):
        files.remove(path)
        ask_to_drop(db, path)
    for path in db.scalars(sa.select(ReplayFile.path).where(ReplayFile.session_id.in_(sessions))):
        files.remove(path)
        ask_to_drop(db, path)
    for path in db.scalars(sa.select(Take.path).where(Take.session_id.in_(sessions), Take.path != "")):
        files.remove(path)
    pieces = sa.select(TakePiece.path).join(Take, Take.id == TakePiece.take_id)
    for path in db.scalars(pieces.where(Take.session_id.in_(sessions), TakePiece.path != "")):
        files.remove(path)
    for path in db.scalars(sa.select(Package.path).where(Package.session_id.in_(sessions))):
        ask_to_drop(db, path)
        try:
            shutil.rmtree(files.path_of(path))
        except NotFound:
            continue
