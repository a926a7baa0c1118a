"""Petitions (đơn), in a book of their own."""

from __future__ import annotations

import datetime as dt

from sqlalchemy.orm import Session

from rooms import access, audit, cases
from rooms import vault as vaults
from rooms.access import Right
from rooms.actor import Actor
from rooms.errors import Invalid
from rooms.fold import fold
from rooms.ids import new_id
from rooms.localtime import local_date
from rooms.models import Petition
from rooms.numbers import next_number
from rooms.vault import Vault
from rooms.words import Field, PetitionKind, PetitionSource, SubjectKind


def add(
    db: Session, actor: Actor, site_id: str, kind: PetitionKind, content: str, vault: Vault, now: dt.datetime, *,
    petitioner: str = "", address: str = "", source: PetitionSource = PetitionSource.RECEPTION,
    subject_kind: SubjectKind = SubjectKind.PERSON, field: Field | None = None, dated: dt.date | None = None,
    visit_id: str | None = None, case_id: str | None = None,
) -> Petition:  # fmt: skip
    """Enter a petition; a denunciation's petitioner goes into the vault. Raises NotFound,
    Forbidden, Invalid petition.content_missing."""
    access.load_site(db, actor, site_id, Right.RECEIVE, now=now)
    if visit_id is not None:
        access.load_visit(db, actor, visit_id, Right.RECEIVE, now=now)
    if not content.strip():
        raise Invalid("petition.content_missing", "The petition's content is missing.", field="content")
    on = local_date(now)
    petition = Petition(
        id=new_id(), site_id=site_id, visit_id=visit_id, year=on.year,
        number=next_number(db, site_id, "petition", on.year),
        kind=kind, source=source, subject_kind=subject_kind, field=field, petitioner=petitioner, address=address,
        content=content.strip(), dated=dated, received_on=on, created_at=now, created_by=actor.user_id,
    )  # fmt: skip
    if kind is PetitionKind.DENUNCIATION:
        identity = {"name": petitioner, "address": address}
        entry = vaults.seal(db, actor, vault, "petition", petition.id, identity, now)
        petition.restricted, petition.vault_id, petition.pseudonym = True, entry.id, entry.pseudonym
        petition.petitioner, petition.address = entry.pseudonym, ""
    words = (petition.content, petition.petitioner, petition.address, f"{petition.number}/{petition.year}")
    petition.search = fold("\n".join(words))
    db.add(petition)
    db.flush()
    audit.log(db, actor, "petition.added", "petition", petition.id, now)
    if case_id is not None:
        cases.link(db, actor, case_id, "petition", petition.id, now)
    return petition
