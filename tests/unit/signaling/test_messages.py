"""Frames of pages: read, bounded, refused with a stable code."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from signaling import devicemessages as d
from signaling import messages as m


def test_it_works() -> None:
    frame = json.dumps({"type": "mute", "req": "1", "participant": "p", "source": "mic"})
    assert m.decode_from_page(frame) == m.Mute(req="1", participant="p", source="mic", on=True)


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("", "message.malformed"),
        ("{", "message.malformed"),
        ("[]", "message.malformed"),
        ('{"type": "launch"}', "message.unknown"),
        ('{"type": "hand", "req": "1"}', "message.malformed"),
        ('{"type": "hand", "req": "1", "up": true, "more": 1}', "message.malformed"),
        ('{"type": "mute", "req": "1", "participant": "p", "source": "smell"}', "message.malformed"),
        ('{"type": "chat", "req": "1", "text": "' + "x" * m.MAX_MESSAGE + '"}', "message.too_long"),
        ("[" * 30_000, "message.malformed"),
        ('{"type": "chat", "req": "1", "text": "\\ud800"}', "message.malformed"),
    ],
)
def test_bad_frame_has_a_code(frame: str, code: str) -> None:
    with pytest.raises(m.BadMessage) as caught:
        m.decode_from_page(frame)
    assert caught.value.code == code


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.one_of(st.text(), st.binary()))
def test_any_frame_is_read_or_refused(frame: str | bytes) -> None:
    for decode in (m.decode_from_page, d.decode_from_device):
        try:
            decode(frame)
        except m.BadMessage:
            pass


def test_version_is_in_the_first_message_of_both_channels() -> None:
    assert "version" in m.Hello.__struct_fields__
    assert "version" in d.Present.__struct_fields__
