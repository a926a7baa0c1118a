"""What journalling costs: ``python tests/bench/bench_recorder.py [TRACKS] [SECONDS]`` prints one line of JSON.

Every track gets 80 packets of 1,100 bytes a second (700 kbit/s). CPU is of the whole process, writer thread included,
and of the calls on the relay's loop alone.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

from media.journalwriter import JournalWriter
from media.recorder import SpoolRecorder
from media.types import Codec, ExtensionIds, ParticipantId, SessionId, TrackInfo

PACKET = memoryview(bytes.fromhex("806f000100000000000000aa") + bytes(1088))
RATE = 80


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 10.0
    with tempfile.TemporaryDirectory() as folder:
        writer = JournalWriter(Path(folder))
        recorder = SpoolRecorder(writer, lambda: "x", "boot", time.monotonic(), time.time())
        writer.start()
        codec, start = Codec("vp8", 96, 90_000), time.monotonic()
        tracks = [
            recorder.open_track(
                TrackInfo(SessionId("s"), 1, ParticipantId(f"p{i}"), "camera", 0, codec, ExtensionIds()), start
            )
            for i in range(count)
        ]
        loop_s, worst_queue, packets, next_poll = 0.0, 0, 0, start
        cpu = time.process_time()
        while (now := time.monotonic()) - start < seconds:
            began = time.thread_time()
            for track in tracks:
                track.write_rtp(PACKET, now)
            packets += count
            if now >= next_poll:
                next_poll = now + recorder.period
                recorder.poll(now, time.time())
                worst_queue = max(worst_queue, writer.queued_bytes)
            loop_s += time.thread_time() - began
            time.sleep(max(0.0, start + packets / count / RATE - time.monotonic()))
        recorder.close_all(time.monotonic())
        finished = writer.stop(30)
        cpu = time.process_time() - cpu
    result = {
        "tracks": count,
        "packets_per_s": round(packets / seconds),
        "cpu_us_per_packet": round(cpu / packets * 1e6, 2),
        "loop_us_per_packet": round(loop_s / packets * 1e6, 2),
        "worst_queue_mb": round(worst_queue / 1e6, 1),
        "dropped": recorder.counters.dropped,
        "finished": finished,
    }
    print(json.dumps(result))  # noqa: T201


if __name__ == "__main__":
    main()
