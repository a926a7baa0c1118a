"""What a composed file shows at each moment: who is large, where every point stands, which cards cover what. Pure.

The large picture is a shared screen or document while there is one, else whoever speaks, else whoever spoke last, else
the first point. Nobody becomes large for less than ``HOLD_US``: pictures that jump at every word tire the eye. Every
other point keeps its place in the order of the plan, so that one finds it again. What a point recorded by itself stands
in that point's place while it is there, and nowhere otherwise.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HOLD_US = 2_000_000
SMALL_MOST = 8
"""More points than this are not shown beside the large one; they are heard, and become large when they speak."""


@dataclass(frozen=True, slots=True)
class Span:
    """A time with a reason. Microseconds from the beginning of the plan."""

    start_us: int
    end_us: int
    text: str = ""

    def covers(self, at_us: int) -> bool:
        """Whether the moment lies in it."""
        return self.start_us <= at_us < self.end_us


@dataclass(frozen=True, slots=True)
class Piece:
    """A replay file on the time line of the plan."""

    path: Path
    start_us: int
    end_us: int
    has_picture: bool

    def covers(self, at_us: int) -> bool:
        """Whether the moment lies in it."""
        return self.start_us <= at_us < self.end_us


@dataclass(frozen=True, slots=True)
class Feed:
    """What one point sent: its face and voice, or (``is_paper``) its screen or document camera. ``mark``: what it is,
    to stand beside the name. ``holes``: why nothing is there, also where a file runs on without content.
    ``stands_for``: the key of the point's own feed, of what that point recorded by itself; it is there where that feed
    has lost something, the rest of it are holes."""

    key: str
    name: str
    pieces: tuple[Piece, ...]
    holes: tuple[Span, ...] = ()
    is_paper: bool = False
    stands_for: str = ""
    mark: str = ""

    def piece_at(self, at_us: int) -> Piece | None:
        """The file that covers a moment, unless a hole does."""
        if any(hole.covers(at_us) for hole in self.holes):
            return None
        return next((piece for piece in self.pieces if piece.covers(at_us)), None)

    def reason_at(self, at_us: int) -> str:
        """Why there is nothing at a moment; "" when nobody noted it."""
        return next((hole.text for hole in self.holes if hole.covers(at_us)), "")


@dataclass(frozen=True, slots=True)
class Words:
    """Sentences on the picture, in the language of the file."""

    unrecorded: str = "Không ghi"
    unreadable: str = "Không đọc được"
    sound_only: str = "Chỉ ghi âm"


@dataclass(frozen=True, slots=True)
class Plan:
    """A composed file. ``zero_us``: UTC of its first moment, microseconds since 1970; ``utc_offset_s``: of the clock
    that is burnt in; ``speakers``: (moment, key) whenever another point began to speak; ``cards``: times that cover
    everything, such as a pause; ``threads``: of the encoder."""

    zero_us: int
    length_us: int
    feeds: tuple[Feed, ...]
    speakers: tuple[tuple[int, str], ...] = ()
    cards: tuple[Span, ...] = ()
    words: Words = Words()
    utc_offset_s: int = 0
    width: int = 1280
    height: int = 720
    rate: int = 25
    threads: int = 2

    @property
    def points(self) -> list[Feed]:
        """Whose faces have a place."""
        return [feed for feed in self.feeds if not feed.is_paper and not feed.stands_for]

    @property
    def voices(self) -> list[Feed]:
        """Whose sound is heard."""
        return [feed for feed in self.feeds if not feed.is_paper]


@dataclass(frozen=True, slots=True)
class Rect:
    """A place on the canvas; all even, for pictures with half the colour."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Scene:
    """From ``at_us`` on: the key of the large feed, and those that are small, in order."""

    at_us: int
    main: str
    small: tuple[str, ...]


