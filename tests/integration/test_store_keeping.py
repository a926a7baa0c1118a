"""A hub's files in an S3 bucket (Debian's Swift) that goes away and lies: alarm, nothing lost, and well again alone."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rooms import keeping
from rooms.errors import StorageFailed
from tests.support.badline import BadLine
from tests.support.s3 import SECRET, place, private_swift
from web import config, parts
from web.hub import Hub
from web.keeping import Keeping
from web.pages.board import store_alerts
from web.s3store import S3


@pytest.fixture(scope="module")
def swift(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with private_swift(tmp_path_factory.mktemp("swift")) as port:
        yield port


@pytest.fixture(params=["plain", "encrypted"])
def hub(request: pytest.FixtureRequest, swift: int, tmp_path: Path) -> Iterator[tuple[Hub, BadLine]]:
    line = BadLine(swift)
    bucket = place(line.port, str(request.param))
    environ = {
        "HUB_STORE": bucket.address,
        "HUB_STORE_ACCESS_KEY": bucket.access_key,
        "HUB_STORE_SECRET_KEY": SECRET,
        "HUB_STORE_LOCAL_HOURS": "1",
    }
    if request.param == "encrypted":
        environ["HUB_STORE_KEYS"] = "ab" * 32
    hub = parts.open_parts(config.load(environ, data=tmp_path / "data"))
    store = hub.store if isinstance(hub.store, S3) else getattr(hub.store, "inner", None)
    assert isinstance(store, S3)
    store.retries = 1
    store.client._http.connection_pool_kw["retries"] = 1
    yield hub, line
    hub.database.dispose()
    line.close()


def paper(hub: Hub, name: str, data: bytes) -> Path:
    path = hub.files.root / "papers" / "ab" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (time.time() - 7200,) * 2)
    return path


def alarm(hub: Hub) -> str:
    with hub.database.read() as db:
        state, shown = keeping.state_of(db), store_alerts(db, "vi")
    assert bool(shown) == bool(state is not None and state.code)
    return state.code if state is not None else "unknown"


def test_trouble_is_told_loses_nothing_and_ends_by_itself(hub: tuple[Hub, BadLine]) -> None:
    parts, line = hub
    rounds, data = Keeping(parts), os.urandom(5000)
    local = paper(parts, "first", data)
    line.down = True
    rounds.step()
    assert alarm(parts) == "store.unavailable" and local.read_bytes() == data
    line.heal()
    line.corrupt_at = 1000
    rounds.step()
    assert alarm(parts) == "store.corrupted" and local.read_bytes() == data
    line.heal()
    line.cut_after = 3000
    rounds.step()
    assert alarm(parts) in ("store.unavailable", "store.corrupted") and local.read_bytes() == data
    line.heal()
    rounds.let_go_at = 0.0
    rounds.step()
    assert alarm(parts) == "" and not local.exists()  # no hand was lifted
    assert parts.files.at_hand("papers/ab/first").read_bytes() == data
    local.unlink()
    line.down = True
    line.drop()
    with pytest.raises(StorageFailed):
        parts.files.at_hand("papers/ab/first")
    line.heal()
    assert parts.files.at_hand("papers/ab/first").read_bytes() == data


def test_wrong_credentials_are_an_alarm_of_their_own(swift: int, tmp_path: Path) -> None:
    environ = {"HUB_STORE": place(swift).address, "HUB_STORE_ACCESS_KEY": "test:tester", "HUB_STORE_SECRET_KEY": "no"}
    opened = parts.open_parts(config.load(environ, data=tmp_path / "data"))
    local = paper(opened, "first", b"x")
    Keeping(opened).step()
    assert alarm(opened) == "store.refused" and local.exists()
    opened.database.dispose()
