"""Signaling on a real database, for tests that go through sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from rooms.vault import Vault
from tests.support.actors import World, build_world
from tests.support.signaling_bench import Bench, running_bench


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    """One app, started."""
    async with running_bench(tmp_path) as bench:
        yield bench


@pytest.fixture
def world(bench: Bench) -> World:
    """Sites and people, in the app's database."""
    with bench.database.write() as db:
        return build_world(db)


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    """A vault of its own."""
    return Vault.at(tmp_path / "vault.key")
