"""When a relay's copies save anything."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from web.api.copies import wanted


def hub(copies: str, root: Path | None) -> Any:
    return SimpleNamespace(config=SimpleNamespace(copies=copies), copies_root=root)


def test_on_one_disk_only_if_asked_for(tmp_path: Path) -> None:
    """Also before the folder of the files was made."""
    spool = tmp_path / "spool"
    spool.mkdir()
    for root in (tmp_path, tmp_path / "not" / "made" / "yet"):
        assert not wanted(hub("auto", root), spool)
        assert wanted(hub("on", root), spool) and not wanted(hub("off", root), spool)


def test_from_another_machine_another_disk_and_into_a_bucket(tmp_path: Path) -> None:
    assert wanted(hub("auto", tmp_path), tmp_path / "of-another-machine")
    assert wanted(hub("auto", tmp_path), None)
    assert wanted(hub("auto", None), tmp_path)
    assert wanted(hub("auto", Path("/proc")), tmp_path)
