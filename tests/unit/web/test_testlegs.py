"""Legs of the device check: bounded per person and in all, and closed by themselves."""

from __future__ import annotations

import asyncio

import pytest

from media.messages import Answer, ClosePeer, PublishOffer, ToRelay
from web.testlegs import MAX_ALL, MAX_OWN, TestLegs, TooManyLegs


class Pool:
    """A relay that answers, or is away."""

    def __init__(self, is_away: bool = False) -> None:
        self.is_away = is_away
        self.offers: list[PublishOffer] = []
        self.closed: list[str] = []

    def next_request(self) -> str:
        return "q1"

    def send(self, relay: str, message: ToRelay) -> bool:
        assert isinstance(message, ClosePeer)
        self.closed.append(message.peer)
        return True

    async def ask(self, relay: str, message: PublishOffer) -> Answer:
        if self.is_away:
            raise ConnectionError
        self.offers.append(message)
        return Answer(req=message.req, sdp="answer")


async def test_a_leg_is_closed_when_its_time_is_over() -> None:
    pool, legs = Pool(), TestLegs(0.01)
    assert await legs.take("an").open(pool, "relay", "offer", True) == "answer"
    assert legs.held["an"] == 1 and pool.closed == []
    assert pool.offers[0].local and pool.offers[0].sources == {}
    await asyncio.sleep(0.05)
    assert pool.closed == [pool.offers[0].peer]
    assert legs.held.total() == 0


async def test_one_person_cannot_fill_a_relay_nor_can_all() -> None:
    pool, legs = Pool(), TestLegs(60)
    for _ in range(MAX_OWN):
        await legs.take("an").open(pool, "relay", "offer", False)
    with pytest.raises(TooManyLegs):
        legs.take("an")
    for number in range(MAX_ALL - MAX_OWN):
        legs.take(f"p{number}")
    with pytest.raises(TooManyLegs):
        legs.take("binh")


async def test_a_leg_that_no_relay_took_counts_no_more() -> None:
    legs = TestLegs(60)
    with pytest.raises(ConnectionError):
        await legs.take("an").open(Pool(is_away=True), "relay", "offer", False)
    assert legs.held.total() == 0


async def test_peers_of_test_legs_are_never_those_of_devices() -> None:
    legs = TestLegs(60)
    one, other = legs.take("an"), legs.take("an")
    assert one.peer.startswith("check-") and one.peer != other.peer
