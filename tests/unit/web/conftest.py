"""What tests of the hub's parts begin with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rooms.db import Database, open_database
from tests.support.migrated import migrated


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """An empty database of this test's own, with all migrations."""
    found = open_database(f"sqlite:///{migrated(tmp_path / 'hub.db')}")
    yield found
    found.dispose()
