"""Who spoke when in a session, from the levels in its recorded packets of sound (RFC 6464). Pure.

The same choice as live (``media.speaker``), made again from the journals: the replay's lanes and the composed file show
who was large in the room. A microphone whose packets carry no level is never chosen.
"""

from __future__ import annotations

import heapq
from array import array
from collections.abc import Iterable, Iterator
from typing import Any

from media.speaker import AUDIBLE, Speakers, Voice

TICK_US = 100_000
PAUSE_US = 800_000
"""A shorter silence belongs to what is being said."""
SHORTEST_US = 400_000
"""A shorter sound is a cough, a chair, a door."""
_PACKET_US = 20_000


class Voices:
    """Levels of all microphones of one session; feed each point's packets in order, points in any order."""

    def __init__(self) -> None:
        self._heard: dict[str, tuple[array[int], bytearray]] = {}

    def hear(self, participant: str, packets: Iterable[tuple[int, int]]) -> None:
        """(UTC microseconds, loudness as in ``media.speaker``) of packets; what cannot be heard is left out."""
        times, levels = self._heard.setdefault(participant, (array("q"), bytearray()))
        for at, loudness in packets:
            if loudness >= AUDIBLE:
                times.append(at)
                levels.append(loudness)

    def join(self, other: Voices) -> None:
        """Take over what another one heard, of other points."""
        self._heard.update(other._heard)

    def told(self) -> dict[str, Any]:
        """``talk``: participant -> [[from, to], ...]; ``speakers``: [[moment, participant], ...] of each change, ""
        when nobody spoke any more. UTC microseconds."""
        return {
            "talk": {who: _spans(times) for who, (times, _) in sorted(self._heard.items())},
            "speakers": list(self._speakers()),
        }

    def _packets(self, who: str) -> Iterator[tuple[int, str, int]]:
        times, levels = self._heard[who]
        return ((at, who, level) for at, level in zip(times, levels, strict=True))

    def _speakers(self) -> Iterator[list[int | str]]:
        voices = {who: Voice() for who in sorted(self._heard)}
        choice, tick = Speakers(), 0
        for at, who, level in heapq.merge(*(self._packets(who) for who in voices)):
            tick = tick or at - at % TICK_US + TICK_US
            quiet_until = tick + 40 * TICK_US
            while tick <= at:
                if tick > quiet_until:  # nobody has been heard for long: nothing changes until the next packet
                    tick = at - at % TICK_US
                yield from self._turn(choice, voices, tick)
                tick += TICK_US
            voices[who].take(level, at / 1e6)
        for _ in range(40 if tick else 0):
            yield from self._turn(choice, voices, tick)
            tick += TICK_US

    @staticmethod
    def _turn(choice: Speakers, voices: dict[str, Voice], tick: int) -> Iterator[list[int | str]]:
        microphones = [("", who, voice) for who, voice in voices.items()]
        for _, speaker in choice.update([""], microphones, tick / 1e6):
            yield [tick, speaker]


def _spans(times: Iterable[int]) -> list[list[int]]:
    spans: list[list[int]] = []
    for at in times:
        if spans and at - spans[-1][1] <= PAUSE_US:
            spans[-1][1] = max(spans[-1][1], at + _PACKET_US)
        else:
            spans.append([at, at + _PACKET_US])
    return [span for span in spans if span[1] - span[0] >= SHORTEST_US]
