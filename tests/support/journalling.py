"""A process of its own that journals a packet every 5 ms until it is killed: ``python journalling.py SPOOL TRACKS``."""

from __future__ import annotations

import struct
import sys
import time
from pathlib import Path

from media.journalwriter import JournalWriter
from media.recorder import SpoolRecorder
from media.types import Codec, ExtensionIds, ParticipantId, SessionId, TrackInfo

HEAD = bytes.fromhex("806f000100000000000000aa")


def main() -> None:
    spool, count = Path(sys.argv[1]), int(sys.argv[2])
    writer = JournalWriter(spool)
    now = time.monotonic()
    recorder = SpoolRecorder(writer, lambda: "rnd", "boot", now, time.time())
    writer.start()
    codec = Codec("opus", 111, 48_000, channels=2)
    tracks = [
        recorder.open_track(
            TrackInfo(SessionId("session"), 1, ParticipantId(f"p{i}"), "mic", 0, codec, ExtensionIds()), now
        )
        for i in range(count)
    ]
    next_poll = now
    while True:
        now = time.monotonic()
        packet = HEAD + struct.pack(">d", now) + bytes(160)
        for track in tracks:
            track.write_rtp(memoryview(packet), now)
        if now >= next_poll:
            next_poll = now + 0.1
            for _, _, body in recorder.poll(now, time.time()):
                print(type(body).__name__, flush=True)  # noqa: T201
        time.sleep(0.005)


if __name__ == "__main__":
    main()
