"""What was recorded: tracks, gaps, replay files, the locked package and what was added to it later."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from rooms.models.base import Base, id_column, ref, text
from rooms.words import TakeState, TrackState


class Track(Base):
    """One journal: a source of a participant in one part of the record. ``first_utc``, ``last_utc``: UNIX seconds."""

    __tablename__ = "track"
    __table_args__ = (sa.UniqueConstraint("session_id", "file"),)

    id: Mapped[str] = id_column()
    session_id: Mapped[str] = ref("session")
    participant_id: Mapped[str] = mapped_column(sa.String(24), index=True)
    source: Mapped[str] = mapped_column(sa.String(16))
    part: Mapped[int]
    relay_id: Mapped[str | None] = ref("relay", index=False)
    file: Mapped[str] = text()  # name in the session's spool folder
    state: Mapped[TrackState] = mapped_column(default=TrackState.WRITING)
    length: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    sha256: Mapped[str] = mapped_column(sa.String(64), default="")
    head: Mapped[str] = mapped_column(sa.String(64), default="")  # last known head of the block chain
    first_utc: Mapped[float | None] = mapped_column(sa.Float(53))
    last_utc: Mapped[float | None] = mapped_column(sa.Float(53))
    packets: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    lost_bytes: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    created_at: Mapped[dt.datetime]


class Gap(Base):
    """Time that should have been recorded and was not, with its reason. Times in UNIX seconds."""

    __tablename__ = "gap"

    id: Mapped[str] = id_column()
    session_id: Mapped[str] = ref("session")
    participant_id: Mapped[str] = mapped_column(sa.String(24), default="")  # "" for the whole session
    source: Mapped[str] = mapped_column(sa.String(16), default="")
    from_utc: Mapped[float] = mapped_column(sa.Float(53))
    to_utc: Mapped[float] = mapped_column(sa.Float(53))
    reason: Mapped[str] = mapped_column(sa.String(32))  # words of docs/formats.md
    lost_s: Mapped[float] = mapped_column(sa.Float(53), default=0.0)
    note: Mapped[str] = text()


class Take(Base):
    """What a point's browser recorded by itself while it had no hub (docs/formats.md, Take); ``id`` is the browser's.

    ``placed``: "" until it is part of the signed record, then "package" or the path of its supplement.
    ``first_utc``, ``last_utc``: of what was kept, UNIX seconds.
    """

    __tablename__ = "take"

    id: Mapped[str] = id_column()
    session_id: Mapped[str] = ref("session")
    participant_id: Mapped[str] = mapped_column(sa.String(24), index=True)
    header: Mapped[str] = text()
    state: Mapped[TakeState] = mapped_column(default=TakeState.RECEIVING, index=True)
    ended: Mapped[str] = mapped_column(sa.String(16), default="")
    pieces: Mapped[int] = mapped_column(default=0)
    cut: Mapped[int] = mapped_column(default=0)
    missing: Mapped[int] = mapped_column(default=0)
    complete: Mapped[bool] = mapped_column(default=False)
    first_utc: Mapped[float | None] = mapped_column(sa.Float(53))
    last_utc: Mapped[float | None] = mapped_column(sa.Float(53))
    path: Mapped[str] = text()  # the list, in the file store; "" until it is filed
    sha256: Mapped[str] = mapped_column(sa.String(64), default="")
    placed: Mapped[str] = text()
    begun_at: Mapped[dt.datetime]
    heard_at: Mapped[dt.datetime] = mapped_column(index=True)
    filed_at: Mapped[dt.datetime | None]
    handed_in_by: Mapped[str | None] = ref("user", index=False)


class TakePiece(Base):
    """At most 5 s of a take. ``path`` "" when it was not kept (``cut`` says why) or is the end, which has no media."""

    __tablename__ = "take_piece"

    take_id: Mapped[str] = ref("take", primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    previous: Mapped[str] = mapped_column(sa.String(64))
    sealed_sha256: Mapped[str] = mapped_column(sa.String(64))
    start_us: Mapped[int] = mapped_column(sa.BigInteger)
    end_us: Mapped[int] = mapped_column(sa.BigInteger)
    error_us: Mapped[int] = mapped_column(sa.BigInteger)
    mime: Mapped[str] = mapped_column(sa.String(32), default="")
    sources: Mapped[list[str]] = mapped_column(default=list)
    reason: Mapped[str] = mapped_column(sa.String(16), default="")
    cut: Mapped[str] = mapped_column(sa.String(16), default="")
    path: Mapped[str] = text()
    length: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    sha256: Mapped[str] = mapped_column(sa.String(64), default="")


class Package(Base):
    """The locked package of a session: signed, never touched again."""

    __tablename__ = "package"

    id: Mapped[str] = id_column()
    session_id: Mapped[str] = mapped_column(sa.String(24), sa.ForeignKey("session.id"), unique=True)
    path: Mapped[str] = text()  # folder, relative to the file store
    length: Mapped[int] = mapped_column(sa.BigInteger)
    problems: Mapped[list[str]] = mapped_column(default=list)  # "code file": what was not as the relay had said
    manifest_sha256: Mapped[str] = mapped_column(sa.String(64))
    key_id: Mapped[str] = mapped_column(sa.String(64))
    locked_at: Mapped[dt.datetime] = mapped_column(index=True)
    disposed_at: Mapped[dt.datetime | None]  # its files are destroyed; the certificate is in ``disposal``


class Supplement(Base):
    """Something signed that came after the lock; each carries the hash before it (design 6)."""

    __tablename__ = "supplement"
    __table_args__ = (sa.UniqueConstraint("session_id", "number"),)

    id: Mapped[str] = id_column()
    session_id: Mapped[str] = ref("session")
    number: Mapped[int]
    kind: Mapped[str] = mapped_column(sa.String(32))  # signed_scan, correction, extract, order
    paper_id: Mapped[str | None] = ref("paper", index=False)
    path: Mapped[str] = text()
    sha256: Mapped[str] = mapped_column(sa.String(64))
    previous: Mapped[str] = mapped_column(sa.String(64))
    key_id: Mapped[str] = mapped_column(sa.String(64))
    added_at: Mapped[dt.datetime]
    added_by: Mapped[str | None] = ref("user", index=False)


class ReplayFile(Base):
    """A derived file for replay: one per point and segment. A cache; the originals are in the package."""

    __tablename__ = "replay_file"

    id: Mapped[str] = id_column()
    session_id: Mapped[str] = ref("session")
    participant_id: Mapped[str] = mapped_column(sa.String(24))
    part: Mapped[int] = mapped_column(default=1)
    segment: Mapped[int] = mapped_column(default=0)
    kind: Mapped[str] = mapped_column(sa.String(16), default="point")  # point, screen, composed
    mime: Mapped[str] = mapped_column(sa.String(64))
    path: Mapped[str] = text()
    length: Mapped[int] = mapped_column(sa.BigInteger)
    sha256: Mapped[str] = mapped_column(sa.String(64))
    start_utc: Mapped[float] = mapped_column(sa.Float(53))
    duration_s: Mapped[float] = mapped_column(sa.Float(53))
    frames: Mapped[int] = mapped_column(default=0)
    originals: Mapped[list[str]] = mapped_column(default=list)  # journal files it was made from
    created_at: Mapped[dt.datetime]


class DailyHead(Base):
    """Hash over the day's packages, to be published outside the hub (design 6)."""

    __tablename__ = "daily_head"

    on: Mapped[dt.date] = mapped_column(primary_key=True)
    count: Mapped[int]
    previous: Mapped[str] = mapped_column(sa.String(64))
    head: Mapped[str] = mapped_column(sa.String(64))
    made_at: Mapped[dt.datetime]
