"""Sessions, their participants, the event log and the minutes."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from rooms.models.base import Base, id_column, ref, text
from rooms.words import LineKind, MinutesState, ParticipantRole, ParticipantState, RecordMode, SessionState


class ReceptionSession(Base):
    """A session (phiên tiếp): the video reception of one visit. ``visit_id`` is None for plain ones (command line).

    ``epoch`` is the ownership: taken by compare-and-set (sessions.take_epoch), never lowered.
    ``lock_due_at``: until then a closed session may be resumed; after it, it locks.
    ``complete``, ``lost_s``: set at the lock, None before.
    """

    __tablename__ = "session"
    __table_args__ = (  # what rights ask of the sessions of late, without reading their rows
        sa.Index("ix_session_ended", "closed_at", "site_id", "restricted", "id", "visit_id"),
    )

    id: Mapped[str] = id_column()
    visit_id: Mapped[str | None] = ref("visit")
    sitting_id: Mapped[str | None] = ref("sitting")
    site_id: Mapped[str | None] = ref("site")  # where the citizen is received; None for plain sessions
    training_space_id: Mapped[str | None] = ref("training_space")
    year: Mapped[int | None]
    number: Mapped[int | None]
    title: Mapped[str] = text()
    state: Mapped[SessionState] = mapped_column(default=SessionState.OPEN, index=True)
    epoch: Mapped[int] = mapped_column(default=0)
    owner: Mapped[str] = mapped_column(sa.String(64), default="")  # the app that took the epoch; a hint
    relay_id: Mapped[str | None] = ref("relay")
    chair: Mapped[str] = text()
    operator_id: Mapped[str | None] = ref("user")
    record: Mapped[RecordMode] = mapped_column(default=RecordMode.OFF)  # as it stands now
    record_wanted: Mapped[RecordMode] = mapped_column(default=RecordMode.FULL)  # what start uses unless told otherwise
    part: Mapped[int] = mapped_column(default=0)
    restricted: Mapped[bool] = mapped_column(default=False, index=True)
    chat: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[dt.datetime] = mapped_column(index=True)
    created_by: Mapped[str | None] = ref("user", index=False)
    opened_at: Mapped[dt.datetime | None]
    started_at: Mapped[dt.datetime | None]
    closed_at: Mapped[dt.datetime | None]
    lock_due_at: Mapped[dt.datetime | None] = mapped_column(index=True)
    locked_at: Mapped[dt.datetime | None]
    lock_error: Mapped[str] = text()
    last_event: Mapped[int] = mapped_column(default=0)
    last_hash: Mapped[str] = mapped_column(sa.String(64), default="")
    complete: Mapped[bool | None]
    lost_s: Mapped[float | None]

    participants: Mapped[list[Participant]] = relationship(order_by="Participant.position", lazy="selectin")


class Participant(Base):
    """A point or guest in a session. ``peer`` is the device that carries it now ("" for none)."""

    __tablename__ = "participant"
    __table_args__ = (sa.Index("ix_participant_taking_part", "session_id", "site_id", "state", "user_id"),)

    id: Mapped[str] = id_column()
    session_id: Mapped[str] = ref("session")
    position: Mapped[int] = mapped_column(default=0)
    site_id: Mapped[str | None] = ref("site")
    user_id: Mapped[str | None] = ref("user", index=False)  # who sits at it, where that is known
    role: Mapped[ParticipantRole]
    name: Mapped[str] = text()  # place name on the tile: "Điểm cầu Lục Ngạn"
    state: Mapped[ParticipantState] = mapped_column(default=ParticipantState.INVITED)
    peer: Mapped[str] = mapped_column(sa.String(64), default="")
    publish: Mapped[list[str]] = mapped_column(default=list)  # sources it may send; empty: none
    receives_visit: Mapped[bool] = mapped_column(default=False)  # the point where the citizen sits
    writes: Mapped[bool] = mapped_column(default=False)  # a viewer who may write the minutes (a clerk)
    by_phone: Mapped[bool] = mapped_column(default=False)
    required: Mapped[bool] = mapped_column(default=False)
    added_at: Mapped[dt.datetime]
    removed_at: Mapped[dt.datetime | None]

    people: Mapped[list[ParticipantPerson]] = relationship(
        order_by="ParticipantPerson.position", cascade="all, delete-orphan", lazy="selectin"
    )


class ParticipantPerson(Base):
    """A person before a point's camera. ``label`` names the person in the log, which holds no names."""

    __tablename__ = "participant_person"
    __table_args__ = (sa.UniqueConstraint("participant_id", "label"),)

    id: Mapped[str] = id_column()
    participant_id: Mapped[str] = ref("participant")
    position: Mapped[int] = mapped_column(default=0)
    label: Mapped[str] = mapped_column(sa.String(24))
    name: Mapped[str] = text()
    capacity: Mapped[str] = text()  # tư cách
    title: Mapped[str] = text()
    came_at: Mapped[dt.datetime | None]
    left_at: Mapped[dt.datetime | None]
    notice: Mapped[str] = mapped_column(sa.String(32), default="")  # heard, objects, wants_own_recording


