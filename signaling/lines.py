"""How good each participant's line is, in one word for all: what the relay measures of its legs and what its page sees.

Words are shown and never logged. The log of a session that is held gets one ``quality.measured`` every 10 s with the
figures of all its points, and one ``quality.seen`` when the word that a page's own figures give turns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from media import messages as r
from signaling import messages as m
from signaling.commands import Measured, Quality
from signaling.desired import desired
from signaling.quality import Fold, Line, Way, word_of, worst

if TYPE_CHECKING:
    from signaling.host import SessionHost

LOG_EVERY_S = 10.0


class Lines:
    """``words``: participant -> "", good, weak or sound_only. ``points``: the figures of the last 10 s (protocol.md,
    ``quality.measured``). ``narrow``: participant -> the ways of its line that carry less than there is to send."""

    def __init__(self, host: SessionHost) -> None:
        self._host = host
        self.words: dict[str, str] = {}
        self._heard: dict[str, str] = {}
        self._seen: dict[str, Fold] = {}
        self._measured: dict[str, Line] = {}
        self._logged_at = 0.0
        self.narrow: dict[str, tuple[Way, ...]] = {}
        self.points: tuple[dict[str, Any], ...] = ()

    def measured(self, quality: r.Quality) -> None:
        """Line quality of the session's legs; pages hear of it when a word changes."""
        peers = {one.peer: one.participant for one in reversed(self._host.state.participants) if one.peer}
        for leg in quality.legs:
            participant = peers.get(leg.peer)
            if participant is None:
                continue
            line = self._measured.setdefault(participant, Line(participant))
            line.add(leg)
            if leg.leg == "publish":
                self._heard[participant] = line.word_up()
            self._narrow(line)
            self._show(participant)

    async def seen(self, participant: str, figures: m.Seen) -> None:
        """What a page measured of its own line: a word for all, and now and then an event."""
        state = self._host.state
        one = state.find(participant)
        if one is None or not one.connected or state.state not in ("open", "running", "suspended"):
            return
        now = self._host.clock()
        line = self._measured.setdefault(participant, Line(participant))
        line.see(figures)
        self._narrow(line)
        word = word_of(figures, self._gets_pictures(participant))
        body = self._seen.setdefault(participant, Fold()).take(figures, word, now)
        self._show(participant, word)
        if body is not None:
            await self._host.feed(Quality(participant, body))

    async def log(self, loop_now: float) -> None:
        """Called about once a second: every 10 s the figures since the last time become ``points`` and an event."""
        if loop_now - self._logged_at < LOG_EVERY_S:
            return
        self._logged_at = loop_now
        rows = (line.take() for line in self._measured.values())
        self.points = tuple(row for row in rows if row)
        connected = {one.participant for one in self._host.state.connected()}
        self._measured = {who: line for who, line in self._measured.items() if who in connected}
        self.narrow = {who: ways for who, ways in self.narrow.items() if who in connected}
        self._host.audience.to_operators(m.Figures(utc=self._host.clock(), points=self.points))
        if self.points and self._host.state.state in ("running", "suspended"):
            await self._host.feed(Measured(self.points))

    def forget(self, participant: str) -> None:
        """The page is gone, and with it what it saw."""
        self._seen.pop(participant, None)

    def _gets_pictures(self, participant: str) -> bool:
        """Whether somebody sends pictures to this participant as the session stands."""
        state = self._host.state
        wanted = desired(state, 0, 0)
        mine = next((one for one in wanted.members if one.participant == participant), None)
        if mine is None or wanted.state != "running":
            return False
        senders = {
            one.participant
            for one in state.connected()
            if any(source != "mic" and source not in one.muted for source, _ in one.live)
        } - {participant}
        return bool(senders if mine.receives is None else senders & set(mine.receives))

    def _narrow(self, line: Line) -> None:
        ways = line.narrow()
        if self.narrow.get(line.participant, ()) != ways:
            self.narrow[line.participant] = ways
            self._host.changed()

    def _show(self, participant: str, seen: str = "") -> None:
        if not seen and participant in self._seen:
            seen = self._seen[participant].word
        word = worst(self._heard.get(participant, ""), seen)
        if self.words.get(participant) != word:
            self.words[participant] = word
            self._host.changed()
