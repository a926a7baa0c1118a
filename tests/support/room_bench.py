"""A room without a database: commands go in, events are folded, refusals are kept. Time is set by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from media import messages as r
from signaling import messages as m
from signaling.commands import Add, Ask, Command, Connect, Open, Reported
from signaling.errors import Refusal
from signaling.room import apply, decide
from signaling.state import Event, RoomState


@dataclass
class Bench:
    """One room and its log."""

    state: RoomState = field(default_factory=lambda: RoomState(session="s1"))
    now: float = 1_000.0
    log: list[Event] = field(default_factory=list)
    made: int = 0

    def do(self, command: Command) -> list[Event] | Refusal:
        """Decide and fold; the events or the refusal."""
        decision = decide(self.state, command, self.now)
        if isinstance(decision, Refusal):
            return decision
        for event in decision:
            self.state = apply(self.state, event)
            self.log.append(event)
        return decision

    def ask(self, by: str, message: Any, *ids: str) -> list[Event] | Refusal:
        """A request of a page."""
        self.made += 1
        return self.do(Ask(by, message, id=f"new{self.made}", ids=ids))

    def kinds(self) -> list[str]:
        """Kinds of all events so far."""
        return [event.kind for event in self.log]

    def report(self, body: r.ReportBody, at: float | None = None) -> list[Event] | Refusal:
        """A report of the relay."""
        self.made += 1
        utc = self.now if at is None else at
        return self.do(Reported(r.Report(number=self.made, session="s1", epoch=1, utc=utc, body=body)))

    def live(self, participant: str, *sources: str) -> None:
        """Packets of these sources arrive."""
        for source in sources:
            self.report(r.SourceLive(participant=participant, source=source))  # type: ignore[arg-type]

    def written(self, participant: str, *sources: str) -> None:
        """These tracks reached the disk."""
        for source in sources:
            body = r.TrackWritten(participant=participant, source=source, part=self.state.part, file="f.dcj")  # type: ignore[arg-type]
            self.report(body)


def room_with(*points: str) -> Bench:
    """An open room: operator "op" and these points, all joined; device of "a" is "dev-a"."""
    bench = Bench()
    bench.do(Open(chat=True))
    bench.do(Add("op", "operator", site="central"))
    bench.do(Connect("op", "dev-op"))
    for point in points:
        bench.do(Add(point, "point", site=f"site-{point}"))
        bench.do(Connect(point, f"dev-{point}"))
        bench.ask("op", m.Admit(req="1", participant=point))
        bench.do(Connect(point, f"dev-{point}"))
    return bench


def running(*points: str, record: Any = "full") -> Bench:
    """A session that runs and records."""
    bench = room_with(*points)
    bench.ask("op", m.ReadNotice(req="1"))
    for point in points:
        bench.ask(point, m.AnswerNotice(req="1", participant=point, answer="heard"))
    assert not isinstance(bench.ask("op", m.Start(req="1", record=record)), Refusal)
    return bench
