"""The state of one room, as its event log tells it, and the questions that are answered from it.

Values only: nothing here decides, nothing does I/O. ``signaling.fold`` changes the state by events,
``signaling.room`` decides which events a command leads to. Ids are opaque; names come from ``rooms`` when a view
is made (design 1). Times are UNIX seconds (UTC).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from media.messages import RecordMode, Source
from signaling.messages import NoticeAnswer

Role = Literal["operator", "point", "guest", "viewer"]
"""operator: entitled to the buttons; point: a reception point; guest: invited; viewer: only receives."""

Kind = Literal["page", "whip", "whep"]

Stage = Literal["duty", "substitute", "phone"]

SessionState = Literal["planned", "open", "running", "suspended", "closed", "locked"]

ParticipantState = Literal["invited", "ringing", "waiting", "admitted", "joined", "lost", "left", "removed"]

SOURCES: tuple[Source, ...] = ("mic", "camera", "screen", "document")

PUBLISHES: dict[Role, tuple[Source, ...]] = {
    "operator": SOURCES,
    "point": SOURCES,
    "guest": ("mic", "camera", "screen"),
    "viewer": (),
}

REOPEN_S = 15 * 60.0
"""A closed session may go on within this time, then its lock is due (design 6)."""

SETTLE_S = 1.0
"""A source counts for the record once it has been live so long: the writer needs a moment to open its journal."""

ALARM_S = 8.0
"""A track that should be on disk and is not after so long raises an alarm; rooms tick every second, it is due in 10."""

DISK_LOW = "disk_low"
"""The alarm that foretells a full disk; the record goes on."""

Track = tuple[str, Source]
"""Participant and source."""


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of the log before ``rooms`` numbers and chains it. ``body`` holds ids and codes only, JSON values."""

    kind: str
    utc: float
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Participant:
    """A participant as the log knows it.

    ``admitted`` survives a lost line: who was admitted comes back without asking. ``peer`` is None until it first
    joined. ``receives`` None means all others (a WHEP viewer names one). ``live`` maps a source to the time since
    when its packets arrive. ``protected``: nothing of it is recorded; ``recorded_since``: when it last was let onto the
    disk again, after that or a side talk. ``restricted``: cut off by "Chuyển sang tố cáo".
    ``writes``: a viewer who may write the minutes. ``answers``: person id ("" for the whole point)
    and what they said to the notice.
    """

    participant: str
    role: Role
    site: str = ""
    kind: Kind = "page"
    state: ParticipantState = "invited"
    admitted: bool = False
    peer: str | None = None
    publishes: tuple[Source, ...] = ()
    receives: tuple[str, ...] | None = None
    muted_self: tuple[Source, ...] = ()
    muted_operator: tuple[Source, ...] = ()
    live: tuple[tuple[Source, float], ...] = ()
    people: tuple[str, ...] = ()
    answers: tuple[tuple[str, NoticeAnswer], ...] = ()
    protected: bool = False
    recorded_since: float = 0.0
    writes: bool = False
    restricted: bool = False

    @property
    def muted(self) -> tuple[Source, ...]:
        """Sources that nobody gets, whoever muted them."""
        return tuple(s for s in SOURCES if s in self.muted_self or s in self.muted_operator)

    @property
    def notice(self) -> NoticeAnswer | None:
        """The gravest answer of the people at this participant, None before any."""
        given = {answer for _, answer in self.answers}
        for answer in ("objects", "wants_own_recording", "heard"):
            if answer in given:
                return answer
        return None

    @property
    def connected(self) -> bool:
        """In the session with media; a lost control line leaves the media alone (design 2)."""
        return self.admitted and self.state in ("joined", "lost") and self.peer is not None and not self.restricted


@dataclass(frozen=True, slots=True)
class RingCall:
    """A site being rung. ``stage`` says who is asked now; after ``phone`` nobody else is."""

    ring: str
    site: str
    stage: Stage
    since: float
    by: str


@dataclass(frozen=True, slots=True)
class Break:
    """Time in which the record was not as it should be. ``cause``: relay, line, disk; ``until`` None while it lasts."""

    since: float
    cause: str
    participants: tuple[str, ...] = ()
    until: float | None = None
    asked: bool = False


