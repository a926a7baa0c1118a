"""Sittings and visits: who was received, when, by whom, with what outcome."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from rooms.models.base import Base, id_column, ref, text
from rooms.words import (
    Field,
    MatterStatus,
    Outcome,
    PersonRole,
    PetitionKind,
    ReceiverRole,
    ReceptionForm,
    SittingState,
    VisitState,
)


class Sitting(Base):
    """A sitting (buổi tiếp): one chair, place and time, with a queue of visits."""

    __tablename__ = "sitting"

    id: Mapped[str] = id_column()
    site_id: Mapped[str] = ref("site")
    room_id: Mapped[str | None] = ref("room", index=False)
    form: Mapped[ReceptionForm]
    receiver_role: Mapped[ReceiverRole]
    chair_name: Mapped[str] = text()
    chair_title: Mapped[str] = text()
    subject: Mapped[str] = text()
    state: Mapped[SittingState] = mapped_column(default=SittingState.OPEN)
    planned_at: Mapped[dt.datetime | None]
    opened_at: Mapped[dt.datetime | None]
    closed_at: Mapped[dt.datetime | None]
    training_space_id: Mapped[str | None] = ref("training_space")


class InvitedSite(Base):
    """A site invited to a sitting; its people may see the sitting and the sessions it takes part in.

    ``attends``: takes part in every session of the sitting (cùng dự mọi lượt). Otherwise it only sends its own
    citizens: it has a seat in the sessions of its own visits and learns nothing of the others.
    """

    __tablename__ = "invited_site"
    __table_args__ = (sa.UniqueConstraint("sitting_id", "site_id"),)

    id: Mapped[str] = id_column()
    sitting_id: Mapped[str] = ref("sitting")
    site_id: Mapped[str] = ref("site")
    attends: Mapped[bool] = mapped_column(default=False)
    required: Mapped[bool] = mapped_column(default=True)
    capacity: Mapped[str] = text()  # "giải trình", "tham dự"
    invited_at: Mapped[dt.datetime]
    invited_by: Mapped[str | None] = ref("user", index=False)


class Attendee(Base):
    """A person at a sitting, beside the chair."""

    __tablename__ = "attendee"

    id: Mapped[str] = id_column()
    sitting_id: Mapped[str] = ref("sitting")
    site_id: Mapped[str | None] = ref("site", index=False)
    name: Mapped[str] = text()
    title: Mapped[str] = text()
    body: Mapped[str] = text()  # the office the person stands for
    came_at: Mapped[dt.datetime | None]
    left_at: Mapped[dt.datetime | None]


class Visit(Base):
    """A visit (lượt tiếp), the register's entry. Columns of Mẫu số 03: domain 3.1.

    ``number``/``year``: row of the site's register, None for drafts and in training. ``restricted``: a denunciation;
    then persons hold pseudonyms and the identities are in the vault.
    """

    __tablename__ = "visit"
    __table_args__ = (sa.UniqueConstraint("site_id", "year", "number"),)

    id: Mapped[str] = id_column()
    site_id: Mapped[str] = ref("site")
    room_id: Mapped[str | None] = ref("room", index=False)
    sitting_id: Mapped[str | None] = ref("sitting")
    training_space_id: Mapped[str | None] = ref("training_space")
    year: Mapped[int | None]
    number: Mapped[int | None]
    state: Mapped[VisitState] = mapped_column(default=VisitState.DRAFT, index=True)
    version: Mapped[int] = mapped_column(default=1)  # counts saves, for "somebody else changed it"
    form: Mapped[ReceptionForm] = mapped_column(default=ReceptionForm.REGULAR)
    receiver_role: Mapped[ReceiverRole] = mapped_column(default=ReceiverRole.OFFICER)
    officer_id: Mapped[str | None] = ref("user")
    officer_name: Mapped[str] = text()
    kind: Mapped[PetitionKind | None]
    field: Mapped[Field | None]
    content: Mapped[str] = text()
    demand: Mapped[str] = text()
    people_count: Mapped[int] = mapped_column(default=1)
    first_time: Mapped[bool] = mapped_column(default=True)  # lần đầu, or nhiều lần
    matter_status: Mapped[MatterStatus] = mapped_column(default=MatterStatus.UNKNOWN)
    previous_body: Mapped[str] = text()  # cơ quan đã giải quyết
    outcome: Mapped[Outcome | None]
    outcome_text: Mapped[str] = text()
    outcome_body: Mapped[str] = text()  # the body the petition goes to
    answer_due: Mapped[dt.date | None]
    follow_up: Mapped[str] = text()  # theo dõi kết quả giải quyết
    note: Mapped[str] = text()
    refusal_ground: Mapped[int | None]  # 1..4 of Điều 9 (domain 1.6)
    refusal_notice: Mapped[str] = text()  # number and date of the signed notice that ground 3 needs
    restricted: Mapped[bool] = mapped_column(default=False, index=True)
    pseudonym: Mapped[str] = text()
    draft: Mapped[dict[str, Any]] = mapped_column(default=dict)  # the form as it was typed, saved every few seconds
    queue_number: Mapped[int | None]  # place in the day's queue of the receiving site
    priority: Mapped[str] = text()  # why it goes before others (ưu tiên); "" for the ordinary order
    started_at: Mapped[dt.datetime] = mapped_column(index=True)
    started_on: Mapped[dt.date] = mapped_column(index=True)  # local day (Asia/Ho_Chi_Minh)
    registered_at: Mapped[dt.datetime | None]
    queued_at: Mapped[dt.datetime | None]
    concluded_at: Mapped[dt.datetime | None]
    closed_at: Mapped[dt.datetime | None]

    persons: Mapped[list[VisitPerson]] = relationship(
        order_by="VisitPerson.position", cascade="all, delete-orphan", lazy="selectin"
    )

    @property
    def is_group(self) -> bool:
        """Đoàn đông người for statistics: five or more people (domain 1.8)."""
        return self.people_count >= 5


class VisitPerson(Base):
    """A person received. ``withheld``: the name is "không cung cấp". ``vault_id``: this row is only a pseudonym."""

    __tablename__ = "visit_person"

    id: Mapped[str] = id_column()
    visit_id: Mapped[str] = ref("visit")
    position: Mapped[int] = mapped_column(default=0)
    role: Mapped[PersonRole] = mapped_column(default=PersonRole.CITIZEN)
    name: Mapped[str] = text()
    withheld: Mapped[bool] = mapped_column(default=False)
    address: Mapped[str] = text()
    phone: Mapped[str] = text()
    gender: Mapped[str] = mapped_column(sa.String(16), default="")
    birth_year: Mapped[int | None]
    identity_number: Mapped[str] = text()
    identity_issued: Mapped[str] = text()  # date and place, as typed
    authority: Mapped[dict[str, Any]] = mapped_column(default=dict)  # giấy ủy quyền: number, on, until, certified_by
    vault_id: Mapped[str | None] = ref("vault_entry")
