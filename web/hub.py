"""The running hub: the parts that ``web/main.py`` puts together, in one object that routes and commands get.

No module-level state anywhere: whoever needs a part gets this object (``deps.get_hub``) or the part itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from web.config import Config
from web.looks import Looks

if TYPE_CHECKING:
    from rooms.db import Database
    from rooms.files import FileStore
    from rooms.signing import Signer
    from rooms.vault import Vault
    from web.auth import LoginThrottle
    from web.health import Metrics


@dataclass
class Hub:
    """Config and parts. ``sessions``, ``relays``, ``channel``, ``endpoints`` come from signaling (see main.py)."""

    config: Config
    database: Database
    files: FileStore
    metrics: Metrics
    throttle: LoginThrottle
    secret: str
    vault: Vault
    signer: Signer
    sessions: Any = None
    relays: Any = None
    channel: Any = None
    endpoints: Any = None
    supervisor: Any = None
    looks: Looks = field(default_factory=Looks)
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    stopping: bool = False

    @staticmethod
    def now() -> datetime:
        """The hub's clock: UTC, aware. Use cases get it as an argument."""
        return datetime.now(UTC)
