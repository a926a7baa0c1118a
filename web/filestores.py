"""Which store an address means (HUB_STORE), and how it is opened."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rooms.stores import Folder, Store

if TYPE_CHECKING:
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


def open_store(config: Config) -> Store | None:
    """The store where files are kept for good; None when they stay in the data folder. Asks nothing yet."""
    if not config.store:
        return None
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
