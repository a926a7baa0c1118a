"""Visits: registered, queued, received, concluded, closed; with or without video (issue 2, point 4)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from rooms.actor import Actor
from rooms.models import Visit
from rooms.vault import Vault
from rooms.words import (
    Field,
    MatterStatus,
    Outcome,
    PersonRole,
    PetitionKind,
    ReceiverRole,
    ReceptionForm,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonForm:
    """A person as typed at the desk; name or ``withheld`` ("không cung cấp") is all that is needed."""

    name: str = ""
    withheld: bool = False
    role: PersonRole = PersonRole.CITIZEN
    address: str = ""
    phone: str = ""
    gender: str = ""
    birth_year: int | None = None
    identity_number: str = ""
    identity_issued: str = ""
    authority: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitForm:
    """A visit as typed at the desk. Mandatory: kind, persons, content (issue 2, point 4)."""

    kind: PetitionKind
    persons: tuple[PersonForm, ...]
    content: str
    demand: str = ""
    field: Field | None = None
    people_count: int = 0  # 0: as many as persons are listed
    form: ReceptionForm = ReceptionForm.REGULAR
    receiver_role: ReceiverRole = ReceiverRole.OFFICER
    first_time: bool = True
    matter_status: MatterStatus = MatterStatus.UNKNOWN
    previous_body: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterRow:
    """A row of the Sổ tiếp công dân (Mẫu số 03): columns 1 to 12 in order; restricted rows hold the pseudonym."""

    visit_id: str
    number: str
    day: dt.date
    name_address: str
    identity: str
    content: str
    kind_people: str
    previous_body: str
    accepted: str
    returned: str
    transferred: str
    follow_up: str
    note: str
    restricted: bool
    kind: PetitionKind | None
    people_count: int
    outcome: Outcome | None


def start(
    db: Session, actor: Actor, site_id: str, now: dt.datetime, *, sitting_id: str | None = None,
    room_id: str | None = None, training: bool = False,
) -> Visit:  # fmt: skip
    """A new draft at a site. Raises NotFound, Forbidden."""
    raise NotImplementedError


def save_draft(
    db: Session, actor: Actor, visit_id: str, draft: Mapping[str, Any], base: int, now: dt.datetime
) -> Visit:
    """Keep the half-filled form as typed; it belongs to the visit, not to a log-in.

    ``base`` is the ``version`` that was edited. Raises Conflict visit.changed, Invalid visit.draft_too_large.
    """
    raise NotImplementedError


def register(
    db: Session, actor: Actor, visit_id: str, form: VisitForm, vault: Vault, now: dt.datetime, *,
    base: int | None = None,
) -> Visit:  # fmt: skip
    """Enter the visit in the register (number per site and year), or correct an entry that is not closed.

    A denunciation seals the persons into the vault at once. Raises Invalid (visit.kind_missing, visit.person_missing,
    visit.content_missing), WrongState, Conflict visit.changed.
    """
    raise NotImplementedError


def queue_online(db: Session, actor: Actor, visit_id: str, now: dt.datetime) -> Visit:
    """Put the registered visit into the online queue. Raises WrongState, Forbidden visit.denunciation_offline."""
    raise NotImplementedError


def unqueue(db: Session, actor: Actor, visit_id: str, now: dt.datetime) -> Visit:
    """Take it out of the queue again (goes on at the desk)."""
    raise NotImplementedError


def list_today(db: Session, actor: Actor, site_id: str, now: dt.datetime) -> list[Visit]:
    """Today's visits of one site, newest first, and older ones not yet closed."""
    raise NotImplementedError


def queue(db: Session, actor: Actor, now: dt.datetime) -> list[Visit]:
    """Visits waiting online that the actor may read, longest waiting first."""
    raise NotImplementedError


def place_in_queue(db: Session, visit: Visit) -> int:
    """How many wait before this visit, plus one; 0 when it does not wait."""
    raise NotImplementedError


def conclude(
    db: Session, actor: Actor, visit_id: str, outcome: Outcome, now: dt.datetime, *, text: str = "", body: str = "",
    answer_due: dt.date | None = None,
) -> Visit:  # fmt: skip
    """Set the course of action (hướng xử lý). Raises WrongState."""
    raise NotImplementedError


def refuse(
    db: Session, actor: Actor, visit_id: str, ground: int, now: dt.datetime, *, note: str = "", notice: str = ""
) -> Visit:
    """Refuse to receive on a listed ground 1..4; ground 3 needs the signed notice before closing (domain 1.6)."""
    raise NotImplementedError


def no_show(db: Session, actor: Actor, visit_id: str, now: dt.datetime) -> Visit:
    """No citizen came: recorded too (domain 1.5)."""
    raise NotImplementedError


def close(db: Session, actor: Actor, visit_id: str, now: dt.datetime) -> Visit:
    """Close the entry. Raises WrongState before a conclusion, Invalid visit.notice_missing for refusal ground 3."""
    raise NotImplementedError


def to_denunciation(db: Session, actor: Actor, visit_id: str, vault: Vault, now: dt.datetime) -> Visit:
    """ "Chuyển sang tố cáo": identities into the vault, visit and its session restricted, case link ended (design 7).

    The caller cuts the media first. Twice is harmless.
    """
    raise NotImplementedError


def register_rows(
    db: Session, actor: Actor, site_id: str, since: dt.date, until: dt.date, now: dt.datetime
) -> list[RegisterRow]:
    """The register from ``since`` to ``until`` inclusive, by number."""
    raise NotImplementedError
