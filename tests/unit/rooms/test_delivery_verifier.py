"""The verifier of what left the house reads every version, for years: the vectors were made once and are never made
anew. Version 1 is how deliveries were before recordings from points went along."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from rooms import signing
from rooms.delivery_verifier import main, verify
from rooms.manifest import canonical
from rooms.verifier import keys_of

VECTORS = Path(__file__).parents[2] / "data" / "formats"
KEYS = keys_of((VECTORS / "delivery.pem").read_text())


def unpacked(version: int, folder: Path) -> Path:
    with zipfile.ZipFile(VECTORS / f"delivery-{version}.zip") as archive:
        archive.extractall(folder)
    return folder


def codes(folder: Path) -> list[str]:
    return [one["code"] for one in verify(str(folder), KEYS)["problems"]]


@pytest.mark.parametrize("version", [1, 2])
def test_every_version_verifies(tmp_path: Path, version: int) -> None:
    folder = unpacked(version, tmp_path)
    assert verify(str(folder), KEYS)["result"] == "intact"
    assert verify(str(folder))["result"] == "intact_signer_unchecked"
    assert main([str(folder), "--key", str(VECTORS / "delivery.pem"), "--json"]) == 0
    media = next(folder.glob("media/*/001.webm"))
    media.write_bytes(media.read_bytes()[:-1])
    assert codes(folder) == ["changed_file"]
    media.unlink()
    assert codes(folder) == ["missing_file"]


def test_a_byte_of_what_the_point_recorded_is_found(tmp_path: Path) -> None:
    folder = unpacked(2, tmp_path)
    named = [one for one in json.loads((folder / "delivery.json").read_bytes())["files"] if "origin" in one]
    assert [one["origin"] for one in named] == ["point"]
    place = folder / named[0]["path"]
    place.write_bytes(b"M" + place.read_bytes()[1:])
    assert codes(folder) == ["changed_file"]


def test_another_origin_cannot_be_written_in(tmp_path: Path) -> None:
    folder = unpacked(2, tmp_path)
    stated = json.loads((folder / "delivery.json").read_bytes())
    for one in stated["files"]:
        one.pop("origin", None)
    (folder / "delivery.json").write_bytes(canonical(stated))
    assert codes(folder) == ["bad_signature"]


def test_a_version_that_is_not_known_is_said(tmp_path: Path) -> None:
    folder, signer = unpacked(2, tmp_path / "usb"), signing.create(tmp_path / "keys")
    raw = canonical({**json.loads((folder / "delivery.json").read_bytes()), "version": 3, "key": signer.key()})
    (folder / "delivery.json").write_bytes(raw)
    (folder / "delivery.sig").write_bytes(signer.sign(raw))
    assert [one["code"] for one in verify(str(folder))["problems"]] == ["unknown_version"]
