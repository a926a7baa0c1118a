"""The ring of recent packets."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from media.codecs import NO_VP8
from media.packetcache import Cached, PacketCache


def packet(name: int) -> Cached:
    return (name, 90 * name, 0, b"%d" % name, -1, NO_VP8)


@given(st.lists(st.integers(1, 40), max_size=200), st.sampled_from([0, 65_500, 1 << 20]))
def test_the_newest_packets_are_found_and_older_ones_are_not_mistaken(steps: list[int], start: int) -> None:
    cache = PacketCache(64)
    number = start
    kept: dict[int, int] = {}
    for step in steps:
        number += step
        cache.put(packet(number), 0.0)
        kept[number & 63] = number
    for wanted in range(max(0, number - 200), number + 70):
        found = cache.get(wanted, 1.0)
        if kept.get(wanted & 63) == wanted:
            assert found is not None and found[0] == wanted and cache.holds(wanted)
        else:
            assert found is None


def test_old_packets_are_not_given_out() -> None:
    cache = PacketCache(64, max_age=2.0)
    cache.put(packet(5), 10.0)
    assert cache.get(5, 12.0) is not None
    assert cache.get(5, 12.1) is None


def test_cleared_packets_are_gone_but_still_known_as_seen() -> None:
    cache = PacketCache(64)
    cache.put(packet(5), 10.0)
    cache.clear()
    assert cache.get(5, 10.0) is None
    assert cache.holds(5)
