"""Who spoke when, from made-up levels."""

from __future__ import annotations

from media.voices import Voices

ZERO = 1_700_000_000_000_000
LOUD = 127 - 20


def talk(start: float, end: float, loudness: int = LOUD) -> list[tuple[int, int]]:
    return [(ZERO + round(start * 1e6) + i * 20_000, loudness) for i in range(round((end - start) * 50))]


def test_each_who_talks_becomes_the_speaker_and_gets_a_span() -> None:
    voices = Voices()
    voices.hear("an", [*talk(1, 5), *talk(5.5, 9), *talk(30, 40)])
    other = Voices()
    other.hear("binh", [*talk(12, 20), *talk(25, 25.1)])
    voices.join(other)
    told = voices.told()
    assert [[round((a - ZERO) / 1e6, 1), round((b - ZERO) / 1e6, 1)] for a, b in told["talk"]["an"]] == [
        [1.0, 9.0],
        [30.0, 40.0],
    ]
    assert len(told["talk"]["binh"]) == 1, "a cough is no talk"
    shown = [(round((at - ZERO) / 1e6, 1), who) for at, who in told["speakers"] if who]
    assert [who for _, who in shown] == ["an", "binh", "an"]
    for (at, _), began in zip(shown, (1, 12, 30), strict=True):
        assert began < at <= began + 1.0


def test_an_hour_of_silence_costs_nothing_and_ends_the_speaker() -> None:
    voices = Voices()
    voices.hear("an", [*talk(0, 3), *talk(3600, 3605)])
    assert [who for _, who in voices.told()["speakers"]] == ["an", "", "an", ""]


def test_what_cannot_be_heard_and_nobody_at_all() -> None:
    voices = Voices()
    assert voices.told() == {"talk": {}, "speakers": []}
    voices.hear("an", talk(0, 5, 127 - 80))
    assert voices.told() == {"talk": {"an": []}, "speakers": []}
