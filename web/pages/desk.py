"""Tiếp nhận: three short steps (who, what, whom to see). The draft is saved with every step and by itself while typing;
it belongs to the visit and its point, so a colleague can go on (issue 2, point 4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from rooms import access, cases, visits
from rooms.access import Right
from rooms.actor import Actor
from rooms.errors import Conflict, NotFound, RoomsError, WrongState
from rooms.models import Case, Visit
from rooms.papers import MAX_PAPER
from rooms.words import PetitionKind, SittingState, VisitState
from web import i18n
from web.deps import ActorDep, HubDep
from web.hub import Hub
from web.pages import deskform, labels, lists, uploads
from web.pages.contexts import MatchView
from web.pages.contexts_desk import DeskPage, SimilarPart
from web.pages.render import page
from web.pages.today import presence_of
from web.pages.viewer import FormDep, flash_of, frame, go, point_of, point_view, refusal, refusals, text_of

router = APIRouter()

CORRECTABLE = frozenset({VisitState.REGISTERED, VisitState.QUEUED, VisitState.IN_SESSION, VisitState.CONCLUDED})


@router.get("/desk")
def desk(request: Request, actor: ActorDep) -> Response:
    """The desk begins on the front page, where drafts stand too."""
    return go("/")


@router.post("/desk")
def start(request: Request, hub: HubDep, actor: ActorDep) -> Response:
    """A new visit at this point."""
    with hub.database.write() as db:
        point = point_of(db, request, actor, hub.now())
        if point is None:
            raise NotFound()
        visit = visits.start(db, actor, point.id, hub.now())
        return go(f"/desk/{visit.id}")


@router.get("/desk/{visit_id}")
def show(visit_id: str, request: Request, hub: HubDep, actor: ActorDep, step: int = 0) -> Response:
    """One step of the form, filled with the draft."""
    with hub.database.read() as db:
        visit = load(db, actor, visit_id, hub)
        draft = draft_of(visit)
        done = deskform.steps_done(draft)
        wanted = step if step in (1, 2, 3) else min({1, 2, 3} - set(done))
        return form_page(request, hub, db, actor, visit, draft, wanted)


@router.post("/desk/{visit_id}")
def submit(visit_id: str, request: Request, hub: HubDep, actor: ActorDep, form: FormDep) -> Response:
    """Take one step's fields, keep them, then go where the pressed button says."""
    step = int(text_of(form, "step", 1) or 1) if text_of(form, "step", 1).isdecimal() else 1
    go_to = text_of(form, "go", 16) or ("link" if text_of(form, "link") else "")
    errors: dict[str, str] = {}
    with hub.database.write() as db:
        visit = load(db, actor, visit_id, hub)
        draft = changed(draft_of(visit), step, form)
        try:
            visit = visits.save_draft(db, actor, visit_id, draft, base_of(form, visit), hub.now())
        except Conflict as error:
            if isinstance(error, WrongState):
                raise
            errors = refusals(error, i18n.language_of(request))
            draft = {**draft_of(visit), **{k: v for k, v in draft.items() if v}}
    if not errors and go_to == "register":
        return register(request, hub, actor, visit_id, draft)
    if not errors and go_to in ("2", "3"):
        errors = {
            field: i18n.translate(text, i18n.language_of(request))
            for field, text in deskform.check(draft).items()
            if deskform.step_of(field) == step and step < int(go_to)
        }
    if not errors:
        return go(f"/desk/{visit_id}?step={go_to if go_to in ('1', '2', '3') else step}")
    with hub.database.read() as db:
        visit = load(db, actor, visit_id, hub)
        return form_page(request, hub, db, actor, visit, draft, step, errors)


@router.post("/desk/{visit_id}/draft")
def autosave(visit_id: str, request: Request, hub: HubDep, actor: ActorDep, form: FormDep) -> Response:
    """Keep what was typed so far; called by the page while somebody types."""
    step = text_of(form, "step", 1)
    with hub.database.write() as db:
        visit = load(db, actor, visit_id, hub)
        draft = deskform.merged(draft_of(visit), int(step) if step.isdecimal() else 1, form)
        try:
            visit = visits.save_draft(db, actor, visit_id, draft, base_of(form, visit), hub.now())
        except RoomsError as error:
            text = refusal(error, i18n.language_of(request))
            return JSONResponse({"error": error.code, "message": text}, 409)
        return JSONResponse({"version": visit.version, "saved_at": hub.now().timestamp()})


