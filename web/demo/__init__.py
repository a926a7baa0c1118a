"""The demo: whole receptions held by programs, over the same HTTP, websocket and UDP that people use."""

from __future__ import annotations

from pathlib import Path


def run(data: Path, port: int, leave: bool, as_json: bool) -> int:
    """Hold the demo's receptions in the folder ``data``; the exit code is 0 when nothing fell short.

    ``leave``: end when they are over; otherwise the hub stays for a browser until interrupted.
    """
    from web.demo.show import Show

    return Show(data, port, leave, as_json).run()
