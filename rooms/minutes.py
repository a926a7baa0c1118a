"""Minutes (biên bản, TCD_20, domain 3.2): prefilled, one writer at a time, corrected in the open, frozen.

Minutes belong to a visit, and to its session where there is one, never to a log-in. Nothing written is erased: a
correction is a line of its own that names the one it replaces.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from rooms import access, audit
from rooms.access import Right
from rooms.actor import Actor
from rooms.errors import Conflict, Forbidden, Invalid, NotFound, WrongState
from rooms.ids import is_id, new_id
from rooms.manifest import canonical
from rooms.minutesform import SECTIONS, prefilled
from rooms.models import Minutes, MinutesLine, MinutesSection, MinutesSignature, ReceptionSession, User, Visit
from rooms.printed import for_print as for_print
from rooms.words import LineKind, MinutesState

LEASE = dt.timedelta(minutes=2)
"""After so long without a stroke the pen is free; before, somebody else has to take it ("Nhận quyền ghi")."""

MAX_TEXT = 20_000
MAX_LINES = 5_000
PARTIES = ("citizen", "chair", "officer", "attendee")
SIGNED = ("unsigned", "paper", "digital", "fingerprint", "refused")


def prefill(db: Session, actor: Actor, now: dt.datetime, *, visit_id: str = "", session_id: str = "") -> Minutes:
    """The minutes of a visit or session, made and prefilled at first use (then it needs a write transaction).

    A session takes over the minutes that were begun at the desk. Raises NotFound.
    """
    if session_id:
        session = access.load_session(db, actor, session_id, now=now)
        found = _of_session(db, session)
        visit = db.get(Visit, session.visit_id) if session.visit_id else None
    else:
        session, visit = None, access.load_visit(db, actor, visit_id, now=now)
        newest = sa.select(Minutes).where(Minutes.visit_id == visit_id).order_by(Minutes.created_at.desc())
        found = db.scalars(newest.limit(1)).first()
    return found if found is not None else _make(db, session, visit, now)


def _of_session(db: Session, session: ReceptionSession) -> Minutes | None:
    found = db.scalar(sa.select(Minutes).where(Minutes.session_id == session.id))
    if found is None and session.visit_id is not None:
        found = db.scalar(
            sa.select(Minutes).where(
                Minutes.visit_id == session.visit_id,
                Minutes.session_id.is_(None),
                Minutes.state == MinutesState.DRAFT,
            )
        )
        if found is not None:
            found.session_id = session.id
    return found


def _make(db: Session, session: ReceptionSession | None, visit: Visit | None, now: dt.datetime) -> Minutes:
    minutes = Minutes(id=new_id(), created_at=now)
    minutes.visit_id = visit.id if visit is not None else None
    minutes.session_id = session.id if session is not None else None
    db.add(minutes)
    db.flush()
    texts = prefilled(db, session, visit, now)
    for position, key in enumerate(SECTIONS):
        db.add(MinutesSection(minutes_id=minutes.id, position=position, key=key, text=texts.get(key, "")))
    db.flush()
    return minutes


def _draft(db: Session, actor: Actor, minutes_id: str, now: dt.datetime, right: Right = Right.WRITE) -> Minutes:
    """The minutes, locked against other writers. Raises NotFound, Forbidden, WrongState when frozen."""
    minutes = access.load_minutes(db, actor, minutes_id, right, now=now)
    db.refresh(minutes, with_for_update=True)
    if minutes.state is not MinutesState.DRAFT:
        raise WrongState("minutes", minutes.state.value, "The minutes are frozen.")
    return minutes


def _need_pen(minutes: Minutes, actor: Actor, device: str, now: dt.datetime) -> None:
    """Whoever writes keeps the pen. Raises Conflict minutes.other_writer."""
    mine = minutes.writer_id == actor.user_id and (not device or device == minutes.writer_device)
    free = minutes.lease_until is None or minutes.lease_until <= now
    if not mine and not free and not actor.system:
        raise Conflict("minutes.other_writer", "Someone else is writing the minutes.")
    if not actor.system:
        minutes.writer_id, minutes.lease_until = actor.user_id, now + LEASE
        minutes.writer_device = device or minutes.writer_device if mine else device
    minutes.version += 1


def take(db: Session, actor: Actor, minutes_id: str, device: str, now: dt.datetime) -> Minutes:
    """ "Nhận quyền ghi": become the writer; whoever wrote before loses the pen.

    Raises NotFound, Forbidden, WrongState.
    """
    minutes = _draft(db, actor, minutes_id, now)
    minutes.writer_id, minutes.writer_device, minutes.lease_until = actor.user_id, device, now + LEASE
    minutes.version += 1
    return minutes


def add_line(
    db: Session, actor: Actor, minutes_id: str, text: str, now: dt.datetime, *, speaker: str = "",
    at: dt.datetime | None = None, at_s: float | None = None, kind: LineKind = LineKind.LINE, device: str = "",
) -> MinutesLine:  # fmt: skip
    """A time-coded line by the writer, or a bookmark by anyone who operates or writes (without the pen).

    ``at_s``: seconds on the session's clock; ``at``: the same as a moment; both default to now. Raises NotFound,
    Forbidden, WrongState, Conflict minutes.other_writer, Invalid (minutes.text_missing, minutes.text_too_long).
    """
    if kind is LineKind.BOOKMARK:
        minutes = _draft(db, actor, minutes_id, now, Right.READ)
        rights = _rights(db, actor, minutes, now)
        if rights.isdisjoint({Right.WRITE, Right.OPERATE}):
            raise Forbidden()
        minutes.version += 1
    else:
        minutes = _draft(db, actor, minutes_id, now)
        _need_pen(minutes, actor, device, now)
        if not text.strip():
            raise Invalid("minutes.text_missing", "The line is empty.", field="text")
    return _line(db, actor, minutes, text, now, speaker=speaker, at=at, at_s=at_s, kind=kind)


def _rights(db: Session, actor: Actor, minutes: Minutes, now: dt.datetime) -> frozenset[Right]:
    model, owner_id = (ReceptionSession, minutes.session_id) if minutes.session_id else (Visit, minutes.visit_id)
    owner: Any = db.get(model, owner_id)
    return access.rights_on(db, actor, access.subject_of(db, owner), now)


def _line(
    db: Session, actor: Actor, minutes: Minutes, text: str, now: dt.datetime, *, speaker: str,
    at: dt.datetime | None, at_s: float | None, kind: LineKind, corrects: str | None = None,
) -> MinutesLine:  # fmt: skip
    if len(text) > MAX_TEXT or len(speaker) > 200:
        raise Invalid("minutes.text_too_long", "The text is too long.", most=MAX_TEXT)
    count = db.scalar(sa.select(sa.func.count()).where(MinutesLine.minutes_id == minutes.id)) or 0
    if count >= MAX_LINES:
        raise Invalid("minutes.too_many_lines", "The minutes have too many lines.", most=MAX_LINES)
    moment, seconds = _moment(db, minutes, now, at, at_s)
    row = MinutesLine(
        minutes_id=minutes.id, number=count + 1, kind=kind, at=moment, at_s=seconds, speaker=speaker.strip(),
        text=text.strip(), corrects_id=corrects, written_at=now, written_by=actor.user_id,
    )  # fmt: skip
    db.add(row)
    db.flush()
    return row


def _moment(
    db: Session, minutes: Minutes, now: dt.datetime, at: dt.datetime | None, at_s: float | None
) -> tuple[dt.datetime, float | None]:
    """The moment a line speaks of, on both clocks; the session's clock starts when it was opened."""
    session = db.get(ReceptionSession, minutes.session_id) if minutes.session_id else None
    opened = (session.opened_at or session.created_at) if session is not None else None
    if opened is None:
        return at or now, None
    if at_s is not None and at is not None:
        return at, max(0.0, at_s)
    if at_s is not None:
        return opened + dt.timedelta(seconds=max(0.0, min(at_s, 86_400.0 * 7))), max(0.0, at_s)
    moment = at or now
    return moment, max(0.0, round((moment - opened).total_seconds(), 3))


