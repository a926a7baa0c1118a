"""Hostile bytes into every parser: the kept inputs of the fuzz runs, changes of them, and the longest there can be."""

from __future__ import annotations

import time
import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from media.ice import IceLite
from tests.fuzz import corpus
from tests.fuzz.targets import MAX_LENGTH, PASSWORD, TARGETS, USER, _signed

KEPT = {name: corpus.kept(name) for name in TARGETS}
EXAMPLES = {"relay": 100, "sdp": 100}


@pytest.mark.parametrize("name", TARGETS)
def test_kept_inputs(name: str) -> None:
    assert KEPT[name], "every target has a corpus"
    for data in KEPT[name]:
        TARGETS[name](data)


@st.composite
def changed(draw: st.DrawFn, name: str) -> bytes:
    """A kept input with some bytes replaced, put in, left out or doubled; or anything."""
    if draw(st.booleans()):
        return draw(st.binary(max_size=200))
    data = bytearray(draw(st.sampled_from(KEPT[name])))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data)))
        until = at + draw(st.integers(0, 8))
        data[at:until] = draw(st.one_of(st.binary(max_size=8), st.just(bytes(data[at:until]) * 2)))
    return bytes(data)


@pytest.mark.parametrize("name", TARGETS)
def test_changed_inputs(name: str) -> None:
    @settings(max_examples=EXAMPLES.get(name, 200), deadline=None, suppress_health_check=list(HealthCheck))
    @given(changed(name))
    def check(data: bytes) -> None:
        TARGETS[name](data)

    check()


@pytest.mark.parametrize("name", TARGETS)
def test_the_longest_inputs_take_bounded_time_and_memory(name: str) -> None:
    length = MAX_LENGTH.get(name, 1500)
    patterns = [b"\0", b"\xff", b"\x80", b"a=\r\n", b"m=audio 9 X 1\r\n", b"[", *KEPT[name][-3:]]
    for pattern in patterns:
        data = (pattern * (length // len(pattern) + 1))[:length]
        tracemalloc.start()
        began = time.process_time()
        try:
            TARGETS[name](data)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert time.process_time() - began < 1.0, (name, pattern[:20])
        assert peak < 8 << 20, (name, pattern[:20])


def test_a_well_made_check_is_answered() -> None:
    """Or the target for checks would fuzz nothing but their refusal."""
    ice = IceLite(0.0)
    ice.credentials = {USER: PASSWORD}
    assert ice.check(_signed(b""), ("192.0.2.1", 4000), 1.0) is not None
