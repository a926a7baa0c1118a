"""Replay files checked frame by frame, in virtual time: mute, pause, a broken line, and a move to another relay.

The short form of ``tests/soak/test_frames.py``: relays, recorder, journals and files are the real ones, time and the
publisher are made up.
"""

from __future__ import annotations

from itertools import count
from pathlib import Path

import av

from media import rtcp, rtp
from media.clip import Clip, ClipOptions, make_clip, read_frame
from media.journalwriter import JournalWriter
from media.messages import Desired, Member
from media.recorder import SpoolRecorder
from media.relay import Relay
from media.replay import make_replay
from media.types import Batch, Codec, ExtensionIds, PeerId, PublishedMedia, SendQueue, Ssrc
from tests.support.journals import vp8_payloads
from tests.support.media import OPUS, Heard
from tests.support.replayed import beeps

RATE, SECONDS = 10, 12
UTC = 1_800_000_000.0
DELAY, NEAR = 0.05, 0.040
VP8 = Codec("vp8", 96, 90_000, feedback=("nack pli",))
PEER = PeerId("peer")
MUTE, PAUSE, BREAK, MOVE = (1.7, 2.7), (3.7, 5.2), (6.7, 7.7), (8.6, 9.4)
"""Spans in seconds: the microphone is off, nobody is recorded, nothing arrives, the first relay is dead."""


class Machine:
    """A relay on a machine of its own: its monotonic clock begins anywhere, its UTC is wrong by a known offset."""

    def __init__(self, spool: Path, boot: str, began: float, mono: float, wrong: float, ssrc: int) -> None:
        self.shift, self.wrong = mono - began, wrong
        self.ssrc, self.seqs = ssrc, {ssrc: 65_500, ssrc + 1: 65_300}
        self.writer = JournalWriter(spool)
        self.writer.start()
        names = (f"{boot}{number}" for number in count())
        self.recorder = SpoolRecorder(self.writer, lambda: next(names), boot, mono, UTC + began + wrong)
        self.recorder.set_clock_offset(-wrong)
        self.relay, self.batch = Relay(Heard(), self.recorder), Batch()
        media = [
            PublishedMedia("0", "mic", OPUS, ExtensionIds(), (Ssrc(ssrc),)),
            PublishedMedia("1", "camera", VP8, ExtensionIds(), (Ssrc(ssrc + 1),)),
        ]
        self.relay.attach_publisher(PEER, media, SendQueue(PEER), mono)

    def wants(self, at: float, version: int, part: int) -> None:
        """What the session is to be at this moment."""
        muted = ("mic",) if MUTE[0] <= at < MUTE[1] else ()
        member = Member(participant="an", peer=PEER, publish=("mic", "camera"), muted=muted)
        state = "paused" if PAUSE[0] <= at < PAUSE[1] else "running"
        wanted = Desired(
            session="s" * 24, epoch=part, version=version, state=state, record="full", part=part, members=(member,)
        )
        self.relay.apply(wanted, at + self.shift)

    def take(self, at: float, payload_type: int, clock: int, captured: float, payloads: list[bytes]) -> None:
        """A frame that was captured then and arrives now, if the line carries it."""
        arrives = not BREAK[0] <= captured < BREAK[1]
        ssrc = self.ssrc + (payload_type == VP8.payload_type)
        for payload in payloads:
            stamp = ssrc * 0x1111_1111 + round(captured * clock)
            data = rtp.build(payload_type, self.seqs[ssrc] & 0xFFFF, stamp, ssrc, payload, payload is payloads[-1])
            self.seqs[ssrc] += 1
            if arrives:
                self.relay.receive_rtp(PEER, memoryview(data), at + self.shift, self.batch)
        if arrives and round(captured * 1000) % 1000 == 0:
            buffer = bytearray(64)
            ntp = int((UTC + 2_208_988_800 + captured) * (1 << 32))
            rtcp.write_sender_report(buffer, 0, ssrc, ntp, stamp & 0xFFFFFFFF, 1, 1)
            self.relay.receive_rtcp(PEER, "publish", memoryview(buffer)[:28], at + self.shift, self.batch)

    def turn(self, at: float) -> None:
        """Timers."""
        now = at + self.shift
        self.relay.handle_deadline(now, self.batch)
        self.batch.queues.clear()
        self.recorder.poll(now, UTC + at + self.wrong)

    def end(self, at: float) -> None:
        """Everything to the disk."""
        self.recorder.close_all(at + self.shift)
        assert self.writer.stop(10)


def record(spool: Path, clip: Clip) -> None:
    """12 s of one point, 20 ms at a time."""
    machine = Machine(spool, "one", 0.0, 5000.0, 3.0, 100)
    version, wanted = 0, (False, False)
    for step in range(SECONDS * 50):
        captured = step / 50
        at = captured + DELAY
        if MOVE[0] <= captured < MOVE[1]:
            continue
        if captured >= MOVE[1] and machine.ssrc == 100:
            machine.end(at)
            machine, version = Machine(spool, "two", at, 90_000.0, -40.0, 200), 0
        now = (MUTE[0] <= captured < MUTE[1], PAUSE[0] <= captured < PAUSE[1])
        if version == 0 or now != wanted:
            version, wanted = version + 1, now
            machine.wants(captured, version, 1 if captured < MOVE[1] else 2)
        machine.take(at, OPUS.payload_type, 48_000, captured, [clip.sounds[step]])
        if step % (50 // RATE) == 0:
            number = step * RATE // 50
            machine.take(at, VP8.payload_type, 90_000, captured, vp8_payloads(clip.pictures[number], number))
        machine.turn(at)
    machine.end(SECONDS + DELAY)


def within(at: float, span: tuple[float, float], after: float = 0.0) -> bool:
    return span[0] <= at < span[1] + after


def test_pictures_and_beeps_stand_where_they_were_sent(tmp_path: Path) -> None:
    clip = make_clip(5, "A", [], ClipOptions(width=160, height=96, rate=RATE, seconds=SECONDS, bitrate_bps=60_000))
    record(tmp_path / "spool", clip)
    made = make_replay(sorted((tmp_path / "spool").rglob("*.dcj")), tmp_path, "r")
    assert made.problems == ()
    shown: dict[int, float] = {}
    heard: list[float] = []
    for segment in made.segments:
        with av.open(str(segment.file)) as container:
            for frame in container.decode(video=0):
                value = read_frame(frame)
                assert value is not None and value >> 12 == 5, "no damaged picture"
                shown[value & 0xFFF] = segment.start_utc - UTC - DELAY + (frame.time or 0)
        heard += [segment.start_utc - UTC - DELAY + at for at in beeps(segment.file)]
    assert max(abs(at - number / RATE) for number, at in shown.items()) <= NEAR
    for number in range(RATE, SECONDS * RATE):
        at = number / RATE
        if within(at, PAUSE) or within(at, BREAK) or within(at, MOVE):
            assert number not in shown, f"{at} s is not on the record"
        elif not any(within(at, span, 0.8) for span in (PAUSE, BREAK, MOVE)):
            assert number in shown, f"the picture of {at} s is missing"
    cut = [edge for span in (MUTE, PAUSE, BREAK, MOVE) for edge in span]
    whole = [at for at in heard if not any(abs(at - edge) < 0.15 for edge in cut)]
    assert [round(at) for at in whole if at > 0.5] == [1, 3, 6, 8, 10, 11]
    assert max(abs(at - round(at)) for at in whole) <= NEAR
