"""Khóa ký số: the public keys with which packages are verified, to be published outside the hub (design 6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from rooms import signing
from web.deps import HubDep, OptionalActorDep
from web.pages.contexts import Context
from web.pages.render import page
from web.pages.viewer import frame

router = APIRouter()


@dataclass(frozen=True)
class KeysPage(Context):
    """``keys``: key id and PEM, the one in use first."""

    template: ClassVar[str] = "pages/keys.html"
    keys: tuple[tuple[str, str], ...]


def public_keys(hub: HubDep) -> list[tuple[str, str]]:
    """All public keys this hub ever signed with; the present one first."""
    found = signing.public_keys(hub.config.data / "keys")
    present = hub.signer.public_pem()
    pairs = [(key, pem.decode()) for key, pem in found.items()]
    return sorted(pairs, key=lambda one: (one[1].encode() != present, one[0]))


@router.get("/keys")
def show(request: Request, hub: HubDep, actor: OptionalActorDep) -> Response:
    """The keys, readable by anyone: they prove, they open nothing."""
    context = KeysPage(tuple(public_keys(hub)))
    if actor is None:
        return page(request, context)
    with hub.database.read() as db:
        return page(request, context, chrome=frame(db, request, actor, "/keys"))


@router.get("/keys.pem")
def download(hub: HubDep) -> Response:
    """The same as one PEM file for ``diemcau verify --key``."""
    text = "".join(pem for _, pem in public_keys(hub))
    return PlainTextResponse(
        text, media_type="application/x-pem-file", headers={"content-disposition": 'attachment; filename="keys.pem"'}
    )
