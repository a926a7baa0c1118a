"""How tests are spread over workers (``pytest -n``).

Tests of one file stay together, because files share hubs and servers. Unit and integration tests wait more than they
work: three workers for two cores. Browser stories run two at a time; what is marked ``alone`` runs afterwards, one by
one: Chromium needs both cores there, or what is measured is the machine.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadFileScheduling

settings.register_profile("hub", deadline=None)  # by the clock on the wall: it would measure what else the machine does
settings.load_profile("hub")


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling:
    """Used only with ``-n``."""
    return LoadFileScheduling(config, log)
