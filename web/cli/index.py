"""``index``: the index of lookup."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import click

from web.cli.base import hub_command, run, show

KINDS = {"case": "files", "visit": "visits", "petition": "petitions", "session": "sessions"}


@click.group()
def index() -> None:
    """Look after the index of lookup (tra cứu)."""


@index.command("rebuild")
@hub_command
def rebuild(data: Path, as_json: bool) -> None:
    """Make the index anew from the files. It is kept up by itself; this is for after a restore, or in doubt.

    The hub goes on meanwhile, lookup answers, and Ctrl-C leaves what is done. Says how many entries had to be mended.
    """
    seen: Counter[str] = Counter()
    place, mended = "", 0
    while True:
        answer = run(data, "index.rebuild", {"place": place}, as_json)
        seen.update(answer["seen"])
        place, mended = answer["place"], mended + answer["mended"]
        if not place:
            break
        click.echo(f"\r{_told(seen)}", nl=False, err=True)
    click.echo("", err=True)
    counts = {kind: seen[kind] for kind in KINDS}
    show({**counts, "mended": mended}, as_json, lambda found: _words(seen, found))


def _told(seen: Counter[str]) -> str:
    told = "  ".join(f"{seen[kind]:,} {word}" for kind, word in KINDS.items() if seen[kind])
    return told + ("  looking for what is no more" if seen["gone"] else "")


def _words(seen: Counter[str], found: dict[str, Any]) -> str:
    return f"{_told(Counter({kind: seen[kind] for kind in KINDS})) or 'Nothing'}; {found['mended']:,} entries mended."