def correct_line(
    db: Session, actor: Actor, minutes_id: str, line_id: str, text: str, now: dt.datetime, *, speaker: str = "",
    device: str = "",
) -> MinutesLine:  # fmt: skip
    """Replace a line by a new one that names it; an empty text strikes it out. The old one stays readable.

    Correcting a line that was corrected already corrects its newest form. Raises as add_line.
    """
    minutes = _draft(db, actor, minutes_id, now)
    old = db.get(MinutesLine, line_id) if is_id(line_id) else None
    if old is None or old.minutes_id != minutes_id:
        raise NotFound()
    _need_pen(minutes, actor, device, now)
    while newer := db.scalar(sa.select(MinutesLine).where(MinutesLine.corrects_id == old.id)):
        old = newer
    return _line(
        db, actor, minutes, text, now, speaker=speaker or old.speaker, at=old.at, at_s=old.at_s, kind=old.kind,
        corrects=old.id,
    )  # fmt: skip


def save_section(
    db: Session, actor: Actor, minutes_id: str, key: str, text: str, base: int, now: dt.datetime, *, device: str = ""
) -> MinutesSection:
    """Save a section; ``base``: version edited. Raises Conflict (minutes.changed, minutes.other_writer), NotFound,
    Forbidden, WrongState, Invalid minutes.text_too_long."""
    minutes = _draft(db, actor, minutes_id, now)
    section = db.scalar(
        sa.select(MinutesSection).where(MinutesSection.minutes_id == minutes_id, MinutesSection.key == key)
    )
    if section is None:
        raise NotFound()
    if len(text) > MAX_TEXT:
        raise Invalid("minutes.text_too_long", "The text is too long.", most=MAX_TEXT)
    if base != section.version:
        raise Conflict("minutes.changed", "Someone else changed this section.", version=section.version)
    _need_pen(minutes, actor, device, now)
    section.text, section.version = text, section.version + 1
    section.updated_at, section.updated_by = now, actor.user_id
    db.flush()
    return section


