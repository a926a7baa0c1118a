"""``serve``, ``worker``, ``check-config``, ``doctor``: running the hub."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import click

from web.cli.base import EXIT_CONFIG, EXIT_FOLDER, EXIT_PORT, EXIT_REFUSED, data_option, fail, json_option, show


def _options(function: Any) -> Any:
    for option in reversed((
        click.option("--host", help="Address to listen on (HUB_HOST; 127.0.0.1)."),
        click.option("--port", type=click.IntRange(0, 65535), help="Web port (HUB_PORT; 8443). 0: a free one."),
        click.option("--url", help="Address people type, when it differs (HUB_URL)."),
        click.option("--http", "plain", is_flag=True, help="Plain HTTP. Browsers then give a camera only to loopback."),
        click.option("--tls-cert", type=click.Path(dir_okay=False), help="Certificate chain, PEM (HUB_TLS_CERT)."),
        click.option("--tls-key", type=click.Path(dir_okay=False), help="Its key, PEM (HUB_TLS_KEY)."),
        click.option("--relays", type=int, help="Relay processes (HUB_RELAYS; cores - 1)."),
        click.option("--media-port", type=int, help="First media port (HUB_MEDIA_PORT; web port + 1). 0: free ones."),
        click.option("--announce", help="Media addresses told to clients, comma-separated (HUB_ANNOUNCE)."),
    )):  # fmt: skip
        function = option(function)
    return function


@click.command()
@data_option
@_options
@click.option("--own", is_flag=True, help="Relays end with this process (tests, demo).")
@click.option("--no-worker", is_flag=True, help="Start no worker: one runs elsewhere.")
@click.option("--stop-relays", is_flag=True, help="Stop the relays that an earlier serve left running, and end.")
@json_option
def serve(
    data: Path, own: bool, no_worker: bool, stop_relays: bool, as_json: bool, plain: bool, **options: Any
) -> None:
    """Run the hub: app, relays and a worker.

    SIGTERM stops app and worker; relays go on forwarding and recording and the next serve adopts them. A relay
    without sessions ends by itself after 10 minutes without an app. With --json one line is printed when the hub
    answers: `url`, `pid`, `port`.
    """
    from web import config

    try:
        settings = config.load(data=data, http="on" if plain else None, **options)
    except config.ConfigError as error:  # before the application is loaded, which takes a second or more
        fail(str(error), "config", EXIT_CONFIG, as_json)

    from rooms.errors import StorageFailed
    from web import folder, logs, supervisor
    from web import serve as serving

    try:
        logs.start(settings.log_level)
        with folder.FolderLock(settings.data):
            if stop_relays:
                show({"stopped": supervisor.stop_left_relays(settings.data)}, as_json, _stopped)
                return
            asyncio.run(serving.serve(settings, own, not no_worker, lambda served: _announce(served, as_json)))
    except config.ConfigError as error:
        fail(str(error), "config", EXIT_CONFIG, as_json)
    except folder.FolderTaken as error:
        fail(str(error), "folder.taken", EXIT_FOLDER, as_json)
    except supervisor.PortTaken as error:
        fail(str(error), "port.taken", EXIT_PORT, as_json)
    except serving.NotStarted as error:
        fail(str(error), "hub.not_started", EXIT_REFUSED, as_json)
    except StorageFailed as error:
        fail(
            f"The database does not answer ({error.code}). Is it running, is HUB_DATABASE_URL right?",
            "db.away",
            EXIT_REFUSED,
            as_json,
        )
    except ValueError as error:
        fail(f"TLS: {error}", "tls", EXIT_CONFIG, as_json)


def _announce(served: Any, as_json: bool) -> None:
    from web import serve as serving

    if as_json:
        import os

        click.echo(json.dumps({"url": served.url, "pid": os.getpid(), "port": served.hub.config.port}))
    else:
        click.echo(serving.words(served))
    sys.stdout.flush()


def _stopped(answer: dict[str, Any]) -> str:
    return f"{len(answer['stopped'])} relays stopped."


@click.command()
@data_option
def worker(data: Path) -> None:
    """Run a worker: locks sessions, makes replay files, tidies up. `serve` starts one by itself."""
    from web import config, logs
    from web import worker as working

    try:
        settings = config.load(data=data)
    except config.ConfigError as error:
        fail(str(error), "config", EXIT_CONFIG)
    logs.start(settings.log_level)
    working.run(settings)


@click.command("check-config")
@data_option
@json_option
def check_config(data: Path, as_json: bool) -> None:
    """Print every setting with its value, secrets masked; fail on an unknown or bad one."""
    from web import config

    try:
        values = config.shown(config.load(data=data))
    except config.ConfigError as error:
        fail(str(error), "config", EXIT_CONFIG, as_json)
    show(values, as_json, lambda found: "\n".join(f"{name}={value}" for name, value in found.items()))


@click.command()
@data_option
@json_option
def doctor(data: Path, as_json: bool) -> None:
    """Check ports, socket buffers, disk, TLS, codecs and clock: what is wrong and what to do.

    With --json: `checks` (name, state ok|warn|bad, found, advice) and `ok`. Exit 1 when something is bad.
    """
    from web import config
    from web import doctor as examining

    try:
        settings = config.load(data=data)
    except config.ConfigError as error:
        fail(str(error), "config", EXIT_CONFIG, as_json)
    checks = examining.examine(settings)
    answer = {"ok": all(check.state != "bad" for check in checks), "checks": [check.as_dict() for check in checks]}
    show(answer, as_json, lambda _: "\n".join(check.as_text() for check in checks))
    sys.exit(0 if answer["ok"] else EXIT_REFUSED)
