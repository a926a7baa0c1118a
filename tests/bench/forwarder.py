"""CPU per forwarded packet without sockets and SRTP: one camera to 11 subscribers.

Run with ``python -m tests.bench.forwarder``; prints one JSON line. Best of several rounds, CPU time of the process.
"""

from __future__ import annotations

import gc
import json
import sys
from time import process_time

from media.relay import RelayOptions
from media.types import PeerId
from tests.support.media import VP8, Sender, World, camera, member, video_line, vp8

ROUNDS, PACKETS, PAYLOAD = 7, 4000, 1100


def measure(subscribers: int) -> dict[str, float]:
    """Microseconds per forwarded packet and per incoming packet."""
    world = World(RelayOptions(camera_bitrate_bps=10**10, max_viewer_bps=10**10))
    names = [f"p{index}" for index in range(subscribers)]
    world.apply(members=(member("an"), *(member(name) for name in names)))
    world.publish("peer-an", camera())
    for name in names:
        world.subscribe(f"peer-{name}", (video_line(), "an", "camera"))
    sender = Sender(200, VP8, extensions={4: b"1", 2: b"\1\2\3"})
    world.send("peer-an", sender.key())
    packets = []
    for index in range(ROUNDS * PACKETS):
        body = bytes(PAYLOAD)
        packets.append(memoryview(sender.packet(vp8(False, index, index, body=body), step=3000 * (index % 4 == 0))))
    relay, batch, peer = world.relay, world.batch, PeerId("peer-an")
    best = 1e9
    now = world.now
    gc.freeze()
    for number in range(ROUNDS):
        begun = process_time()
        for packet in packets[number * PACKETS : (number + 1) * PACKETS]:
            now += 0.002
            relay.receive_rtp(peer, packet, now, batch)
            for queue in batch.queues:
                queue.pairs.clear()
            batch.queues.clear()
        best = min(best, process_time() - begun)
    assert relay.packets_out >= ROUNDS * PACKETS * subscribers
    each = best / PACKETS * 1e6
    return {
        "subscribers": subscribers,
        "us_per_incoming": round(each, 2),
        "us_per_forwarded": round(each / subscribers, 2),
    }


def main() -> None:
    """Measure at 1 and at 11 subscribers; the difference is the cost of one more copy."""
    one, eleven = measure(1), measure(11)
    copy = (eleven["us_per_incoming"] - one["us_per_incoming"]) / 10
    sys.stdout.write(json.dumps({"at_1": one, "at_11": eleven, "us_per_copy": round(copy, 2)}) + "\n")


if __name__ == "__main__":
    main()
