"""Tra cứu: one box, filters at the side, finds by case, each saying why it was found.

The words may be names, so they never stand in an address: the form is posted and kept in the log-in's session, with
the places at which its pages begin.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from rooms import search as lookup
from rooms.actor import Actor
from rooms.errors import Forbidden
from rooms.models import Site
from rooms.search import Group, Place, Results
from rooms.whyfound import Hit, Why
from web import i18n
from web.deps import ActorDep, HubDep
from web.hub import Hub
from web.i18n import N_
from web.pages import formats, labels, lists
from web.pages.contexts_cases import HitGroup, HitView, SearchPage, WhyView
from web.pages.render import page
from web.pages.viewer import FILE_ROLES, FormDep, frame, go, site_options, text_of

router = APIRouter()

FIELDS = ("q", "site", "since", "until", "kind", "field", "state", "type", "recorded", "sort")
MAX_PAGES = 500
_PLACE = re.compile(r"([0-9]{1,2})\.(-?[0-9]{1,18})")

TYPES = {"case": N_("Hồ sơ"), "visit": N_("Lượt tiếp"), "petition": N_("Đơn"), "session": N_("Phiên tiếp")}
SORTS = {"newest": N_("Mới nhất trước"), "oldest": N_("Cũ nhất trước"), "name": N_("Theo tên, A đến Y")}
STATES = {
    **{f"case.{key}": word for key, word in labels.CASE_STATE.items() if key != "merged"},
    **{f"visit.{key}": word for key, word in labels.VISIT_STATE.items() if key != "draft"},
    **{f"session.{key}": word for key, word in labels.SESSION_STATE.items()},
}
WHY = {
    **lists.WHY,
    "person": N_("họ tên, địa chỉ"),
    "place": N_("nơi tiếp"),
    "leader": N_("người phụ trách"),
    "chair": N_("chủ trì"),
    "attending": N_("người dự"),
    "bookmark": N_("dấu mốc"),
    "outcome_text": N_("kết luận"),
    "outcome_body": N_("cơ quan nhận đơn"),
    "follow_up": N_("theo dõi kết quả"),
}


@router.get("/search")
def show(request: Request, hub: HubDep, actor: ActorDep) -> Response:
    """The form, with the last search of this log-in."""
    if not actor.has_role(*FILE_ROLES) and not actor.grants:
        raise Forbidden()
    asked = dict(request.session.get("search") or {})
    trail = [str(one) for one in asked.pop("trail", [])]
    language, now = i18n.language_of(request), hub.now()
    errors = {
        name: i18n.translate(N_("Ngày không hợp lệ, ví dụ 30/11/2026."), language)
        for name in ("since", "until")
        if asked.get(name) and formats.parse_day(asked[name]) is None
    }
    with hub.database.read() as db:
        found = find(db, hub, actor, asked, trail) if asked and not errors else None
        sites = site_options(db, actor, now)
        context = SearchPage(
            query=asked.get("q", ""),
            asked=bool(asked),
            groups=grouped(db, found, language) if found else (),
            total=found.total if found else 0,
            capped=bool(found and found.capped),
            too_short=bool(found and found.too_short),
            options=_options(found, sites, language),
            filters=asked,
            errors=errors,
            next=f"{found.next.tier}.{found.next.number}" if found and found.next else "",
            number=len(trail) + 1,
        )
        return page(request, context, chrome=frame(db, request, actor, "/search"))


@router.post("/search")
def ask(request: Request, actor: ActorDep, form: FormDep) -> Response:
    """Keep what is asked for and show it; or another page of the same, or nothing again."""
    turn = text_of(form, "turn", 40)
    before = dict(request.session.get("search") or {})
    trail = [str(one) for one in before.get("trail", [])]
    if turn == "clear":
        request.session["search"] = {}
    elif turn == "back" and before:
        request.session["search"] = before | {"trail": trail[:-1]}
    elif _PLACE.fullmatch(turn) and before and len(trail) < MAX_PAGES:
        request.session["search"] = before | {"trail": [*trail, turn]}
    else:
        request.session["search"] = {name: text_of(form, name, 200) for name in FIELDS}
    return go("/search")


def find(db: Session, hub: Hub, actor: Actor, asked: Mapping[str, str], trail: list[str]) -> Results:
    """What the words and filters find, on the page to which the trail leads."""
    kind, sort = asked.get("type", ""), asked.get("sort", "")
    filters = lookup.Filters(
        site_id=asked.get("site") or None,
        since=formats.parse_day(asked.get("since", "")),
        until=formats.parse_day(asked.get("until", "")),
        kind=asked.get("kind") or None,
        field=asked.get("field") or None,
        state=asked.get("state") or None,
        types=(kind,) if kind in lookup.TYPES else lookup.TYPES,
        recorded=bool(asked.get("recorded")),
        sort=sort if sort in lookup.SORTS else "newest",
    )
    at = _PLACE.fullmatch(trail[-1]) if trail else None
    after = Place(int(at[1]), int(at[2])) if at else None
    return lookup.find(db, actor, asked.get("q", ""), filters, hub.now(), after=after)


def _options(found: Results | None, sites: Mapping[str, str], language: str) -> dict[str, dict[str, str]]:
    """The choices of the filters; how many finds each has stands beside it where that is known exactly."""
    facets = found.facets if found else {}
    choices = {"site": sites, "kind": labels.KIND, "state": STATES, "type": TYPES, "field": labels.FIELD,
               "sort": SORTS}  # fmt: skip
    made = {}
    for name, words in choices.items():
        counts = facets.get(name, Counter())
        made[name] = {
            str(key): i18n.translate(word, language) + (f" ({counts[str(key)]})" if counts.get(str(key)) else "")
            for key, word in words.items()
        }
    return made


def grouped(db: Session, found: Results, language: str) -> list[HitGroup]:
    """The groups of a page; a case's own find stands in its heading."""
    groups = []
    for group in found.groups:
        own = next((hit for hit in group.hits if group.case and hit.object_id == group.case.id), None)
        views = [hit_view(db, hit, language) for hit in group.hits if hit is not own]
        head = hit_view(db, own, language) if own else None
        groups.append(_group(db, group, head, views, language))
    return groups


