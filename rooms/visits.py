"""Visits: registered, queued, received, concluded, closed; with or without video (issue 2, point 4)."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from rooms import access, audit, cases, minutes, petitions, sessions, settings
from rooms import vault as vaults
from rooms.access import Right
from rooms.actor import Actor
from rooms.errors import Conflict, Forbidden, Invalid, WrongState
from rooms.localtime import local_date
from rooms.models import Paper, ReceptionSession, Visit, VisitPerson
from rooms.numbers import next_number
from rooms.training import training_space
from rooms.vault import Vault
from rooms.words import (
    Field,
    MatterStatus,
    Outcome,
    PersonRole,
    PetitionKind,
    ReceiverRole,
    ReceptionForm,
    SessionState,
    SittingState,
    VisitState,
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


MAX_DRAFT = 64 * 1024
MAX_TEXT = 20_000
MAX_REASON = 300
WITHHELD = "Không cung cấp"

S = VisitState
CAN_REGISTER = {S.DRAFT, S.REGISTERED, S.QUEUED, S.IN_SESSION, S.CONCLUDED}
CAN_CONCLUDE = {S.REGISTERED, S.QUEUED, S.IN_SESSION, S.CONCLUDED}
CAN_REFUSE = {S.DRAFT, S.REGISTERED, S.QUEUED, S.REFUSED}
LIVE = (SessionState.OPEN, SessionState.RUNNING, SessionState.SUSPENDED)


def _need(visit: Visit, allowed: set[VisitState]) -> None:
    if visit.state not in allowed:
        raise WrongState("visit", visit.state.value)


def _load(db: Session, actor: Actor, visit_id: str, now: dt.datetime, right: Right = Right.RECEIVE) -> Visit:
    visit = access.load_visit(db, actor, visit_id, right, now=now)
    db.refresh(visit, with_for_update=True)  # two desks on one visit take turns
    return visit


def start(
    db: Session, actor: Actor, site_id: str, now: dt.datetime, *, sitting_id: str | None = None,
    room_id: str | None = None, training: bool = False,
) -> Visit:  # fmt: skip
    """A new draft at a site. Raises NotFound, Forbidden, WrongState for a closed sitting."""
    access.load_site(db, actor, site_id, Right.RECEIVE, now=now)
    sitting = access.load_sitting(db, actor, sitting_id, now=now) if sitting_id else None
    if sitting is not None and sitting.state is SittingState.CLOSED:
        raise WrongState("sitting", sitting.state.value)
    visit = Visit(site_id=site_id, sitting_id=sitting_id, room_id=room_id, started_at=now, started_on=local_date(now))
    visit.officer_id, visit.officer_name = actor.user_id, actor.name
    if sitting is not None:
        visit.form, visit.receiver_role = sitting.form, sitting.receiver_role
        visit.training_space_id = sitting.training_space_id
    if training and visit.training_space_id is None:
        visit.training_space_id = training_space(db, actor, site_id, now).id
    visit.persons = []
    db.add(visit)
    db.flush()
    return visit


def save_draft(
    db: Session, actor: Actor, visit_id: str, draft: Mapping[str, Any], base: int, now: dt.datetime
) -> Visit:
    """Keep the half-filled form as typed; it belongs to the visit, not to a log-in.

    ``base`` is the ``version`` that was edited. Raises Conflict visit.changed, Invalid visit.draft_too_large,
    WrongState, NotFound, Forbidden.
    """
    visit = _load(db, actor, visit_id, now)
    _need(visit, CAN_REGISTER)
    _need_version(visit, base)
    if len(json.dumps(dict(draft))) > MAX_DRAFT:
        raise Invalid("visit.draft_too_large", "The draft is too long.")
    visit.draft = dict(draft)
    visit.version += 1
    return visit


def _need_version(visit: Visit, base: int | None) -> None:
    if base is not None and base != visit.version:
        raise Conflict("visit.changed", "Someone else changed this visit. Please reload.", version=visit.version)


def _check_form(form: VisitForm) -> None:
    if not form.content.strip():
        raise Invalid("visit.content_missing", "Please enter what the matter is about.", field="content")
    if not form.persons or any(not p.withheld and not p.name.strip() for p in form.persons):
        raise Invalid("visit.person_missing", "Please enter a name, or choose not provided.", field="persons")
    if len(form.persons) > 200 or not 0 <= form.people_count <= 100_000:
        raise Invalid("visit.people_count", "The number of people cannot be right.", field="people_count")
    texts = [form.content, form.demand, form.previous_body, form.note]
    if any(len(text) > MAX_TEXT for text in texts):
        raise Invalid("visit.text_too_long", "A text is too long.", most=MAX_TEXT)


def register(
    db: Session, actor: Actor, visit_id: str, form: VisitForm, vault: Vault, now: dt.datetime, *,
    base: int | None = None,
) -> Visit:  # fmt: skip
    """Enter the visit in the register (number per site and year), or correct an entry that is not closed.

    A denunciation seals the persons into the vault at once. Raises Invalid (visit.person_missing,
    visit.content_missing, visit.people_count, visit.text_too_long), WrongState, Conflict visit.changed.
    """
    visit = _load(db, actor, visit_id, now)
    _need(visit, CAN_REGISTER)
    _need_version(visit, base)
    _check_form(form)
    if visit.restricted and form.kind is not PetitionKind.DENUNCIATION:
        raise Conflict("visit.stays_restricted", "A denunciation cannot be made an ordinary visit again.")
    first = visit.number is None and visit.registered_at is None
    visit.kind, visit.field, visit.form, visit.receiver_role = form.kind, form.field, form.form, form.receiver_role
    visit.content, visit.demand = form.content.strip(), form.demand.strip()
    visit.people_count = max(form.people_count, len(form.persons))
    visit.first_time, visit.matter_status = form.first_time, form.matter_status
    visit.previous_body, visit.note = form.previous_body, form.note
    if not visit.restricted or any(not _is_pseudonym(visit, person) for person in form.persons):
        visit.persons = [_person_row(position, person) for position, person in enumerate(form.persons)]
        if visit.restricted:
            _seal_persons(db, actor, visit, vault, now)
    visit.draft = {}
    visit.version += 1
    if first:
        visit.registered_at = now
        visit.state = S.REGISTERED
        if visit.training_space_id is None:
            visit.year = visit.started_on.year
            visit.number = next_number(db, visit.site_id, "visit", visit.year)
    db.flush()
    if form.kind is PetitionKind.DENUNCIATION and not visit.restricted:
        to_denunciation(db, actor, visit_id, vault, now)
    audit.log(db, actor, "visit.registered" if first else "visit.corrected", "visit", visit.id, now)
    return visit


def _is_pseudonym(visit: Visit, person: PersonForm) -> bool:
    return person.name in {row.name for row in visit.persons if row.vault_id}


def _person_row(position: int, person: PersonForm) -> VisitPerson:
    values = asdict(person) | {"authority": dict(person.authority or {})}
    if person.withheld:
        values["name"] = WITHHELD
    return VisitPerson(position=position, **values)


def queue_online(db: Session, actor: Actor, visit_id: str, now: dt.datetime) -> Visit:
    """Put the registered visit into the online queue; twice is harmless.

    Raises WrongState, Forbidden visit.denunciation_offline.
    """
    visit = _load(db, actor, visit_id, now)
    if visit.state is S.QUEUED:
        return visit
    _need(visit, {S.REGISTERED, S.CONCLUDED})
    need_online(db, visit, now)
    same = Visit.sitting_id == visit.sitting_id if visit.sitting_id else Visit.site_id == visit.site_id
    day = sa.select(sa.func.max(Visit.queue_number)).where(same, Visit.started_on == visit.started_on)
    visit.queue_number = visit.queue_number or (db.scalar(day) or 0) + 1
    visit.queued_at, visit.state = now, S.QUEUED
    db.flush()
    return visit


def need_online(db: Session, visit: Visit, now: dt.datetime) -> None:
    """Denunciations go online only where the rule profile allows it. Raises Forbidden visit.denunciation_offline."""
    if visit.restricted and not settings.rule(db, "online_denunciation", now):
        raise Forbidden("visit.denunciation_offline", "Denunciations are received in person only.")


def unqueue(db: Session, actor: Actor, visit_id: str, now: dt.datetime) -> Visit:
    """Take it out of the queue again (goes on at the desk). Raises WrongState."""
    visit = _load(db, actor, visit_id, now)
    _need(visit, {S.QUEUED})
    visit.queued_at, visit.state = None, S.REGISTERED
    return visit


def set_priority(db: Session, actor: Actor, visit_id: str, reason: str, now: dt.datetime) -> Visit:
    """Let a visit go before those that wait longer (ưu tiên), for a reason; "" puts it back into the ordinary order.

    By the receiving officer or an operator. Raises NotFound, Forbidden, WrongState, Invalid visit.text_too_long.
    """
    visit = access.load_visit(db, actor, visit_id, now=now)
    rights = access.rights_on(db, actor, access.subject_of(db, visit), now)
    if rights.isdisjoint({Right.RECEIVE, Right.OPERATE}):
        raise Forbidden()
    db.refresh(visit, with_for_update=True)
    _need(visit, {S.REGISTERED, S.QUEUED, S.CONCLUDED})
    if len(reason.strip()) > MAX_REASON:
        raise Invalid("visit.text_too_long", "A text is too long.", field="priority", most=MAX_REASON)
    visit.priority = reason.strip()
    audit.log(db, actor, "visit.priority", "visit", visit.id, now, detail={"on": bool(visit.priority)})
    db.flush()
    return visit


def list_today(db: Session, actor: Actor, site_id: str, now: dt.datetime) -> list[Visit]:
    """Today's visits of one site, newest first, and older ones not yet closed. Raises NotFound."""
    access.load_site(db, actor, site_id, now=now)
    ended = (S.CLOSED, S.REFUSED, S.NO_SHOW)
    today = sa.or_(Visit.started_on == local_date(now), Visit.state.not_in(ended))
    found = sa.select(Visit).where(Visit.site_id == site_id, today, access.readable(db, actor, Visit, now))
    return list(db.scalars(found.order_by(Visit.started_at.desc(), Visit.id)))


