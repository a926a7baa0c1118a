"""docs/protocol.md and the code say the same."""

from __future__ import annotations

import json
import re
import typing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from signaling import devicemessages as d
from signaling import messages as m
from signaling.errors import SENTENCES
from signaling.fold import FOLDS, LOG_ONLY
from signaling.rules import RULES, tag

TEXT = (Path(__file__).parents[3] / "docs" / "protocol.md").read_text(encoding="utf-8")
STATES = ("planned", "open", "running", "suspended", "closed", "locked")
ALIKE = {"hub channel": {m.Ping, m.Done, m.Pong, m.Error}}

SECTIONS = {
    "Page to hub": set(typing.get_args(m.FromPage)),
    "Hub to page": set(typing.get_args(m.ToPage)),
    "Device to hub": set(typing.get_args(d.FromDevice)) - ALIKE["hub channel"],
    "Hub to device": set(typing.get_args(d.ToDevice)) - ALIKE["hub channel"],
}


def chapter(title: str) -> str:
    return TEXT.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def entries(title: str) -> dict[str, str]:
    parts = re.split(r"\n### `(\w+)`\n", chapter(title))
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def table(title: str) -> set[str]:
    return set(re.findall(r"^\| `?([\w.]+)`? \|", chapter(title), re.MULTILINE)) - {"code", "kind"}


@pytest.mark.parametrize("title", SECTIONS)
def test_every_message_has_a_heading_and_every_heading_a_message(title: str) -> None:
    assert set(entries(title)) == {tag(kind) for kind in SECTIONS[title]}


def every_entry() -> list[tuple[type[Any], str]]:
    return [
        (kind, entries(title)[tag(kind)])
        for title, kinds in SECTIONS.items()
        for kind in sorted(kinds, key=lambda kind: kind.__name__)
    ]


@pytest.mark.parametrize(("kind", "text"), every_entry(), ids=lambda value: getattr(value, "__name__", ""))
def test_example_is_a_message_with_all_fields(kind: type[Any], text: str) -> None:
    example = re.search(r"```json\n(.+?)\n```", text, re.DOTALL)
    assert example is not None
    given = json.loads(example.group(1))
    assert set(given) == {"type", *kind.__struct_fields__}
    assert isinstance(msgspec.json.decode(example.group(1), type=kind), kind)


@pytest.mark.parametrize("kind", RULES, ids=lambda kind: kind.__name__)
def test_states_and_rights_are_those_of_the_table(kind: type[Any]) -> None:
    rule = RULES[kind]
    states = ", ".join(state for state in STATES if state in rule.states)
    assert f"Allowed in: {states}. Right: {rule.right}." in entries("Page to hub")[tag(kind)]


def test_every_request_has_a_rule() -> None:
    assert set(RULES) == set(typing.get_args(m.FromPage)) - {m.Hello}


def test_rights_are_explained() -> None:
    assert all(f"*{rule.right}*" in TEXT for rule in RULES.values())


def test_error_codes_are_those_of_the_code() -> None:
    assert table("Error codes") == set(SENTENCES)
    assert all(f"| `{code}` | {sentence} |" in TEXT for code, sentence in SENTENCES.items())


def test_event_kinds_are_those_of_the_code() -> None:
    assert table("Events") == set(FOLDS) | LOG_ONLY


def test_close_codes_are_those_of_the_code() -> None:
    codes = {str(value) for name, value in vars(m).items() if name.startswith("CLOSE_")}
    assert table("Close codes") == codes


def test_version_and_limits_are_those_of_the_code() -> None:
    assert f"This is version {m.PROTOCOL_VERSION}." in TEXT
    assert f"at most {m.MAX_MESSAGE // 1024} KiB" in TEXT
