"""The ordinary packet's way through the core, compiled where that was built (media/native/ordinary.c, ADR 22).

``take(leg, data, now, batch)`` passes an ordinary packet on exactly as ``Relay._receive_rtp`` would, and answers
whether it did; of any other packet it changes nothing and leaves it to that, the reference. Ordinary is the next packet
in order of a known picture or sound that may pass: no hole before it, no fence in its way, and if a key frame begins,
none for which anybody waits.

``take_from(found, at, now, legs, batch)`` does so with what the front drained, from index ``at`` up to the first packet
that is not ordinary; its index is the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from media.ceiling import Meter
from media.feedback import KeyframeRequests, ReceiveStats
from media.forwarder import Publication
from media.layer import Layer
from media.legs import PublishLeg, Stream
from media.native import compiled
from media.packetcache import PacketCache
from media.recorder import JournalTrack
from media.seq import SequenceMap
from media.subscription import Stint, Subscription
from media.tracks import Track
from media.types import Batch, Buffer

take: Callable[[PublishLeg, Buffer, float, Batch], bool] | None = None
take_from: Callable[[list[Any], int, float, dict[str, PublishLeg], Batch], int] | None = None
if compiled is not None:
    compiled.know(
        {
            "leg": PublishLeg, "stream": Stream, "meter": Meter, "publication": Publication, "layer": Layer,
            "stats": ReceiveStats, "map": SequenceMap, "cache": PacketCache, "keys": KeyframeRequests,
            "subscription": Subscription, "stint": Stint, "batch": Batch, "track": Track, "journal": JournalTrack,
        }
    )  # fmt: skip
    take, take_from = compiled.take, compiled.take_from

__all__ = ["take", "take_from"]
