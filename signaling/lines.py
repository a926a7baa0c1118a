"""How good each participant's line is, in one word for all: what the relay measures of its legs and what its page sees.

Words are shown and never logged; what pages measured goes into the log once a minute and when its word turns
(``signaling.quality``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from media import messages as r
from signaling import messages as m
from signaling.commands import Quality
from signaling.desired import desired
from signaling.quality import Fold, word_of, worst

if TYPE_CHECKING:
    from signaling.host import SessionHost

WEAK_LOSS = 0.05
WEAK_RTT_S = 0.4


class Lines:
    """``words``: participant -> "", good, weak or sound_only."""

    def __init__(self, host: SessionHost) -> None:
        self._host = host
        self.words: dict[str, str] = {}
        self._heard: dict[str, str] = {}
        self._seen: dict[str, Fold] = {}

    def measured(self, quality: r.Quality) -> None:
        """Line quality of the session's legs; pages hear of it when a word changes."""
        peers = {one.peer: one.participant for one in reversed(self._host.state.participants) if one.peer}
        for leg in quality.legs:
            participant = peers.get(leg.peer)
            if participant is None or leg.leg != "publish":
                continue
            weak = leg.loss > WEAK_LOSS or leg.rtt_s > WEAK_RTT_S
            self._heard[participant] = "weak" if weak else "good"
            self._show(participant)

    async def seen(self, participant: str, figures: m.Seen) -> None:
        """What a page measured of its own line: a word for all, and now and then an event."""
        state = self._host.state
        one = state.find(participant)
        if one is None or not one.connected or state.state not in ("open", "running", "suspended"):
            return
        now = self._host.clock()
        line = self._seen.setdefault(participant, Fold())
        word = word_of(figures, self._gets_pictures(participant))
        body = line.take(figures, word, now)
        self._show(participant, word)
        if body is not None:
            await self._host.feed(Quality(participant, body))

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

    def _show(self, participant: str, seen: str = "") -> None:
        if not seen and participant in self._seen:
            seen = self._seen[participant].word
        word = worst(self._heard.get(participant, ""), seen)
        if self.words.get(participant) != word:
            self.words[participant] = word
            self._host.changed()
