"""One target under libFuzzer, started by ``run.py``: ``python -m tests.fuzz.worker TARGET [libFuzzer's flags]``."""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["media", "signaling.messages", "aioice.stun"]):
    from tests.fuzz.targets import TARGETS


def main() -> None:
    """Never returns: libFuzzer ends the process."""
    target = TARGETS[sys.argv[1]]
    atheris.Setup([sys.argv[0], *sys.argv[2:]], target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
