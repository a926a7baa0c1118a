"""``diemcau doctor``: looks at the machine and says what is wrong and what to do about it."""

from __future__ import annotations

import shutil
import socket
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from web import askhub, folder, reachprobe, supervisor, tls
from web.config import Config

WANTED_BUFFER = 8 * 1024 * 1024
BYTES_PER_HOUR = 900 * 1024 * 1024
"""One recorded hour of two points at 1 Mbit/s each; for "hours left" only."""

State = Literal["ok", "warn", "bad"]


@dataclass(frozen=True)
class Check:
    """One finding. ``advice`` is empty when there is nothing to do."""

    name: str
    state: State
    found: str
    advice: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    def as_text(self) -> str:
        """One line, and the advice below it."""
        mark = {"ok": "ok  ", "warn": "warn", "bad": "BAD "}[self.state]
        return f"{mark} {self.name}: {self.found}" + (f"\n     -> {self.advice}" if self.advice else "")


def examine(config: Config) -> list[Check]:
    """All checks, in the order a person would mend things."""
    return [
        *_ports(config),
        *_reach(config),
        *_buffers(),
        *_disk(config),
        *_tls(config),
        *_codecs(),
        *_clock(),
        *_database(config),
    ]


def _ports(config: Config) -> Iterator[Check]:
    if (config.data / folder.SOCKET_NAME).exists() and _hub_runs(config.data):
        yield Check("ports", "ok", "a hub is running on this folder and holds its ports")
        return
    with socket.socket(socket.AF_INET6 if ":" in config.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((config.host, config.port))
            yield Check("web port", "ok", f"{config.host}:{config.port} is free")
        except OSError as error:
            yield Check(
                "web port", "bad", f"{config.host}:{config.port}: {error.strerror}",
                "stop the program that uses it, or set HUB_PORT",
            )  # fmt: skip
    first = config.media_port if config.media_port >= 0 else config.port + 1
    if first and not supervisor.udp_port_is_free(first):
        yield Check("media port", "bad", f"UDP {first} is in use", "stop the program, or set HUB_MEDIA_PORT")
    else:
        yield Check("media port", "ok", f"UDP {first or 'any'} is free; open it in the firewall, UDP and TCP")


def _hub_runs(data: Path) -> bool:
    try:
        return askhub.ask_hub(data, "keys.show", {}) is not None
    except askhub.HubError:
        return True


def _reach(config: Config) -> Iterator[Check]:
    """Of a running hub: real checks to every relay, over UDP, TCP and TURN."""
    if not (config.data / folder.SOCKET_NAME).exists():
        return
    try:
        answer = askhub.ask_hub(config.data, "reach.legs", {"sdp": reachprobe.offer()})
    except askhub.HubError as error:
        yield Check("relays", "bad", error.message or error.code, "look at relays/0/relay.log in the data folder")
        return
    if answer is None:
        return
    legs = [reachprobe.read_answer(text) for text in answer["answers"]]
    if not legs:
        yield Check("relays", "bad", "no relay is linked", "look at relays/0/relay.log in the data folder")
    for leg in legs:
        found = reachprobe.try_leg(leg)
        yield from (_way(one) for one in found)
        if not leg.tcp:
            yield Check("relay TCP", "warn", "the TCP port of the same number is taken: media goes over UDP only",
                        "stop the program that has it, or set HUB_MEDIA_PORT")  # fmt: skip
    for server in answer["iceServers"] if legs else ():
        yield from (_way(one) for one in reachprobe.try_turn(server, legs[0]))


def _way(found: reachprobe.Found) -> Check:
    name = f"relay {found.way}" if not found.way.startswith("TURN") else found.way
    if not found.reason:
        return Check(name, "ok", f"{found.where} answers")
    if found.way.startswith("TURN"):
        advice = "is coturn running with `diemcau turn config`, do both know the same secret, may it reach the relay?"
    else:
        advice = (
            f"open {found.way} {found.where} in the firewall for incoming connections; behind a router this machine "
            "may not reach its own public address: then trust the device check of a point instead"
        )
    return Check(name, "warn", f"{found.where}: {found.reason}", advice)


def _buffers() -> Iterator[Check]:
    for option, name in ((socket.SO_RCVBUF, "rmem_max"), (socket.SO_SNDBUF, "wmem_max")):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, option, WANTED_BUFFER)
            granted = probe.getsockopt(socket.SOL_SOCKET, option) // 2  # the kernel counts its own share
        if granted >= WANTED_BUFFER:
            yield Check(f"socket buffer {name}", "ok", f"{granted // 1024} KiB")
        else:
            yield Check(
                f"socket buffer {name}", "warn", f"{granted // 1024} KiB; bursts will be dropped",
                f"sysctl -w net.core.{name}={WANTED_BUFFER} (and a file in /etc/sysctl.d)",
            )  # fmt: skip