@dataclass(frozen=True, slots=True)
class RoomState:
    """A session's whole state. ``number`` is that of the last event; ``part`` the record's part number.

    ``written``: tracks of the present part whose first bytes are on disk. ``alarms``: standing faults of the record
    as code or code:participant:source; ``failing``: tracks whose journal could not be written on. ``outages``:
    participant -> cause, while its media is away. ``broken``: the break that lasts now; ``question``: the one that was
    put to the chair and has no answer yet. ``interrupted_utc``: when a hub found the session unfinished at its start.
    """

    session: str
    state: SessionState = "planned"
    number: int = 0
    opened_utc: float = 0.0
    started_utc: float | None = None
    closed_utc: float | None = None
    lock_now: bool = False
    operator: str = ""
    notice_read: bool = False
    record: RecordMode = "off"
    part: int = 0
    record_since_utc: float | None = None
    written: frozenset[Track] = frozenset()
    alarms: tuple[str, ...] = ()
    failing: frozenset[Track] = frozenset()
    participants: tuple[Participant, ...] = ()
    rings: tuple[RingCall, ...] = ()
    side_talk: tuple[str, ...] = ()
    outages: tuple[tuple[str, str], ...] = ()
    minutes_writer: str = ""
    minutes_frozen: bool = False
    restricted: bool = False
    chat: bool = False
    broken: Break | None = None
    question: Break | None = None
    interrupted_utc: float | None = None

    def find(self, participant: str) -> Participant | None:
        """The participant with this id, None if the session does not have it."""
        for one in self.participants:
            if one.participant == participant:
                return one
        return None

    def ring_of(self, site: str) -> RingCall | None:
        """The ring that is open for a site."""
        return next((r for r in self.rings if r.site == site), None)

    def connected(self) -> Iterator[Participant]:
        """Participants whose media belongs to the session now."""
        return (p for p in self.participants if p.connected)

    def objections(self) -> tuple[str, ...]:
        """Participants where somebody objects to the recording and who are still part of the session."""
        return tuple(p.participant for p in self.participants if p.notice == "objects" and p.state != "removed")

    def lock_due(self, now: float) -> bool:
        """Whether the session is to be locked: closed and the time to go on has passed, or closed with lock."""
        if self.state != "closed" or self.closed_utc is None:
            return False
        return self.lock_now or now >= self.closed_utc + REOPEN_S


def track_of(file: str) -> Track | None:
    """Whose journal this is by its name (docs/formats.md, Journal), None when it is not such a name."""
    parts = file.split(".")
    if len(parts) < 3:
        return None
    return next(((parts[0], source) for source in SOURCES if source == parts[1]), None)


def recorded(state: RoomState, one: Participant) -> bool:
    """Whether this participant's tracks may reach the disk now."""
    if one.protected or not one.connected or one.role == "viewer":
        return False
    if state.side_talk and (one.participant in state.side_talk or state.state == "suspended"):
        return False
    return True


def expected(state: RoomState, now: float, settle_s: float = SETTLE_S) -> frozenset[Track]:
    """Tracks that must be on disk at ``now``: record on, not muted, source live for ``settle_s`` and longer than
    the record itself."""
    if state.state != "running" or state.record == "off" or state.record_since_utc is None:
        return frozenset()
    since = state.record_since_utc
    return frozenset(
        (one.participant, source)
        for one in state.connected()
        if recorded(state, one)
        for source, live in one.live
        if source not in one.muted
        and (state.record == "full" or source == "mic")
        and now - max(live, since, one.recorded_since) >= settle_s
    )


def recording(state: RoomState, now: float) -> bool:
    """True only when the first bytes of every expected track are on disk and nothing is wrong with the disk."""
    tracks = expected(state, now)
    return bool(tracks) and tracks <= state.written and not any(":" not in a and a != DISK_LOW for a in state.alarms)


def standing_alarms(state: RoomState, now: float) -> tuple[str, ...]:
    """The alarms that still hold: one of a track falls away when the track is written, muted or gone."""
    missing = {f"not_written:{p}:{s}" for p, s in expected(state, now) - state.written}
    return tuple(a for a in state.alarms if ":" not in a or a in missing)
