"""``disposals``: what was disposed of and may be there again after a restore."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from web.cli.base import EXIT_REFUSED, fail, hub_command, run, show

FOLDER = click.Path(file_okay=False, path_type=Path)
WORDS = {
    "gone": "nothing is there", "there": "is there again", "removed": "removed again",
    "forgotten": "unknown to the database", "refused": "refused",
}  # fmt: skip

certificates_option = click.option(
    "--certificates", envvar="HUB_CERTIFICATES", type=FOLDER, default=None,
    help="Folder with certificates kept outside the hub (also HUB_CERTIFICATES).",
)  # fmt: skip
key_option = click.option(
    "--key", "keys", multiple=True, type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="PEM file with public keys that are trusted besides the hub's; may be repeated.",
)  # fmt: skip


@click.group()
def disposals() -> None:
    """After a restore: what certificates of disposal say is gone, and is there again."""


@disposals.command("check")
@certificates_option
@key_option
@hub_command
def check(certificates: Path | None, keys: tuple[Path, ...], data: Path, as_json: bool) -> None:
    """Only say what is there again; exit 1 when something is. With --json: `disposals`, each `disposal`, `state` (gone,
    there, forgotten, refused), `found`."""
    told = _all(data, certificates, keys, True, as_json)
    _end(told, as_json, ("gone",))


@disposals.command("again")
@certificates_option
@key_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@hub_command
def again(certificates: Path | None, keys: tuple[Path, ...], yes: bool, data: Path, as_json: bool) -> None:
    """Remove again, for good, what certificates say is gone: those of the database and those of the folder.

    The certificates stand; those that a restored database has forgotten are taken in again. May be repeated. With
    --json: `disposals`.
    """
    if not yes:
        click.confirm("What certificates of disposal name is removed for good. Go on?", abort=True)
    _end(_all(data, certificates, keys, False, as_json), as_json, ("gone", "removed"))


@disposals.command("export")
@click.argument("folder", type=FOLDER)
@hub_command
def export(folder: Path, data: Path, as_json: bool) -> None:
    """Write all certificates and their signatures into a folder, to be kept outside the hub. With --json: `written`."""
    count = 0
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for one in _kept(data, as_json):
            (folder / f"{one['disposal']}.sig").write_bytes(bytes.fromhex(one["signature"]))
            (folder / f"{one['disposal']}.json").write_text(one["certificate"], encoding="utf-8")
            count += 1
    except OSError as error:
        fail(f"The folder cannot be written: {error.strerror}", "certificates.folder", EXIT_REFUSED, as_json)
    show({"written": count}, as_json, lambda done: f"{done['written']} certificates written.")


def _kept(data: Path, as_json: bool) -> Iterator[dict[str, Any]]:
    after = ""
    while found := run(data, "disposals.kept", {"after": after}, as_json)["certificates"]:
        yield from found
        after = found[-1]["disposal"]


def _all(data: Path, folder: Path | None, keys: tuple[Path, ...], look: bool, as_json: bool) -> list[dict[str, Any]]:
    """One after the other, so that each request is short; each certificate once."""
    trusted = [key.read_text(encoding="ascii", errors="replace") for key in keys]
    told: list[dict[str, Any]] = []
    seen: set[str] = set()
    for name, certificate, signature in _found(data, folder, as_json):
        if certificate in seen:
            continue
        seen.add(certificate)
        asked = {"certificate": certificate, "signature": signature, "keys": trusted, "look": look}
        answer = run(data, "disposals.again", asked, as_json)
        told.append({**answer, "disposal": answer["disposal"] or name})
        if not as_json:
            click.echo(_line(told[-1]))
    return told


def _found(data: Path, folder: Path | None, as_json: bool) -> Iterator[tuple[str, str, str]]:
    """Name, certificate and signature (hex)."""
    for one in list(_kept(data, as_json)):
        yield one["disposal"], one["certificate"], one["signature"]
    if folder is None:
        return
    if not folder.is_dir():
        fail(f"{folder} is not a folder.", "certificates.folder", EXIT_REFUSED, as_json)
    for path in sorted(folder.glob("*.json")):
        signature = path.with_suffix(".sig")
        raw = path.read_bytes().decode("utf-8", errors="replace")
        yield path.name, raw, signature.read_bytes().hex() if signature.exists() else ""


def _line(one: dict[str, Any]) -> str:
    more = f" ({one['found']} found)" if one["found"] else ""
    return f"{one['disposal']}  {WORDS[one['state']]}{more}" + (f": {one['message']}" if "message" in one else "")


def _end(told: list[dict[str, Any]], as_json: bool, well: tuple[str, ...]) -> None:
    if as_json:
        click.echo(json.dumps({"disposals": told}, ensure_ascii=False))
    elif not told:
        click.echo("There are no certificates.")
    if any(one["state"] not in well for one in told):
        sys.exit(EXIT_REFUSED)
