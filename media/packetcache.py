"""A ring of references to recent packets of one incoming stream, for answering NACKs and seeing duplicates."""

from __future__ import annotations

from media.codecs import Vp8Info

Cached = tuple[int, int, int, bytes, int, Vp8Info]
"""(number without holes, RTP timestamp, marker 0x80 or 0, payload, audio level or -1, VP8 counters): what every
subscriber's copy is built from, now or as a resend. Shared by all of them and never changed."""


class PacketCache:
    """The newest packets by number, at most ``size`` (a power of two), none older than ``max_age`` seconds.

    Memory is bounded by ``size`` datagrams; age is checked on reading, slots are overwritten in place.
    """

    __slots__ = ("_mask", "_max_age", "_numbers", "_packets", "_times")

    def __init__(self, size: int, max_age: float = 2.0) -> None:
        self._mask = size - 1
        self._max_age = max_age
        self._numbers = [-1] * size
        self._times = [0.0] * size
        self._packets: list[Cached | None] = [None] * size

    def put(self, packet: Cached, now: float) -> None:
        """Remember a packet under its number; one of an older lap is forgotten."""
        number = packet[0]
        at = number & self._mask
        self._numbers[at] = number
        self._times[at] = now
        self._packets[at] = packet

    def holds(self, number: int) -> bool:
        """Whether this number arrived already, or a newer one took its place (too old to tell apart)."""
        return self._numbers[number & self._mask] >= number

    def get(self, number: int, now: float) -> Cached | None:
        """The packet, or None: never seen, overwritten, or too old."""
        at = number & self._mask
        if self._numbers[at] != number or now - self._times[at] > self._max_age:
            return None
        return self._packets[at]

    def clear(self) -> None:
        """Forget the packets (a fence); their numbers stay known as seen."""
        self._packets = [None] * len(self._packets)


__all__ = ["Cached", "PacketCache"]
