"""``index``: the index of lookup."""

from __future__ import annotations

from pathlib import Path

import click

from web.cli.base import hub_command, run, show


@click.group()
def index() -> None:
    """Look after the index of lookup (tra cứu)."""


@index.command("rebuild")
@hub_command
def rebuild(data: Path, as_json: bool) -> None:
    """Make the index anew from the files. It is kept up by itself; this is for after a restore, or in doubt.

    Lookup answers from the old index until the new one is there.
    """
    answer = run(data, "index.rebuild", {}, as_json)
    show(answer, as_json, lambda found: "  ".join(f"{count} {kind}" for kind, count in found.items()) or "Nothing.")
