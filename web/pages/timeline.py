"""The entries of a file's time line, as the page shows them: each opens in place or leads on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy.orm import Session

from rooms import cases, minutes
from rooms.actor import Actor
from rooms.models import Minutes, Paper, Petition, ReceptionSession, Site, Visit
from rooms.timeline import TimelineEntry
from rooms.words import MinutesState, SessionState
from web import i18n
from web.i18n import N_
from web.pages import formats, labels, lists
from web.pages.contexts import EntryView, LineView, LinkView
from web.pages.visit import facts_of

WORDS: dict[str, tuple[str, str]] = {
    "visit": ("clipboard-list", N_("Lượt tiếp")),
    "petition": ("inbox", N_("Đơn")),
    "session": ("video", N_("Phiên tiếp trực tuyến")),
    "paper": ("file-text", N_("Giấy tờ")),
    "minutes": ("clipboard-pen", N_("Biên bản")),
    "recording": ("circle-play", N_("Bản ghi")),
    "case": ("folder-open", N_("Mở hồ sơ")),
    "merge": ("folder", N_("Ghép hồ sơ")),
    "link": ("link", N_("Nối vào hồ sơ")),
    "unlink": ("unlink", N_("Gỡ khỏi hồ sơ")),
}


def entries(db: Session, actor: Actor, case_id: str, now: datetime, language: str) -> list[EntryView]:
    """The file's entries that the actor may see."""
    return [entry_view(db, one, language) for one in cases.timeline(db, actor, case_id, now)]


def entry_view(db: Session, entry: TimelineEntry, language: str) -> EntryView:
    """One entry, with what belongs to its kind."""
    icon, label = WORDS.get(entry.kind, ("circle-dot", entry.kind))
    site = db.get(Site, entry.site_id) if entry.site_id else None
    basic = EntryView(entry.kind, icon, label, entry.at, entry.title, site.name if site else "")
    make = MAKERS.get(entry.kind)
    return make(db, entry, basic, language) if make else basic


def _visit(db: Session, entry: TimelineEntry, basic: EntryView, language: str) -> EntryView:
    visit = db.get(Visit, entry.object_id)
    if visit is None:
        return basic
    facts = facts_of(db, visit, language)
    return EntryView(
        basic.kind, basic.icon, basic.label, basic.at,
        title=lists.shorten(visit.content, 300) if not visit.restricted else lists.who_of(visit, language),
        detail=formats.joined([lists.who_of(visit, language), basic.detail]),
        word=i18n.translate(labels.VISIT_STATE[visit.state], language), tone=labels.VISIT_TONE[visit.state],
        inline="facts", inline_label=i18n.translate(N_("Nội dung trong sổ"), language), facts=facts,
        links=(LinkView(N_("Mở lượt tiếp"), f"/visits/{visit.id}", "arrow-right"),),
    )  # fmt: skip


def _petition(db: Session, entry: TimelineEntry, basic: EntryView, language: str) -> EntryView:
    petition = db.get(Petition, entry.object_id)
    if petition is None:
        return basic
    kind = i18n.translate(labels.KIND[petition.kind], language)
    source = i18n.translate(labels.SOURCE[petition.source], language)
    return EntryView(
        basic.kind, basic.icon, basic.label, basic.at, lists.shorten(petition.content, 300),
        formats.joined([kind, source, petition.petitioner, basic.detail]),
    )  # fmt: skip


def _session(db: Session, entry: TimelineEntry, basic: EntryView, language: str) -> EntryView:
    session = db.get(ReceptionSession, entry.object_id)
    if session is None:
        return basic
    names = ", ".join(one.name for one in session.participants if one.removed_at is None)
    length = None
    if session.started_at and session.closed_at:
        length = (session.closed_at - session.started_at).total_seconds()
    links = [LinkView(N_("Biên bản"), f"/sessions/{session.id}/minutes", "printer")]
    if session.state in (SessionState.CLOSED, SessionState.LOCKED):
        links.insert(0, LinkView(N_("Xem lại"), f"/replay/{session.id}", "circle-play"))
    else:
        links.insert(0, LinkView(N_("Vào phòng tiếp"), f"/room/{session.id}", "video"))
    number = i18n.translate(N_("Phiên %(number)s"), language) % {"number": lists.session_number(session)}
    return EntryView(
        basic.kind, basic.icon, basic.label, basic.at, formats.joined([number, session.chair]),
        formats.joined([names, formats.span(length, language)]),
        word=i18n.translate(labels.SESSION_STATE[session.state], language), tone=labels.SESSION_TONE[session.state],
        links=tuple(links),
    )  # fmt: skip


