"""What no relay can get below here: the kernel's send and the cipher, per packet. ``python -m tests.bench.floor``.

Packets of the clip's size go from one socket to several on the same machine, as a relay's do, with nothing around them
but the loop; with UDP_SEGMENT in runs of some lengths. The sending core pays for the receiving side's network stack,
as in the paired runs.
"""

from __future__ import annotations

import json
import socket
import struct
import sys
import time
from collections.abc import Callable
from typing import Any

from pylibsrtp import Policy, Session

from media.transport import SrtpSession, pointer_to
from tests.bench.arena import ADDRESS, SERVER_CORE, enter
from tests.bench.worker import pin

SIZE = 1_090
PEERS = 11
ROUNDS = 400
SEGMENT = 103
"""UDP_SEGMENT of Linux."""


def best(action: Callable[[], int]) -> float:
    """Microseconds of CPU per packet: the best of seven times."""
    found = []
    for _ in range(7):
        begun = time.thread_time()
        packets = action()
        found.append((time.thread_time() - begun) / packets * 1e6)
    return round(min(found), 2)


def sockets() -> tuple[socket.socket, list[socket.socket]]:
    """One that sends, several that nobody reads: full queues drop late, after nearly all of the work."""
    receivers = []
    for _ in range(PEERS):
        receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        receiver.setblocking(False)
        receiver.bind((ADDRESS, 0))
        receivers.append(receiver)
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM), receivers


def drain(receivers: list[socket.socket]) -> None:
    """Make room again."""
    for receiver in receivers:
        try:
            while True:
                receiver.recv(2048)
        except BlockingIOError:
            pass


def sending(run: int) -> float:
    """The kernel's part, in runs of ``run`` packets; 0: one ``sendto`` each."""
    sender, receivers = sockets()
    addresses = [receiver.getsockname() for receiver in receivers]
    data = memoryview(bytearray(SIZE * max(1, run)))
    notes = [(socket.IPPROTO_UDP, SEGMENT, struct.pack("=H", SIZE))]
    rounds = max(1, ROUNDS // max(1, run))

    def once() -> int:
        for _ in range(rounds):
            for address in addresses:
                if run:
                    sender.sendmsg((data,), notes, 0, address)
                else:
                    sender.sendto(data, address)
        return rounds * len(addresses) * max(1, run)

    found = []
    for _ in range(7):
        begun = time.thread_time()
        packets = once()
        found.append((time.thread_time() - begun) / packets * 1e6)
        drain(receivers)
    return round(min(found), 2)


def ciphering(profile: int, key: int) -> float:
    """SRTP protection in place."""
    session: Any = SrtpSession(Session(Policy(bytes(key), Policy.SSRC_ANY_OUTBOUND, srtp_profile=profile)))
    buffer = bytearray(SIZE + 200)
    pointer = pointer_to(buffer)
    number = 0

    def once() -> int:
        nonlocal number
        for _ in range(4_000):
            number += 1
            struct.pack_into("!BBHII", buffer, 0, 0x80, 96, number & 0xFFFF, 1, 2)
            session.length[0] = SIZE
            session.protect(session.state, pointer, session.length)
        return 4_000

    return best(once)


def main() -> None:
    """Command line."""
    enter("tests.bench.floor", sys.argv[1:])
    pin(SERVER_CORE)
    found = {
        "sendto": sending(0),
        **{f"runs of {run}": sending(run) for run in (1, 2, 5, 16)},
        "AES_256_GCM": ciphering(Policy.SRTP_PROFILE_AEAD_AES_256_GCM, 44),
        "AES_CM": ciphering(Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 30),
    }
    sys.stdout.write(json.dumps({"us_per_packet": found, "bytes": SIZE}) + "\n")


if __name__ == "__main__":
    main()
