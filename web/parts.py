"""What every process and command opens: database, files, keys. Neither routes nor pages are loaded for it."""

from __future__ import annotations

from rooms import db as rooms_db
from rooms import indexing, signing, takekeys
from rooms.files import FileStore
from rooms.keeping import FromStore
from rooms.vault import Vault
from web import auth, filestores, folder, health
from web.config import Config
from web.hub import Hub


def _index(database: rooms_db.Database) -> None:
    """After the migration that brought the index: make it before anybody asks."""
    with database.read() as db:
        missing = indexing.is_missing(db)
    place = ""
    while missing:
        with database.write() as db:
            place = indexing.rebuild_step(db, place).place
        missing = bool(place)


def open_parts(config: Config) -> Hub:
    """Open (and where needed make) database, file store, vault and signing key of the data folder."""
    config.data.mkdir(parents=True, exist_ok=True)
    database = rooms_db.open_database(config.database)
    rooms_db.migrate(database)
    _index(database)
    store = filestores.open_store(config, database, Hub.now)
    return Hub(
        config=config,
        database=database,
        files=FileStore(config.data / "files", FromStore(store) if store is not None else None),
        metrics=health.Metrics(),
        throttle=auth.LoginThrottle(config),
        secret=config.secret or folder.kept_secret(config.data),
        vault=Vault.at(config.data / "keys" / "vault.key"),
        take_keys=takekeys.load_or_create(config.data / "keys" / "takes"),
        signing=signing.Current(config.data / "keys"),
        store=store,
    )
