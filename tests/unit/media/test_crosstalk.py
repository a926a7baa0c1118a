"""Rooms that hear each other, told apart from people who talk in turn or at once. All talk here is made up."""

from __future__ import annotations

from random import Random

import pytest

from media.crosstalk import Crosstalk, SessionEars, alikeness
from media.speaker import Voice

TICK = 0.1
SECONDS = 24


def talk(seed: int, seconds: float = SECONDS, share: float = 0.7) -> list[float]:
    """Loudness of somebody talking, 0..127 per tick: words of 0.2 to 0.7 s, pauses between words and sentences."""
    random = Random(seed)
    levels: list[float] = []
    while len(levels) < seconds / TICK:
        for _ in range(random.randint(3, 9)):
            loud = random.uniform(88, 104)
            levels += [loud + random.uniform(-5, 5) for _ in range(random.randint(2, 7))]
            levels += [random.uniform(30, 50)] * random.randint(1, 3)
        levels += [random.uniform(30, 50)] * random.randint(3, int(12 / share))
    return levels[: int(seconds / TICK)]


def through_the_wall(levels: list[float], quieter: float, late: int, seed: int = 99) -> list[float]:
    """What another microphone hears of it: less, a little later, with a noise of its own."""
    random = Random(seed)
    moved = [0.0] * late + levels[: len(levels) - late]
    return [max(random.uniform(30, 45), level - quieter + random.uniform(-2, 2)) for level in moved]


def audible(levels: list[float]) -> list[float]:
    return [max(0.0, level - 76) for level in levels]


def listen(rooms: dict[str, list[float]]) -> list[tuple[float, tuple[tuple[str, str], ...]]]:
    """(seconds, pairs) at every change."""
    ears, changes = SessionEars(), []
    for tick in range(max(len(levels) for levels in rooms.values())):
        now = [(name, audible(levels)[tick]) for name, levels in rooms.items() if tick < len(levels)]
        if ears.update(now):
            changes.append((tick * TICK, ears.pairs))
    return changes


@pytest.mark.parametrize("late", [0, 1, 2])
@pytest.mark.parametrize("quieter", [4.0, 10.0])
def test_two_rooms_that_hear_the_same_are_told_within_thirteen_seconds(late: int, quieter: float) -> None:
    an = talk(1)
    changes = listen({"an": an, "binh": through_the_wall(an, quieter, late), "chi": talk(7)})
    (at, pairs), *more = changes
    assert pairs == (("an", "binh"),) and at < 13, "the quieter one is to be muted"
    assert more == []


@pytest.mark.parametrize("seed", range(12))
def test_people_who_talk_at_once_are_not_taken_for_one(seed: int) -> None:
    assert listen({"an": talk(seed), "binh": talk(seed + 1000)}) == []


@pytest.mark.parametrize("seed", range(6))
def test_people_who_talk_in_turn_are_not_taken_for_one(seed: int) -> None:
    random, silence = Random(seed), [40.0] * 10_000
    an, binh = talk(seed), talk(seed + 500)
    turns: list[bool] = []
    while len(turns) < len(an):
        turns += [len(turns) // 40 % 2 == 0] * random.randint(20, 80)
    rooms = {
        "an": [level if mine else quiet for level, mine, quiet in zip(an, turns, silence, strict=False)],
        "binh": [level if not mine else quiet for level, mine, quiet in zip(binh, turns, silence, strict=False)],
    }
    assert listen(rooms) == []


def test_an_echo_that_comes_much_later_is_another_matter() -> None:
    an = talk(3)
    assert listen({"an": an, "binh": through_the_wall(an, 6, 6)}) == []


def test_it_is_over_when_one_is_muted_and_when_they_part() -> None:
    an = talk(4, 40)
    binh = through_the_wall(an, 6, 1)
    ears = SessionEars()
    for tick in range(200):
        ears.update([("an", audible(an)[tick]), ("binh", audible(binh)[tick])])
    assert ears.pairs == (("an", "binh"),)
    assert ears.update([("an", audible(an)[200])]) and not ears.pairs
    parted = binh[:200] + talk(77, 20)
    changes = listen({"an": an, "binh": parted})
    assert [pairs for _, pairs in changes] == [(("an", "binh"),), ()]
    assert changes[1][0] < 34


def test_silence_says_nothing_new() -> None:
    an = talk(5, 15) + [40.0] * 300
    binh = through_the_wall(an[:150], 6, 1) + [40.0] * 300
    assert len(listen({"an": an, "binh": binh})) == 1, "nobody talks: it stays as it was"


def test_only_the_busiest_microphones_are_compared() -> None:
    rooms = {f"p{index:02}": talk(index + 50, 12, share=1.0) for index in range(20)}
    assert listen(rooms) == []


def test_likeness_is_one_for_the_same_and_nothing_for_stillness() -> None:
    levels = audible(talk(1, 8))
    assert alikeness(levels, levels) == pytest.approx(1.0)
    assert alikeness(levels, [3.0] * len(levels)) == 0.0


def test_levels_come_from_the_packets_of_each_session() -> None:
    """Two sessions at once; in one of them two microphones hear the same."""
    crosstalk = Crosstalk()
    same = talk(11, 20)
    rooms = {
        ("one", "an"): same, ("one", "binh"): through_the_wall(same, 6, 0),
        ("two", "an"): talk(12, 20), ("two", "binh"): talk(13, 20),
    }  # fmt: skip
    voices = {key: Voice() for key in rooms}
    found = []
    for tick in range(200):
        for key, levels in rooms.items():
            for packet in range(5):
                voices[key].take(int(levels[tick]), tick * TICK + packet * 0.02)
            voices[key].turn()
        found += crosstalk.update(["one", "two"], [(*key, voice) for key, voice in voices.items()])
    assert set(found) == {("one", (("an", "binh"),))} and len(found) == 2, "told again in case it got lost"
    assert crosstalk.update(["two"], []) == []
