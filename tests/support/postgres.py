"""A private PostgreSQL server for a test session: own folder, own unix socket, no network, nothing synced to disk.

Started by the tests themselves; a machine without PostgreSQL fails the tests instead of skipping them silently.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psycopg

FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "shared_buffers": "32MB",
    "max_connections": "40",
    "listen_addresses": "",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}


@dataclass(frozen=True)
class PostgresServer:
    """A running server. ``folder`` holds its socket; ``port`` only names the socket."""

    folder: Path
    port: int
    data: Path
    run: tuple[str, ...]  # how its programs are started: directly, or as another user when the tests run as root
    bin: Path

    def url(self, name: str) -> str:
        """Address of one of its databases."""
        return f"postgresql://diemcau@/{name}?host={self.folder}&port={self.port}"

    def execute(self, statement: str) -> None:
        """Run one statement outside any transaction."""
        address = f"host={self.folder} port={self.port} user=diemcau dbname=postgres"
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(statement)

    def create(self, template: str = "template1") -> str:
        """A fresh database, copied from a template; its name."""
        name = f"t{secrets.token_hex(6)}"
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return name

    def drop(self, name: str) -> None:
        """Remove a database, with whoever is still connected."""
        self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def stop(self) -> None:
        """Stop it; whoever is connected is thrown out."""
        self._ctl("stop", "-m", "fast")

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._ctl("start", "-l", str(self.folder / "log"), "-o", f"-k {self.folder} -p {self.port}")

    def _ctl(self, *words: str) -> None:
        command = [*self.run, str(self.bin / "pg_ctl"), "-D", str(self.data), "-w", "-t", "30", *words]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=self.folder)


def binaries() -> Path:
    """Where initdb lives: on the path, or where Debian puts it. Raises FileNotFoundError."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name))
    if not folders:
        raise FileNotFoundError("PostgreSQL is not installed: apt-get install postgresql")
    return folders[-1]


@contextlib.contextmanager
def private_server(keep: Path | None = None, settings: Mapping[str, str] | None = None) -> Iterator[PostgresServer]:
    """A server for as long as the block runs. ``keep``: a folder whose data stays; ``settings`` beside FAST."""
    folder = Path(tempfile.mkdtemp(prefix="dc-pg-"))  # short: a socket's path has at most 107 characters
    data = (keep or folder / "data").absolute()
    run: tuple[str, ...] = ()
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        user = pwd.getpwnam("postgres")
        data.mkdir(parents=True, exist_ok=True)
        for one in (folder, data):
            os.chown(one, user.pw_uid, user.pw_gid)
        run = ("runuser", "-u", "postgres", "--")
    server = PostgresServer(folder, 20000 + secrets.randbelow(40000), data, run, binaries())
    try:
        _make(server)
        config = server.data / "postgresql.auto.conf"
        config.write_text("".join(f"{key} = '{value}'\n" for key, value in (FAST | dict(settings or {})).items()))
        server.start()
        try:
            yield server
        finally:
            with contextlib.suppress(subprocess.CalledProcessError):  # a test may have stopped it
                server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _make(server: PostgresServer) -> None:
    if (server.data / "PG_VERSION").exists():
        return
    words = [*server.run, str(server.bin / "initdb"), "-D", str(server.data), "-U", "diemcau", "-A", "trust"]
    words += ["-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions"]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, cwd=server.folder)