def freeze(db: Session, actor: Actor, minutes_id: str, now: dt.datetime) -> Minutes:
    """Freeze after reading back: the hash of sections and lines is kept. Raises NotFound, Forbidden, WrongState."""
    minutes = _draft(db, actor, minutes_id, now)
    minutes.state, minutes.frozen_at, minutes.frozen_by = MinutesState.FROZEN, now, actor.user_id
    minutes.read_back_at, minutes.lease_until = now, None
    minutes.version += 1
    minutes.frozen_sha256 = content_hash(db, minutes_id)
    audit.log(db, actor, "minutes.frozen", "minutes", minutes_id, now)
    db.flush()
    return minutes


def content_hash(db: Session, minutes_id: str) -> str:
    """SHA-256 over the canonical JSON of all sections and lines, struck ones and corrections included."""
    content = {
        "sections": [{"key": s.key, "text": s.text} for s in _sections(db, minutes_id)],
        "lines": [
            {"number": li.number, "kind": li.kind.value, "at_us": round(li.at.timestamp() * 1_000_000),
             "speaker": li.speaker, "text": li.text, "corrects": li.corrects_id or "", "id": li.id}
            for li in _lines(db, minutes_id)
        ],
    }  # fmt: skip
    return hashlib.sha256(canonical(content)).hexdigest()


def sign(
    db: Session, actor: Actor, minutes_id: str, party: str, how: str, now: dt.datetime, *, name: str = "",
    site_id: str | None = None, note: str = "", paper_id: str | None = None,
) -> MinutesSignature:  # fmt: skip
    """Note how a party signed the frozen minutes (also later, also at another point). The same party, name and site
    again changes the entry. Raises NotFound, Forbidden, WrongState before freezing, Invalid minutes.signature."""
    minutes = access.load_minutes(db, actor, minutes_id, Right.READ, now=now)
    if minutes.state is not MinutesState.FROZEN:
        raise WrongState("minutes", minutes.state.value)
    if party not in PARTIES or how not in SIGNED:
        raise Invalid("minutes.signature", "There is no such way of signing.")
    row = db.scalar(
        sa.select(MinutesSignature).where(
            MinutesSignature.minutes_id == minutes_id,
            MinutesSignature.party == party,
            MinutesSignature.name == name,
            MinutesSignature.site_id.is_(None) if site_id is None else MinutesSignature.site_id == site_id,
        )
    )
    if row is None:
        row = MinutesSignature(minutes_id=minutes_id, party=party, name=name, site_id=site_id)
        db.add(row)
    row.how, row.note, row.paper_id, row.at = how, note, paper_id, now
    db.flush()
    audit.log(db, actor, "minutes.signed", "minutes", minutes_id, now, detail={"party": party, "how": how})
    return row


