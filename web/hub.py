"""The running hub: the parts that ``web/main.py`` puts together, in one object that routes and commands get.

No module-level state anywhere: whoever needs a part gets this object (``deps.get_hub``) or the part itself.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import anyio.from_thread

from rooms.copies import Copies
from rooms.stores import Folder
from web.config import Config
from web.looks import Looks
from web.testlegs import TestLegs

if TYPE_CHECKING:
    from rooms.db import Database
    from rooms.files import FileStore
    from rooms.signing import Current, Signer
    from rooms.stores import Store
    from rooms.takekeys import TakeKeys
    from rooms.vault import Vault
    from signaling.endpoints import Endpoints
    from signaling.hubchannel import HubChannel
    from signaling.relays import RelayPool
    from signaling.sessions import Sessions
    from signaling.takes import Takes
    from web.auth import LoginThrottle
    from web.health import Metrics
    from web.peers import RedisPeers
    from web.sockets import SocketAdapter
    from web.supervisor import Supervisor


T = TypeVar("T")


class NoHub(Exception):
    """A live part was needed in a process that has none (a command that works on the folder by itself)."""

    code = "hub.needed"
    message = "This needs the running hub: start `diemcau serve` on this folder first."


def running(part: T | None) -> T:
    """The live part. Raises NoHub."""
    if part is None:
        raise NoHub
    return part


@dataclass
class Hub:
    """Config and parts. ``sessions``, ``relays``, ``channel``, ``endpoints`` come from signaling (see wiring.py); they
    are None in a command that works on the folder without a hub. ``store``: where files are kept for good, None when
    that is the data folder alone. ``copies``: of running journals; ``copies_root``: their folder, None in a bucket.
    ``handed_on``: pages served by another app."""

    config: Config
    database: Database
    files: FileStore
    metrics: Metrics
    throttle: LoginThrottle
    secret: str
    vault: Vault
    signing: Current
    take_keys: TakeKeys
    store: Store | None = None
    sessions: Sessions | None = None
    relays: RelayPool | None = None
    channel: HubChannel | None = None
    endpoints: Endpoints | None = None
    takes: Takes | None = None
    take_gate: asyncio.Semaphore | None = None
    supervisor: Supervisor | None = None
    peers: RedisPeers | None = None
    copies: Copies = field(init=False)
    copies_root: Path | None = field(init=False)
    looks: Looks = field(default_factory=Looks)
    test_legs: TestLegs = field(default_factory=TestLegs)
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    stopping: bool = False
    handed_on: set[SocketAdapter] = field(default_factory=set)

    def __post_init__(self) -> None:
        place = self.store if self.config.copies_folder is None else None
        if place is None:
            place = Folder(self.config.copies_folder or self.files.root)
        self.copies = Copies(place)
        self.copies_root = place.root if isinstance(place, Folder) else None

    @property
    def signer(self) -> Signer:
        """The key that signs now; another one after ``diemcau keys new``."""
        return self.signing.signer()

    @property
    def recovered(self) -> Path:
        """Where journals lie that were put together from copies, until their package is made."""
        return self.config.data / "recovered"

    def stir(self) -> None:
        """Something that other devices see has changed: let the hub channel send it now, not at its next round.
        For routes that run in a thread."""
        if self.channel is not None:
            anyio.from_thread.run_sync(self.channel.dirty)

    @staticmethod
    def now() -> datetime:
        """The hub's clock: UTC, aware. Use cases get it as an argument."""
        return datetime.now(UTC)
