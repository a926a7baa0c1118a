"""``verify``: runs the stand-alone verifier (rooms/verifier.py) on a package."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from web.cli.base import json_option


@click.command()
@click.argument("package", type=click.Path(exists=True, path_type=Path))
@click.option("--key", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="Public key (PEM) that you trust.")  # fmt: skip
@click.option("--data", type=click.Path(file_okay=False, path_type=Path), envvar="HUB_DATA", default="data",
              show_default=True, help="Without --key: trust the keys of this hub, if there is one.")  # fmt: skip
@json_option
def verify(package: Path, key: Path | None, data: Path, as_json: bool) -> None:
    """Check PACKAGE, a ZIP or an unpacked folder.

    Exit 0: intact and signed by the trusted key. 2: intact, signer not checked. 1: changed.
    """
    from rooms import verifier

    arguments = [str(package)]
    if key is not None:
        arguments += ["--key", str(key)]
    else:
        for path in sorted((data / "keys").glob("*.pem")):
            arguments += ["--key", str(path)]
    if as_json:
        arguments.append("--json")
    sys.exit(verifier.main(arguments))
