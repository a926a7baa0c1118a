#!/usr/bin/env python3
"""Verify a copy or hand-over of Điểm Cầu: python verify/delivery_verifier.py FOLDER [--key FILE]... [--json]

FOLDER is where the ZIP was unpacked (a stick, a DVD). Stands with verifier.py beside it: Python 3.10 or newer, standard
library only, no network. Every file must be listed in delivery.json with its hash, delivery.json must be signed, and
each record under recordings/ is verified as a package.

Exit 0: intact and signed by a trusted key. 2: intact, but no --key was given. 1: changed, foreign or incomplete.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
from typing import Any

try:
    from rooms import verifier
except ImportError:  # in a delivery both files lie in one folder
    import verifier  # type: ignore[no-redef,import-not-found]

VERSIONS = (1, 2)
FREE = ("delivery.json", "delivery.sig", "key.pem", "SHA256SUMS")
"""What the signature covers itself, or what only helps by hand."""


def verify(root: str, keys: list[bytes] | None = None) -> dict[str, Any]:
    """``result`` (intact, intact_signer_unchecked, changed), ``problems`` (code, path), ``packages`` (session ->
    result)."""
    problems: list[dict[str, str]] = []
    packages: dict[str, str] = {}
    try:
        raw, stated = _signed(root, keys, problems)
        listed = {one["path"]: one for one in stated["files"]}
        _check_files(root, listed, problems)
        _check_origins(listed, problems)
        for session in sorted({path.split("/")[1] for path in listed if path.startswith("recordings/")}):
            found = verifier.verify(os.path.join(root, "recordings", session), keys)
            packages[session] = str(found["result"])
            if found["result"] == "changed":
                problems.append({"code": "package", "path": "recordings/" + session})
    except (OSError, ValueError, KeyError, TypeError) as error:
        problems.append({"code": "unreadable", "path": verifier.safe(error)})
    result = "changed" if problems else "intact" if keys else "intact_signer_unchecked"
    return {"result": result, "problems": problems, "packages": packages}


def _signed(root: str, keys: list[bytes] | None, problems: list[dict[str, str]]) -> tuple[bytes, dict[str, Any]]:
    with open(os.path.join(root, "delivery.json"), "rb") as file:
        raw = file.read(verifier.SMALL)
    with open(os.path.join(root, "delivery.sig"), "rb") as file:
        signature = file.read(65)
    stated = verifier.parse(raw, "delivery.json")
    if stated["format"] != "diemcau-delivery" or stated["version"] not in VERSIONS:
        problems.append({"code": "unknown_version", "path": "delivery.json"})
    public = bytes.fromhex(stated["key"]["public"])
    if not verifier.is_signed(public, signature, raw):
        problems.append({"code": "bad_signature", "path": "delivery.json"})
    if keys is not None and public not in keys:
        problems.append({"code": "foreign_signer", "path": "delivery.json"})
    return raw, stated


def _check_files(root: str, listed: dict[str, Any], problems: list[dict[str, str]]) -> None:
    there = set()
    for place, _, names in os.walk(root):
        for name in names:
            path = os.path.relpath(os.path.join(place, name), root).replace(os.sep, "/")
            there.add(path)
            if path not in listed and path not in FREE:
                problems.append({"code": "extra_file", "path": verifier.safe(path)})
    for path, one in listed.items():
        if path not in there:
            problems.append({"code": "missing_file", "path": verifier.safe(path)})
            continue
        digest = hashlib.sha256()
        with open(os.path.join(root, *path.split("/")), "rb") as file:
            for piece in iter(lambda: file.read(verifier.CHUNK), b""):
                digest.update(piece)
            if digest.hexdigest() != one["sha256"] or file.tell() != one["length"]:
                problems.append({"code": "changed_file", "path": verifier.safe(path)})


def _check_origins(listed: dict[str, Any], problems: list[dict[str, str]]) -> None:
    """What is named as from the point, in a delivery with records, must be cut from a take that one of them holds."""
    records = [path for path in listed if path.startswith("recordings/")]
    lists = {(path.split("/")[-1], listed[path]["sha256"]) for path in records}
    for path, one in listed.items():
        if records and "take" in one and (one["take"] + ".json", one["take_list_sha256"]) not in lists:
            problems.append({"code": "foreign_part", "path": verifier.safe(path)})


def main(argv: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(description="Verify a copy or hand-over of Diem Cau.")
    parser.add_argument("folder", help="the folder into which the ZIP was unpacked")
    parser.add_argument("--key", action="append", help="PEM file with trusted public keys; may be repeated")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    options = parser.parse_args(argv)
    keys: list[bytes] | None = None
    for name in options.key or ():
        with open(name, encoding="utf-8") as pem:
            keys = (keys or []) + verifier.keys_of(pem.read(1 << 20))
    result = verify(options.folder, keys)
    if options.json:
        print(json.dumps(result, sort_keys=True))  # noqa: T201
    else:
        print(result["result"])  # noqa: T201
        for one in result["problems"]:
            print("PROBLEM {code} {path}".format(**one))  # noqa: T201
    return {"intact": 0, "intact_signer_unchecked": 2}.get(result["result"], 1)


if __name__ == "__main__":
    sys.exit(main())