def queue(db: Session, actor: Actor, now: dt.datetime) -> list[Visit]:
    """Visits waiting online that the actor may read: those with priority first, then the longest waiting."""
    found = sa.select(Visit).where(Visit.state == S.QUEUED, access.readable(db, actor, Visit, now))
    return list(db.scalars(found.order_by(Visit.priority == "", Visit.queued_at, Visit.id)))


def place_in_queue(db: Session, visit: Visit) -> int:
    """How many go before it, plus one: of those waiting for the same sitting, or at its site where it has none.

    0 when it does not wait.
    """
    if visit.state is not S.QUEUED or visit.queued_at is None:
        return 0
    same = Visit.sitting_id == visit.sitting_id if visit.sitting_id else Visit.site_id == visit.site_id
    longer = Visit.queued_at < visit.queued_at
    ahead = sa.and_(Visit.priority != "", longer) if visit.priority else sa.or_(Visit.priority != "", longer)
    before = sa.select(sa.func.count()).where(Visit.state == S.QUEUED, same, ahead)
    return (db.scalar(before) or 0) + 1


def conclude(
    db: Session, actor: Actor, visit_id: str, outcome: Outcome, now: dt.datetime, *, text: str = "", body: str = "",
    answer_due: dt.date | None = None,
) -> Visit:  # fmt: skip
    """Set the course of action (hướng xử lý); again corrects it. Raises WrongState, Invalid visit.body_missing."""
    visit = _load(db, actor, visit_id, now)
    _need(visit, CAN_CONCLUDE)
    if outcome is Outcome.TRANSFER and not body.strip():
        raise Invalid("visit.body_missing", "Please name the body the petition goes to.", field="body")
    visit.outcome, visit.outcome_text, visit.outcome_body = outcome, text.strip(), body.strip()
    visit.answer_due = answer_due
    visit.concluded_at = now
    if visit.state is not S.IN_SESSION:  # a session that still runs keeps its visit; closing it brings it here
        visit.state = S.CONCLUDED
    visit.version += 1
    audit.log(db, actor, "visit.concluded", "visit", visit.id, now, detail={"outcome": outcome.value})
    return visit


