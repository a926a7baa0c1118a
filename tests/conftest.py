"""How unit and integration tests are spread over two workers (``pytest -n 2``).

Tests of one file stay together, because files share hubs and servers. Browser tests run afterwards and alone: Chromium
needs both cores, or what they measure is the machine.
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
