"""Certificates of disposal that come back from outside: exact, signed by the hub, never leading out of their areas."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooms import signing
from rooms.certificates import Certificate, check, parse
from rooms.errors import Invalid
from rooms.manifest import canonical

SESSION = "s" * 24
KEY = {"id": "0" * 32, "public": "1" * 64}


def said(*files: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A certificate as ``rooms.destruction`` writes it."""
    at = "2026-01-31T08:00:00.000000Z"
    return {
        "format": "diemcau-disposal", "version": 1, "disposal": "d" * 24, "key": KEY,
        "object": {"kind": "session", "id": SESSION}, "basis": "QĐ 9", "reason": "Hết hạn",
        "proposed": {"by": "u" * 24, "utc": at}, "approved": {"by": "v" * 24, "utc": at}, "destroyed_utc": at,
        "manifests": {SESSION: "2" * 64}, "files": list(files),
        "total": {"files": len(files), "bytes": 0}, **changes,
    }  # fmt: skip


def line(what: str, path: str, session: str = SESSION) -> dict[str, Any]:
    return {"what": what, "session": session, "path": path, "length": 3, "sha256": "3" * 64}


def read(*files: dict[str, Any], **changes: Any) -> Certificate:
    return parse(canonical(said(*files, **changes)))


def test_it_works() -> None:
    found = read(
        line("package", f"packages/ss/{SESSION}/journals/a.dcj"), line("replay", "replay/ab/x.webm"),
        line("paper", "papers/ab/y.pdf", ""), line("spool", SESSION), line("cache", "z.zip"),
    )  # fmt: skip
    assert (found.sessions, found.packages) == ((SESSION,), (f"packages/ss/{SESSION}",))
    assert [one["path"] for one in found.singles] == ["replay/ab/x.webm", "papers/ab/y.pdf"]
    assert (found.object_kind, found.proposed[0], found.destroyed.year) == ("session", "u" * 24, 2026)


@pytest.mark.parametrize(
    ("what", "path"),
    [
        ("replay", "../hub.db"),
        ("replay", "replay/../../hub.db"),
        ("replay", "/etc/passwd"),
        ("replay", "replay/ab"),
        ("replay", "replay//x.webm"),
        ("replay", "papers/ab/x.pdf"),
        ("replay", "replay/ab/x\0.webm"),
        ("replay", "replay\\ab\\x"),
        ("package", f"packages/ss/{SESSION}"),
        ("package", f"packages/ss/{SESSION}/../../tt/{'t' * 24}/manifest.json"),
        ("package", f"packages/tt/{'t' * 24}/manifest.json"),
        ("keys", "keys/current"),
    ],
)
def test_what_leads_elsewhere_is_no_certificate(what: str, path: str) -> None:
    with pytest.raises(Invalid) as refused:
        read(line(what, path))
    assert refused.value.code == "certificate.malformed"


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 2},
        {"format": "diemcau-delivery"},
        {"object": {"kind": "site", "id": SESSION}},
        {"object": {"kind": "session", "id": "../x"}},
        {"disposal": ""},
        {"manifests": {"../..": "2" * 64}},
        {"files": [{}]},
        {"destroyed_utc": "yesterday"},
        {"key": {"id": "x", "public": "zz"}},
    ],
)
def test_anything_else_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        read(**changes)


@given(
    st.binary(max_size=300) | st.recursive(st.none() | st.text(max_size=5), lambda one: st.lists(one)).map(canonical)
)
def test_bytes_from_outside_are_read_or_refused(raw: bytes) -> None:
    with pytest.raises(Invalid):
        parse(raw)


def test_it_is_canonical_and_signed_by_a_key_that_is_trusted(tmp_path: Path) -> None:
    ours, stranger = signing.create(tmp_path / "ours"), signing.create(tmp_path / "theirs")
    raw = canonical(said(key=ours.key()))
    one = parse(raw)
    check(one, ours.sign(raw), [stranger.public, ours.public])
    for signature, trusted, code in (
        (ours.sign(raw + b" "), [ours.public], "certificate.bad_signature"),
        (b"", [ours.public], "certificate.bad_signature"),
        (ours.sign(raw), [stranger.public], "certificate.foreign_signer"),
        (ours.sign(raw), [], "certificate.foreign_signer"),
    ):
        with pytest.raises(Invalid) as refused:
            check(one, signature, trusted)
        assert refused.value.code == code
    with pytest.raises(Invalid):
        parse(json.dumps(said(), indent=1).encode())
