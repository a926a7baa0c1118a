"""10,000 changes of a single byte over all files of a package and of its ZIP, in process; 200 by the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from rooms import package, verifier
from tests.support.proof import SIGNER, changed_zips, changes, full_package

ROOT = Path(__file__).parents[2]


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return full_package(tmp_path / "made")


@pytest.mark.timeout(1800)
def test_every_change_in_ten_thousand_is_found(target: Path, tmp_path: Path) -> None:
    keys = [SIGNER.public]
    assert verifier.verify(str(target), keys)["result"] == "intact"
    for where in changes(target, 5000, 11):
        assert verifier.verify(str(target), keys)["result"] == "changed", where
    assert verifier.verify(str(target), keys)["result"] == "intact"
    package.export_zip(target, tmp_path / "p.zip", derived=True)
    for where, data in changed_zips((tmp_path / "p.zip").read_bytes(), 5000, 12):
        assert verifier.verify_bytes(data, keys)["result"] == "changed", where


@pytest.mark.timeout(600)
def test_every_change_in_two_hundred_is_found_by_the_command_line(target: Path, tmp_path: Path) -> None:
    (tmp_path / "hub.pem").write_bytes(SIGNER.public_pem())
    package.export_zip(target, tmp_path / "p.zip")
    whole = (tmp_path / "p.zip").read_bytes()

    def run(path: Path) -> int:
        program = [sys.executable, "-I", "-S", str(ROOT / "rooms" / "verifier.py"), str(path)]
        done = subprocess.run(
            [*program, "--key", str(tmp_path / "hub.pem"), "--json"], capture_output=True, check=False
        )
        assert json.loads(done.stdout)["problems"] or done.returncode == 0
        return done.returncode

    assert run(target) == 0 and run(tmp_path / "p.zip") == 0
    for where in changes(target, 100, 13):
        assert run(target) == 1, where
    for where, data in changed_zips(whole, 100, 14):
        (tmp_path / "p.zip").write_bytes(data)
        assert run(tmp_path / "p.zip") == 1, where
