"""Legs of the device check: publish legs of peers that are in no session, open for some seconds.

ICE and DTLS go exactly the way that media goes; nothing is sent over such a leg. Each closes by itself after
``TEST_S``; a person has at most ``MAX_OWN`` at once and all together ``MAX_ALL``, so the check cannot fill a relay.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Protocol

from media import messages as r
from rooms.ids import new_id

TEST_S = 20.0
MAX_OWN = 24
MAX_ALL = 96


class TooManyLegs(Exception):
    """This person, or all together, have too many legs open."""


class Pool(Protocol):
    """What is needed of signaling.relays.RelayPool."""

    def next_request(self) -> str:
        """A fresh request id."""

    def send(self, relay: str, message: r.ToRelay) -> bool:
        """Queue a message."""

    async def ask(self, relay: str, message: r.PublishOffer) -> r.Answer:
        """Ask and wait."""


class TestLegs:
    """The legs that are open now."""

    __test__ = False  # not a test, whatever pytest thinks of the name

    def __init__(self, seconds: float = TEST_S) -> None:
        self.held: Counter[str] = Counter()
        self._seconds = seconds
        self._tasks: set[asyncio.Task[None]] = set()

    def take(self, person: str) -> TestLeg:
        """One more leg for this person. Raises TooManyLegs."""
        if self.held[person] >= MAX_OWN or self.held.total() >= MAX_ALL:
            raise TooManyLegs
        self.held[person] += 1
        return TestLeg(self, person)

    def release(self, person: str) -> None:
        """One leg of this person is closed."""
        self.held[person] -= 1
        self.held += Counter()  # forget who has none

    def close_later(self, leg: TestLeg, pool: Pool, relay: str) -> None:
        """Close the leg when its time is over."""
        task = asyncio.create_task(self._close(leg, pool, relay), name="test-leg")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _close(self, leg: TestLeg, pool: Pool, relay: str) -> None:
        try:
            await asyncio.sleep(self._seconds)
        finally:
            pool.send(relay, r.ClosePeer(peer=leg.peer))
            self.release(leg.person)


class TestLeg:
    """One leg, to be opened once."""

    __test__ = False

    def __init__(self, legs: TestLegs, person: str) -> None:
        self.person = person
        self.peer = f"check-{new_id()}"
        self._legs = legs

    async def open(self, pool: Pool, relay: str, sdp: str, local: bool) -> str:
        """Bring the offer to the relay; its answer. Raises what the pool raises; the leg is then given back."""
        offer = r.PublishOffer(req=pool.next_request(), peer=self.peer, sdp=sdp, local=local)
        try:
            answer = await pool.ask(relay, offer)
        except BaseException:
            self._legs.release(self.person)
            raise
        self._legs.close_later(self, pool, relay)
        return answer.sdp
