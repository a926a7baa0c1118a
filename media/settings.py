"""What a relay is told on its command line, and the addresses it announces.

A relay has no other configuration: what it does comes from the apps as desired state.
"""

from __future__ import annotations

import argparse
import contextlib
import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Settings:
    """``addresses``: (ip, port), port 0 meaning the media port itself. ``apps``: base addresses without a path.
    ``enrol``: one-time token, needed until the relay has its id. ``ca``: certificates that the apps' TLS may have.
    ``loudest``: see ``RelayOptions``. ``remb``: publishers get REMB even where they have transport-wide feedback."""

    folder: Path
    apps: tuple[str, ...]
    port: int
    addresses: tuple[tuple[str, int], ...]
    enrol: str = ""
    name: str = ""
    ca: Path | None = None
    loudest: int = 4
    remb: bool = False

    @property
    def spool(self) -> Path:
        """Where journals are written."""
        return self.folder / "spool"


def read_settings(argv: Sequence[str]) -> Settings:
    """Settings from the command line; ends the process with a usage line when they make no sense."""
    parser = argparse.ArgumentParser(prog="diemcau relay", description="Forward and record media for a hub.")
    parser.add_argument("--folder", type=Path, required=True, help="the relay's own folder: key, outbox, spool")
    parser.add_argument("--app", action="append", default=[], required=True, help="address of an app; may be repeated")
    parser.add_argument("--port", type=int, default=0, help="UDP port for media; 0 takes a free one")
    parser.add_argument("--address", action="append", default=[], help="announced IP[:port]; may be repeated")
    parser.add_argument("--enrol", default="", help="one-time token of the hub, for the first start; @FILE reads it")
    parser.add_argument("--name", default="", help="what the hub calls this relay")
    parser.add_argument("--ca", type=Path, default=None, help="PEM file with the certificate authority of the apps")
    parser.add_argument("--loudest", type=int, default=4, help="microphones of a session that are passed on; 0: all")
    parser.add_argument("--remb", action="store_true", help="tell publishers by REMB what their lines carry")
    given = parser.parse_args(argv)
    try:
        addresses = tuple(parse_address(text) for text in given.address)
        apps = tuple(base_address(text) for text in given.app)
        enrol = Path(given.enrol[1:]).read_text().strip() if given.enrol.startswith("@") else given.enrol
    except (ValueError, OSError) as error:
        parser.error(str(error))
    if not 0 <= given.port <= 65535:
        parser.error("--port must be between 0 and 65535")
    if given.loudest < 0:
        parser.error("--loudest must not be negative")
    return Settings(
        given.folder,
        apps,
        given.port,
        addresses or own_addresses(),
        enrol,
        given.name,
        given.ca,
        given.loudest,
        given.remb,
    )


def parse_address(text: str) -> tuple[str, int]:
    """ "192.0.2.1", "192.0.2.1:4000", "2001:db8::1" or "[2001:db8::1]:4000" as (ip, port or 0). Raises ValueError."""
    host, port = text, ""
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        port = rest.removeprefix(":")
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    if port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ValueError(f"not a port: {text}")
    return str(ipaddress.ip_address(host)), int(port or 0)


def base_address(text: str) -> str:
    """An app's address as http(s)://host:port without a path. Raises ValueError."""
    parts = urlsplit(text)
    scheme = {"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme)
    if scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"not an address of an app: {text}")
    return f"{scheme}://{parts.netloc}"


def own_addresses() -> tuple[tuple[str, int], ...]:
    """The machine's address towards the network (nothing is sent to find it), and loopback."""
    found: list[tuple[str, int]] = []
    for family, target in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((target, 9))
            address = probe.getsockname()[0]
            if not ipaddress.ip_address(address).is_link_local and (address, 0) not in found:
                found.append((address, 0))
    return (*found, ("127.0.0.1", 0)) if ("127.0.0.1", 0) not in found else tuple(found)


class Announced:
    """The addresses for answers and offers. Loopback ones go to clients on this machine only, or to all when there
    is no other."""

    def __init__(self, addresses: Sequence[tuple[str, int]], port: int) -> None:
        self.all = tuple((ip, own or port) for ip, own in addresses)
        self.has_tcp = False  # whether the same ports take ICE-TCP
        self._outer = tuple(pair for pair in self.all if not ipaddress.ip_address(pair[0]).is_loopback)

    def for_client(self, is_local: bool) -> tuple[tuple[str, int], ...]:
        """What to announce, best first."""
        return self.all if is_local or not self._outer else self._outer

    def texts(self) -> tuple[str, ...]:
        """As ``ip:port``."""
        return tuple(f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}" for ip, port in self.all)