@router.get("/desk/{visit_id}/similar")
def similar(visit_id: str, request: Request, hub: HubDep, actor: ActorDep) -> Response:
    """Cases that resemble the draft, as a part of the page."""
    with hub.database.read() as db:
        visit = load(db, actor, visit_id, hub)
        return page(request, SimilarPart(similar_to(request, hub, db, actor, visit), draft_of(visit)))


@router.post("/desk/{visit_id}/papers")
def attach(visit_id: str, request: Request, hub: HubDep, actor: ActorDep, form: FormDep) -> Response:
    """Scans of the visit; each refused file is named with the reason, the others are kept."""
    with hub.database.read() as db:
        load(db, actor, visit_id, hub)
    return uploads.take(request, hub, actor, form, "visit", visit_id, f"/desk/{visit_id}?step=2")


@router.post("/desk/{visit_id}/discard")
def discard(visit_id: str, request: Request, hub: HubDep, actor: ActorDep) -> Response:
    """Throw an unfinished draft away; for an entry of the register, only the changes that were not sent."""
    with hub.database.write() as db:
        visit = load(db, actor, visit_id, hub)
        if visit.state is VisitState.DRAFT:
            visits.discard(db, actor, visit_id, hub.now())
            return go("/?done=discarded")
        visit.draft = {}
    return go(f"/visits/{visit_id}")


def load(db: Session, actor: Actor, visit_id: str, hub: Hub) -> Visit:
    """The visit, if it may be typed into: a draft, or an entry that can still be corrected."""
    visit = access.load_visit(db, actor, visit_id, Right.RECEIVE, now=hub.now())
    if visit.state is not VisitState.DRAFT and (visit.state not in CORRECTABLE or visit.restricted):
        raise WrongState("visit", visit.state.value)
    return visit


def draft_of(visit: Visit) -> dict[str, Any]:
    """What was typed so far; for an entry of the register, its present content."""
    typed = {key: value for key, value in (visit.draft or {}).items() if not key.startswith("_")}
    if typed or visit.state is VisitState.DRAFT:
        return typed
    return deskform.of_visit(visit)


def base_of(form: Mapping[str, Any], visit: Visit) -> int:
    """The version that was edited; without one, the present."""
    version = text_of(form, "version", 9)
    return int(version) if version.isdecimal() else visit.version


def changed(draft: Mapping[str, Any], step: int, form: Mapping[str, Any]) -> dict[str, Any]:
    """The draft with this step's fields, and with what the pressed button does to them."""
    result = deskform.merged(draft, step, form)
    pressed = text_of(form, "go", 16)
    persons = deskform.persons_of(result)
    if pressed == "add" and len(persons) < deskform.MAX_PERSONS:
        result["persons"] = [*persons, {}]
    elif pressed == "drop" and len(persons) > 1:
        result["persons"] = persons[:-1]
    if link := text_of(form, "link", 24):
        result["case"] = link
        result["first_time"] = "0"
    return result


def similar_to(request: Request, hub: Hub, db: Session, actor: Actor, visit: Visit) -> list[MatchView]:
    """Cases that may be the same matter; none for a denunciation, whose matter is its own file."""
    draft = draft_of(visit)
    if draft.get("kind") == PetitionKind.DENUNCIATION or not (draft.get("content") or visit.content):
        return []
    return lists.suggestions(db, actor, visit.id, hub.now(), i18n.language_of(request))


def linked_case(request: Request, hub: Hub, db: Session, actor: Actor, draft: Mapping[str, Any]) -> MatchView | None:
    """The case that was chosen at step 2, if the actor still sees it."""
    chosen = str(draft.get("case", ""))
    if chosen in ("", "new", "none"):
        return None
    try:
        case = access.load_case(db, actor, chosen, now=hub.now())
    except RoomsError:
        return None
    return lists.match_view(db, case, (), i18n.language_of(request))


