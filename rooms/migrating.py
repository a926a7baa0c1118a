"""Alembic at work: bringing tables up to the newest revision. Loaded only when they are not there yet (rooms.db)."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory


def alembic_config() -> Config:
    """Alembic's settings, without an ini file."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return config


def head() -> str | None:
    """The newest revision by the migrations' own links."""
    return ScriptDirectory.from_config(alembic_config()).get_current_head()


def upgrade(connection: sa.Connection) -> None:
    """Run, in this connection's transaction, every migration that is still to be run."""
    config = alembic_config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
