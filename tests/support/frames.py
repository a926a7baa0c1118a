"""A recorded reception whose replay files are checked frame by frame: each picture by its counter, each beep by its
second. The hub and its relays are real; what everybody sent when is known (``tests.support.counted``).
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import statistics
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from media.clip import read_frame
from rooms import sessions, tickets
from rooms.db import open_database
from rooms.words import ParticipantRole, ParticipantState, TicketKind
from tests.support.counted import RATE, CountedPoint, play
from tests.support.hub import StartedHub, until
from tests.support.replayed import ReplayRow, beeps, pictures, replay_rows
from web.demo.point import SessionSocket

NEAR_S = 0.040
"""How far a picture or a beep may stand from where it belongs (issue 4, Proof)."""
EDGE_S = 0.25
"""Around an event: a beep that it cuts into begins when the sound does."""
SETTLE_S = 1.2
"""After each beginning: until the first key frame behind the fence (two a second), and what the disk may owe."""
TURN_S = 0.15
"""At each end: what is on its way then may come or not."""
Span = tuple[float, float]


@dataclass
class Hall:
    """``off``: when nobody was to be recorded (from the hub's answer to the next request); ``muted``: the same for a
    point's microphone. ``breaks``: around each event, by point, what need not be there; ``silent``: only its sound."""

    hub: StartedHub
    session: str
    operator: SessionSocket
    points: list[CountedPoint] = field(default_factory=list)
    off: list[Span] = field(default_factory=list)
    muted: dict[str, list[Span]] = field(default_factory=dict)
    breaks: dict[str, list[Span]] = field(default_factory=dict)
    silent: dict[str, list[Span]] = field(default_factory=dict)
    started: float = 0.0
    ended: float = 0.0

    async def token(self, name: str) -> dict[str, Any]:
        """A seat for another point."""
        return await asyncio.to_thread(self.hub.ask, "token", self.session, "--publish", name)

    def loses(self, point: CountedPoint, start: float, end: float) -> None:
        """What the point sent meanwhile need not be there."""
        self.breaks.setdefault(point.participant, []).append((start, end))

    async def start(self) -> None:
        """The record runs from now on, and everything expected is on disk."""
        await self.operator.ask("read_notice")
        await self.operator.ask("start", record="full")
        await self.operator.until(lambda: bool(self.operator.session.get("recording")), "the record on disk")
        self.started = time.time()

    async def pause(self, seconds: float) -> None:
        """The operator suspends for a while."""
        asked = time.time()
        await self.operator.ask("pause")
        began = time.time()
        await asyncio.sleep(seconds)
        self.off.append((began, time.time()))
        await self.operator.ask("resume")
        for point in self.points:
            self.loses(point, asked, time.time() + SETTLE_S)

    async def mute(self, point: CountedPoint, seconds: float) -> None:
        """The operator switches a microphone off for a while; its device goes on sending."""
        asked = time.time()
        await self.operator.ask("mute", participant=point.participant, source="mic", on=True)
        began = time.time()
        await asyncio.sleep(seconds)
        self.muted.setdefault(point.participant, []).append((began, time.time()))
        await self.operator.ask("mute", participant=point.participant, source="mic", on=False)
        self.silent.setdefault(point.participant, []).append((asked, time.time() + EDGE_S))

    async def end(self) -> list[ReplayRow]:
        """Close and lock; the replay files."""
        self.ended = time.time()
        await self.operator.ask("close", lock=True)
        for point in self.points:
            await point.close()
        return await asyncio.to_thread(replay_rows, self.hub, self.session, 60)


@contextlib.asynccontextmanager
async def opened(hub: StartedHub) -> AsyncIterator[Hall]:
    """A session with an operator in it; its points send as soon as they have a leg."""
    await asyncio.to_thread(hub.until_ready)
    session = (await asyncio.to_thread(hub.ask, "session", "open", "Phiên đếm từng hình"))["id"]
    operator = SessionSocket(f"ws{hub.url[4:]}/ws/session/{session}", hub.url, "d" * 24, None)
    await operator.open(await asyncio.to_thread(_seat_of_operator, hub, session))
    hall = Hall(hub, session, operator)
    playing = asyncio.create_task(play(hall.points))
    try:
        yield hall
    finally:
        playing.cancel()
        for point in hall.points:
            await point.close()
        await operator.close()


def _seat_of_operator(hub: StartedHub, session: str) -> str:
    """A ticket for an operator's page."""
    now = dt.datetime.now(dt.UTC)
    database = open_database(f"sqlite:///{hub.folder / 'hub.db'}")
    try:
        with database.write() as db:
            seat = sessions.add_participant(
                db, session, "Trụ sở", now, role=ParticipantRole.OPERATOR, state=ParticipantState.ADMITTED
            )
            _, secret = tickets.issue(
                db, TicketKind.PAGE, now, dt.timedelta(minutes=1), session_id=session, participant_id=seat.id
            )
            return secret
    finally:
        database.dispose()


# --- what the files show ---------------------------------------------------------------------------------------------


@dataclass
class Seen:
    """One point in the replay. ``pictures``: (UNIX seconds at which it is shown, number, width); ``beeps``: UNIX
    seconds; ``damaged``: pictures whose counter cannot be read."""

    point: CountedPoint
    pictures: list[tuple[float, int, int]] = field(default_factory=list)
    beeps: list[float] = field(default_factory=list)
    damaged: int = 0

    @property
    def apart(self) -> list[float]:
        """Seconds by which each picture stands too late (negative: too early)."""
        return [utc - self.point.picture_utc(number) for utc, number, _ in self.pictures]

    def summary(self) -> dict[str, Any]:
        """In figures, for whoever reads the output; times in milliseconds."""
        count = max(1, len(self.apart) // 10)
        return {
            "pictures": len(self.pictures),
            "middle": round(1000 * statistics.median(self.apart), 1),
            "worst": round(1000 * max(map(abs, self.apart)), 1),
            "first_tenth": round(1000 * statistics.median(self.apart[:count]), 1),
            "last_tenth": round(1000 * statistics.median(self.apart[-count:]), 1),
            "beeps": len(self.beeps),
            "beeps_middle": round(1000 * statistics.median(self.beeps_apart), 1),
            "widths": sorted({width for _, _, width in self.pictures}),
        }

    @property
    def beeps_apart(self) -> list[float]:
        """The same for each beep, against the nearest second."""
        return [
            utc - self.point.beep_utc(round((utc - self.point.began_utc) * (1 + self.point.skew / 1e6)))
            for utc in self.beeps
        ]


def read(rows: list[ReplayRow], point: CountedPoint) -> Seen:
    """Decode everything of a point."""
    seen = Seen(point)
    for row in rows:
        if row.participant != point.participant:
            continue
        for at, frame in pictures(row.path):
            value = read_frame(frame)
            if value is None or value >> 12 != point.number:
                seen.damaged += 1
                continue
            utc = row.start_utc + at
            seen.pictures.append((utc, point.picture_of(value & 0xFFF, utc), frame.width))
        seen.beeps += [row.start_utc + at for at in beeps(row.path)]
    return seen


def faults(hall: Hall, seen: Seen) -> list[str]:
    """Everything that is not where it belongs, in sentences; none for a record as it has to be."""
    point, found = seen.point, []
    if seen.damaged:
        found.append(f"{seen.damaged} pictures cannot be read")
    for (utc, number, _), late in zip(seen.pictures, seen.apart, strict=True):
        if abs(late) > NEAR_S:
            found.append(f"picture {number}, {utc - hall.started:.2f} s after the start, is {1000 * late:.0f} ms late")
    shown = {number for _, number, _ in seen.pictures}
    edges = _edges(hall, point)
    for utc, late in zip(seen.beeps, seen.beeps_apart, strict=True):
        if abs(late) > NEAR_S and not any(abs(utc - edge) < EDGE_S for edge in edges):
            found.append(f"a beep {utc - hall.started:.2f} s after the start is {1000 * late:.0f} ms late")
    first = round((hall.started - point.began_utc) * RATE)
    last = round((hall.ended - point.began_utc) * RATE)
    missing = [n for n in range(first, last) if n not in shown and _is_due(hall, point, point.picture_utc(n))]
    found += [f"{len(missing)} pictures are missing: {_spans(hall, point, missing)}"] if missing else []
    for number in range(first // RATE, last // RATE + 1):
        at = point.beep_utc(number)
        heard = any(abs(at - utc) <= NEAR_S for utc in seen.beeps)
        if not heard and _is_due(hall, point, at, sound=True) and _is_due(hall, point, at + 0.1, sound=True):
            found.append(f"the beep {at - hall.started:.2f} s after the start is missing")
    return found + _forbidden(hall, seen)


def _forbidden(hall: Hall, seen: Seen) -> list[str]:
    """Pictures and beeps of times that are off the record."""
    found = []
    for start, end in hall.off:
        wrong = [n for _, n, _ in seen.pictures if start < seen.point.picture_utc(n) < end]
        found += [f"{len(wrong)} pictures of a pause are on the record"] if wrong else []
    for start, end in [*hall.off, *hall.muted.get(seen.point.participant, [])]:
        wrong_beeps = [utc for utc in seen.beeps if start < utc < end]
        found += [f"{len(wrong_beeps)} beeps of a pause or mute are on the record"] if wrong_beeps else []
    return found


def _is_due(hall: Hall, point: CountedPoint, at: float, sound: bool = False) -> bool:
    """Whether what was captured then must be on the record."""
    sent = any(start + SETTLE_S <= at <= end - TURN_S for start, end in point.spans)
    excused = [*hall.breaks.get(point.participant, []), *(hall.silent.get(point.participant, []) if sound else [])]
    stopped = any(start - TURN_S <= at <= end for start, end in excused)
    return sent and not stopped and hall.started <= at <= hall.ended - TURN_S


def _edges(hall: Hall, point: CountedPoint) -> list[float]:
    spans: list[Any] = [*point.spans, *hall.off, *hall.muted.get(point.participant, [])]
    spans += [*hall.breaks.get(point.participant, []), *hall.silent.get(point.participant, [])]
    return [edge for span in spans for edge in span]


def _spans(hall: Hall, point: CountedPoint, numbers: list[int]) -> str:
    """Runs of missing pictures, for the message."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ", ".join(
        f"{point.picture_utc(a) - hall.started:.2f} to {point.picture_utc(b) - hall.started:.2f} s" for a, b in runs
    )


async def ready(hub: StartedHub) -> None:
    """All relays of the hub are linked (two of them, for a session that moves)."""
    log = hub.log
    await asyncio.to_thread(until, lambda: log.read_text().count(" linked") >= 2, 30, "two relays linked")
