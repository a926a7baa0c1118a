"""Rows that several pages show: visits, sittings, papers, matches, numbers."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from rooms import cases, numbers, papers, sittings
from rooms.actor import Actor
from rooms.models import Case, InvitedSite, Paper, ReceptionSession, Site, Sitting, Visit
from rooms.words import SittingState, VisitState
from web import i18n
from web.i18n import N_
from web.pages import formats, labels
from web.pages.contexts import MatchView, PaperView, RowView, SittingView


def who_of(visit: Visit, language: str) -> str:
    """The persons of a visit in one line; a denunciation shows its pseudonym only."""
    if visit.restricted:
        return visit.pseudonym or i18n.translate(labels.KIND["denunciation"], language)
    names = [i18n.translate(N_("Không cung cấp"), language) if one.withheld else one.name for one in visit.persons]
    names = [name for name in names if name]
    if not names:
        return str(visit.draft.get("persons", [{}])[0].get("name", "")) if visit.draft.get("persons") else ""
    more = max(visit.people_count, len(names)) - 1
    return names[0] + (i18n.translate(N_(" và %(more)d người"), language) % {"more": more} if more > 0 else "")


def what_of(visit: Visit, language: str) -> str:
    """Kind, field and the first words of the content."""
    content = visit.content or str(visit.draft.get("content", ""))
    kind = labels.KIND.get(str(visit.kind or visit.draft.get("kind", "")), "")
    if kind and content.casefold().startswith(kind.casefold()):
        kind = ""
    field = labels.FIELD.get(str(visit.field or ""), "")
    if visit.restricted:
        return i18n.translate(labels.KIND["denunciation"], language)
    return formats.joined([i18n.translate(kind, language), i18n.translate(field, language), shorten(content)])


def shorten(text: str, length: int = 120) -> str:
    """The beginning of a text, cut between words."""
    line = " ".join(text.split())
    if len(line) <= length:
        return line
    return line[: length - 1].rsplit(" ", 1)[0] + "…"


def visit_number(visit: Visit) -> str:
    """15/2026, nothing for drafts."""
    return f"{visit.number}/{visit.year}" if visit.number else ""


def case_number(db: Session, case: Case) -> str:
    """26.LN.0317: year, initials of the site, number; "thử" in training."""
    site = db.get(Site, case.site_id)
    initials = numbers.initials(site.name, site.short_name) if site else ""
    if not case.number or not case.year:
        return f"{initials}.thử"
    return f"{case.year % 100:02d}.{initials}.{case.number:04d}"


def session_number(session: ReceptionSession) -> str:
    """2611-0142, as everywhere."""
    return numbers.session_number(session)


def visit_row(visit: Visit, language: str) -> RowView:
    """A visit in a list of today."""
    return RowView(
        id=visit.id,
        url=f"/visits/{visit.id}",
        who=who_of(visit, language) or i18n.translate(N_("Chưa ghi tên"), language),
        what=what_of(visit, language),
        word=i18n.translate(labels.VISIT_STATE[visit.state], language),
        tone=labels.VISIT_TONE[visit.state],
        number=str(visit.number or "–"),
        at=visit.registered_at or visit.started_at,
        by=visit.officer_name,
    )


def paper_views(found: Iterable[Paper]) -> list[PaperView]:
    """Papers that were not withdrawn."""
    return [
        PaperView(one.id, one.title, one.mime, one.length, one.added_at, f"/api/papers/{one.id}")
        for one in found
        if one.withdrawn_at is None
    ]


def papers_of(db: Session, kind: str, owner: str) -> list[PaperView]:
    """The papers of an object that the caller has loaded for the actor."""
    return paper_views(papers.papers_of(db, kind, owner))


def match_view(db: Session, case: Case, why: Iterable[str], language: str) -> MatchView:
    """A case that may be the same matter."""
    reasons = [i18n.translate(WHY.get(word, word), language) for word in why]
    opened = i18n.translate(N_("mở %(day)s"), language) % {"day": formats.day(case.opened_at)}
    return MatchView(case.id, case_number(db, case), case.title, ", ".join([opened, *reasons]))


def suggestions(db: Session, actor: Actor, visit_id: str, now: datetime, language: str) -> list[MatchView]:
    """Cases that resemble a visit, best first."""
    found = cases.suggest(db, actor, visit_id, now, limit=3)
    return [match_view(db, one.case, one.why, language) for one in found]


WHY: dict[str, str] = {
    "title": N_("tên vụ việc"),
    "content": N_("nội dung"),
    "summary": N_("tóm tắt"),
    "person": N_("cùng người"),
    "name": N_("họ tên"),
    "persons": N_("họ tên"),
    "petitioner": N_("người viết đơn"),
    "address": N_("địa chỉ"),
    "identity": N_("số giấy tờ"),
    "number": N_("số hồ sơ"),
    "minutes": N_("lời trong biên bản"),
    "words": N_("từ giống nhau"),
    "field": N_("cùng lĩnh vực"),
    "site": N_("nơi tiếp"),
    "note": N_("ghi chú"),
    "outcome": N_("kết luận"),
    "demand": N_("yêu cầu"),
    "previous_body": N_("cơ quan đã giải quyết"),
    "pseudonym": N_("mã người tố cáo"),
}
"""Why something matched, by the use case's field names."""


