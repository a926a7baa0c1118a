"""Signaling on a real database, for tests that go through sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.signaling_bench import Bench, running_bench


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    """One app, started."""
    async with running_bench(tmp_path) as bench:
        yield bench
