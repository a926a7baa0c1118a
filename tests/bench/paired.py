"""Janus and the relay in turn, over the same packets: ``python -m tests.bench.paired --scenario 11x8 --runs 3``.

docs/benchmarks.md says what is measured and how. The table goes to standard error, one line of JSON to standard
output, and the same JSON into the file named by ``--json``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.bench import plan
from tests.bench.arena import ADDRESS, Worker, cpu, enter, go_first, load_average, memory
from tests.bench.clip import load
from tests.bench.plan import Scenario, Session
from tests.bench.server_janus import JanusServer, is_installed
from tests.bench.server_relay import RelayServer

SETTLE_S = 3.0
JOIN_AT_ONCE = 8


class Run:
    """One scenario at one server, from an empty machine to figures."""

    def __init__(self, kind: str, scenario: Scenario, options: argparse.Namespace, folder: Path) -> None:
        self.scenario = scenario
        self.options = options
        self.server = JanusServer(folder) if kind == "janus" else RelayServer(folder, self._renegotiate)
        self.sender = Worker("tests.bench.sender")
        self.viewers = Worker("tests.bench.viewer")
        self.probe = Worker("tests.bench.viewer", "probe")
        self._gate = asyncio.Semaphore(JOIN_AT_ONCE)
        last = scenario.sessions[-1]
        self._probing = f"{last.name}/{sorted(last.watches)[-1]}"

    @property
    def workers(self) -> tuple[Worker, ...]:
        """The load."""
        return self.sender, self.viewers, self.probe

    async def measure(self) -> dict[str, Any]:
        """Set everything up, measure, take everything down."""
        try:
            for worker in self.workers:
                await worker.start()
            await self.server.start()
            await self.server.open(self.scenario)
            await self._join(self._publish, "sends")
            await self.sender.ask("playing", do="play")
            await asyncio.sleep(1.0)
            await self._join(self._watch, "watches")
            await asyncio.sleep(SETTLE_S)
            return await self._figures()
        except BaseException:
            sys.stderr.write(self.server.log())
            raise
        finally:
            await self.server.stop()
            for worker in self.workers:
                await worker.end()

    async def _join(self, step: Any, what: str) -> None:
        async def one(session: Session, participant: str) -> None:
            async with self._gate:
                await step(session, participant)

        async with asyncio.TaskGroup() as group:
            for session in self.scenario.sessions:
                for participant in getattr(session, what):
                    group.create_task(one(session, participant))

    async def _publish(self, session: Session, participant: str) -> None:
        sending = session.sends[participant]
        leg = f"{session.name}/{participant}"
        said = await self.sender.ask(
            "sdp",
            do="publish",
            leg=leg,
            layers=sending.layers,
            sound=sending.sound,
            speed=sending.speed,
            address=ADDRESS,
            srtp=self.options.srtp,
            feedback=self.options.feedback,
        )
        answer = await self.server.publish(session, participant, said["sdp"])
        await self.sender.ask("up", do="answer", leg=leg, sdp=answer)

    async def _watch(self, session: Session, participant: str) -> None:
        leg = f"{session.name}/{participant}"
        worker = self._worker(leg)
        up = worker.expect("up", leg)
        offer = await self.server.subscribe(session, participant)
        await self.server.answer(session, participant, await self._renegotiate(leg, offer))
        await asyncio.wait_for(up, 30)

    def _worker(self, leg: str) -> Worker:
        return self.probe if leg == self._probing else self.viewers

    async def _renegotiate(self, leg: str, offer: str) -> str:
        said = await self._worker(leg).ask(
            "sdp",
            do="offer",
            leg=leg,
            sdp=offer,
            address=ADDRESS,
            srtp=self.options.srtp,
            feedback=self.options.feedback,
            remb_bps=500_000_000,
        )
        return str(said["sdp"])

    async def _marks(self) -> list[dict[str, Any]]:
        said = await asyncio.gather(*(worker.ask("mark", do="mark") for worker in self.workers))
        return [each["mark"] for each in said]

    def _cpu(self) -> dict[str, float]:
        used = [cpu(pid) for pid in self.server.pids]
        return {key: sum(each[key] for each in used) for key in used[0]}

    async def _figures(self) -> dict[str, Any]:
        begun, used = await self._marks(), self._cpu()
        await asyncio.sleep(self.options.seconds)
        ended, used_then = await self._marks(), self._cpu()
        held = sum(memory(pid) for pid in self.server.pids)
        await self.sender.ask("playing", do="stop")
        await asyncio.sleep(0.7)
        last = await self._marks()
        sender, viewers, probe = range(3)
        span = ended[sender]["at"] - begun[sender]["at"]

        def grown(key: str, *which: int, until: list[dict[str, Any]] = ended) -> float:
            return float(sum(until[index][key] - begun[index][key] for index in which))

        sent, forwarded = grown("sent", sender), grown("received", viewers, probe)
        received = grown("received", viewers, probe, until=last)
        lost = grown("missing", viewers, probe, until=last)
        spent = {key: used_then[key] - used[key] for key in used}
        ticks = max(spent["user_s"] + spent["system_s"], 1e-9)
        each = spent["cpu_s"] * 1e6 / max(forwarded, 1)
        return {
            "server": self.server.name,
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
            "memory_mb": round(held / 1e6, 2),
            "quiet_legs": last[viewers]["quiet"] + last[probe]["quiet"],
            "load": {
                "sender_share": round(grown("cpu_s", sender) / span, 3),
                "viewers_share": round(grown("cpu_s", viewers) / span, 3),
                "probe_share": round(grown("cpu_s", probe) / span, 3),
                "sender_late_ms": round(ended[sender]["late_s"] * 1000, 2),
                "viewers_round_ms": round(ended[viewers]["round_s"] * 1000, 2),
            },
            "dropped": self.server.dropped(),
            "machine": load_average(),
        }


def summarise(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Medians of one scenario by server, and the ratio of pairs."""
    found: dict[str, Any] = {}
    keys = (
        "us_per_packet", "us_user", "us_system", "share_of_core", "packets_in_per_s", "packets_out_per_s", "lost",
        "lost_share", "p50_ms", "p99_ms", "memory_mb",
    )  # fmt: skip
    by_server: dict[str, list[dict[str, Any]]] = {}
    for run in runs:
        by_server.setdefault(run["server"], []).append(run)
    for server, each in by_server.items():
        found[server] = {key: statistics.median(run[key] for run in each) for key in keys}
        figures = sorted(run["us_per_packet"] for run in each)
        found[server]["us_spread"] = [figures[0], figures[-1]]
    if len(by_server) == 2:
        pairs = list(zip(by_server["relay"], by_server["janus"], strict=True))
        ratios = sorted(relay["us_per_packet"] / max(janus["us_per_packet"], 1e-9) for relay, janus in pairs)
        found["cpu_ratio"] = round(statistics.median(ratios), 3)
        found["cpu_ratio_spread"] = [round(ratios[0], 3), round(ratios[-1], 3)]
        p99 = [relay["p99_ms"] / max(janus["p99_ms"], 1e-9) for relay, janus in pairs]
        found["p99_ratio"] = round(statistics.median(p99), 3)
    return found