def chair_line(sitting: Sitting, language: str) -> str:
    """Chủ trì: name, title."""
    who = formats.joined([sitting.chair_name, sitting.chair_title], ", ")
    return i18n.translate(N_("Chủ trì: %(who)s"), language) % {"who": who} if who else ""


def invited_names(db: Session, sitting: Sitting, *, attends: bool | None = None) -> list[str]:
    """Short names of the invited sites, in Vietnamese order; ``attends`` picks those that attend every visit, or those
    that only send their own."""
    query = select(Site).join(InvitedSite, InvitedSite.site_id == Site.id).where(InvitedSite.sitting_id == sitting.id)
    if attends is not None:
        query = query.where(InvitedSite.attends.is_(attends))
    rows = db.scalars(query)
    return sorted((site.short_name or site.name for site in rows), key=formats.sort_key)


def waiting_count(db: Session, sitting_id: str) -> int:
    """How many visits wait for a sitting."""
    waiting = select(func.count()).where(Visit.sitting_id == sitting_id, Visit.state == VisitState.QUEUED)
    return int(db.scalar(waiting) or 0)


def sitting_view(db: Session, sitting: Sitting, language: str) -> SittingView:
    """A sitting in a short list."""
    site = db.get(Site, sitting.site_id)
    names = invited_names(db, sitting)
    invited = i18n.translate(N_("mời %(names)s"), language) % {
        "names": ", ".join(names[:4]) + ("…" if names[4:] else "")
    }
    return SittingView(
        id=sitting.id,
        time=formats.clock(sitting.planned_at or sitting.opened_at),
        place=site.name if site else "",
        chair=chair_line(sitting, language),
        detail=formats.joined([chair_line(sitting, language), sitting.subject, invited if names else ""]),
        word=i18n.translate(labels.SITTING_STATE[sitting.state], language),
        tone=labels.SITTING_TONE[sitting.state],
        waiting=waiting_count(db, sitting.id),
    )


def open_sittings(
    db: Session, actor: Actor, now: datetime, language: str, *, training: bool = False
) -> list[SittingView]:
    """Sittings that are open now and that the actor's point may send a visit to; for a test visit, test sittings."""
    return [
        sitting_view(db, one, language)
        for one in sittings.list_open(db, actor, now)
        if one.state is SittingState.OPEN and (one.training_space_id is not None) == training
    ]


def sittings_today(db: Session, actor: Actor, now: datetime, language: str) -> list[SittingView]:
    """Open sittings, and those planned for today."""
    today = formats.local(now).date()
    return [
        sitting_view(db, one, language)
        for one in sittings.list_open(db, actor, now)
        if one.training_space_id is None
        and (one.state is SittingState.OPEN or (one.planned_at and formats.local(one.planned_at).date() == today))
    ]
