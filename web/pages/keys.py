"""Khóa ký số: the public keys with which packages are verified, and the daily heads (design 6). To be published outside
the hub, in print too; an administrator makes a new key here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import ClassVar

from fastapi import APIRouter
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from rooms import audit, heads, signing
from rooms.actor import Actor
from rooms.errors import Forbidden, NotFound
from rooms.models import DailyHead
from rooms.words import Role
from web import i18n, publish
from web.deps import ActorDep, HubDep, OptionalActorDep
from web.hub import Hub
from web.i18n import N_
from web.pages.contexts import Context
from web.pages.render import page
from web.pages.viewer import FormDep, flash_of, frame, go

router = APIRouter()

DAYS = 31
READERS = (Role.RECORDS, Role.ADMIN, Role.COMPETENT)
WAYS = {"folder": N_("thư mục"), "mail": N_("thư điện tử"), "rfc3161": N_("dấu thời gian")}


@dataclass(frozen=True)
class HeadRow:
    """A day. ``ways``: how it went out, word and tone; ``url``: its signed statement, "" for who may not have it."""

    on: date
    count: int
    head: str
    ways: Sequence[tuple[str, str]]
    url: str
    stamp_url: str


@dataclass(frozen=True)
class KeysPage(Context):
    """``keys``: key id and PEM, the one in use first."""

    template: ClassVar[str] = "pages/keys.html"
    keys: tuple[tuple[str, str], ...]
    heads: Sequence[HeadRow]
    may_change: bool
    published: bool


def public_keys(hub: HubDep) -> list[tuple[str, str]]:
    """All public keys this hub ever signed with; the present one first."""
    found = signing.public_keys(hub.config.data / "keys")
    present = hub.signer.public_pem()
    pairs = [(key, pem.decode()) for key, pem in found.items()]
    return sorted(pairs, key=lambda one: (one[1].encode() != present, one[0]))


@router.get("/keys")
def show(request: Request, hub: HubDep, actor: OptionalActorDep) -> Response:
    """The keys and heads, readable by anyone: they prove, they open nothing."""
    with hub.database.read() as db:
        context = KeysPage(
            tuple(public_keys(hub)), head_rows(db, hub, actor, i18n.language_of(request)),
            actor is not None and actor.has_role(Role.ADMIN), bool(publish.ways(hub)),
        )  # fmt: skip
        if actor is None:
            return page(request, context)
        return page(request, context, chrome=frame(db, request, actor, "/keys"), flash=flash_of(request))


def head_rows(db: Session, hub: Hub, actor: Actor | None, language: str) -> list[HeadRow]:
    """The last month, newest first."""
    rows = list(db.scalars(select(DailyHead).order_by(DailyHead.on.desc()).limit(DAYS)))
    went: dict[date, list[tuple[str, str]]] = {}
    stamps = set()
    for one in heads.publications(db, [row.on for row in rows]):
        word = i18n.translate(WAYS.get(one.way, N_("cách khác")), language)
        if one.done_at is None:
            word = i18n.translate(N_("%(way)s: chưa gửi được, sẽ tự gửi lại"), language) % {"way": word}
        went.setdefault(one.day, []).append((word, "good" if one.done_at is not None else "bad"))
        if one.proof is not None:
            stamps.add(one.day)
    may = actor is not None and any(actor.has_role(role) for role in READERS)
    return [
        HeadRow(
            row.on, row.count, row.head, went.get(row.on, ()), f"/keys/heads/{row.on}.json" if may else "",
            f"/keys/heads/{row.on}.tsr" if may and row.on in stamps else "",
        )
        for row in rows
    ]  # fmt: skip


@router.post("/keys/new")
def make(hub: HubDep, actor: ActorDep, form: FormDep) -> Response:
    """A new key signs from now on; old packages stay verifiable."""
    if not actor.has_role(Role.ADMIN):
        raise Forbidden()
    before = hub.signer.key_id
    made = signing.create(hub.config.data / "keys")
    with hub.database.write() as db:
        audit.log(db, actor, "key.created", "key", made.key_id[:24], hub.now(), detail={"before": before})
    return go("/keys?done=key")


@router.get("/keys/heads/{name}")
def statement(name: str, hub: HubDep, actor: ActorDep) -> Response:
    """A day's signed statement (.json), its signature (.sig) or time stamp (.tsr), for who keeps the records."""
    if not any(actor.has_role(role) for role in READERS):
        raise Forbidden()
    day, _, kind = name.partition(".")
    try:
        on = date.fromisoformat(day)
    except ValueError as error:
        raise NotFound() from error
    if kind == "tsr":
        with hub.database.read() as db:
            proofs = [one.proof for one in heads.publications(db, [on]) if one.proof is not None]
        content = proofs[0] if proofs else None
    else:
        content = publish.files_of(hub, on).get(name)
    if content is None:
        raise NotFound()
    headers = {"content-disposition": f'attachment; filename="{on}.{kind}"', "cache-control": "private, no-store"}
    return Response(content, media_type="application/octet-stream", headers=headers)


@router.get("/keys.pem")
def download(hub: HubDep) -> Response:
    """The same as one PEM file for ``diemcau verify --key``."""
    text = "".join(pem for _, pem in public_keys(hub))
    return PlainTextResponse(
        text, media_type="application/x-pem-file", headers={"content-disposition": 'attachment; filename="keys.pem"'}
    )
