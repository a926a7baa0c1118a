"""Counters to figures: one run's, a scenario's medians, and the table."""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from typing import Any

from tests.bench.arena import load_average
from tests.bench.run import Run

WHOLE = 0.97
"""Of what one expects, from which a scenario counts as running: less is a server that holds something back."""
RAMP_S = 45.0


async def measure(run: Run, seconds: float, settle: float) -> dict[str, Any]:
    """Set everything up, wait until everything flows, measure, take everything down."""
    async with run.running():
        await run.publish_all()
        joined = time.monotonic()
        await run.watch_all()
        await asyncio.sleep(settle)
        share = await _ramp(run)
        ramp = time.monotonic() - joined
        begun, used = await run.marks(), run.cpu()
        await asyncio.sleep(seconds)
        ended, used_then = await run.marks(), run.cpu()
        held = run.memory()
        await run.sender.ask("playing", do="stop")
        await asyncio.sleep(0.7)
        last = await run.marks()
        found = _figures(begun, ended, last, {key: used_then[key] - used[key] for key in used})
        return {
            "server": run.server.name,
            **found,
            "share_of_whole": round(share, 3) if share < WHOLE else 1.0,
            "settled_after_s": round(ramp, 1),
            "memory_mb": round(held / 1e6, 2),
            "dropped": run.server.dropped(),
            "machine": load_average(),
        }


async def _ramp(run: Run) -> float:
    """Wait until viewers get what they should, as far as that is known: servers that estimate lines start low. The
    share that arrives at last."""
    copies = run.scenario.copies()
    end = time.monotonic() + RAMP_S
    while copies:
        before = await run.marks()
        await asyncio.sleep(1.0)
        now = await run.marks()
        sent = now[0]["sent"] - before[0]["sent"]
        share: float = (_arrived(now) - _arrived(before)) / max(1.0, sent * copies)
        if share >= WHOLE or time.monotonic() > end:
            return share
    return 1.0


def _arrived(marks: tuple[dict[str, Any], ...]) -> int:
    return int(marks[1]["received"] + marks[2]["received"])


def _figures(begun: Any, ended: Any, last: Any, spent: dict[str, float]) -> dict[str, Any]:
    sender, viewers, probe = range(3)
    span = ended[sender]["at"] - begun[sender]["at"]

    def grown(key: str, *which: int, until: Any = ended) -> float:
        return float(sum(until[index][key] - begun[index][key] for index in which))

    sent, forwarded = grown("sent", sender), grown("received", viewers, probe)
    received = grown("received", viewers, probe, until=last)
    lost = grown("missing", viewers, probe, until=last)
    ticks = max(spent["user_s"] + spent["system_s"], 1e-9)
    each = spent["cpu_s"] * 1e6 / max(forwarded, 1)
    return {
        "us_per_packet": round(each, 3),
        "us_user": round(each * spent["user_s"] / ticks, 3),
        "us_system": round(each * spent["system_s"] / ticks, 3),
        "share_of_core": round(spent["cpu_s"] / span, 4),
        "packets_in_per_s": round(sent / span, 1),
        "packets_out_per_s": round(forwarded / span, 1),
        "lost": int(lost),
        "lost_share": round(lost / max(received + lost, 1), 7),
        "resent_out": int(grown("rtx", viewers, probe, until=last)),
        "resent_in": int(grown("resent", sender, until=last)),
        "p50_ms": round(ended[probe]["p50_ms"], 3),
        "p99_ms": round(ended[probe]["p99_ms"], 3),
        "quiet_legs": last[viewers]["quiet"] + last[probe]["quiet"],
        "load": {
            "sender_share": round(grown("cpu_s", sender) / span, 3),
            "viewers_share": round(grown("cpu_s", viewers) / span, 3),
            "probe_share": round(grown("cpu_s", probe) / span, 3),
            "sender_late_ms": round(ended[sender]["late_s"] * 1000, 2),
            "viewers_round_ms": round(ended[viewers]["round_s"] * 1000, 2),
        },
    }


def summarise(runs: list[dict[str, Any]], servers: list[str]) -> dict[str, Any]:
    """Medians of one scenario by server, and the ratio of pairs: the last server's to the first one's."""
    found: dict[str, Any] = {}
    by_server = [runs[index :: len(servers)] for index in range(len(servers))]
    for server, each in zip(servers, by_server, strict=True):
        keys = [key for key, value in each[0].items() if isinstance(value, int | float)]
        found[server] = {key: statistics.median(run[key] for run in each) for key in keys}
        if "us_per_packet" in keys:
            figures = sorted(run["us_per_packet"] for run in each)
            found[server]["us_spread"] = [figures[0], figures[-1]]
    if len(servers) > 1 and "us_per_packet" in runs[0]:
        for name, key in (("cpu_ratio", "us_per_packet"), ("p99_ratio", "p99_ms")):
            pairs = zip(by_server[-1], by_server[0], strict=True)
            ratios = sorted(new[key] / max(old[key], 1e-9) for new, old in pairs)
            found[name] = round(statistics.median(ratios), 3)
            found[f"{name}_spread"] = [round(ratios[0], 3), round(ratios[-1], 3)]
    return found


HEAD = (
    f"{'scenario':10} {'server':6} {'us/packet':>9} {'user':>6} {'system':>6} {'core':>6} {'out/s':>8} {'lost':>7} "
    f"{'p50 ms':>7} {'p99 ms':>7} {'MB':>7}  load: sender viewers late"
)


def show(name: str, run: dict[str, Any]) -> None:
    """One line of the table, for a person."""
    if "load" not in run:
        rest = ", ".join(f"{key} {value}" for key, value in run.items() if key not in ("server", "machine"))
        sys.stderr.write(f"{name:10} {run['server']:6} {rest}\n")
        return
    load = run["load"]
    short = "" if run["share_of_whole"] == 1.0 else f"  ONLY {run['share_of_whole']:.0%} ARRIVES"
    sys.stderr.write(
        f"{name:10} {run['server']:6} {run['us_per_packet']:9.2f} {run['us_user']:6.2f} {run['us_system']:6.2f} "
        f"{run['share_of_core']:6.1%} {run['packets_out_per_s']:8.0f} {run['lost']:7d} {run['p50_ms']:7.3f} "
        f"{run['p99_ms']:7.3f} {run['memory_mb']:7.1f}  {load['sender_share']:6.1%} {load['viewers_share']:6.1%} "
        f"{load['sender_late_ms']:.1f} ms{short}\n"
    )


def show_ratio(name: str, summary: dict[str, Any], servers: list[str]) -> None:
    """The line below a scenario's runs."""
    if "cpu_ratio" in summary:
        low, high = summary["cpu_ratio_spread"]
        sys.stderr.write(
            f"{name:10} {servers[-1]} / {servers[0]}: CPU {summary['cpu_ratio']:.3f} ({low:.3f} to {high:.3f}), "
            f"p99 {summary['p99_ratio']:.2f}\n"
        )
