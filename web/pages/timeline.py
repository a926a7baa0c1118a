"""The entries of a file's time line, as the page shows them: each opens in place or leads on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from rooms import cases, looks, minutes
from rooms.actor import Actor
from rooms.models import CaseLink, Minutes, MinutesSignature, Paper, Petition, ReceptionSession, Site, Visit
from rooms.timeline import TimelineEntry
from rooms.words import MinutesState, SessionState
from web import i18n
from web.i18n import N_
from web.pages import casefile, formats, labels, lists
from web.pages.contexts import LineView
from web.pages.contexts_cases import EntryView, LinkView
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
    """The file's entries that the actor may see, oldest first, with the trace of every link; the last thing that
    happened is marked."""
    found = []
    told = cases.timeline(db, actor, case_id, now)
    opened = [one.at for one in told if one.kind == "case"]
    for one in told:
        if one.kind == "link" and one.at in opened and one.detail.get("pending") == "none":
            continue  # the file was opened for it; the visit itself stands beside
        view = entry_view(db, one, language)
        found.append(trace(db, actor, one, view, now, language) if one.kind in TRACES else view)
    found = sorted([*found, *joined_elsewhere(db, actor, case_id, now, language)], key=lambda one: one.at)
    if len(found) > 1:
        found[-1] = replace(found[-1], newest=True)
    return found


TRACES = ("link", "unlink", "merge")


def trace(db: Session, actor: Actor, entry: TimelineEntry, basic: EntryView, now: datetime, language: str) -> EntryView:
    """A link, its end, or a joined file: what, why, by whom, who confirmed it."""
    row = db.get(CaseLink, str(entry.detail.get("link", "")))
    if row is None:
        return basic
    ended = entry.kind == "unlink"
    what = casefile.label_of(db, actor, row.object_kind, row.object_id, now, language)
    asked = row.unlink_asked_by or row.unlinked_by if ended else row.linked_by
    second = row.unlinked_by if ended and row.unlink_asked_by != row.unlinked_by else row.confirmed_by
    label = N_("Gỡ ghép hồ sơ") if ended and row.object_kind == "case" else basic.label
    seen = tuple(seen_by(db, row, now, language)) if ended else ()
    return replace(
        basic, label=label, title=what, facts=seen, inline="facts" if seen else "",
        inline_label=i18n.translate(N_("Ai đã xem khi còn trong hồ sơ này"), language) if seen else "",
        detail=because(db, row.unlink_reason if ended else row.reason, asked, second, language),
        word=i18n.translate(N_("Chờ người thứ hai"), language) if not ended and row.pending.value != "none" else "",
        tone="warn",
        links=[LinkView(N_("Mở hồ sơ"), f"/cases/{row.object_id}", "folder-open")] if row.object_kind == "case" else (),
    )  # fmt: skip


def seen_by(db: Session, row: CaseLink, now: datetime, language: str) -> list[tuple[str, str]]:
    """Who looked at it while it stood in this file, and whether they may see it still."""
    found = []
    for one in looks.meanwhile(db, row, now):
        text = i18n.translate(N_("%(count)d lượt, gần nhất %(time)s"), language)
        said = text % {"count": one.times, "time": formats.stamp(one.last)}
        if not one.may_still:
            said = formats.joined([said, i18n.translate(N_("nay không còn quyền xem"), language)])
        found.append((casefile.name_of(db, one.user_id), said))
    return found


def because(db: Session, reason: str, asked: str | None, second: str | None, language: str) -> str:
    """Reason, who did it, who confirmed it."""
    parts = [i18n.translate(N_("lý do: %(reason)s"), language) % {"reason": reason}] if reason else []
    if asked:
        parts.append(casefile.name_of(db, asked))
    if second and second != asked:
        who = {"name": casefile.name_of(db, second)}
        parts.append(i18n.translate(N_("%(name)s xác nhận"), language) % who)
    return formats.joined(parts)


def joined_elsewhere(db: Session, actor: Actor, case_id: str, now: datetime, language: str) -> list[EntryView]:
    """The other side of the trace: this file was joined to another one, or taken back."""
    rows = db.scalars(select(CaseLink).where(CaseLink.object_kind == "case", CaseLink.object_id == case_id))
    found = []
    for row in rows:
        into = casefile.label_of(db, actor, "case", row.case_id, now, language)
        link = (LinkView(N_("Mở hồ sơ"), f"/cases/{row.case_id}", "folder-open"),)
        found.append(
            EntryView(
                "link", "folder", N_("Ghép vào hồ sơ khác"), row.linked_at, into,
                because(db, row.reason, row.linked_by, None, language), links=link,
            )
        )  # fmt: skip
        if row.unlinked_at is not None:
            text = because(db, row.unlink_reason, row.unlinked_by, None, language)
            found.append(EntryView("unlink", "unlink", N_("Gỡ ghép hồ sơ"), row.unlinked_at, into, text, links=link))
    return found


def entry_view(db: Session, entry: TimelineEntry, language: str) -> EntryView:
    """One entry, with what belongs to its kind."""
    icon, label = WORDS.get(entry.kind, ("circle-dot", entry.kind))
    site = db.get(Site, entry.site_id) if entry.site_id else None
    basic = EntryView(entry.kind, icon, label, entry.at, entry.title, (site.short_name or site.name) if site else "")
    if entry.kind == "case":
        basic = replace(basic, title="")  # the title stands above the page
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
    names = ", ".join(place_of(db, one) for one in session.participants if one.removed_at is None)
    length = None
    if session.started_at and session.closed_at:
        length = (session.closed_at - session.started_at).total_seconds()
    links = []
    if session.state in (SessionState.CLOSED, SessionState.LOCKED):
        links.append(LinkView(N_("Xem lại"), f"/replay/{session.id}", "circle-play"))
        links.append(LinkView(N_("Ký, tài liệu bổ sung"), f"/sessions/{session.id}/signed", "file-check"))
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
        inline="image" if image and paper.withdrawn_at is None and paper.destroyed_at is None else "",
        inline_label=i18n.translate(N_("Xem tại đây"), language),
        word=paper_word(paper, language), tone="off",
        links=(LinkView(N_("Mở"), url, "external-link", True),) if paper.destroyed_at is None else (),
    )  # fmt: skip


def paper_word(paper: Paper, language: str) -> str:
    """Whether it was taken out or disposed of."""
    if paper.destroyed_at is not None:
        return i18n.translate(N_("Đã tiêu hủy"), language)
    return i18n.translate(N_("Đã rút"), language) if paper.withdrawn_at else ""


def place_of(db: Session, one: Any) -> str:
    """A point's short name; long ones fill the page three times over."""
    site = db.get(Site, one.site_id) if one.site_id else None
    return str((site.short_name or site.name) if site else one.name)


