"""Links between a file and what belongs to it: made, ended, moved, files joined; each can be taken back (design 1).

A link is an event outside every package. Once something locked is involved, a reason and a second person are needed:
someone with ARCHIVE or APPROVE who did not ask. Until then nothing changes for anybody; then rights change at once,
because they are read from the links at every request (rooms.filed). Rows are never deleted: both files show the trace.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from rooms import access, audit, filed
from rooms.access import Right
from rooms.actor import Actor
from rooms.errors import Conflict, Forbidden, Invalid, NotFound, WrongState
from rooms.models import Case, CaseLink, ReceptionSession
from rooms.words import CaseState, LinkPending, SessionState

LINKABLE = ("visit", "session", "petition")


def is_locked(db: Session, object_kind: str, object_id: str) -> bool:
    """Whether a locked package speaks of the object: the session, that of the visit, or any in a file."""
    if object_kind == "case":
        ids = filed.of_case(db, object_id).sessions
        found = sa.select(ReceptionSession.id).where(ReceptionSession.id.in_(ids))
    elif object_kind in ("visit", "session"):
        column = ReceptionSession.id if object_kind == "session" else ReceptionSession.visit_id
        found = sa.select(ReceptionSession.id).where(column == object_id)
    else:
        return False
    return db.scalar(found.where(ReceptionSession.state == SessionState.LOCKED).limit(1)) is not None


def _active(object_kind: str, object_id: str) -> sa.Select[CaseLink]:
    return sa.select(CaseLink).where(
        CaseLink.object_kind == object_kind, CaseLink.object_id == object_id, CaseLink.unlinked_at.is_(None)
    )


def link(
    db: Session, actor: Actor, case_id: str, object_kind: str, object_id: str, now: dt.datetime, *, reason: str = ""
) -> CaseLink:
    """Link a visit, session or petition. Once the object's session is locked a reason and a second person are needed:
    the link is pending until confirm_link. Raises NotFound, Forbidden, Conflict (case.already_linked,
    case.restricted), Invalid case.reason_missing, WrongState for a merged case.
    """
    case = access.load_case(db, actor, case_id, Right.READ, now=now)
    if object_kind not in LINKABLE:
        raise NotFound()
    locked = is_locked(db, object_kind, object_id)
    thing = access.load_owner(db, actor, object_kind, object_id, Right.READ, now)
    _need_link_right(db, actor, thing, locked, now)
    _fits(case, thing)
    if db.scalar(_active(object_kind, object_id)) is not None:
        raise Conflict("case.already_linked", "This already belongs to a file. Unlink it first.")
    _need_reason(reason, locked)
    row = _new(db, actor, case_id, object_kind, object_id, reason, locked, now)
    _log(db, actor, "link.asked" if row.pending is LinkPending.LINK else "link.made", row, now, reason)
    return row


def _fits(case: Case, thing: Any) -> None:
    if case.state is CaseState.MERGED:
        raise WrongState("case", case.state.value)
    if thing.restricted != case.restricted:
        raise Conflict("case.restricted", "A denunciation has a file of its own.")


def _new(
    db: Session, actor: Actor, case_id: str, kind: str, object_id: str, reason: str, locked: bool, now: dt.datetime,
    replaces: str | None = None,
) -> CaseLink:  # fmt: skip
    row = CaseLink(case_id=case_id, object_kind=kind, object_id=object_id, reason=reason.strip(), replaces_id=replaces)
    row.linked_at, row.linked_by = now, actor.user_id
    row.pending = LinkPending.LINK if locked and not actor.system else LinkPending.NONE
    db.add(row)
    db.flush()
    return row


def _need_link_right(db: Session, actor: Actor, thing: Any, locked: bool, now: dt.datetime) -> None:
    rights = access.rights_on(db, actor, access.subject_of(db, thing), now)
    if rights.isdisjoint({Right.ARCHIVE, Right.RECEIVE} if locked else {Right.RECEIVE, Right.ARCHIVE, Right.OPERATE}):
        raise Forbidden()


def _need_reason(reason: str, needed: bool) -> None:
    if needed and not reason.strip():
        raise Invalid("case.reason_missing", "Please give the reason.", field="reason")


def _log(db: Session, actor: Actor, action: str, row: CaseLink, now: dt.datetime, reason: str) -> None:
    """In the file and at the object, so that either shows it."""
    detail = {"link": row.id, "kind": row.object_kind, "object": row.object_id, "case": row.case_id}
    audit.log(db, actor, action, "case", row.case_id, now, reason=reason.strip(), detail=detail)
    audit.log(db, actor, action, row.object_kind, row.object_id, now, reason=reason.strip(), detail=detail)


def _load_link(db: Session, actor: Actor, link_id: str, now: dt.datetime) -> tuple[CaseLink, Any]:
    row = db.get(CaseLink, link_id, with_for_update=True)
    if row is None:
        raise NotFound()
    access.load_case(db, actor, row.case_id, now=now)
    return row, access.load_owner(db, actor, row.object_kind, row.object_id, Right.READ, now)


def unlink(db: Session, actor: Actor, link_id: str, reason: str, now: dt.datetime) -> CaseLink:
    """End a link, with a reason; pending a second person once locked. The trace stays in both files.

    Raises NotFound, Forbidden, Invalid case.reason_missing, Conflict case.pending; WrongState for a joined file, which
    unmerge takes apart.
    """
    row, thing = _load_link(db, actor, link_id, now)
    if row.object_kind == "case":
        raise WrongState("case", CaseState.MERGED.value)
    locked = is_locked(db, row.object_kind, row.object_id)
    _need_link_right(db, actor, thing, locked, now)
    _need_reason(reason, True)
    _need_settled(row)
    _ask_end(db, actor, row, reason, locked, now)
    db.flush()
    return row


def _need_settled(row: CaseLink) -> None:
    if row.unlinked_at is not None or row.pending is not LinkPending.NONE:
        raise Conflict("case.pending", "This link has ended or waits for a second person.")


def _ask_end(db: Session, actor: Actor, row: CaseLink, reason: str, locked: bool, now: dt.datetime) -> None:
    row.unlink_reason, row.unlink_asked_by = reason.strip(), actor.user_id
    if locked and not actor.system:
        row.pending = LinkPending.UNLINK
    else:
        row.unlinked_at, row.unlinked_by = now, actor.user_id
    _log(db, actor, "unlink.asked" if row.pending is LinkPending.UNLINK else "unlink.made", row, now, reason)


def move(db: Session, actor: Actor, link_id: str, into_id: str, reason: str, now: dt.datetime) -> CaseLink:
    """Move what a link holds to another file in one step; gives the new link. Once locked both its end and its
    beginning wait for one second person, and happen together.

    Raises what ``unlink`` and ``link`` raise.
    """
    row, thing = _load_link(db, actor, link_id, now)
    into = access.load_case(db, actor, into_id, Right.READ, now=now)
    if row.object_kind == "case" or into.id == row.case_id:
        raise Invalid("case.merge", "This cannot be moved there.", field="target")
    locked = is_locked(db, row.object_kind, row.object_id)
    _need_link_right(db, actor, thing, locked, now)
    _fits(into, thing)
    _need_reason(reason, True)
    _need_settled(row)
    _ask_end(db, actor, row, reason, locked, now)
    made = _new(db, actor, into.id, row.object_kind, row.object_id, reason, locked, now, replaces=row.id)
    _log(db, actor, "link.asked" if made.pending is LinkPending.LINK else "link.made", made, now, reason)
    return made


def confirm_link(db: Session, actor: Actor, link_id: str, now: dt.datetime) -> CaseLink:
    """The second person confirms a pending link or its end, a move, a joining or its taking back; needs ARCHIVE or
    APPROVE. Raises NotFound, Forbidden (case.same_person for the one who asked), WrongState.
    """
    row = _pending(db, actor, link_id, now)
    for one in (row, *_other_half(db, row)):
        _carry_out(db, actor, one, now)
    db.flush()
    return row


def reject_link(db: Session, actor: Actor, link_id: str, reason: str, now: dt.datetime) -> CaseLink:
    """The second person refuses, or who asked takes it back; everything is as it was, and the asking stays seen.

    Raises NotFound, Forbidden, Invalid case.reason_missing, WrongState.
    """
    row = _pending(db, actor, link_id, now, own_too=True)
    _need_reason(reason, True)
    for one in (row, *_other_half(db, row)):
        if one.pending is LinkPending.LINK:
            one.unlinked_at, one.unlinked_by, one.unlink_reason = now, actor.user_id, reason.strip()
        else:
            one.unlink_reason, one.unlink_asked_by = "", None
        one.pending = LinkPending.NONE
        _log(db, actor, "link.rejected", one, now, reason)
    db.flush()
    return row


def _pending(db: Session, actor: Actor, link_id: str, now: dt.datetime, *, own_too: bool = False) -> CaseLink:
    row, thing = _load_link(db, actor, link_id, now)
    asked_by = row.linked_by if row.pending is LinkPending.LINK else row.unlink_asked_by
    own = asked_by == actor.user_id and not actor.system
    rights = access.rights_on(db, actor, access.subject_of(db, thing), now)
    if rights.isdisjoint({Right.ARCHIVE, Right.APPROVE}) and not (own and own_too):
        raise Forbidden()
    if row.pending is LinkPending.NONE:
        raise WrongState("case_link", row.pending.value)
    if own and not own_too:
        raise Forbidden("case.same_person", "A second person has to confirm this.")
    return row


def _other_half(db: Session, row: CaseLink) -> list[CaseLink]:
    """Of a move: the link that ends with this one's beginning, or begins with this one's end."""
    named = CaseLink.id == row.replaces_id if row.pending is LinkPending.LINK else CaseLink.replaces_id == row.id
    wanted = LinkPending.UNLINK if row.pending is LinkPending.LINK else LinkPending.LINK
    return list(db.scalars(sa.select(CaseLink).where(named, CaseLink.pending == wanted)))


def _carry_out(db: Session, actor: Actor, row: CaseLink, now: dt.datetime) -> None:
    ending = row.pending is LinkPending.UNLINK
    if row.object_kind == "case":
        case = db.get_one(Case, row.object_id, with_for_update=True)
        into = db.get_one(Case, row.case_id)
        if not ending and CaseState.MERGED in (case.state, into.state):  # joined elsewhere meanwhile
            raise WrongState("case", CaseState.MERGED.value)
        _part(case, now) if ending else _join(case, into, now)
    row.pending = LinkPending.NONE
    if ending:
        row.unlinked_at, row.unlinked_by = now, actor.user_id
    else:
        row.confirmed_at, row.confirmed_by = now, actor.user_id
    made, ended = ("case.merged", "case.unmerged") if row.object_kind == "case" else ("link.made", "unlink.made")
    _log(db, actor, ended if ending else made, row, now, row.unlink_reason if ending else row.reason)


def end_links(db: Session, actor: Actor, object_kind: str, object_id: str, reason: str, now: dt.datetime) -> None:
    """End the links of an object at once (it became restricted). The trace tells no more than that."""
    for row in db.scalars(_active(object_kind, object_id)):
        row.unlinked_at, row.unlinked_by, row.unlink_reason = now, actor.user_id, reason
        row.pending = LinkPending.NONE
        _log(db, actor, "unlink.made", row, now, reason)


def links_of(db: Session, actor: Actor, case_id: str, now: dt.datetime) -> list[CaseLink]:
    """All links of a case, also ended and pending ones, oldest first. Raises NotFound."""
    access.load_case(db, actor, case_id, now=now)
    found = sa.select(CaseLink).where(CaseLink.case_id == case_id).order_by(CaseLink.linked_at, CaseLink.id)
    return list(db.scalars(found))


def case_of(db: Session, object_kind: str, object_id: str) -> str | None:
    """Id of the case an object is linked to now, None when it is not; a session follows its visit."""
    found = db.scalar(_active(object_kind, object_id).where(CaseLink.pending != LinkPending.LINK))
    if found is not None:
        return found.case_id
    if object_kind == "session":
        session = db.get(ReceptionSession, object_id)
        if session is not None and session.visit_id is not None:
            return case_of(db, "visit", session.visit_id)
    return None


# --- joining files ---------------------------------------------------------------------------------------------------


def merge(db: Session, actor: Actor, case_id: str, into_id: str, reason: str, now: dt.datetime) -> Case:
    """Join a file to another (ghép hồ sơ). Its own links stay where they are, so that unmerge gives back what was.
    Once a record in it is locked, a second person confirms first.

    Raises NotFound, Forbidden, Invalid (case.reason_missing, case.merge), WrongState, Conflict case.pending.
    """
    case, into = (_load_case(db, actor, one, now) for one in (case_id, into_id))
    _need_reason(reason, True)
    if case_id == into_id or case.restricted != into.restricted:
        raise Invalid("case.merge", "These two files cannot be joined.")
    if CaseState.MERGED in (case.state, into.state):
        raise WrongState("case", CaseState.MERGED.value)
    if db.scalar(_active("case", case_id)) is not None:
        raise Conflict("case.pending", "This waits for a second person already.")
    row = _new(db, actor, into_id, "case", case_id, reason, is_locked(db, "case", case_id), now)
    if row.pending is LinkPending.NONE:
        _join(case, into, now)
    _log(db, actor, "link.asked" if row.pending is LinkPending.LINK else "case.merged", row, now, reason)
    db.flush()
    return case


def unmerge(db: Session, actor: Actor, case_id: str, reason: str, now: dt.datetime) -> Case:
    """Take a merge back; once a record in the file is locked, a second person confirms first.

    Raises NotFound, Forbidden, Invalid case.reason_missing, WrongState, Conflict case.pending.
    """
    case = _load_case(db, actor, case_id, now)
    _need_reason(reason, True)
    if case.state is not CaseState.MERGED:
        raise WrongState("case", case.state.value)
    locked = is_locked(db, "case", case_id)
    for row in db.scalars(_active("case", case_id)):
        _need_settled(row)
        row.unlink_reason, row.unlink_asked_by = reason.strip(), actor.user_id
        if locked and not actor.system:
            row.pending = LinkPending.UNLINK
        else:
            row.unlinked_at, row.unlinked_by = now, actor.user_id
            _part(case, now)
        _log(db, actor, "unlink.asked" if row.pending is LinkPending.UNLINK else "case.unmerged", row, now, reason)
    db.flush()
    return case


def _load_case(db: Session, actor: Actor, case_id: str, now: dt.datetime) -> Case:
    """Who registers or keeps files may join them. Raises NotFound, Forbidden."""
    case = access.load_case(db, actor, case_id, now=now)
    rights = access.rights_on(db, actor, access.subject_of(db, case), now)
    if rights.isdisjoint({Right.RECEIVE, Right.ARCHIVE}):
        raise Forbidden()
    return case


def _join(case: Case, into: Case, now: dt.datetime) -> None:
    case.merged_from = case.state
    case.state, case.merged_into_id, case.closed_at = CaseState.MERGED, into.id, case.closed_at or now


def _part(case: Case, now: dt.datetime) -> None:
    before = case.merged_from or CaseState.OPEN
    case.state, case.merged_into_id, case.merged_from = before, None, None
    if before is CaseState.OPEN:
        case.closed_at = None
