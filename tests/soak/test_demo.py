"""``make demo`` as a newcomer sees it: two receptions, whole and verified, also the second time on the same folder."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from web import folder

PATIENCE_S = 240


def command(data: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "web", "demo", "--data", str(data), "--port", "0", *more]


@pytest.mark.timeout(3 * PATIENCE_S)
def test_two_receptions_are_whole_also_the_second_time(tmp_path: Path) -> None:
    for _ in range(2):
        done = subprocess.run(
            command(tmp_path, "--exit", "--json"), capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )
        told = json.loads(done.stdout.splitlines()[-1])
        assert (done.returncode, told["problems"], told["verified"]) == (0, [], True), done.stderr
        assert len(told["receptions"]) == 2 and all(one["points"] for one in told["receptions"])


@pytest.mark.timeout(PATIENCE_S)
def test_whoever_ends_it_ends_its_hub_too(tmp_path: Path) -> None:
    with subprocess.Popen(command(tmp_path), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as demo:
        assert demo.stderr is not None
        next(line for line in demo.stderr if "dieuhanh.tw" in line)
        demo.send_signal(signal.SIGTERM)
        assert demo.wait(60) == 130
    with folder.FolderLock(tmp_path):
        pass  # nobody holds it any more
