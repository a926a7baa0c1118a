"""The active speaker does not flicker."""

from __future__ import annotations

from media.speaker import AUDIBLE, HOLD, QUIET, SpeakerChoice

LOUD = AUDIBLE + 25.0


def run(choice: SpeakerChoice, levels: list[tuple[str, float]], begin: float, seconds: float) -> list[str]:
    changes = []
    for tick in range(int(seconds * 10)):
        if choice.update(levels, begin + tick / 10):
            changes.append(choice.speaker)
    return changes


def test_the_first_voice_is_shown_at_once() -> None:
    choice = SpeakerChoice()
    assert run(choice, [("an", 10.0), ("binh", LOUD)], 0, 0.2) == ["binh"]


def test_another_must_be_clearly_louder_for_a_while() -> None:
    choice = SpeakerChoice()
    run(choice, [("an", LOUD)], 0, 1)
    assert run(choice, [("an", LOUD), ("binh", LOUD + 3)], 1, 5) == []
    assert run(choice, [("an", LOUD), ("binh", LOUD + 10)], 6, HOLD - 0.2) == []
    assert run(choice, [("an", LOUD), ("binh", LOUD)], 7, 1) == []
    assert run(choice, [("an", 0.0), ("binh", LOUD)], 8, 2) == ["binh"]


def test_silence_ends_it_only_after_a_while() -> None:
    choice = SpeakerChoice()
    run(choice, [("an", LOUD)], 0, 1)
    assert run(choice, [("an", 0.0)], 1, QUIET - 0.5) == []
    assert run(choice, [("an", 0.0)], 1 + QUIET - 0.5, 2) == [""]


def test_one_who_is_gone_or_muted_is_no_longer_shown() -> None:
    choice = SpeakerChoice()
    run(choice, [("an", LOUD)], 0, 1)
    assert run(choice, [], 1, 0.3) == [""]
