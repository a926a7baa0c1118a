"""Petitions (đơn), in a book of their own."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Session

from rooms import access, audit, cases
from rooms import vault as vaults
from rooms.access import Right
from rooms.actor import Actor
from rooms.errors import Invalid
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
    visit = access.load_visit(db, actor, visit_id, Right.RECEIVE, now=now) if visit_id is not None else None
    if not content.strip():
        raise Invalid("petition.content_missing", "The petition's content is missing.", field="content")
    on = local_date(now)
    space = visit.training_space_id if visit is not None else None
    petition = Petition(
        id=new_id(), site_id=site_id, visit_id=visit_id, training_space_id=space,
        year=None if space else on.year, number=None if space else next_number(db, site_id, "petition", on.year),
        kind=kind, source=source, subject_kind=subject_kind, field=field, petitioner=petitioner, address=address,
        content=content.strip(), dated=dated, received_on=on, created_at=now, created_by=actor.user_id,
    )  # fmt: skip
    if kind is PetitionKind.DENUNCIATION or (visit is not None and visit.restricted):
        _seal(db, actor, petition, vault, now)
    db.add(petition)
    db.flush()
    audit.log(db, actor, "petition.added", "petition", petition.id, now)
    if case_id is not None:
        cases.link(db, actor, case_id, "petition", petition.id, now)
    return petition


def restrict_of_visit(db: Session, actor: Actor, visit_id: str, vault: Vault, now: dt.datetime) -> None:
    """The visit became a denunciation: so do the petitions handed in at it."""
    for petition in db.scalars(sa.select(Petition).where(Petition.visit_id == visit_id)):
        if not petition.restricted:
            _seal(db, actor, petition, vault, now)
            cases.end_links(db, actor, "petition", petition.id, "restricted", now)
    db.flush()


def _seal(db: Session, actor: Actor, petition: Petition, vault: Vault, now: dt.datetime) -> None:
    identity = {"name": petition.petitioner, "address": petition.address}
    entry = vaults.seal(db, actor, vault, "petition", petition.id, identity, now)
    for word in (petition.petitioner, petition.address):
        petition.content = petition.content.replace(word, entry.pseudonym) if len(word) > 3 else petition.content
    petition.restricted, petition.vault_id, petition.pseudonym = True, entry.id, entry.pseudonym
    petition.petitioner, petition.address = entry.pseudonym, ""
