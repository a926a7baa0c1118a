"""How the suite is spread over two workers (``pytest -n 2 --no-loadscope-reorder``).

Tests of one file stay together, because files share hubs and servers. All browser tests are one group and begin
first: one worker plays them one after the other, since Chromium needs a core, while the other does everything else.
"""

from __future__ import annotations

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling


class FilesAndBrowser(LoadScopeScheduling):  # type: ignore[misc]
    """One scope per file, and one for all browser tests."""

    def _split_scope(self, nodeid: str) -> str:
        return "browser" if "/browser/" in nodeid else nodeid.split("::", 1)[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> FilesAndBrowser:
    """Used only with ``-n``."""
    return FilesAndBrowser(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest group begins first."""
    items.sort(key=lambda item: "/browser/" not in item.nodeid)
