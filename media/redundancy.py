"""RED packets of a publisher (RFC 2198) into the path of every packet: their own sound passes as the codec's, what was
lost just before is taken from what they repeat.

So journals, resends and viewers without RED never see RED, and a packet lost on the way here costs them nothing, not
even a round trip. Pure.
"""

from __future__ import annotations

from media.legs import Stream
from media.red import Red, missing, parse
from media.rtp import LEVEL_UNKNOWN, build
from media.types import Batch


def unwrap(
    stream: Stream, seq: int, timestamp: int, marker: int, payload: bytes, level: int, now: float, batch: Batch
) -> str:
    """Take a RED packet of ``stream``. The reason if it was dropped, or ""; "red" when it is malformed."""
    publication = stream.publication
    red = parse(payload, publication.payload_type)
    if red is None:
        return "red"
    layer = publication.layers[stream.index]
    before, since = layer.highest, (timestamp - layer.highest_time) & 0xFFFFFFFF
    reason = _take(stream, seq, timestamp, marker, red.primary, level, now, batch, red)
    layer = publication.layers[stream.index]  # another one if the sender has restarted
    lost = layer.highest - before - 1 if before >= 0 else 0
    if lost > 0:
        for back, offset, sound in missing(red, since, lost):
            number, at = (seq - back) & 0xFFFF, (timestamp - offset) & 0xFFFFFFFF
            _take(stream, number, at, 0, sound, LEVEL_UNKNOWN, now, batch)
    return reason


def _take(
    stream: Stream, seq: int, timestamp: int, marker: int, sound: bytes, level: int, now: float, batch: Batch,
    red: Red | None = None,
) -> str:  # fmt: skip
    """Sound as a packet of its own; without ``red`` it was lost before and is late."""
    publication = stream.publication
    packet = memoryview(build(publication.payload_type, seq, timestamp, stream.ssrc, sound, marker != 0))
    return publication.receive(
        stream.index, seq, timestamp, marker, sound, level, packet, now, batch, recovered=red is None, red=red
    )


__all__ = ["unwrap"]
