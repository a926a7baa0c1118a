"""Events of a session that its owner cannot write are kept by the relay: synced, in order, for the highest epoch."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from media.errors import StaleEpoch
from media.keeper import MAX_KEPT, Keeper, KeptFull
from media.messages import Answer, ForgetKept, KeepEvents, KeptEvent, KeptEvents, ReadKept, Refused, ToApp


def event(number: int, epoch: int = 1, kind: str = "source.muted") -> KeptEvent:
    return KeptEvent(epoch=epoch, number=number, kind=kind, utc=1000.0 + number / 8, body={"participant": "a"})


def keep(*numbers: int, after: int = 0, epoch: int = 1, session: str = "s") -> KeepEvents:
    events = tuple(event(number, epoch) for number in numbers)
    return KeepEvents(req="k", session=session, epoch=epoch, after=after, events=events)


class Kept:
    """A keeper that is asked and waited for."""

    def __init__(self, path: Path) -> None:
        self.keeper = Keeper(path, asyncio.get_running_loop())

    async def ask(self, message: Any) -> ToApp:
        future: asyncio.Future[ToApp] = asyncio.get_running_loop().create_future()
        self.keeper.handle(message, future.set_result)
        return await asyncio.wait_for(future, 10)

    async def numbers(self, epoch: int = 1, session: str = "s") -> list[tuple[int, int]]:
        answer = await self.ask(ReadKept(req="r", session=session, epoch=epoch))
        assert isinstance(answer, KeptEvents)
        return [(one.epoch, one.number) for one in answer.events]


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "kept.db"


async def test_what_was_answered_survives_a_kill(path: Path) -> None:
    kept = Kept(path)
    assert await kept.ask(keep(11, 12, after=10)) == Answer(req="k")
    assert await kept.ask(keep(13, after=12)) == Answer(req="k")
    again = Kept(path)  # the first one never closed
    assert again.keeper.sessions() == {"s": 3}
    answer = await again.ask(ReadKept(req="r", session="s", epoch=2))
    assert isinstance(answer, KeptEvents)
    assert answer.events == (event(11), event(12), event(13)), "with their times and bodies, in order"
    assert await again.numbers(session="other") == []


async def test_sent_again_is_there_once_and_the_tail_can_be_taken_back(path: Path) -> None:
    kept = Kept(path)
    await kept.ask(keep(11, 12, after=10))
    await kept.ask(keep(11, 12, 13, after=10))
    assert await kept.numbers() == [(1, 11), (1, 12), (1, 13)]
    await kept.ask(keep(after=12))
    assert await kept.numbers() == [(1, 11), (1, 12)]


async def test_a_lower_epoch_is_refused_also_after_a_restart(path: Path) -> None:
    kept = Kept(path)
    await kept.ask(keep(11, after=10))
    assert await kept.numbers(epoch=2) == [(1, 11)]
    for keeper in (kept.keeper, Kept(path).keeper):
        with pytest.raises(StaleEpoch):
            keeper.handle(keep(12, after=11), lambda answer: None)
    kept.keeper.fence("other", 5)
    with pytest.raises(StaleEpoch):
        kept.keeper.handle(keep(1, session="other", epoch=4), lambda answer: None)


async def test_what_the_database_has_is_forgotten(path: Path) -> None:
    kept = Kept(path)
    await kept.ask(keep(11, 12, after=10))
    await kept.ask(keep(13, after=12, epoch=3))
    kept.keeper.handle(ForgetKept(session="s", epoch=3, number=12), lambda answer: None)
    assert await kept.numbers(epoch=3) == [(3, 13)]
    assert kept.keeper.sessions() == {"s": 1}


async def test_a_disk_that_refuses_is_said(path: Path) -> None:
    kept = Kept(path)
    await kept.ask(keep(11, after=10))
    kept.keeper._path = path.parent / "missing" / "kept.db"
    answer = await kept.ask(keep(12, after=11))
    assert isinstance(answer, Refused) and answer.code == "relay_error"
    kept.keeper._path = path
    assert await kept.numbers() == [(1, 11)]


async def test_a_disk_that_only_reads_still_gives_what_it_has(path: Path) -> None:
    kept = Kept(path)
    await kept.ask(keep(11, after=10))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")  # nobody else can write
    try:
        assert await kept.numbers(epoch=2) == [(1, 11)]
        with pytest.raises(StaleEpoch):
            kept.keeper.handle(keep(12, after=11), lambda answer: None)
    finally:
        other.close()


async def test_there_is_a_limit(path: Path) -> None:
    with pytest.raises(KeptFull):
        Kept(path).keeper.handle(keep(*range(MAX_KEPT + 1)), lambda answer: None)
