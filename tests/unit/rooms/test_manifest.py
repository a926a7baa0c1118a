"""Canonical JSON, the event chain and what a manifest concludes."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooms import manifest
from rooms.manifest import Gap

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
).filter(lambda value: "\\ud" not in json.dumps(value))


def test_it_works() -> None:
    assert manifest.canonical({"b": 1, "a": [True, None, "đ\n"]}) == '{"a":[true,null,"đ\\n"],"b":1}'.encode()


@given(JSON)
def test_canonical_reads_back_and_is_stable(value: object) -> None:
    once = manifest.canonical(value)
    assert json.loads(once) == value and manifest.canonical(json.loads(once)) == once


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1: 2}, {"a": [{None: 1}]}, b"x", object(), "\ud800"])
def test_what_json_cannot_hold_is_refused(value: object) -> None:
    with pytest.raises(ValueError):
        manifest.canonical(value)


def test_times_are_written_in_utc_with_microseconds() -> None:
    hanoi = datetime(2026, 1, 31, 15, 0, 0, 5, tzinfo=timezone(timedelta(hours=7)))
    assert manifest.utc_text(hanoi) == "2026-01-31T08:00:00.000005Z"
    assert manifest.utc_text(hanoi.timestamp()) == "2026-01-31T08:00:00.000005Z"
    assert manifest.utc_us(hanoi) == 1_769_846_400_000_005
    for convert in (manifest.utc_text, manifest.utc_us):
        with pytest.raises(ValueError):
            convert(datetime(2026, 1, 31))


def chain(*kinds: str) -> list[bytes]:
    lines, previous = [], manifest.NO_EVENT
    for number, kind in enumerate(kinds, start=1):
        line, previous = manifest.event_line(
            session="s1", number=number, epoch=1, kind=kind, utc=1.5 + number, body={}, previous=previous
        )
        lines.append(line)
    return lines


def test_events_form_a_chain() -> None:
    lines = chain("a", "b", "c")
    assert manifest.check_events("s1", lines) == manifest.sha256_hex(lines[-1])
    assert manifest.check_events("s1", []) == manifest.NO_EVENT
    assert json.loads(lines[0])["utc"] == "1970-01-01T00:00:02.500000Z"
    wrong = [lines[1:], lines[::-1], [lines[0], lines[2]], [*lines, b"{}"], [b"no"], [b"[]"], [lines[0] + b"\n"]]
    for broken in wrong:
        with pytest.raises(manifest.BrokenLog):
            manifest.check_events("s1", broken)
    with pytest.raises(manifest.BrokenLog):
        manifest.check_events("s2", lines)


def made(gaps: list[Gap], state: str = "closed") -> dict[str, object]:
    raw = manifest.manifest_bytes(
        session="s1", locked=datetime(2026, 1, 1, tzinfo=UTC), key={"id": "k", "public": "p"}, files=[],
        events={"count": 0, "head": manifest.NO_EVENT}, tracks=[{"state": state}], gaps=gaps, facts={},
    )  # fmt: skip
    result: dict[str, object] = json.loads(raw)
    return result


def test_a_record_is_complete_when_nothing_of_it_is_lost() -> None:
    explained = Gap("p", "mic", 0, 9, "mute")
    assert made([explained])["complete"] is True
    assert made([explained, Gap("p", "", 0, 9, "crash", 7)])["complete"] is False
    assert made([explained, Gap("p", "", 0, 9, "crash", 7)])["lost_us"] == 7
    assert made([], state="missing")["complete"] is made([], state="damaged")["complete"] is False
    assert made([], state="recovered")["complete"] is True


def test_an_impossible_gap_is_refused() -> None:
    for gap in (Gap("p", "", 5, 4, "mute"), Gap("p", "", 4, 5, "crash", -1)):
        with pytest.raises(ValueError):
            made([gap])
