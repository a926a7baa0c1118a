"""How the suite is spread over two workers (``pytest -n 2 --dist loadgroup``).

Tests of one file stay together, because files share hubs and servers. All browser tests are one group and begin
first: one worker plays them one after the other, since Chromium needs a core, while the other does everything else.
"""

from __future__ import annotations

import pytest


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Name the groups and put the browser's first."""
    for item in items:
        is_browser = "/browser/" in item.nodeid
        item.add_marker(pytest.mark.xdist_group("browser" if is_browser else item.nodeid.split("::")[0]))
    items.sort(key=lambda item: "/browser/" not in item.nodeid)