def form_page(
    request: Request, hub: Hub, db: Session, actor: Actor, visit: Visit, draft: Mapping[str, Any], step: int,
    errors: Mapping[str, str] | None = None,
) -> Response:  # fmt: skip
    """The page of one step."""
    now, language = hub.now(), i18n.language_of(request)
    site = access.load_site(db, actor, visit.site_id, now=now)
    denunciation = draft.get("kind") == PetitionKind.DENUNCIATION
    context = DeskPage(
        visit=visit,
        step=step,
        done=deskform.steps_done(draft),
        form=draft,
        persons=deskform.persons_of(draft),
        errors=errors or {},
        version=visit.version,
        saved_at=now if visit.draft else None,
        point=point_view(db, request, site, now, presence_of(hub, site.id)),
        officer=actor.name,
        papers=lists.papers_of(db, "visit", visit.id) if step == 2 else (),
        similar=similar_to(request, hub, db, actor, visit) if step == 2 else (),
        linked=linked_case(request, hub, db, actor, draft) if step == 3 else None,
        sittings=lists.open_sittings(db, actor, now, language, training=visit.training_space_id is not None)
        if step == 3 and not denunciation
        else (),
        denunciation=denunciation,
        max_upload=min(hub.config.max_upload, MAX_PAPER),
    )
    chrome = frame(db, request, actor, "/desk", training=visit.training_space_id is not None)
    return page(request, context, chrome=chrome, flash=flash_of(request), status=422 if errors else 200)


def register(request: Request, hub: Hub, actor: Actor, visit_id: str, draft: Mapping[str, Any]) -> Response:
    """Enter the visit in the register, put it into its file, and send it where the citizen is to be heard."""
    language = i18n.language_of(request)
    errors = {field: i18n.translate(text, language) for field, text in deskform.check(draft).items()}
    fresh = True
    if not errors:
        try:
            with hub.database.write() as db:
                visit = load(db, actor, visit_id, hub)
                fresh = visit.state is VisitState.DRAFT
                visit = visits.register(db, actor, visit_id, deskform.visit_form(draft), hub.vault, hub.now())
                into_case(db, hub, actor, visit, str(draft.get("case", "new")), language)
                priority = str(draft.get("priority", ""))[: visits.MAX_REASON]
                online = fresh and to_sitting(db, hub, actor, visit, str(draft.get("where", "desk")), priority)
            hub.stir()
            return go(
                f"/waiting/{visit_id}" if online else f"/visits/{visit_id}?done={'registered' if fresh else 'saved'}"
            )
        except RoomsError as error:
            if isinstance(error, NotFound):
                raise
            errors = refusals(error, language)
    step = min(deskform.step_of(field) for field in errors)
    with hub.database.read() as db:
        visit = load(db, actor, visit_id, hub)
        return form_page(request, hub, db, actor, visit, draft, step, errors)


def into_case(db: Session, hub: Hub, actor: Actor, visit: Visit, chosen: str, language: str) -> None:
    """Link the visit to the chosen case, or open a new one; a visit that has its case already keeps it."""
    if chosen == "none" or cases.case_of(db, "visit", visit.id):
        return
    if chosen not in ("", "new") and not visit.restricted:
        cases.link(db, actor, chosen, "visit", visit.id, hub.now())
        return
    open_case(db, hub, actor, visit, language)


def open_case(db: Session, hub: Hub, actor: Actor, visit: Visit, language: str) -> Case:
    """A new file for the visit's matter; a denunciation's title says nothing but its pseudonym."""
    kind = i18n.translate(labels.KIND[visit.kind], language) if visit.kind else ""
    title = f"{kind} {visit.pseudonym}".strip() if visit.restricted else deskform.case_title(visit.content, kind)
    return cases.open_case(
        db, actor, visit.site_id, title, hub.now(), visit_id=visit.id, kind=visit.kind, field=visit.field
    )


def to_sitting(db: Session, hub: Hub, actor: Actor, visit: Visit, where: str, priority: str = "") -> bool:
    """Put the visit into the online queue of a sitting, before others for a reason; False when it is received at the
    desk."""
    if where in ("", "desk"):
        return False
    sitting = access.load_sitting(db, actor, where, now=hub.now())
    if sitting.state is not SittingState.OPEN:
        raise WrongState("sitting", sitting.state.value)
    if (sitting.training_space_id is None) != (visit.training_space_id is None):
        raise NotFound()  # a test visit and a real sitting do not know each other
    visit.sitting_id = sitting.id
    visits.queue_online(db, actor, visit.id, hub.now())
    if priority:
        visits.set_priority(db, actor, visit.id, priority, hub.now())
    return True