HEAD = (
    f"{'scenario':10} {'server':6} {'us/packet':>9} {'user':>6} {'system':>6} {'core':>6} {'out/s':>8} {'lost':>7} "
    f"{'p50 ms':>7} {'p99 ms':>7} {'MB':>7}  load: sender viewers late"
)


def show(name: str, run: dict[str, Any]) -> None:
    """One line of the table, for a person."""
    load = run["load"]
    sys.stderr.write(
        f"{name:10} {run['server']:6} {run['us_per_packet']:9.2f} {run['us_user']:6.2f} {run['us_system']:6.2f} "
        f"{run['share_of_core']:6.1%} {run['packets_out_per_s']:8.0f} {run['lost']:7d} {run['p50_ms']:7.3f} "
        f"{run['p99_ms']:7.3f} {run['memory_mb']:7.1f}  {load['sender_share']:6.1%} {load['viewers_share']:6.1%} "
        f"{load['sender_late_ms']:.1f} ms\n"
    )


async def play(options: argparse.Namespace) -> dict[str, Any]:
    """All scenarios; run by run, server by server."""
    clip = load()
    result: dict[str, Any] = {
        "clip_packets_per_s": round(clip.packets_per_s(), 1),
        "srtp": options.srtp,
        "runs": options.runs,
        "seconds": options.seconds,
        "uptime_at_start": load_average(),
        "scenarios": {},
    }
    sys.stderr.write(HEAD + "\n")
    for name in options.scenario:
        runs: list[dict[str, Any]] = []
        for _ in range(options.runs):
            for kind in options.server:
                with tempfile.TemporaryDirectory() as folder:
                    run = await Run(kind, plan.scenario(name), options, Path(folder)).measure()
                runs.append(run)
                show(name, run)
        summary = summarise(runs)
        result["scenarios"][name] = {"summary": summary, "runs": runs}
        if "cpu_ratio" in summary:
            low, high = summary["cpu_ratio_spread"]
            sys.stderr.write(
                f"{name:10} relay/janus: CPU {summary['cpu_ratio']:.3f} ({low:.3f} to {high:.3f}), "
                f"p99 {summary['p99_ratio']:.2f}\n"
            )
    return result


def read_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.paired")
    parser.add_argument("--scenario", nargs="+", default=list(plan.FIRST), help="11x8, 100x1, four-x1, four-x20 ...")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=8.0, help="measured time of each run")
    parser.add_argument("--server", nargs="+", choices=("janus", "relay"), default=["janus", "relay"])
    parser.add_argument("--srtp", choices=("gcm", "gcm128", "cm"), default="gcm")
    parser.add_argument("--feedback", nargs="*", default=["nack", "nack pli", "ccm fir", "goog-remb", "transport-cc"])
    parser.add_argument("--json", type=Path, default=None)
    parser.add_argument("--urgent", action="store_true", help="before everybody else on this machine (root only)")
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
    line = json.dumps(result)
    if options.json is not None:
        options.json.write_text(line + "\n")
    print(line)  # noqa: T201


if __name__ == "__main__":
    main()