def _group(db: Session, group: Group, head: HitView | None, views: list[HitView], language: str) -> HitGroup:
    if group.case is None:
        return HitGroup("", "", "", False, views, more=group.more)
    case = group.case
    return HitGroup(
        title=case.title,
        number=lists.case_number(db, case),
        url=f"/cases/{case.id}",
        case=True,
        hits=views,
        meta=head.meta if head else "",
        why=head.why if head else (),
        word=i18n.translate(labels.CASE_STATE.get(case.state, ""), language),
        more=group.more,
    )


def hit_view(db: Session, hit: Hit, language: str) -> HitView:
    """One find: what it is, where it opens, why it was found."""
    site = db.get(Site, hit.site_id) if hit.site_id else None
    states = {"case": labels.CASE_STATE, "session": labels.SESSION_STATE}.get(hit.type, labels.VISIT_STATE)
    number = "" if hit.type == "case" else hit.number  # a case's own number stands in the heading
    meta = [
        i18n.translate(TYPES[hit.type], language) + (f" {number}" if number else ""),
        i18n.translate(labels.KIND.get(hit.kind, ""), language),
        (site.short_name or site.name) if site else "",
        formats.day(hit.at),
        i18n.translate(states.get(hit.state, ""), language),
    ]
    title = lists.shorten(hit.title, 160) or i18n.translate(TYPES[hit.type], language)
    if hit.type == "session":  # its title is the place, which stands in the line below
        title = i18n.translate(N_("Phiên tiếp %(number)s"), language) % {"number": hit.number} if hit.number else title
    return HitView(
        url=url_of(hit),
        title=title,
        meta=formats.joined(meta),
        why=[why_view(one, hit, language) for one in hit.why],
        icon={"case": "folder-open", "visit": "clipboard-list", "petition": "inbox", "session": "video"}[hit.type],
        recorded=hit.recorded and hit.type == "session",
    )


def url_of(hit: Hit) -> str:
    """Where a find opens."""
    if hit.type == "session" and hit.recorded:
        return f"/replay/{hit.object_id}"
    if hit.visit_id:
        return f"/visits/{hit.visit_id}"
    return f"/cases/{hit.case_id}" if hit.case_id else ""


def why_view(why: Why, hit: Hit, language: str) -> WhyView:
    """A reason in words; a line of recorded minutes leads to its second."""
    label = i18n.translate(WHY.get(why.field, why.field), language)
    url = ""
    if hit.type == "session" and hit.recording_from is not None and why.at is not None:
        url = f"/replay/{hit.object_id}#t={max(0.0, why.at.timestamp() - hit.recording_from):.0f}"
    return WhyView(label, why.runs, url, formats.clock(why.at) if why.at else "")