def redact(db: Session, visit_id: str, words: Mapping[str, str]) -> None:
    """Put pseudonyms for identities in the minutes of a visit that became restricted."""
    for minutes in db.scalars(sa.select(Minutes).where(Minutes.visit_id == visit_id)):
        for section in _sections(db, minutes.id):
            section.text = replaced(section.text, words)
        for line in _lines(db, minutes.id):
            line.text, line.speaker = replaced(line.text, words), replaced(line.speaker, words)
        if minutes.state is MinutesState.FROZEN:
            minutes.frozen_sha256 = content_hash(db, minutes.id)


def replaced(text: str, words: Mapping[str, str]) -> str:
    """``text`` with every identity put away, longest first so that no part of one stays behind."""
    for old in sorted(words, key=len, reverse=True):
        text = text.replace(old, words[old])
    return text


def _sections(db: Session, minutes_id: str) -> list[MinutesSection]:
    found = sa.select(MinutesSection).where(MinutesSection.minutes_id == minutes_id)
    return list(db.scalars(found.order_by(MinutesSection.position)))


def _lines(db: Session, minutes_id: str) -> list[MinutesLine]:
    found = sa.select(MinutesLine).where(MinutesLine.minutes_id == minutes_id)
    return list(db.scalars(found.order_by(MinutesLine.number)))


def view(db: Session, minutes_id: str) -> dict[str, Any]:
    """The minutes as plain JSON values, for pages: sections, lines with their corrections folded in, writer, state.

    A line stands at its own moment with its newest text; ``history`` holds what it said before, ``struck`` is true
    when the newest text is empty. The caller has checked the actor. Raises NotFound.
    """
    minutes = db.get(Minutes, minutes_id)
    if minutes is None:
        raise NotFound()
    writer = db.get(User, minutes.writer_id) if minutes.writer_id else None
    return {
        "id": minutes.id,
        "state": minutes.state.value,
        "version": minutes.version,
        "writer": minutes.writer_id or "",
        "writer_name": writer.name if writer is not None else "",
        "writer_device": minutes.writer_device,
        "lease_until_utc": minutes.lease_until.timestamp() if minutes.lease_until else None,
        "frozen_utc": minutes.frozen_at.timestamp() if minutes.frozen_at else None,
        "frozen_sha256": minutes.frozen_sha256,
        "sections": [
            {"key": s.key, "title": SECTIONS.get(s.key, s.key), "text": s.text, "version": s.version}
            for s in _sections(db, minutes_id)
        ],
        "lines": folded_lines(_lines(db, minutes_id)),
    }


def folded_lines(rows: list[MinutesLine]) -> list[dict[str, Any]]:
    """Lines in the order of the moments they speak of, corrections folded into what they correct."""
    newest = {row.corrects_id: row for row in rows if row.corrects_id}
    folded = []
    for row in rows:
        if row.corrects_id is not None:
            continue
        last, history = row, []
        while last.id in newest:
            history.append({"text": last.text, "speaker": last.speaker, "written_utc": last.written_at.timestamp()})
            last = newest[last.id]
        folded.append(
            {
                "id": row.id, "number": row.number, "kind": row.kind.value, "at_utc": row.at.timestamp(),
                "at_s": row.at_s, "speaker": last.speaker, "text": last.text, "history": history,
                "struck": row.kind is LineKind.LINE and not last.text,
            }
        )  # fmt: skip
    folded.sort(key=lambda line: (line["at_utc"], line["number"]))
    return folded
