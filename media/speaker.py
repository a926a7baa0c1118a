"""Who speaks: the present speaker of a session, from the levels in the packets of sound (RFC 6464). Pure.

Loudness is 127 minus -dBov; 0 is silence. A *voice* is looked at as it was over the last ``WINDOW`` ticks: how long it
could be heard, and how loud it was then. A cough is loud but short, so it never changes the speaker; words have gaps,
so nothing is asked of the moment. By made-up talk (``tests/unit/media/test_speaker.py``) whoever takes over is
shown after 0.8 s (95 of 100 times within 1.0 s), and two who talk at once change places four times a minute.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

AUDIBLE = 127 - 50  # louder than -50 dBov counts as heard
WINDOW = 12  # ticks of 0.1 s
NEEDED = 0.4  # s of the window that somebody must be heard to become the speaker ...
YIELDED = 0.3  # s ... while the present one is heard less, ...
LEAD = 8.0  # dB ... or is this much less loud and not heard longer
QUIET = 3.0  # s after which a silent speaker is no longer shown, if nobody else takes over
LONGEST = 0.06  # s that one packet may stand for


class Voice:
    """The levels of one microphone. ``talk``: seconds of the window in which it was heard; ``loudness``: how loud it
    was then, on the mean; ``heard_at``: when last (monotonic seconds)."""

    __slots__ = ("_at", "_now", "_ticks", "heard_at", "loudness", "talk")

    def __init__(self) -> None:
        self.heard_at = -1e9
        self.talk = 0.0
        self.loudness = 0.0
        self._at = -1e9
        self._now = [0.0, 0.0]  # seconds heard since the last tick, and loudness times seconds
        self._ticks: deque[tuple[float, float]] = deque(maxlen=WINDOW)

    def take(self, loudness: int, now: float) -> None:
        """The level of a packet. What it stands for ends where the next one begins; silence may send no packets."""
        if loudness >= AUDIBLE:
            elapsed = now - self._at
            seconds = elapsed if elapsed < LONGEST else 0.02
            self._now[0] += seconds
            self._now[1] += seconds * loudness
            self.heard_at = now
        self._at = now

    @property
    def level(self) -> float:
        """How loud it was when heard in the tick before now; 0: not heard."""
        talk, loud = self._ticks[-1] if self._ticks else (0.0, 0.0)
        return loud / talk if talk else 0.0

    @property
    def tells(self) -> bool:
        """Its packets carry levels."""
        return self._at > -1e9

    def turn(self) -> None:
        """A tick of 0.1 s is over."""
        self._ticks.append((self._now[0], self._now[1]))
        self._now = [0.0, 0.0]
        self.talk = sum(talk for talk, _ in self._ticks)
        self.loudness = sum(loud for _, loud in self._ticks) / self.talk if self.talk else 0.0

    def clear(self) -> None:
        """A fence, or no more packets: it has not been heard."""
        self._ticks.clear()
        self._now = [0.0, 0.0]
        self.talk = self.loudness = 0.0
        self.heard_at = -1e9


class SpeakerChoice:
    """The present speaker of one session."""

    __slots__ = ("_heard_at", "speaker")

    def __init__(self) -> None:
        self.speaker = ""
        self._heard_at = 0.0

    def update(self, voices: Iterable[tuple[str, Voice]], now: float) -> bool:
        """Take every open microphone at a tick, after its ``turn``; True when the speaker changed."""
        known = dict(voices)
        mine = known.get(self.speaker)
        if mine is not None and mine.talk:
            self._heard_at = max(self._heard_at, mine.heard_at)
        rivals = [name for name, voice in known.items() if name != self.speaker and self._takes_over(voice, mine)]
        if rivals:
            return self._choose(max(rivals, key=lambda name: known[name].loudness), now)
        if self.speaker and (mine is None or now - self._heard_at >= QUIET):
            return self._choose("", now)
        return False

    @staticmethod
    def _takes_over(voice: Voice, mine: Voice | None) -> bool:
        if voice.talk < NEEDED - 1e-6:
            return False
        if mine is None or mine.talk < min(YIELDED, voice.talk / 2):
            return True
        return voice.loudness >= mine.loudness + LEAD and voice.talk >= 0.6 * mine.talk

    def _choose(self, speaker: str, now: float) -> bool:
        self.speaker = speaker
        self._heard_at = now
        return True


class Speakers:
    """The present speaker of every session that runs."""

    def __init__(self) -> None:
        self._choices: dict[str, SpeakerChoice] = {}

    def update(
        self, running: Iterable[str], microphones: Iterable[tuple[str, str, Voice]], now: float
    ) -> list[tuple[str, str]]:
        """Take (session, participant, voice) of every open microphone, at each tick; (session, speaker) where it
        changed."""
        heard: dict[str, list[tuple[str, Voice]]] = {session: [] for session in running}
        for session, participant, voice in microphones:
            voice.turn()
            heard.setdefault(session, []).append((participant, voice))
        self._choices = {session: self._choices.get(session) or SpeakerChoice() for session in heard}
        return [
            (session, self._choices[session].speaker)
            for session, voices in heard.items()
            if self._choices[session].update(voices, now)
        ]


__all__ = ["AUDIBLE", "SpeakerChoice", "Speakers", "Voice"]