def discard(db: Session, actor: Actor, visit_id: str, now: dt.datetime) -> None:
    """Throw a draft away: it never was in the register. Its papers are withdrawn. Raises WrongState for all else."""
    visit = _load(db, actor, visit_id, now)
    _need(visit, {S.DRAFT})
    for paper in db.scalars(sa.select(Paper).where(Paper.owner_kind == "visit", Paper.owner_id == visit.id)):
        paper.withdrawn_at, paper.withdrawn_by, paper.withdrawn_reason = now, actor.user_id, "draft discarded"
    audit.log(db, actor, "visit.discarded", "visit", visit.id, now)
    db.delete(visit)
    db.flush()


def refuse(
    db: Session, actor: Actor, visit_id: str, ground: int, now: dt.datetime, *, note: str = "", notice: str = ""
) -> Visit:
    """Refuse to receive on a listed ground 1..4; ground 3 needs the signed notice before closing (domain 1.6).

    Raises WrongState, Invalid visit.ground.
    """
    visit = _load(db, actor, visit_id, now)
    _need(visit, CAN_REFUSE)
    if ground not in (1, 2, 3, 4):
        raise Invalid("visit.ground", "Refusal needs one of the listed grounds.", field="ground")
    visit.refusal_ground, visit.refusal_notice = ground, notice.strip()
    visit.note = note.strip() or visit.note
    visit.state, visit.queued_at, visit.concluded_at = S.REFUSED, None, now
    audit.log(db, actor, "visit.refused", "visit", visit.id, now, detail={"ground": ground})
    return visit


