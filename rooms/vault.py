"""The vault: identities of denouncers, encrypted; opening takes a right, a reason, and leaves a trace (design 1, 7)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from rooms.actor import Actor
from rooms.models import VaultEntry


class Vault:
    """The key, held outside the database. Build once with Vault.at and pass it to those who need it."""

    @classmethod
    def at(cls, key_file: Path) -> Vault:
        """The vault of a data folder; makes the key file (mode 0600) at first use. Raises StorageFailed."""
        raise NotImplementedError


def seal(
    db: Session, actor: Actor, vault: Vault, object_kind: str, object_id: str, identity: Mapping[str, Any],
    now: dt.datetime,
) -> VaultEntry:  # fmt: skip
    """Put an identity away and get the pseudonym that stands for it."""
    raise NotImplementedError


def open_entry(db: Session, actor: Actor, vault: Vault, entry_id: str, reason: str, now: dt.datetime) -> dict[str, Any]:
    """Show an identity. Needs a write transaction: the opening is logged in the same one.

    Raises NotFound, Invalid vault.reason_missing, StorageFailed vault.key_missing.
    """
    raise NotImplementedError
