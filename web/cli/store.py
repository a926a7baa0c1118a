"""``store``: where files are kept for good."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from web.cli.base import hub_command, run, show


@click.group()
def store() -> None:
    """The file store (HUB_STORE)."""


@store.command("show")
@hub_command
def show_store(data: Path, as_json: bool) -> None:
    """How the store fares. With --json: `store`, `encrypted`, `files`, `bytes`, `waiting`, `problem`, `keys`."""
    show(run(data, "store.show", {}, as_json), as_json, _in_words)


def _in_words(found: dict[str, Any]) -> str:
    lines = [
        f"store      {found['store'] or 'none: files stay in the data folder'}",
        f"encrypted  {'yes' if found['encrypted'] else 'no'}",
        f"files      {found['files']} ({found['bytes']} bytes), {found['waiting']} waiting",
        f"problem    {found['problem'] or 'none'}",
    ]
    return "\n".join(lines + [f"key        {key} wraps {count}" for key, count in found["keys"].items()])


@store.command("rewrap")
@hub_command
def rewrap(data: Path, as_json: bool) -> None:
    """After HUB_STORE_KEYS got a new first key: make it the only one that is needed. With --json: `wrapped`, `key`."""
    answer = run(data, "store.rewrap", {}, as_json)
    show(answer, as_json, lambda done: f"{done['wrapped']} keys wrapped anew; only {done['key']} is needed now.")