class SessionEvent(Base):
    """One event of a session's log. ``line`` is the canonical text that was hashed (docs/formats.md)."""

    __tablename__ = "session_event"

    session_id: Mapped[str] = ref("session", primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    epoch: Mapped[int]
    utc: Mapped[float] = mapped_column(sa.Float(53))
    kind: Mapped[str] = mapped_column(sa.String(64))
    body: Mapped[dict[str, Any]] = mapped_column(default=dict)
    line: Mapped[str] = text()
    hash: Mapped[str] = mapped_column(sa.String(64))


class Minutes(Base):
    """The minutes (biên bản) of a visit, and of its session where there is one; they belong to no log-in.

    ``writer_*`` and ``lease_until``: one writes at a time; anyone entitled may take over.
    """

    __tablename__ = "minutes"

    id: Mapped[str] = id_column()
    visit_id: Mapped[str | None] = ref("visit")
    session_id: Mapped[str | None] = ref("session")
    state: Mapped[MinutesState] = mapped_column(default=MinutesState.DRAFT)
    version: Mapped[int] = mapped_column(default=0)
    writer_id: Mapped[str | None] = ref("user", index=False)
    writer_device: Mapped[str] = mapped_column(sa.String(64), default="")
    lease_until: Mapped[dt.datetime | None]
    created_at: Mapped[dt.datetime]
    read_back_at: Mapped[dt.datetime | None]
    frozen_at: Mapped[dt.datetime | None]
    frozen_by: Mapped[str | None] = ref("user", index=False)
    frozen_sha256: Mapped[str] = mapped_column(sa.String(64), default="")


class MinutesSection(Base):
    """A free-text section of the form; ``version`` guards against lost edits."""

    __tablename__ = "minutes_section"
    __table_args__ = (sa.UniqueConstraint("minutes_id", "key"),)

    id: Mapped[str] = id_column()
    minutes_id: Mapped[str] = ref("minutes")
    position: Mapped[int] = mapped_column(default=0)
    key: Mapped[str] = mapped_column(sa.String(32))
    text: Mapped[str] = text()
    version: Mapped[int] = mapped_column(default=0)
    updated_at: Mapped[dt.datetime | None]
    updated_by: Mapped[str | None] = ref("user", index=False)


class MinutesLine(Base):
    """A time-coded line or bookmark. A correction is a new line that names the one it replaces; none is erased."""

    __tablename__ = "minutes_line"

    id: Mapped[str] = id_column()
    minutes_id: Mapped[str] = ref("minutes")
    number: Mapped[int]
    kind: Mapped[LineKind] = mapped_column(default=LineKind.LINE)
    at: Mapped[dt.datetime]  # the moment it speaks of
    at_s: Mapped[float | None]  # the same on the session's clock; None without a session
    speaker: Mapped[str] = text()
    text: Mapped[str] = text()
    corrects_id: Mapped[str | None] = ref("minutes_line", index=False)
    written_at: Mapped[dt.datetime]
    written_by: Mapped[str | None] = ref("user", index=False)


class MinutesSignature(Base):
    """How a party signed: on paper, digitally, by fingerprint, refused, or not yet (a state, not a fault)."""

    __tablename__ = "minutes_signature"

    id: Mapped[str] = id_column()
    minutes_id: Mapped[str] = ref("minutes")
    site_id: Mapped[str | None] = ref("site", index=False)
    party: Mapped[str] = mapped_column(sa.String(32))  # citizen, chair, officer, attendee
    name: Mapped[str] = text()
    how: Mapped[str] = mapped_column(
        sa.String(16), default="unsigned"
    )  # unsigned, paper, digital, fingerprint, refused
    note: Mapped[str] = text()
    paper_id: Mapped[str | None] = ref("paper", index=False)
    at: Mapped[dt.datetime | None]
