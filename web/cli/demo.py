"""``demo``: a whole reception by itself; the work is in ``web.demo``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from web.cli.base import json_option


@click.command()
@click.option("--data", type=click.Path(file_okay=False, path_type=Path), envvar="HUB_DATA", default="data/demo",
              show_default=True, help="Folder for the demo's data.")  # fmt: skip
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Web port; 0: a free one.")
@click.option("--exit", "leave", is_flag=True, help="End when the receptions are over instead of staying.")
@json_option
def demo(data: Path, port: int, leave: bool, as_json: bool) -> None:
    """Hold two receptions with real WebRTC clients, record, lock and verify them, then stay for a browser.

    With --exit --json the last line is `session`, `case`, `points`, `verified`, `replayable_after_s`; the exit code
    is not 0 when anything fell short.
    """
    from web.demo import run

    sys.exit(run(data=data.absolute(), port=port, leave=leave, as_json=as_json))