def _disk(config: Config) -> Iterator[Check]:
    place = config.data
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    hours = free / BYTES_PER_HOUR
    state: State = "ok" if hours >= 24 else "warn" if hours >= 4 else "bad"
    advice = "" if state == "ok" else "free some room or move the data folder: a full disk stops the record"
    yield Check("disk", state, f"{free / 2**30:.1f} GiB free, about {hours:.0f} h of a session with two points", advice)


def _tls(config: Config) -> Iterator[Check]:
    if config.plain_http:
        yield Check("tls", "warn", "plain HTTP", "fine for this machine only: elsewhere browsers give no camera")
        return
    cert = config.tls_cert or config.data / "tls" / "cert.pem"
    if not cert.exists():
        yield Check("tls", "ok", "a local authority will be made at the first start")
        return
    try:
        if config.tls_cert is not None and config.tls_key is not None:
            tls.given(config.tls_cert, config.tls_key)
        left = tls.expires(cert) - datetime.now(UTC)
    except ValueError as error:
        yield Check("tls", "bad", str(error), "give a PEM chain and its PEM key without a password")
        return
    state: State = "ok" if left.days > 30 else "warn" if left.days > 0 else "bad"
    yield Check("tls", state, f"the certificate holds {left.days} days", "" if state == "ok" else "renew it")


def _codecs() -> Iterator[Check]:
    from media.clip import missing_codecs

    missing = missing_codecs()
    if missing:
        yield Check("codecs", "bad", f"missing: {', '.join(missing)}", "reinstall the locked requirements (PyAV)")
    else:
        yield Check("codecs", "ok", "Opus, VP8 and H.264 can be read")


def _clock() -> Iterator[Check]:
    year = datetime.now(UTC).year
    if year < 2024:
        yield Check("clock", "bad", f"the clock says {year}", "set the time; install chrony or systemd-timesyncd")
        return
    synced = Path("/run/systemd/timesync/synchronized").exists() or Path("/run/chrony/chronyd.pid").exists()
    zone = time.strftime("%Z")
    if synced:
        yield Check("clock", "ok", f"kept by the network, zone {zone}")
    else:
        yield Check(
            "clock", "warn", f"no time service seen, zone {zone}",
            "install chrony or systemd-timesyncd: the record carries wall-clock times",
        )  # fmt: skip


def _database(config: Config) -> Iterator[Check]:
    from sqlalchemy import text

    from rooms.db import open_database
    from rooms.errors import StorageFailed

    if not config.database_url and not (config.data / "hub.db").exists():
        yield Check("database", "ok", "SQLite, made at the first start")
        return
    database = open_database(config.database)
    try:
        with database.read() as db:
            db.execute(text("SELECT 1"))
        yield Check("database", "ok", "answers")
    except StorageFailed as error:
        yield Check("database", "bad", error.code, "is PostgreSQL running, is HUB_DATABASE_URL right?")
    finally:
        database.dispose()