def scenes(plan: Plan) -> list[Scene]:
    """The whole course of a plan, in order, beginning at 0; empty for a plan without feeds."""
    if not plan.feeds:
        return []
    large = _steady(plan)
    moments = {0, *(at for at, _ in large)}
    for feed in (feed for feed in plan.feeds if feed.is_paper or feed.stands_for):
        spans: list[Piece | Span] = [*feed.pieces, *feed.holes]
        moments |= {edge for span in spans for edge in (span.start_us, span.end_us)}
    found: list[Scene] = []
    for at in sorted(moment for moment in moments if 0 <= moment < max(1, plan.length_us)):
        papers = [feed.key for feed in plan.feeds if feed.is_paper and feed.piece_at(at)]
        instead = {feed.stands_for: feed.key for feed in plan.feeds if feed.stands_for and feed.piece_at(at)}
        speaker = large[bisect_right(large, at, key=lambda one: one[0]) - 1][1]
        main = papers[-1] if papers else speaker
        faces = {feed.key for feed in plan.points}
        rest = [feed.key for feed in plan.feeds if feed.key != main and (feed.key in faces or feed.key in papers)]
        if main != speaker:  # beside a document the one who speaks is seen first
            rest.sort(key=lambda key: key != speaker)
        scene = Scene(at, instead.get(main, main), tuple(instead.get(key, key) for key in rest[:SMALL_MOST]))
        if not found or (found[-1].main, found[-1].small) != (scene.main, scene.small):
            found.append(scene)
    return found


def _steady(plan: Plan) -> list[tuple[int, str]]:
    """(moment, key) of the point that is to be large; the first entry is at 0."""
    points = [feed.key for feed in plan.points] or [plan.feeds[0].key]
    known = [(max(0, at), key) for at, key in sorted(plan.speakers) if key in points]
    shown = [(0, known[0][1] if known else points[0])]
    for index, (at, key) in enumerate(known):
        until = known[index + 1][0] if index + 1 < len(known) else plan.length_us
        at = max(at, shown[-1][0] + HOLD_US if len(shown) > 1 else at)
        if key != shown[-1][1] and until - at >= HOLD_US / 2:
            shown.append((at, key))
    return shown


def places(scene: Scene, width: int, height: int) -> dict[str, Rect]:
    """Where each feed of a scene stands: the large one on the left three quarters, the others in a column beside it."""
    count = len(scene.small)
    if count == 0:
        return {scene.main: Rect(0, 0, width, height)}
    side = even(width / 4)
    each = even(min(side * 9 / 16, height / count))
    top = even((height - each * count) / 2)
    found = {scene.main: Rect(0, 0, width - side, height)}
    for index, key in enumerate(scene.small):
        found[key] = Rect(width - side, top + index * each, side, each)
    return found


def fitted(width: int, height: int, into: Rect) -> Rect:
    """A picture of this size in the middle of a place, as large as it fits, its shape kept."""
    scale = min(into.width / max(1, width), into.height / max(1, height))
    wide, high = min(into.width, even(width * scale)), min(into.height, even(height * scale))
    return Rect(
        into.x + even((into.width - wide) / 2), into.y + even((into.height - high) / 2), max(2, wide), max(2, high)
    )


def even(value: float) -> int:
    """The nearest even number below."""
    return int(value) // 2 * 2


def card_at(cards: Iterable[Span], at_us: int) -> str:
    """The text that covers everything at a moment; "" for none."""
    return next((card.text for card in cards if card.covers(at_us)), "")


def read_plan(task: dict[str, Any]) -> Plan:
    """A plan from plain values (JSON), as ``web.composing`` writes them. Raises KeyError, TypeError."""
    return Plan(
        zero_us=int(task["zero_us"]),
        length_us=int(task["length_us"]),
        feeds=tuple(_feed(feed) for feed in task["feeds"]),
        speakers=tuple((int(at), str(key)) for at, key in task.get("speakers", ())),
        cards=_spans(task.get("cards", ())),
        words=Words(**task.get("words", {})),
        utc_offset_s=int(task.get("utc_offset_s", 0)),
        threads=int(task.get("threads", 2)),
    )


def _feed(feed: dict[str, Any]) -> Feed:
    pieces = tuple(
        Piece(Path(one["path"]), int(one["start_us"]), int(one["end_us"]), bool(one["has_picture"]))
        for one in feed["pieces"]
    )
    return Feed(
        feed["key"],
        feed["name"],
        pieces,
        _spans(feed.get("holes", ())),
        bool(feed.get("is_paper", False)),
        str(feed.get("stands_for", "")),
        str(feed.get("mark", "")),
    )


def _spans(found: Sequence[Any]) -> tuple[Span, ...]:
    return tuple(Span(int(start), int(end), str(text)) for start, end, text in found)
