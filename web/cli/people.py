"""``sites``, ``user``, ``keys``, ``enrol``: who and what belongs to the hub."""

from __future__ import annotations

import secrets
import sys
from pathlib import Path
from typing import Any

import click

from web.cli.base import hub_command, run, show


@click.group()
def sites() -> None:
    """Import and list reception points (điểm cầu)."""


@sites.command("import")
@click.argument("preset")
@hub_command
def import_sites(preset: str, data: Path, as_json: bool) -> None:
    """Load the preset PRESET (for example bac-giang-2024). With --json: `sites` (how many)."""
    answer = run(data, "sites.import", {"preset": preset}, as_json)
    show(answer, as_json, lambda found: f"{found['sites']} sites loaded.")


@sites.command("list")
@hub_command
def list_sites(data: Path, as_json: bool) -> None:
    """List today's tree of sites. With --json: `sites`."""
    answer = run(data, "sites.list", {}, as_json)
    show(answer, as_json, lambda found: "\n".join(_site(row) for row in found["sites"]) or "There are no sites.")


def _site(row: dict[str, Any]) -> str:
    return f"{row['id']}  {'  ' * row['depth']}{row['name']}  ({row['kind']})"


@click.group()
def user() -> None:
    """Add people and set passwords."""


@user.command("add")
@click.argument("login")
@click.option("--name", required=True, help="The person's name, as shown on pages.")
@click.option("--title", default="", help="Office (chức vụ).")
@click.option("--role", "roles", multiple=True, metavar="ROLE@SITE",
              help="Role at a site (its id or code): site_officer, operator, clerk, competent, inspector, records, "
              "admin. May be repeated. SITE may be 'top'.")  # fmt: skip
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input; else one is generated.")
@hub_command
def add_user(
    login: str, name: str, title: str, roles: tuple[str, ...], password_stdin: bool, data: Path, as_json: bool
) -> None:
    """Add the user LOGIN. With --json: `id`, `login`, `password` (only when it was generated)."""
    given = sys.stdin.readline().rstrip("\n") if password_stdin else ""
    arguments = {"login": login, "name": name, "title": title, "roles": list(roles), "password": given or _new()}
    answer = run(data, "user.add", arguments, as_json)
    if not given:
        answer = {**answer, "password": arguments["password"]}
    show(answer, as_json, _user)


@user.command("password")
@click.argument("login")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input; else one is generated.")
@hub_command
def set_password(login: str, password_stdin: bool, data: Path, as_json: bool) -> None:
    """Set the password of LOGIN and end that user's log-ins. With --json: `login`, `password` if generated."""
    given = sys.stdin.readline().rstrip("\n") if password_stdin else ""
    chosen = given or _new()
    answer = run(data, "user.password", {"login": login, "password": chosen}, as_json)
    if not given:
        answer = {**answer, "password": chosen}
    show(answer, as_json, _user)


def _user(answer: dict[str, Any]) -> str:
    return f"{answer['login']}" + (f"  password: {answer['password']}" if "password" in answer else "")


def _new() -> str:
    alphabet = "abcdefghijkmnpqrstuvwxyz23456789"  # none that are mistaken for another
    return "-".join("".join(secrets.choice(alphabet) for _ in range(5)) for _ in range(3))


@click.group()
def keys() -> None:
    """The keys that sign packages."""


@keys.command("show")
@hub_command
def show_keys(data: Path, as_json: bool) -> None:
    """Print the public keys (PEM). Publish them outside the hub. With --json: `keys`."""
    answer = run(data, "keys.show", {}, as_json)
    show(answer, as_json, lambda found: "\n".join(f"{key['id']}\n{key['pem']}" for key in found["keys"]))


@keys.command("new")
@click.option("--yes", is_flag=True, help="Do not ask.")
@hub_command
def new_key(yes: bool, data: Path, as_json: bool) -> None:
    """Make a new key that signs from now on. Old packages stay verifiable: old public keys are kept. Publish the new
    public key outside the hub before packages signed with it go out. With --json: `key`, `before`."""
    if not yes:
        click.confirm("From now on packages are signed with a new key. Go on?", abort=True)
    answer = run(data, "keys.new", {}, as_json)
    show(answer, as_json, lambda made: f"{made['key']} signs now; before: {made['before']}. Publish: diemcau keys show")


@keys.command("heads")
@hub_command
def show_heads(data: Path, as_json: bool) -> None:
    """Print the daily heads over all packages. Publish them outside the hub. With --json: `heads`."""
    answer = run(data, "keys.heads", {}, as_json)
    rows = "\n".join(f"{row['day']}  {row['packages']:4}  {row['head']}" for row in answer["heads"])
    show(answer, as_json, lambda _: rows or "No day is over yet.")


@click.group()
def enrol() -> None:
    """One-time tokens for relays and devices."""


@enrol.command("relay")
@hub_command
def enrol_relay(data: Path, as_json: bool) -> None:
    """Make a token (one use, one hour) with which a relay on any machine enrols. With --json: `token`, `url`."""
    answer = run(data, "enrol.relay", {}, as_json)
    show(answer, as_json, lambda found: f"{found['token']}\ndiemcau relay --hub {found['url']} --enrol TOKEN ...")
