"""``relay``: only its help is here; ``web/__main__.py`` hands the command to ``media.process`` before click sees it."""

from __future__ import annotations

import click


@click.command(add_help_option=False, context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def relay(arguments: tuple[str, ...]) -> None:
    """Run a relay: forwards and records media. `serve` starts relays by itself; use this for further machines."""
    from media.process import main

    raise SystemExit(main(list(arguments)))