def no_show(db: Session, actor: Actor, visit_id: str, now: dt.datetime) -> Visit:
    """No citizen came: recorded too (domain 1.5). Raises WrongState."""
    visit = _load(db, actor, visit_id, now)
    _need(visit, {S.DRAFT, S.REGISTERED, S.QUEUED})
    visit.state, visit.queued_at, visit.closed_at = S.NO_SHOW, None, now
    audit.log(db, actor, "visit.no_show", "visit", visit.id, now)
    return visit


def close(db: Session, actor: Actor, visit_id: str, now: dt.datetime) -> Visit:
    """Close the entry. Raises WrongState before a conclusion or while a session runs, Invalid visit.notice_missing
    for refusal ground 3."""
    visit = _load(db, actor, visit_id, now)
    _need(visit, {S.CONCLUDED, S.REFUSED})
    if visit.refusal_ground == 3 and not visit.refusal_notice:
        raise Invalid("visit.notice_missing", "This ground needs the signed notice of refusal.", field="notice")
    if has_live_session(db, visit.id):
        raise WrongState("visit", visit.state.value, "A session of this visit still runs.")
    visit.closed_at = now
    if visit.state is S.CONCLUDED:
        visit.state = S.CLOSED
    audit.log(db, actor, "visit.closed", "visit", visit.id, now)
    return visit


def has_live_session(db: Session, visit_id: str) -> bool:
    """Whether a session of the visit is open, running or suspended."""
    found = sa.select(ReceptionSession.id).where(
        ReceptionSession.visit_id == visit_id, ReceptionSession.state.in_(LIVE)
    )
    return db.scalar(found.limit(1)) is not None


def to_denunciation(db: Session, actor: Actor, visit_id: str, vault: Vault, now: dt.datetime) -> Visit:
    """ "Chuyển sang tố cáo": identities into the vault, visit and its sessions restricted, case links ended (design 7).

    The caller cuts the media first. Twice is harmless. Needs RECEIVE at the receiving site, or OPERATE (the operator
    who presses the button loses sight of the visit with it). Raises NotFound, Forbidden, WrongState when closed.
    """
    visit = access.load_visit(db, actor, visit_id, now=now)
    rights = access.rights_on(db, actor, access.subject_of(db, visit), now)
    if rights.isdisjoint({Right.RECEIVE, Right.OPERATE}):
        raise Forbidden()
    db.refresh(visit, with_for_update=True)
    if visit.restricted:
        return visit
    if visit.state is S.CLOSED:
        raise WrongState("visit", visit.state.value)
    visit.restricted, visit.kind = True, PetitionKind.DENUNCIATION
    _seal_persons(db, actor, visit, vault, now)
    if visit.draft:
        vaults.seal(db, actor, vault, "visit", visit.id, {"draft": visit.draft}, now)
        visit.draft = {}
    visit.version += 1
    if visit.state is S.QUEUED and not settings.rule(db, "online_denunciation", now):
        visit.state, visit.queued_at = S.REGISTERED, None
    for session_id in db.scalars(sa.select(ReceptionSession.id).where(ReceptionSession.visit_id == visit.id)).all():
        sessions.restrict(db, session_id, now)
        cases.end_links(db, actor, "session", session_id, "restricted", now)
    cases.end_links(db, actor, "visit", visit.id, "restricted", now)
    petitions.restrict_of_visit(db, actor, visit.id, vault, now)
    audit.log(db, actor, "visit.restricted", "visit", visit.id, now)
    db.flush()
    return visit