def _minutes(db: Session, entry: TimelineEntry, basic: EntryView, language: str) -> EntryView:
    row = db.get(Minutes, entry.object_id)
    if row is None:
        return basic
    frozen = row.state is MinutesState.FROZEN
    where = f"/sessions/{row.session_id}" if row.session_id else f"/visits/{row.visit_id}"
    shown = minutes.view(db, row.id)
    facts = tuple((one["title"], one["text"]) for one in shown["sections"] if one["key"] in TOLD and one["text"])
    said = {key: text for key, text in ((one["key"], one["text"]) for one in shown["sections"])}
    signed = db.scalars(select(MinutesSignature).where(MinutesSignature.minutes_id == row.id)).all()
    unsigned = frozen and not any(one.party == "citizen" and one.how != "unsigned" for one in signed)
    return EntryView(
        basic.kind, basic.icon, basic.label, basic.at,
        lists.shorten(said.get("conclusion", ""), 300),
        i18n.translate(N_("Công dân chưa ký"), language) if unsigned else "",
        word=i18n.translate(N_("Đã chốt") if frozen else N_("Đang ghi"), language), tone="good" if frozen else "info",
        inline="lines", lines=lines_of(db, row.id), facts=facts,
        inline_label=i18n.translate(N_("Đọc biên bản"), language),
        links=(LinkView(N_("Bản in"), f"{where}/minutes", "printer"),),
    )  # fmt: skip


TOLD = ("persons", "content", "demand", "evidence", "opinions", "conclusion", "citizen_opinion")
"""Sections that are read in the file; place and time stand beside them anyway."""


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
    locked = entry.state == "locked"
    lost = float(entry.detail.get("lost_s") or 0)
    missing = i18n.translate(N_("mất %(seconds)s giây"), language) % {"seconds": round(lost, 1)} if lost else ""
    word = N_("Đã khóa và ký số") if locked else N_("Chưa khóa")
    return EntryView(
        basic.kind, basic.icon, N_("Bản ghi âm, ghi hình"), basic.at, "", formats.joined([basic.detail, missing]),
        word=i18n.translate(word, language), tone="good" if locked else "info",
        links=(LinkView(N_("Xem lại"), f"/replay/{entry.object_id}", "circle-play"),),
    )  # fmt: skip


MAKERS: dict[str, Callable[[Session, TimelineEntry, EntryView, str], EntryView]] = {
    "visit": _visit,
    "petition": _petition,
    "session": _session,
    "paper": _paper,
    "minutes": _minutes,
    "recording": _recording,
}
