"""Fuzzing guided by coverage, outside CI: ``python -m tests.fuzz.run [--seconds N] [--keep] [TARGET ...]``.

Each target (``targets.py``) runs in a process of its own under libFuzzer (atheris), beginning with its corpus: at
most 5 s per input and 512 MiB. What it finds is printed in hexadecimal with its traceback: mend the parser, add a test,
and add the line to the corpus. ``--keep`` adds the shortest inputs that reach all that was reached to the corpus.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.fuzz import corpus
from tests.fuzz.targets import MAX_LENGTH, TARGETS

WORKER = (sys.executable, "-m", "tests.fuzz.worker")
FLAGS = ("-timeout=5", "-rss_limit_mb=512", "-print_final_stats=1", "-detect_leaks=0")


def say(text: str) -> None:
    """A line for whoever watches."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def run(target: str, seconds: int, keep: bool) -> bool:
    """Fuzz one target and say what came of it; whether nothing was found."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        inputs, found = Path(folder) / "inputs", Path(folder) / "found"
        inputs.mkdir()
        found.mkdir()
        for number, data in enumerate(corpus.kept(target)):
            (inputs / f"{number:04}").write_bytes(data)
        flags = [*FLAGS, f"-max_total_time={seconds}", f"-max_len={MAX_LENGTH.get(target, 1500)}"]
        done = _worker(target, *flags, f"-artifact_prefix={found}/", str(inputs))
        executed = re.search(r"stat::number_of_executed_units:\s*(\d+)", done)
        reached = re.findall(r"cov: (\d+)", done)
        count = int(executed.group(1)) if executed else 0
        say(f"{target}: {count} executions in {seconds} s, {reached[-1] if reached else '?'} edges")
        bad = sorted(found.iterdir())
        for path in bad:
            say(f"{target}: {path.name}: {path.read_bytes().hex()}\n{done[-4000:]}")
        if not bad and not count:
            say(done[-4000:])
        if keep and not bad:
            reaching = corpus.reaching(TARGETS[target], (path.read_bytes() for path in inputs.iterdir()))
            say(f"{target}: {corpus.keep(target, [*corpus.kept(target), *reaching])} inputs kept")
        return not bad and count > 0


def _worker(target: str, *arguments: str) -> str:
    done = subprocess.run(
        [*WORKER, target, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace", text=True
    )
    return done.stdout


def main() -> int:
    """0 when nothing was found, 1 when something was, 2 without atheris."""
    parser = argparse.ArgumentParser(description="Fuzz the parsers, guided by coverage.")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--keep", action="store_true", help="write what reaches something new into the corpus")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}; none: all")
    given = parser.parse_args()
    unknown = [name for name in given.targets if name not in TARGETS]
    if unknown:
        parser.error(f"no such target: {', '.join(unknown)}")
    if subprocess.run([sys.executable, "-c", "import atheris"], capture_output=True).returncode:
        say("atheris is missing: run make fuzz, which installs requirements/fuzz.txt")
        return 2
    results = [run(name, given.seconds, given.keep) for name in given.targets or TARGETS]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
