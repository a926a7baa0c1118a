"""How tests are spread over workers (``pytest -n``).

Tests of one file stay together, because files share hubs and servers. All tests wait more than they work: three workers
for two cores. Browser stories begin first, for they are the longest, and run two at a time: a third would make
Chromium late. What is marked ``alone`` runs afterwards, one by one: Chromium needs both cores there, or what is
measured is the machine.
"""

from __future__ import annotations

from typing import Any

import pytest
from argon2 import PasswordHasher
from hypothesis import settings
from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

from rooms import people

settings.register_profile("hub", deadline=None)  # by the clock on the wall: it would measure what else the machine does
settings.load_profile("hub")

people._hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""argon2 with the least work for the people that tests make: its strength is not what they are about, and a hub that a
test starts takes the costs that stand in the hash."""

STORIES_AT_ONCE = 2


class StoriesFirst(LoadFileScheduling):
    """Files with browser stories as long as few enough play, then those that wait for processes (integration), then all
    others: what takes long and works little must not be what everybody waits for at the end."""

    def _assign_work_unit(self, node: WorkerController) -> None:
        playing = sum(
            any(_is_story(scope) and not all(tests.values()) for scope, tests in work.items())
            for other, work in self.assigned_work.items()
            if other is not node
        )
        first = min(self.workqueue, key=lambda scope: _turn(scope, playing < STORIES_AT_ONCE), default=None)
        if first is not None:
            self.workqueue.move_to_end(first, last=False)
        super()._assign_work_unit(node)


def _is_story(scope: str) -> bool:
    return scope.startswith("tests/browser/")


def _turn(scope: str, may_play: bool) -> int:
    """The lower the sooner; of the same turn, the file with the most tests begins."""
    if _is_story(scope):
        return 0 if may_play else 3
    return 1 if scope.startswith("tests/integration/") else 2


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling:
    """Used only with ``-n``."""
    return StoriesFirst(config, log)