def _paper(db: Session, entry: TimelineEntry, basic: EntryView, language: str) -> EntryView:
    paper = db.get(Paper, entry.object_id)
    if paper is None:
        return basic
    url = f"/api/papers/{paper.id}"
    image = paper.mime.startswith("image/")
    return EntryView(
        basic.kind, "file-image" if image else basic.icon, basic.label, basic.at, paper.title,
        formats.joined([formats.size(paper.length), basic.detail]), url=url,
        inline="image" if image and paper.withdrawn_at is None else "",
        inline_label=i18n.translate(N_("Xem tại đây"), language),
        word=i18n.translate(N_("Đã rút"), language) if paper.withdrawn_at else "", tone="off",
        links=(LinkView(N_("Mở"), url, "external-link", True),),
    )  # fmt: skip


def _minutes(db: Session, entry: TimelineEntry, basic: EntryView, language: str) -> EntryView:
    row = db.get(Minutes, entry.object_id)
    if row is None:
        return basic
    frozen = row.state is MinutesState.FROZEN
    where = f"/sessions/{row.session_id}" if row.session_id else f"/visits/{row.visit_id}"
    lines = lines_of(db, row.id)
    return EntryView(
        basic.kind, basic.icon, basic.label, basic.at, basic.title, basic.detail,
        word=i18n.translate(N_("Đã chốt") if frozen else N_("Đang ghi"), language), tone="good" if frozen else "info",
        inline="lines" if lines else "", lines=lines,
        inline_label=i18n.translate(N_("Diễn biến ghi theo thời gian"), language),
        links=(LinkView(N_("Mở bản in"), f"{where}/minutes", "printer"),),
    )  # fmt: skip


def lines_of(db: Session, minutes_id: str) -> list[LineView]:
    """The lines as they stand after corrections; struck ones are left out."""
    return [
        LineView(
            formats.timecode(one["at_s"])
            if one.get("at_s") is not None
            else formats.clock(datetime.fromtimestamp(one["at_utc"], formats.LOCAL)),
            one["speaker"],
            one["text"],
        )
        for one in minutes.view(db, minutes_id)["lines"]
        if not one["struck"]
    ]


def _recording(db: Session, entry: TimelineEntry, basic: EntryView, language: str) -> EntryView:
    return EntryView(
        basic.kind, basic.icon, basic.label, basic.at, basic.title, basic.detail, tone="plain",
        links=(LinkView(N_("Xem lại"), f"/replay/{entry.detail.get('session', entry.object_id)}", "circle-play"),),
    )  # fmt: skip


def _link(db: Session, entry: TimelineEntry, basic: EntryView, language: str) -> EntryView:
    what = WORDS.get(str(entry.detail.get("object_kind", "")), ("", ""))[1]
    waits = entry.detail.get("pending", "none") not in ("none", "")
    pending = i18n.translate(N_("chờ người thứ hai xác nhận"), language) if waits else ""
    return EntryView(
        basic.kind, basic.icon, basic.label, basic.at, basic.title,
        formats.joined([i18n.translate(what, language), str(entry.detail.get("reason", "")), pending]),
    )  # fmt: skip


MAKERS: dict[str, Callable[[Session, TimelineEntry, EntryView, str], EntryView]] = {
    "visit": _visit,
    "petition": _petition,
    "session": _session,
    "paper": _paper,
    "minutes": _minutes,
    "recording": _recording,
    "link": _link,
    "unlink": _link,
}
