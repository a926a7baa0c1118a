"""Which store an address means (HUB_STORE), and how it is opened."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rooms.sealing import GroupKeys, Keys, Sealed
from rooms.stores import Folder, Store

if TYPE_CHECKING:
    from rooms.db import Database
    from web.config import Config

FOLDER = "folder:"


def read_store(address: str) -> Path | None:
    """The path of a folder store, None for a bucket. Raises ValueError for what is neither."""
    if address.startswith(FOLDER):
        path = Path(address.removeprefix(FOLDER))
        if not path.is_absolute():
            raise ValueError("a folder store needs an absolute path, such as folder:/srv/record")
        return path
    from web import s3store

    s3store.read_address(address)
    return None


def open_store(config: Config, database: Database, now: Callable[[], datetime]) -> Store | None:
    """The store where files are kept for good, encrypted where keys are given; None when they stay in the data folder.
    Asks nothing of it yet."""
    if not config.store:
        return None
    store = _plain(config)
    if not config.store_keys:
        return store
    return Sealed(store, GroupKeys(database, Keys.read(config.store_keys), now))


def _plain(config: Config) -> Store:
    path = read_store(config.store)
    if path is not None:
        return Folder(path)
    from web import s3store

    return s3store.S3(
        s3store.Place(
            address=config.store,
            access_key=config.store_access_key,
            secret_key=config.store_secret_key,
            region=config.store_region,
            authority=str(config.store_ca or ""),
        )
    )
