"""What all commands share: --data and --json, how they reach the hub, how they answer and fail.

Exit codes: 0 done; 1 refused or failed; 2 wrong usage (and ``verify``: intact, signer not checked); 3 the folder is in
use and its hub does not answer; 4 a port is in use; 5 the configuration cannot be used.
"""

from __future__ import annotations

import asyncio
import functools
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

EXIT_REFUSED, EXIT_FOLDER, EXIT_PORT, EXIT_CONFIG = 1, 3, 4, 5


def data_option(function: F) -> F:
    """--data FOLDER, also from HUB_DATA."""
    return click.option(
        "--data",
        envvar="HUB_DATA",
        default="data",
        show_default=True,
        type=click.Path(file_okay=False, path_type=Path),
        help="The hub's data folder (also HUB_DATA).",
    )(function)


def json_option(function: F) -> F:
    """--json: the last line is one JSON object."""
    return click.option("--json", "as_json", is_flag=True, help="End with one line of JSON.")(function)


def fail(message: str, code: str = "error", exit_code: int = EXIT_REFUSED, as_json: bool = False) -> NoReturn:
    """One sentence on standard error (and the error object with --json), then out."""
    click.echo(message, err=True)
    if as_json:
        click.echo(json.dumps({"error": code, "message": message}, ensure_ascii=False))
    sys.exit(exit_code)


def show(answer: dict[str, Any], as_json: bool, human: Callable[[dict[str, Any]], str]) -> None:
    """Print a command's answer for people, or as one line of JSON."""
    if as_json:
        click.echo(json.dumps(answer, ensure_ascii=False))
    else:
        click.echo(human(answer))


def run(data: Path, command: str, arguments: dict[str, Any], as_json: bool) -> dict[str, Any]:
    """Carry ``command`` out in the running hub, or here under the folder's lock. Ends the process on refusal."""
    from web import askhub, folder

    data = data.absolute()
    try:
        answer = askhub.ask_hub(data, command, arguments)
        if answer is not None:
            return answer
        with folder.FolderLock(data):
            return asyncio.run(_run_here(data, command, arguments))
    except askhub.HubError as error:
        fail(error.message or error.code, error.code, EXIT_REFUSED, as_json)
    except folder.FolderTaken as error:
        fail(str(error), "folder.taken", EXIT_FOLDER, as_json)


async def _run_here(data: Path, command: str, arguments: dict[str, Any]) -> dict[str, Any]:
    from web import askhub, config, errors, logs, parts
    from web.commands import COMMANDS

    logs.start("warning")
    try:
        settings = config.load(data=data)
        hub = await asyncio.to_thread(parts.open_parts, settings)
        try:
            return await COMMANDS[command](hub, **arguments)
        finally:
            hub.database.dispose()
    except config.ConfigError as error:
        raise askhub.HubError("config", str(error)) from error
    except Exception as error:
        code, message = errors.code_of(error)
        if code == "internal":
            raise
        raise askhub.HubError(code, message or errors.sentence(code)) from error


def hub_command(function: F) -> F:
    """A command with --data and --json."""

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return json_option(data_option(wrapped))  # type: ignore[return-value]
