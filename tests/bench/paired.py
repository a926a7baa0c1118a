"""Janus and the relay in turn, over the same packets: ``python -m tests.bench.paired --scenario 11x8 --runs 3``.

docs/benchmarks.md says what is measured and how. The table goes to standard error, one line of JSON to standard
output, and the same JSON into the file named by ``--json``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.bench import figures, plan, upkeep
from tests.bench.arena import enter, go_first, load_average
from tests.bench.clip import load
from tests.bench.machine import describe
from tests.bench.run import Run
from tests.bench.sdp import FEEDBACK
from tests.bench.server_janus import is_installed


async def play(options: argparse.Namespace) -> dict[str, Any]:
    """All scenarios; run by run, server by server."""
    clip = load()
    result: dict[str, Any] = {
        "machine": describe(),
        "clip_packets_per_s": round(clip.packets_per_s(), 1),
        "srtp": options.srtp,
        "runs": options.runs,
        "seconds": options.seconds,
        "uptime_at_start": load_average(),
        "scenarios": {},
    }
    sys.stderr.write(figures.HEAD + "\n")
    for name in options.scenario:
        runs: list[dict[str, Any]] = []
        scenario, srtp = plan.scenario(name.partition("/")[0]), name.partition("/")[2] or options.srtp
        for _ in range(options.runs if scenario.kind == "steady" else 1):
            for server in options.server:
                with tempfile.TemporaryDirectory() as folder:
                    run = Run(server, scenario, Path(folder), srtp, options.feedback)
                    runs.append(await _measure(run, options))
                figures.show(name, runs[-1])
        summary = figures.summarise(runs, options.server)
        result["scenarios"][name] = {"summary": summary, "runs": runs}
        figures.show_ratio(name, summary, options.server)
        _keep(result, options.json)  # what was measured stays, whatever becomes of the next scenario
    return result


def _keep(result: dict[str, Any], path: Path | None) -> None:
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(result) + "\n")


async def _measure(run: Run, options: argparse.Namespace) -> dict[str, Any]:
    match run.scenario.kind:
        case "memory":
            return await upkeep.memory(run)
        case "churn":
            return await upkeep.churn(run)
    return await figures.measure(run, options.seconds, options.settle)


def server_name(text: str) -> str:
    """A value of ``--server``. Raises ValueError."""
    if text.partition("=")[0] not in ("janus", "relay", "recording"):
        raise ValueError(text)
    return text


def read_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.paired")
    parser.add_argument("--scenario", nargs="+", default=list(plan.ALL), help="see docs/benchmarks.md")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=8.0, help="measured time of each run")
    parser.add_argument("--settle", type=float, default=3.0, help="seconds to wait before, at least")
    parser.add_argument(
        "--server",
        nargs="+",
        type=server_name,
        default=["janus", "relay"],
        help="janus, relay, relay=OTHER_CHECKOUT, recording",
    )
    parser.add_argument("--srtp", choices=("gcm", "gcm128", "cm"), default="gcm")
    parser.add_argument("--feedback", nargs="*", default=list(FEEDBACK), help="what viewers and senders know of")
    parser.add_argument("--urgent", action="store_true", help="before everybody else on this machine (root only)")
    parser.add_argument("--json", type=Path, default=None)
    return parser.parse_args()


def main() -> None:
    """Command line."""
    options = read_options()
    if "janus" in options.server and not is_installed():
        raise SystemExit("janus is not installed: apt-get install janus, or --server relay")
    enter("tests.bench.paired", sys.argv[1:])
    if options.urgent:
        go_first()
    result = asyncio.run(play(options))
    print(json.dumps(result))  # noqa: T201


if __name__ == "__main__":
    main()
