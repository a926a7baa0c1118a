"""Cases, petitions, papers, the reversible links between them, and the vault."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from rooms.models.base import Base, id_column, ref, text
from rooms.words import CaseState, Field, LinkPending, PetitionKind, PetitionSource, SubjectKind


class Case(Base):
    """A matter (vụ việc) with its file. The leader in charge and the next date belong to the matter (design 7)."""

    __tablename__ = "case"
    __table_args__ = (sa.UniqueConstraint("site_id", "year", "number"),)

    id: Mapped[str] = id_column()
    site_id: Mapped[str] = ref("site")
    training_space_id: Mapped[str | None] = ref("training_space")
    year: Mapped[int | None]
    number: Mapped[int | None]
    title: Mapped[str] = text()
    summary: Mapped[str] = text()
    kind: Mapped[PetitionKind | None]
    field: Mapped[Field | None]
    state: Mapped[CaseState] = mapped_column(default=CaseState.OPEN, index=True)
    leader: Mapped[str] = text()
    next_date: Mapped[dt.date | None]
    crowded: Mapped[bool] = mapped_column(default=False)
    complex: Mapped[bool] = mapped_column(default=False)
    long_running: Mapped[bool] = mapped_column(default=False)
    restricted: Mapped[bool] = mapped_column(default=False, index=True)
    pseudonym: Mapped[str] = text()
    merged_into_id: Mapped[str | None] = ref("case", index=False)
    merged_from: Mapped[CaseState | None]  # its state before it was joined, to be given back
    opened_at: Mapped[dt.datetime] = mapped_column(index=True)
    opened_by: Mapped[str | None] = ref("user", index=False)
    closed_at: Mapped[dt.datetime | None]
    search: Mapped[str] = text()


class CaseLink(Base):
    """A visit, session, petition or case belongs to a case. Ended links stay: both files show the trace.

    ``pending``: once something locked is involved, a second person confirms a link or its end.
    """

    __tablename__ = "case_link"
    __table_args__ = (sa.Index("ix_case_link_object", "object_kind", "object_id"),)

    id: Mapped[str] = id_column()
    case_id: Mapped[str] = ref("case")
    object_kind: Mapped[str] = mapped_column(sa.String(16))  # visit, session, petition, case
    object_id: Mapped[str] = mapped_column(sa.String(24))
    pending: Mapped[LinkPending] = mapped_column(default=LinkPending.NONE)
    reason: Mapped[str] = text()
    linked_at: Mapped[dt.datetime]
    linked_by: Mapped[str | None] = ref("user", index=False)
    confirmed_at: Mapped[dt.datetime | None]
    confirmed_by: Mapped[str | None] = ref("user", index=False)
    unlink_reason: Mapped[str] = text()
    unlink_asked_by: Mapped[str | None] = ref("user", index=False)
    unlinked_at: Mapped[dt.datetime | None]
    unlinked_by: Mapped[str | None] = ref("user", index=False)
    replaces_id: Mapped[str | None] = mapped_column(sa.String(24))  # moved: the link in the other file that this ends


class Petition(Base):
    """A written petition (đơn) from any source, in its own book."""

    __tablename__ = "petition"
    __table_args__ = (sa.UniqueConstraint("site_id", "year", "number"),)

    id: Mapped[str] = id_column()
    site_id: Mapped[str] = ref("site")
    visit_id: Mapped[str | None] = ref("visit")
    training_space_id: Mapped[str | None] = ref("training_space")
    year: Mapped[int | None]
    number: Mapped[int | None]
    kind: Mapped[PetitionKind]
    source: Mapped[PetitionSource]
    subject_kind: Mapped[SubjectKind] = mapped_column(default=SubjectKind.PERSON)
    field: Mapped[Field | None]
    petitioner: Mapped[str] = text()  # the pseudonym when restricted
    address: Mapped[str] = text()
    content: Mapped[str] = text()
    dated: Mapped[dt.date | None]
    received_on: Mapped[dt.date]
    eligible: Mapped[bool | None]  # đủ điều kiện xử lý; None: not yet examined
    competent: Mapped[bool | None]  # thuộc thẩm quyền; None: not yet examined
    restricted: Mapped[bool] = mapped_column(default=False)
    pseudonym: Mapped[str] = text()
    vault_id: Mapped[str | None] = ref("vault_entry")
    created_at: Mapped[dt.datetime]
    created_by: Mapped[str | None] = ref("user", index=False)


class Paper(Base):
    """A scan or document, kept under a random name with its SHA-256."""

    __tablename__ = "paper"
    __table_args__ = (sa.Index("ix_paper_owner", "owner_kind", "owner_id"),)

    id: Mapped[str] = id_column()
    owner_kind: Mapped[str] = mapped_column(sa.String(16))  # visit, petition, case, session, minutes
    owner_id: Mapped[str] = mapped_column(sa.String(24))
    kind: Mapped[str] = mapped_column(sa.String(32), default="scan")  # scan, signed_minutes, notice, appointment, other
    title: Mapped[str] = text()
    mime: Mapped[str] = mapped_column(sa.String(64))
    length: Mapped[int] = mapped_column(sa.BigInteger)
    sha256: Mapped[str] = mapped_column(sa.String(64))
    path: Mapped[str] = text()  # relative to the file store
    added_at: Mapped[dt.datetime]
    added_by: Mapped[str | None] = ref("user", index=False)
    withdrawn_at: Mapped[dt.datetime | None]  # taken out of the file; the bytes stay
    withdrawn_by: Mapped[str | None] = ref("user", index=False)
    withdrawn_reason: Mapped[str] = text()
    destroyed_at: Mapped[dt.datetime | None]  # disposed of: the bytes are gone, the certificate holds their hash


class VaultEntry(Base):
    """An identity under lock: AES-256-GCM, the id is the associated data. Nothing here can be read without the key."""

    __tablename__ = "vault_entry"

    id: Mapped[str] = id_column()
    pseudonym: Mapped[str] = mapped_column(sa.String(64), unique=True)
    object_kind: Mapped[str] = mapped_column(sa.String(16))
    object_id: Mapped[str] = mapped_column(sa.String(24), index=True)
    key_id: Mapped[str] = mapped_column(sa.String(16))
    nonce: Mapped[bytes] = mapped_column(sa.LargeBinary)
    sealed: Mapped[bytes] = mapped_column(sa.LargeBinary)
    sealed_at: Mapped[dt.datetime]
    sealed_by: Mapped[str | None] = ref("user", index=False)


class VaultOpening(Base):
    """Somebody opened a vault entry, for this reason."""

    __tablename__ = "vault_opening"

    id: Mapped[str] = id_column()
    entry_id: Mapped[str] = ref("vault_entry")
    user_id: Mapped[str | None] = ref("user")
    reason: Mapped[str] = text()
    at: Mapped[dt.datetime]
