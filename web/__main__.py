"""The command ``diemcau``. Commands are imported when they are used: a relay loads neither web nor SQLAlchemy."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import click

COMMANDS: dict[str, tuple[str, str]] = {
    "serve": ("web.cli.serve", "serve"),
    "worker": ("web.cli.serve", "worker"),
    "check-config": ("web.cli.serve", "check_config"),
    "doctor": ("web.cli.serve", "doctor"),
    "demo": ("web.cli.demo", "demo"),
    "sites": ("web.cli.people", "sites"),
    "user": ("web.cli.people", "user"),
    "enrol": ("web.cli.people", "enrol"),
    "keys": ("web.cli.people", "keys"),
    "disposals": ("web.cli.disposals", "disposals"),
    "store": ("web.cli.store", "store"),
    "session": ("web.cli.sessions", "session"),
    "token": ("web.cli.sessions", "token"),
    "export": ("web.cli.sessions", "export"),
    "verify": ("web.cli.verify", "verify"),
    "index": ("web.cli.index", "index"),
    "relay": ("web.cli.relay", "relay"),
    "turn": ("web.cli.turn", "turn"),
}
"""Command -> module and name."""


class Commands(click.Group):
    """The group of all commands, each imported at its first use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, in the table's order."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command called ``cmd_name``."""
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(module), name)
        return command


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
def cli() -> None:
    """Điểm Cầu: the hub for online citizen reception.

    Commands that touch state go through the running hub of the data folder, or work on the folder when none runs.
    Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 folder in use, 4 port in use, 5 configuration.
    """


def main(arguments: list[str] | None = None) -> Any:
    """Entry point of the command line."""
    given = sys.argv[1:] if arguments is None else arguments
    if given[:1] == ["relay"] and "--help" not in given and "-h" not in given:
        from media.process import main as relay

        return relay(given[1:])
    return cli.main(args=given, prog_name="diemcau")


if __name__ == "__main__":
    sys.exit(main())
