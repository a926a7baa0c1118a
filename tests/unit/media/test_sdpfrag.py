"""Fragments: which ICE session they belong to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.errors import SdpError
from media.sdpfrag import MAX_FRAGMENT, credentials

FRAGMENT = (
    "a=ice-ufrag:yvqn\r\na=ice-pwd:lNgIxly8JmCKUPO6Gchdc/BpCo2DF+Qg\r\nm=audio 9 RTP/AVP 0\r\na=mid:audio1\r\n"
    "a=candidate:1 1 UDP 2015363327 192.0.2.2 37979 typ host\r\na=end-of-candidates\r\n"
)


def test_a_fragment_names_its_ice_session() -> None:
    assert credentials(FRAGMENT) == ("yvqn", "lNgIxly8JmCKUPO6Gchdc/BpCo2DF+Qg")


def test_the_first_section_counts() -> None:
    more = "m=video 9 RTP/AVP 0\r\na=ice-ufrag:other\r\na=ice-pwd:otherotherotherother12\r\n"
    assert credentials(FRAGMENT + more) == credentials(FRAGMENT)


@pytest.mark.parametrize(
    "text",
    ["", "a=ice-ufrag:abcd", FRAGMENT.replace("a=ice-pwd", "a=ice-pass"), FRAGMENT.replace("yvqn", "yv qn")],
)
def test_without_usable_credentials_it_is_none(text: str) -> None:
    with pytest.raises(SdpError) as caught:
        credentials(text)
    assert caught.value.code == "sdp.malformed"


def test_a_long_one_is_not_read() -> None:
    with pytest.raises(SdpError) as caught:
        credentials(FRAGMENT + "a" * MAX_FRAGMENT)
    assert caught.value.code == "sdp.too_long"


@given(st.lists(st.one_of(st.text(max_size=40), st.sampled_from(FRAGMENT.split("\r\n"))), max_size=20))
def test_whatever_comes_it_is_read_or_refused(lines: list[str]) -> None:
    try:
        user, password = credentials("\r\n".join(lines))
    except SdpError:
        return
    assert user and password
