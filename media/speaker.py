"""Who speaks: the loudest participant of a session, with hysteresis, from the levels in the packets (RFC 6464).

Loudness is 127 minus -dBov, smoothed per publication; 0 is silence. Called a few times a second, not per packet.
"""

from __future__ import annotations

from collections.abc import Iterable

SMOOTHING = 0.1  # per packet of 20 ms: a time constant of about 0.2 s
AUDIBLE = 127 - 50  # louder than -50 dBov counts as speech
LEAD = 6.0  # dB by which somebody must be louder than the present speaker ...
HOLD = 0.6  # s ... for so long
QUIET = 3.0  # s after which a silent speaker is no longer shown, if nobody else takes over


class SpeakerChoice:
    """The present speaker of one session."""

    __slots__ = ("_candidate", "_heard_at", "_since", "speaker")

    def __init__(self) -> None:
        self.speaker = ""
        self._candidate = ""
        self._since = 0.0
        self._heard_at = 0.0

    def update(self, loudness: Iterable[tuple[str, float]], now: float) -> bool:
        """Take the loudness of every open microphone now; True when the speaker changed."""
        levels = dict(loudness)
        mine = levels.get(self.speaker, 0.0)
        if mine >= AUDIBLE:
            self._heard_at = now
        best = max(levels, key=lambda name: levels[name], default="")
        challenger = ""
        if best and best != self.speaker and levels[best] >= AUDIBLE and levels[best] >= mine + LEAD:
            challenger = best
        if challenger != self._candidate:
            self._candidate = challenger
            self._since = now
        if challenger and (not self.speaker or now - self._since >= HOLD):
            return self._choose(challenger, now)
        if self.speaker and (self.speaker not in levels or now - self._heard_at >= QUIET):
            return self._choose("", now)
        return False

    def _choose(self, speaker: str, now: float) -> bool:
        self.speaker = speaker
        self._candidate = ""
        self._heard_at = now
        return True


class Speakers:
    """The present speaker of every session that runs."""

    def __init__(self) -> None:
        self._choices: dict[str, SpeakerChoice] = {}

    def update(
        self, running: Iterable[str], microphones: Iterable[tuple[str, str, float]], now: float
    ) -> list[tuple[str, str]]:
        """Take (session, participant, loudness) of every open microphone; (session, speaker) where it changed."""
        levels: dict[str, list[tuple[str, float]]] = {session: [] for session in running}
        for session, participant, loudness in microphones:
            levels.setdefault(session, []).append((participant, loudness))
        self._choices = {session: self._choices.get(session) or SpeakerChoice() for session in levels}
        return [
            (session, self._choices[session].speaker)
            for session, heard in levels.items()
            if self._choices[session].update(heard, now)
        ]


__all__ = ["AUDIBLE", "SMOOTHING", "SpeakerChoice", "Speakers"]
