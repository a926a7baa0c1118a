"""A packet's whole life in one process with warm caches: socket, SRTP, forwarding, pacing, SRTP, socket.

``python -m tests.bench.life [VIEWERS] [PACKETS]``: one camera to so many viewers, frames of so many packets, each
viewer with transport-wide numbers and a pacer on an ample line. Prints one JSON line: microseconds of CPU per copy and
per packet that came in, the least of many rounds, so that other work on the machine hardly counts; with the compiled
parts where they were built, and without them.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import time
from dataclasses import replace

from media.front import Front
from media.pacer import Pacer
from media.peer import Connection, ConnectionQueue
from media.relay import RelayOptions
from media.sentlog import SentLog
from media.transport import Certificate, SrtpSession, pointer_to
from media.types import PeerId
from tests.support.media import IN_IDS, OUT_IDS, VP8, Sender, World, camera, member, video_line, vp8
from tests.support.srtp import GCM, protect, session_pair

ROUNDS = 400


class Leg:
    """A socket on loopback and the relay's connection to it."""

    def __init__(self, name: str, leg: str, certificate: Certificate, front: Front, opened: socket.socket) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self.connection = Connection(
            PeerId(f"peer-{name}"),
            leg,
            0.0,
            certificate,
            lambda *_: None,
            lambda *_: None,
            lambda *_: None,  # type: ignore[arg-type]
        )
        self.sending, received = session_pair(GCM)
        self.connection.receiving, self.connection.sending = received, session_pair(GCM)[0]
        address = self.socket.getsockname()
        self.connection.ice.selected = address
        self.connection.socket = opened
        front._addresses.put(address, self.connection, self.socket.family)


def encrypted(session: SrtpSession, data: bytes) -> bytes:
    """``data`` as the sender's SRTP has it."""
    buffer = bytearray(data) + bytes(200)
    return bytes(buffer[: protect(session, pointer_to(buffer), len(data))])


def measure(viewers: int, packets: int, is_native: bool) -> dict[str, float]:
    """Microseconds per copy and per packet that came in."""
    world = World(RelayOptions(camera_bitrate_bps=10**10, max_viewer_bps=10**10))
    if not is_native:
        world.relay._take = None
    front = Front(world.relay, time.monotonic, lambda: None, is_native=is_native)
    port = front.open(0, ["127.0.0.1"])
    opened = front._sockets[0]
    read = front._read_native if is_native else front._read
    certificate = Certificate.generateCertificate()
    names = [f"p{index}" for index in range(viewers)]
    world.now = time.monotonic()
    world.apply(members=(member("an"), *(member(name) for name in names)))
    camera_leg = Leg("an", "publish", certificate, front, opened)
    wide = replace(camera(), extensions=replace(IN_IDS, abs_send_time=0, transport_cc=3))
    world.publish("peer-an", wide, queue=camera_leg.connection.queue)
    legs = []
    for name in names:
        leg = Leg(name, "subscribe", certificate, front, opened)
        queue: ConnectionQueue = leg.connection.queue
        world.queues[f"peer-{name}", "subscribe"] = queue
        line = video_line()
        world.subscribe(f"peer-{name}", (replace(line, extensions=replace(OUT_IDS, transport_cc=4)), "an", "camera"))
        queue.log = SentLog()
        pacer = Pacer(100e6, world.now)
        pacer.set_target(100e6, True)
        queue.pacer = pacer
        legs.append(leg)
    sender = Sender(200, VP8, extensions={4: b"1"})
    target = ("127.0.0.1", port)
    best = 1e9
    body = bytes(1050)
    for number in range(ROUNDS):
        for index in range(packets):
            sender.extensions[3] = (number * packets + index & 0xFFFF).to_bytes(2, "big")
            plain = sender.packet(
                vp8(number == 0 and index == 0, number, number, index == 0, body),
                index == packets - 1,
                3000 * (index == 0),
            )
            camera_leg.socket.sendto(encrypted(camera_leg.sending, plain), target)
        begun = time.thread_time()
        read(opened)
        best = min(best, time.thread_time() - begun)
        for leg in (camera_leg, *legs):
            try:
                while True:
                    leg.socket.recv(2048)
            except BlockingIOError:
                pass
    sent = front.sent
    front.close()
    if len(sys.argv) < 4:
        assert sent >= ROUNDS * packets * viewers, (sent, front.dropped)
    each = best * 1e6 / packets
    return {"us_per_copy": round(each / viewers, 2), "us_per_incoming": round(each, 2)}


async def main() -> None:
    """Measure both ways."""
    viewers, packets = (int(sys.argv[1]) if len(sys.argv) > 1 else 11), (int(sys.argv[2]) if len(sys.argv) > 2 else 6)
    found = {name: measure(viewers, packets, name == "native") for name in ("plain", "native")}
    sys.stdout.write(json.dumps({"viewers": viewers, "packets": packets, **found}) + "\n")


if __name__ == "__main__":
    asyncio.run(main())
