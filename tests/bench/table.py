"""The JSON of ``tests.bench.paired`` as the tables of docs/benchmarks.md: ``python -m tests.bench.table FILE``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

COLUMNS = (
    "scenario", "Janus µs/packet", "relay µs/packet", "ratio (spread)", "of it in the kernel", "out/s Janus, relay",
    "lost Janus, relay", "p50 ms", "p99 ms", "p99 ratio", "MB",
)  # fmt: skip
HEAD = f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}"


def row(name: str, summary: dict[str, Any]) -> str:
    """One scenario that forwards packets."""
    old, new = summary["janus"], next(each for server, each in summary.items() if server.startswith("relay"))
    low, high = summary["cpu_ratio_spread"]
    return (
        f"| {name} | {old['us_per_packet']:.1f} | {new['us_per_packet']:.1f} | **{summary['cpu_ratio']:.2f}** "
        f"({low:.2f} to {high:.2f}) | {old['us_system']:.1f}, {new['us_system']:.1f} "
        f"| {old['packets_out_per_s']:.0f}, {new['packets_out_per_s']:.0f} "
        f"| {old['lost_share']:.2%}, {new['lost_share']:.2%} | {old['p50_ms']:.2f}, {new['p50_ms']:.2f} "
        f"| {old['p99_ms']:.1f}, {new['p99_ms']:.1f} | {summary['p99_ratio']:.2f} "
        f"| {old['memory_mb']:.0f}, {new['memory_mb']:.0f} |"
    )


def held(name: str, summary: dict[str, Any]) -> str:
    """One scenario about memory."""
    lines = []
    for server, figures in summary.items():
        said = ", ".join(f"{key.replace('_', ' ')} {value:g}" for key, value in figures.items())
        lines.append(f"| {name} | {server.partition('=')[0]} | {said} |")
    return "\n".join(lines)


def main() -> None:
    """Command line."""
    result = json.loads(Path(sys.argv[1]).read_text())
    write = sys.stdout.write
    steady = {name: each["summary"] for name, each in result["scenarios"].items() if "cpu_ratio" in each["summary"]}
    rest = {name: each["summary"] for name, each in result["scenarios"].items() if name not in steady}
    write(", ".join(f"{key} {value}" for key, value in result["machine"].items()) + "\n\n")
    write(
        f"{result['runs']} pairs of {result['seconds']:g} s; load average at the start {result['uptime_at_start']}\n\n"
    )
    write(HEAD + "\n" + "".join(row(name, summary) + "\n" for name, summary in steady.items()))
    if rest:
        write("\n| scenario | server | held |\n|---|---|---|\n")
        write("".join(held(name, summary) + "\n" for name, summary in rest.items()))


if __name__ == "__main__":
    main()
