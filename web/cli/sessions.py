"""``session``, ``token``, ``export``: sessions from the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from web.cli.base import hub_command, run, show


@click.group()
def session() -> None:
    """Open, close, list and show sessions (phiên tiếp)."""


@session.command("open")
@click.argument("name")
@click.option("--record", is_flag=True, help="Start the record at once (sound and picture).")
@hub_command
def open_session(name: str, record: bool, data: Path, as_json: bool) -> None:
    """Open a plain session called NAME. With --json: `id`."""
    answer = run(data, "session.open", {"name": name, "record": record}, as_json)
    show(answer, as_json, lambda found: f"Session {found['id']} is open.")


@session.command("close")
@click.argument("session_id", metavar="ID")
@click.option("--lock", is_flag=True, help="Lock and sign now instead of after 15 minutes.")
@hub_command
def close_session(session_id: str, lock: bool, data: Path, as_json: bool) -> None:
    """Close session ID. With --lock its package is made and signed as soon as the relay has closed its journals."""
    answer = run(data, "session.close", {"session": session_id, "lock": lock}, as_json)
    show(answer, as_json, lambda found: f"Session {found['id']} is {found['state']}.")


@session.command("list")
@hub_command
def list_sessions(data: Path, as_json: bool) -> None:
    """List sessions, newest first. With --json: `sessions`."""
    answer = run(data, "session.list", {}, as_json)
    show(answer, as_json, _table)


def _table(answer: dict[str, Any]) -> str:
    rows = [f"{row['id']}  {row['state']:<10} {row['opened'] or '':<20} {row['title']}" for row in answer["sessions"]]
    return "\n".join(rows) or "There are no sessions."


@session.command("show")
@click.argument("session_id", metavar="ID")
@hub_command
def show_session(session_id: str, data: Path, as_json: bool) -> None:
    """Show session ID. With --json: `state`, `locked`, `complete`, `lost_s`, `outages`, `gaps`, `tracks`, ..."""
    answer = run(data, "session.show", {"session": session_id}, as_json)
    show(answer, as_json, lambda found: json.dumps(found, ensure_ascii=False, indent=2))


@click.command()
@click.argument("session_id", metavar="SESSION")
@click.option("--publish", metavar="NAME", help="A new participant called NAME that sends by WHIP.")
@click.option("--subscribe", metavar="PARTICIPANT", help="Receive this participant by WHEP.")
@click.option("--hours", default=12, show_default=True, type=click.IntRange(1, 168), help="How long the token works.")
@hub_command
def token(session_id: str, publish: str | None, subscribe: str | None, hours: int, data: Path, as_json: bool) -> None:
    """Make a bearer token for WHIP (--publish) or WHEP (--subscribe).

    The participant counts as admitted, with the notice logged to the token's issuer. With --json: `token`,
    `participant` and `url`.
    """
    if (publish is None) == (subscribe is None):
        raise click.UsageError("Give either --publish NAME or --subscribe PARTICIPANT.")
    arguments = {"session": session_id, "publish": publish, "subscribe": subscribe, "hours": hours}
    answer = run(data, "token", arguments, as_json)
    show(answer, as_json, lambda found: f"{found['url']}\nBearer {found['token']}")


@click.command()
@click.argument("session_id", metavar="SESSION")
@click.option(
    "-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The ZIP file to write."
)
@click.option("--replay", is_flag=True, help="Also the replay files (they are a cache, not originals).")
@hub_command
def export(session_id: str, output: Path, replay: bool, data: Path, as_json: bool) -> None:
    """Write the locked package of SESSION as a canonical ZIP. With --json: `file`, `length`, `sha256`."""
    arguments = {"session": session_id, "output": str(output.absolute()), "replay": replay}
    answer = run(data, "export", arguments, as_json)
    show(answer, as_json, lambda found: f"{found['file']}: {found['length']} bytes, SHA-256 {found['sha256']}")
