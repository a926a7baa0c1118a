"""A migrated, empty SQLite file to copy: made once per test process, for migrating costs half a second each time."""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from pathlib import Path

from rooms.db import migrate, open_database


@functools.cache
def _template() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="dc-template-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    database = open_database(f"sqlite:///{folder / 'hub.db'}")
    migrate(database)
    database.dispose()
    return folder / "hub.db"


def migrated(path: Path) -> Path:
    """``path``, which is now a migrated, empty database."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(_template(), path)
    return path
