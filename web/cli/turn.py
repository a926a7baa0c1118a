"""``turn``: what coturn needs to know of this hub."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import click

from web.cli.base import EXIT_CONFIG, EXIT_REFUSED, data_option, fail


@click.group()
def turn() -> None:
    """coturn beside this hub, for clients whose network lets no media through directly."""


@turn.command("config")
@data_option
@click.option("--address", multiple=True, help="A relay's media address; may be repeated (default: HUB_ANNOUNCE).")
@click.option("--cert", default="", help="coturn's certificate chain, PEM, for turns: (default: none, no TLS).")
@click.option("--key", default="", help="Its key, PEM.")
@click.option("--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help="A file that only you may read.")
def turn_config(data: Path, address: tuple[str, ...], cert: str, key: str, output: Path | None) -> None:
    """Write turnserver.conf: whoever has credentials of this hub reaches its relays' addresses and nothing else."""
    from media.settings import own_addresses
    from web import config, coturn, tls

    try:
        settings = config.load(data=data)
    except config.ConfigError as error:
        fail(str(error), "config", EXIT_CONFIG)
    if not settings.turn_secret:
        fail(
            "HUB_TURN_SECRET (or HUB_TURN_SECRET_FILE) is not set: openssl rand -hex 24",
            "config",
            EXIT_CONFIG,
        )
    if bool(cert) != bool(key):
        fail("--cert and --key belong together", "usage", EXIT_CONFIG)
    try:
        allowed = coturn.reachable(address or settings.announce or tuple(ip for ip, _ in own_addresses()))
        text = coturn.written(
            coturn.Turn(
                settings.turn_secret, urlsplit(settings.base_url).hostname or "hub", allowed, certificate=cert, key=key
            )
        )
        if output is None:
            click.echo(text, nl=False)
        else:
            tls.write_private(output, text.encode())
            click.echo(f"{output}: reaches {', '.join(allowed)} and nothing else", err=True)
    except ValueError as error:
        fail(str(error), "config", EXIT_CONFIG)
    except OSError as error:
        fail(f"{output}: {error.strerror}", "file", EXIT_REFUSED)
