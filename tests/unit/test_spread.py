"""How files of tests are handed to workers (tests/conftest.py)."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from tests.conftest import StoriesFirst

LAYERS, DESK, ROOM = "tests/browser/test_layers.py", "tests/browser/test_desk.py", "tests/browser/test_room.py"
UNIT, KILLS = "tests/unit/test_seq.py", "tests/integration/test_record_kills.py"


class Node:
    """A worker that notes what it was told to run."""

    def __init__(self) -> None:
        self.told: list[int] = []

    def send_runtest_some(self, indices: list[int]) -> None:
        self.told += indices


def scheduler(nodes: list[Any], *scopes: str) -> StoriesFirst:
    found = StoriesFirst.__new__(StoriesFirst)
    ids = [f"{scope}::test_it" for scope in scopes]
    found.workqueue = OrderedDict((scope, {one: False}) for scope, one in zip(scopes, ids, strict=True))
    found.assigned_work = {node: {} for node in nodes}
    found.registered_collections = {node: ids for node in nodes}
    return found


def test_two_workers_play_stories_and_the_third_does_not() -> None:
    nodes = [Node(), Node(), Node()]
    spread = scheduler(nodes, UNIT, LAYERS, DESK, ROOM, KILLS)
    for node in nodes:
        spread._assign_work_unit(node)
    assert [node.told for node in nodes] == [[1], [2], [4]]


def test_a_worker_that_is_through_with_its_story_leaves_the_place_to_another() -> None:
    nodes = [Node(), Node(), Node()]
    spread = scheduler(nodes, UNIT, LAYERS, DESK, ROOM)
    for node in nodes:
        spread._assign_work_unit(node)
    spread.assigned_work[nodes[0]][LAYERS][f"{LAYERS}::test_it"] = True
    spread._assign_work_unit(nodes[2])
    assert nodes[2].told == [0, 3]


def test_when_only_stories_are_left_all_play_them() -> None:
    nodes = [Node(), Node(), Node()]
    spread = scheduler(nodes, LAYERS, DESK, ROOM)
    for node in nodes:
        spread._assign_work_unit(node)
    assert [node.told for node in nodes] == [[0], [1], [2]]
