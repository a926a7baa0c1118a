"""Sessions: opened, owned by one app at a time, logged, closed. What happens live is decided in signaling."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from rooms.actor import Actor
from rooms.models import Participant, ReceptionSession, SessionEvent
from rooms.words import ParticipantRole, ParticipantState, RecordMode, SessionState


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """An event to append. ``body`` holds opaque ids and plain values, no names. ``utc``: UNIX seconds."""

    kind: str
    utc: float
    body: Mapping[str, Any] = field(default_factory=dict)


def open_for_visit(
    db: Session, actor: Actor, visit_id: str, now: dt.datetime, *, operator_site_id: str | None = None,
    invite: Sequence[str] = (), record: RecordMode | None = None, chair: str = "",
) -> ReceptionSession:  # fmt: skip
    """Open the session of a visit: participants for the visit's point (waiting), the operator's site and the invited
    sites (of the sitting, and ``invite``). ``record`` None: as the rule profile says.

    Raises NotFound, Forbidden (visit.denunciation_offline), WrongState, Conflict session.exists.
    """
    raise NotImplementedError


def open_plain(
    db: Session, actor: Actor, name: str, now: dt.datetime, *, record: RecordMode = RecordMode.FULL,
    training: bool = False,
) -> ReceptionSession:  # fmt: skip
    """A session without a visit, for the command line and encoders."""
    raise NotImplementedError


def add_participant(
    db: Session, session_id: str, name: str, now: dt.datetime, *, role: ParticipantRole = ParticipantRole.POINT,
    site_id: str | None = None, user_id: str | None = None, peer: str = "",
    publish: Sequence[str] = ("mic", "camera", "screen", "document"),
    state: ParticipantState = ParticipantState.INVITED, by_phone: bool = False, required: bool = False,
) -> Participant:  # fmt: skip
    """Add a point, guest or viewer. The caller has checked the actor and logs participant.added. Raises WrongState."""
    raise NotImplementedError


def participant_for(
    db: Session, actor: Actor, session_id: str, now: dt.datetime, *, site_id: str | None = None
) -> Participant | None:
    """Which participant this user sits at: one of a site where the user has a role, None when there is none."""
    raise NotImplementedError


def take_epoch(db: Session, session_id: str, owner: str, expected: int) -> int:
    """Become the owner: compare-and-set from ``expected`` to the next epoch, which is returned. Raises StaleEpoch."""
    raise NotImplementedError


def append_events(db: Session, session_id: str, epoch: int, events: Sequence[NewEvent]) -> list[SessionEvent]:
    """Append to the log with number and hash chain. Raises StaleEpoch, WrongState when locked."""
    raise NotImplementedError


def events_since(db: Session, session_id: str, number: int, *, limit: int = 10_000) -> list[SessionEvent]:
    """Events after ``number``, in order."""
    raise NotImplementedError


def set_state(db: Session, session_id: str, epoch: int, state: SessionState, now: dt.datetime) -> ReceptionSession:
    """Move the session; CLOSED starts the 15 minutes in which it may be resumed, and closes the visit's part.

    Raises StaleEpoch, WrongState (also for resuming too late).
    """
    raise NotImplementedError


def set_record(db: Session, session_id: str, epoch: int, record: RecordMode, part: int) -> None:
    """Note the record mode and part number as they stand. Raises StaleEpoch."""
    raise NotImplementedError


def set_relay(db: Session, session_id: str, epoch: int, relay_id: str) -> None:
    """Note which relay carries the session. Raises StaleEpoch."""
    raise NotImplementedError


def set_operator(db: Session, session_id: str, epoch: int, user_id: str | None) -> None:
    """Note who has the buttons. Raises StaleEpoch."""
    raise NotImplementedError


def set_participant(
    db: Session, session_id: str, epoch: int, participant_id: str, now: dt.datetime, *,
    state: ParticipantState | None = None, peer: str | None = None, publish: Sequence[str] | None = None,
    user_id: str | None = None,
) -> None:  # fmt: skip
    """Note where a participant stands; None leaves a value. Raises StaleEpoch, NotFound."""
    raise NotImplementedError


def set_people(
    db: Session, session_id: str, participant_id: str, people: Sequence[Mapping[str, str]], now: dt.datetime
) -> list[str]:
    """Set the people before a point's camera (keys name, capacity, title, label); gives their labels in order.

    Who is not in the list any more gets a ``left_at`` and stays.
    """
    raise NotImplementedError


def answer_notice(db: Session, session_id: str, participant_id: str, person: str, answer: str) -> None:
    """Keep a person's answer to the notice (heard, objects, wants_own_recording); "" for all of the point."""
    raise NotImplementedError


def live(db: Session) -> list[ReceptionSession]:
    """Sessions that are open, running or suspended: what a starting app takes over when nobody owns them."""
    raise NotImplementedError


def list_readable(db: Session, actor: Actor, now: dt.datetime, *, limit: int = 100) -> list[ReceptionSession]:
    """Sessions the actor may read, newest first."""
    raise NotImplementedError


def due_for_lock(db: Session, now: dt.datetime) -> list[str]:
    """Ids of closed sessions whose 15 minutes are over."""
    raise NotImplementedError


def restrict(db: Session, session_id: str, now: dt.datetime) -> None:
    """Restrict a session and what was recorded so far to the receiving site and to grants (design 7)."""
    raise NotImplementedError
