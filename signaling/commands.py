"""What comes into a room: a participant's request, or something the hub itself has to say. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from media.messages import Report, Source
from signaling.messages import FromPage
from signaling.state import Event, Kind, Role

HUB = "hub"
"""Stands where a participant's id stands when the hub itself acts (command line, board, a rule)."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A request of ``by`` (a participant, or HUB). ``id`` is a fresh opaque id for what the request may create;
    ``ids`` are fresh or known ids for a list (people). ``signed``: the participant whom the log names when the hub
    carries out what a person asked for from the board."""

    by: str
    message: FromPage
    id: str = ""
    ids: tuple[str, ...] = ()
    signed: str = ""

    @property
    def author(self) -> str:
        """Whom the log names."""
        return self.signed or self.by


@dataclass(frozen=True, slots=True)
class Open:
    """The session begins: its room can be entered."""

    chat: bool = False


@dataclass(frozen=True, slots=True)
class Add:
    """A further participant. ``publishes`` None means what the role may; ``notice_to`` is the id of the account that
    answers for the notice where nobody is asked (a token made on the command line). ``writes``: may write the minutes
    although it only looks on (a clerk)."""

    participant: str
    role: Role
    site: str = ""
    kind: Kind = "page"
    admitted: bool = False
    publishes: tuple[Source, ...] | None = None
    receives: tuple[str, ...] | None = None
    protected: bool = False
    notice_to: str = ""
    writes: bool = False


@dataclass(frozen=True, slots=True)
class Connect:
    """The participant's page (or WHIP client) is there; ``peer`` is its device."""

    participant: str
    peer: str


@dataclass(frozen=True, slots=True)
class Disconnect:
    """The participant's control line is gone; its media may well go on."""

    participant: str


@dataclass(frozen=True, slots=True)
class GiveButtons:
    """An entitled operator took the buttons from the board, perhaps before entering the room."""

    participant: str


@dataclass(frozen=True, slots=True)
class RingNext:
    """Nobody answered: ask the next one."""

    ring: str


@dataclass(frozen=True, slots=True)
class RingAnswered:
    """Somebody at the site answered; ``participant`` is the id under which the site comes in."""

    ring: str
    accept: bool
    participant: str


@dataclass(frozen=True, slots=True)
class Reported:
    """The relay reports."""

    report: Report


@dataclass(frozen=True, slots=True)
class RelayGone:
    """The session's relay is confirmed dead: its peers and open journals are gone."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """The offset between the relay's clock and the owner's, in seconds (formats.md: clock anchors)."""

    relay: str
    offset_s: float


@dataclass(frozen=True, slots=True)
class Quality:
    """What a participant's page measured of its line, folded (``signaling.quality``)."""

    participant: str
    figures: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Measured:
    """How good all lines of the session were over the last seconds, both ways (``signaling.quality.Line.take``)."""

    points: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Late:
    """Events that a relay kept for an owner of before, and that come too late to take effect (``signaling.kept``)."""

    events: tuple[Event, ...] = ()


@dataclass(frozen=True, slots=True)
class TakeFiled:
    """A point handed in what it had recorded by itself (``signaling.takes``). ``facts``: the event's body; without any
    it was filed before."""

    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Locked:
    """The package is made and signed."""

    manifest: str = ""


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed. ``break_s``: how long a break may last before the chair is asked (rule record_break_s)."""

    break_s: float = 60.0


@dataclass(frozen=True, slots=True)
class DiskRoom:
    """For how long the disk of the session's relay has room for what is written there, and its floor, in seconds."""

    left_s: float
    floor_s: float


@dataclass(frozen=True, slots=True)
class Interrupted:
    """A starting hub found the session unfinished, and its relay's process gone. ``since``: the last word of before."""

    since: float


@dataclass(frozen=True, slots=True)
class Abandoned:
    """Nobody has been there since ``since`` (UTC), for longer than a session waits."""

    since: float


Command = (
    Ask
    | Open
    | Add
    | Connect
    | Disconnect
    | GiveButtons
    | RingNext
    | RingAnswered
    | Reported
    | RelayGone
    | Anchor
    | Quality
    | Measured
    | Late
    | TakeFiled
    | Locked
    | Tick
    | DiskRoom
    | Interrupted
    | Abandoned
)
