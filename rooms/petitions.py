"""Petitions (đơn), in a book of their own."""

from __future__ import annotations

import datetime as dt

from sqlalchemy.orm import Session

from rooms.actor import Actor
from rooms.models import Petition
from rooms.vault import Vault
from rooms.words import Field, PetitionKind, PetitionSource, SubjectKind


def add(
    db: Session, actor: Actor, site_id: str, kind: PetitionKind, content: str, vault: Vault, now: dt.datetime, *,
    petitioner: str = "", address: str = "", source: PetitionSource = PetitionSource.RECEPTION,
    subject_kind: SubjectKind = SubjectKind.PERSON, field: Field | None = None, dated: dt.date | None = None,
    visit_id: str | None = None, case_id: str | None = None,
) -> Petition:  # fmt: skip
    """Enter a petition; a denunciation's petitioner goes into the vault. Raises Invalid petition.content_missing."""
    raise NotImplementedError