def _seal_persons(db: Session, actor: Actor, visit: Visit, vault: Vault, now: dt.datetime) -> None:
    """Every person of a restricted visit becomes a pseudonym; what is known goes into the vault, and the words that
    tell who it is leave the texts of the visit and its minutes."""
    words: dict[str, str] = {}
    for row in visit.persons:
        if row.vault_id is not None:
            continue
        identity = {key: getattr(row, key) for key in _IDENTITY} | {"authority": row.authority}
        entry = vaults.seal(db, actor, vault, "visit", visit.id, identity, now)
        told = [row.name if not row.withheld else "", row.address, row.phone, row.identity_number]
        words |= {word: entry.pseudonym for word in told if len(word) > 3}
        for key in _IDENTITY:
            setattr(row, key, "" if key != "birth_year" else None)
        row.name, row.authority, row.vault_id, row.withheld = entry.pseudonym, {}, entry.id, False
        visit.pseudonym = visit.pseudonym or entry.pseudonym
    for name in ("content", "demand", "note", "outcome_text", "follow_up", "priority"):
        setattr(visit, name, minutes.replaced(getattr(visit, name), words))
    minutes.redact(db, visit.id, words)


_IDENTITY = ("name", "address", "phone", "gender", "birth_year", "identity_number", "identity_issued")


def register_rows(
    db: Session, actor: Actor, site_id: str, since: dt.date, until: dt.date, now: dt.datetime
) -> list[RegisterRow]:
    """The register from ``since`` to ``until`` inclusive, by number. Raises NotFound."""
    access.load_site(db, actor, site_id, now=now)
    found = sa.select(Visit).where(
        Visit.site_id == site_id,
        Visit.number.is_not(None),
        Visit.started_on.between(since, until),
        access.readable(db, actor, Visit, now),
    )
    return [_register_row(visit) for visit in db.scalars(found.order_by(Visit.year, Visit.number))]


_KIND_NAMES = {
    PetitionKind.COMPLAINT: "Khiếu nại",
    PetitionKind.DENUNCIATION: "Tố cáo",
    PetitionKind.PROPOSAL: "Kiến nghị",
    PetitionKind.FEEDBACK: "Phản ánh",
    PetitionKind.MIXED: "Nhiều nội dung",
}


def _register_row(visit: Visit) -> RegisterRow:
    """Columns 8 to 10 hold the mark or the body of the chosen course; other courses stand in column 12."""
    kind = _KIND_NAMES.get(visit.kind, "") if visit.kind else ""
    where = visit.outcome_body
    return RegisterRow(
        visit_id=visit.id,
        number=f"{visit.number:02d}",
        day=visit.started_on,
        name_address="; ".join(" - ".join(filter(None, (p.name, p.address))) for p in visit.persons),
        identity="; ".join(p.identity_number for p in visit.persons if p.identity_number),
        content=visit.content,
        kind_people=f"{kind}/{visit.people_count}",
        previous_body=visit.previous_body,
        accepted="x" if visit.outcome is Outcome.ACCEPT else "",
        returned="x" if visit.outcome in (Outcome.RETURN_GUIDE, Outcome.GUIDE) else "",
        transferred=where or "x" if visit.outcome is Outcome.TRANSFER else "",
        follow_up=visit.follow_up,
        note=visit.note,
        restricted=visit.restricted,
        kind=visit.kind,
        people_count=visit.people_count,
        outcome=visit.outcome,
    )
