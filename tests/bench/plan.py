"""What is played: scenarios as sessions with points that send and points that watch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Sending:
    """A point that publishes. ``layers``: 1 for the largest alone, 0 for the smallest alone. ``speed``: how many times
    the clip's packet rate."""

    layers: int = 1
    sound: bool = False
    speed: int = 1


@dataclass(frozen=True)
class Session:
    """``sends`` and ``watches`` by participant; who watches gets the participants named, on one leg."""

    name: str
    sends: Mapping[str, Sending]
    watches: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Scenario:
    """``kind``: "steady" measures packets, "memory" and "churn" what is held. ``joins``: how many, with churn.
    ``is_heavy``: the stricter target counts (issue 3)."""

    name: str
    sessions: tuple[Session, ...]
    is_heavy: bool = False
    kind: str = "steady"
    joins: int = 0

    @property
    def legs(self) -> int:
        """Transports at the server."""
        return sum(len(session.sends) + len(session.watches) for session in self.sessions)

    def copies(self) -> float:
        """How often a packet that is sent should arrive on the whole; 0 where layers make that a matter of choice."""
        if any(sending.layers > 1 for session in self.sessions for sending in session.sends.values()):
            return 0.0
        senders = sum(len(session.sends) for session in self.sessions)
        return sum(len(feeds) for session in self.sessions for feeds in session.watches.values()) / senders


def one_to(viewers: int, speed: int) -> Scenario:
    """One sender and its viewers."""
    watches = {f"viewer{number:03d}": ("sender",) for number in range(viewers)}
    session = Session("s1", {"sender": Sending(speed=speed)}, watches)
    return Scenario(f"{viewers}x{speed}", (session,), is_heavy=speed >= 40)


def receptions(count: int, layers: int = 3) -> Scenario:
    """Receptions of four points: each sends layers and sound, each watches the three others."""
    points = ("an", "binh", "chi", "dung")
    sessions = tuple(
        Session(
            f"s{number + 1}",
            {point: Sending(layers=layers, sound=True) for point in points},
            {point: tuple(other for other in points if other != point) for point in points},
        )
        for number in range(count)
    )
    return Scenario(f"four-x{count}", sessions, is_heavy=count >= 20)


def flat(count: int) -> Scenario:
    """Sessions of one sender and four viewers each: the cost per packet must not grow with their number."""
    watches = {f"viewer{number}": ("sender",) for number in range(4)}
    sessions = tuple(Session(f"s{number + 1}", {"sender": Sending()}, watches) for number in range(count))
    return Scenario(f"flat-{count}", sessions)


def held(kind: str, count: int) -> Scenario:
    """Viewers of one small picture, for what transports hold: so many, or ten that join so many times in all."""
    viewers = count if kind == "memory" else 11
    watches = {f"viewer{number:03d}": ("sender",) for number in range(viewers)}
    session = Session("s1", {"sender": Sending(layers=0)}, watches)
    return Scenario(f"{kind}-{count}", (session,), kind=kind, joins=count)


def scenario(name: str) -> Scenario:
    """``11x8``: one to 11 at 8x; ``four-x20``: twenty four-point receptions; ``flat-10``: ten sessions of one to four;
    ``memory-300``: viewers; ``churn-200``: joins. Raises ValueError."""
    if name.startswith("four-x"):
        return receptions(int(name.removeprefix("four-x")))
    kind, dash, count = name.partition("-")
    if dash and kind == "flat":
        return flat(int(count))
    if dash and kind in ("memory", "churn"):
        return held(kind, int(count))
    viewers, _, speed = name.partition("x")
    return one_to(int(viewers), int(speed))


FIRST = ("11x1", "11x8", "11x40")
ALL = (
    *FIRST, "11x8/cm", "11x40/cm", "100x1", "four-x1", "four-x20", "flat-1", "flat-10", "memory-300", "churn-200",
)  # fmt: skip
