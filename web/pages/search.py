"""Tra cứu: words without diacritics, filters, results by case, each saying why it matched.

The words may be names, so they never stand in an address: the form is posted and kept in the log-in's session.
"""

from __future__ import annotations

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from rooms import access
from rooms import search as lookup
from rooms.actor import Actor
from rooms.errors import Forbidden, RoomsError
from rooms.models import Site
from web import i18n
from web.deps import ActorDep, HubDep
from web.hub import Hub
from web.i18n import N_
from web.pages import formats, labels, lists
from web.pages.contexts_cases import HitGroup, HitView, SearchPage
from web.pages.render import page
from web.pages.viewer import FILE_ROLES, FormDep, frame, go, site_options, text_of

router = APIRouter()

LIMIT = 100
STATES = {**{f"case:{k}": v for k, v in labels.CASE_STATE.items()}, **labels.VISIT_STATE}
TYPES = {"case": N_("Hồ sơ"), "visit": N_("Lượt tiếp"), "petition": N_("Đơn")}
WHY = {
    **lists.WHY,
    "person": N_("họ tên, địa chỉ"),
    "place": N_("nơi tiếp"),
    "leader": N_("người phụ trách"),
    "outcome_text": N_("kết luận"),
}


@router.get("/search")
def show(request: Request, hub: HubDep, actor: ActorDep) -> Response:
    """The form, with the last search of this log-in."""
    if not actor.has_role(*FILE_ROLES) and not actor.grants:
        raise Forbidden()
    asked = dict(request.session.get("search") or {})
    language, now = i18n.language_of(request), hub.now()
    errors = {
        name: i18n.translate(N_("Ngày không hợp lệ, ví dụ 30/11/2026."), language)
        for name in ("since", "until")
        if asked.get(name) and formats.parse_day(asked[name]) is None
    }
    with hub.database.read() as db:
        everything = find(db, hub, actor, asked) if asked and not errors else []
        hits = [hit for hit in everything if not is_training(db, hit)]
        context = SearchPage(
            query=asked.get("q", ""),
            asked=bool(asked),
            groups=grouped(db, hub, actor, hits, language),
            total=len(hits),
            capped=len(everything) >= LIMIT,
            sites=site_options(db, actor, now),
            states={key: word for key, word in STATES.items() if not key.endswith(("draft", "merged"))},
            filters=asked,
            errors=errors,
        )
        return page(request, context, chrome=frame(db, request, actor, "/search"))


@router.post("/search")
def ask(request: Request, actor: ActorDep, form: FormDep) -> Response:
    """Keep what is asked for and show it."""
    names = ("q", "site", "since", "until", "kind", "state")
    request.session["search"] = {name: text_of(form, name, 200) for name in names}
    return go("/search")


def find(db: Session, hub: Hub, actor: Actor, asked: dict[str, str]) -> list[lookup.Hit]:
    """What the words and filters find."""
    state = asked.get("state", "")
    types: tuple[str, ...] = ("case", "visit", "petition")
    if state:
        types = ("case",) if state.startswith("case:") else ("visit",)
    filters = lookup.Filters(
        site_id=asked.get("site") or None,
        since=formats.parse_day(asked.get("since", "")),
        until=formats.parse_day(asked.get("until", "")),
        kind=asked.get("kind") or None,
        state=state.removeprefix("case:") or None,
        types=types,
        limit=LIMIT,
    )
    return lookup.search(db, actor, asked.get("q", ""), filters, hub.now())


def is_training(db: Session, hit: lookup.Hit) -> bool:
    """Whether the find lies in the training space, which has a page of its own."""
    row = db.get(access.OWNERS[hit.type], hit.object_id)
    return row is None or row.training_space_id is not None


def grouped(db: Session, hub: Hub, actor: Actor, hits: list[lookup.Hit], language: str) -> list[HitGroup]:
    """The finds by case, in the order of each case's best find; those without a case come last."""
    by_case: dict[str, list[lookup.Hit]] = {}
    for hit in hits:
        by_case.setdefault(hit.case_id or "", []).append(hit)
    loose = by_case.pop("", [])
    groups = []
    for case_id, found in by_case.items():
        try:
            case = access.load_case(db, actor, case_id, now=hub.now())
        except RoomsError:
            loose += found
            continue
        number = lists.case_number(db, case)
        own = [hit for hit in found if hit.type == "case" and hit.object_id == case_id]
        views = [hit_view(db, hit, language) for hit in found if hit not in own]
        meta = hit_view(db, own[0], language, number).meta if own else ""
        why = [WHY.get(one, one) for hit in own for one in hit.why]
        groups.append(HitGroup(case.title, number, f"/cases/{case_id}", True, views, meta, why))
    if loose:
        title = i18n.translate(N_("Chưa gắn hồ sơ"), language)
        groups.append(HitGroup(title, "", "", False, [hit_view(db, hit, language) for hit in loose]))
    return groups


def hit_view(db: Session, hit: lookup.Hit, language: str, number: str = "") -> HitView:
    """One find in a line; ``number``: as it stands on paper, where the caller knows it."""
    site = db.get(Site, hit.site_id)
    url = f"/visits/{hit.object_id}" if hit.type == "visit" else f"/cases/{hit.case_id}" if hit.case_id else ""
    states = labels.CASE_STATE if hit.type == "case" else labels.VISIT_STATE
    meta = [
        i18n.translate(TYPES[hit.type], language) + (f" {number or hit.number}" if hit.number else ""),
        i18n.translate(labels.KIND.get(hit.kind, ""), language),
        (site.short_name or site.name) if site else "",
        formats.day(hit.at),
        i18n.translate(states.get(hit.state, ""), language),
    ]
    return HitView(
        url, lists.shorten(hit.title, 160) or "–", formats.joined(meta), [WHY.get(one, one) for one in hit.why]
    )
