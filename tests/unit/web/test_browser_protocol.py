"""What the pages' scripts send over the session socket and the hub channel exists in the protocol, and what they listen
for, too."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from signaling import devicemessages, messages

ROOT = Path(__file__).parents[3]
SCRIPTS = ROOT / "web" / "static" / "js"
FILES = sorted(SCRIPTS.glob("*/*.js"))
SENT = re.compile(r"(?:\.(?:ask|request|send)\(|stringify\(\{ type: )'([a-z_]+)'")
AWAITED = re.compile(r"message\.type [!=]== '([a-z_]+)'")
LISTED = re.compile(r"\[([^\]]+)\]\.includes\(message\.type\)")


def tags(union: object) -> set[str]:
    return {kind.__struct_config__.tag for kind in get_args(union)}


def test_the_version_is_the_same() -> None:
    text = (SCRIPTS / "lib" / "signaling.js").read_text()
    found = re.search(r"PROTOCOL_VERSION = (\d+)", text)
    assert found is not None and int(found.group(1)) == messages.PROTOCOL_VERSION


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_message_that_a_script_sends_is_known(path: Path) -> None:
    known = tags(messages.FromPage) | tags(devicemessages.FromDevice)
    assert set(SENT.findall(path.read_text())) <= known


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_message_that_a_script_awaits_is_known(path: Path) -> None:
    known = tags(messages.ToPage) | tags(devicemessages.ToDevice)
    text = path.read_text()
    listed = {tag for some in LISTED.findall(text) for tag in re.findall(r"'([a-z_]+)'", some)}
    assert listed | set(AWAITED.findall(text)) <= known


def test_the_close_codes_are_the_same() -> None:
    text = (SCRIPTS / "lib" / "signaling.js").read_text()
    codes = dict(re.findall(r"(\w+): (40\d\d)", text))
    assert codes == {
        "replaced": str(messages.CLOSE_REPLACED),
        "notAllowed": str(messages.CLOSE_NOT_ALLOWED),
        "ended": str(messages.CLOSE_ENDED),
        "protocol": str(messages.CLOSE_PROTOCOL),
        "flood": str(messages.CLOSE_FLOOD),
        "again": str(messages.CLOSE_AGAIN),
    }
