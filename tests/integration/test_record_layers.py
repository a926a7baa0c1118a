"""A record made while the publisher's layers come and go: the journal takes the best, and the replay file is whole.

Relay and recorder are the real ones, the journal lies on disk, the pictures are real VP8 and H.264 in two sizes; only
time and the publisher are made up.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path

import av
import pytest

from media import journal, rtcp, rtp
from media.clip import Clip, ClipOptions, make_clip, read_frame
from media.journalwriter import JournalWriter
from media.messages import Desired, Member
from media.recorder import SpoolRecorder
from media.relay import Relay
from media.replay import Segment, make_replay
from media.types import Batch, Codec, ExtensionIds, PeerId, PublishedMedia, SendQueue
from tests.support.h264clip import as_h264
from tests.support.journals import h264_payloads, units_of, vp8_payloads
from tests.support.media import Heard

RATE = 10
UTC = 1_800_000_000.0
IDS = ExtensionIds(mid=4, rid=10, rrid=11)
VP8 = Codec("vp8", 96, 90_000, rtx_pt=97, feedback=("nack", "nack pli"))
H264 = Codec("h264", 96, 90_000, rtx_pt=97, feedback=("nack", "nack pli"), fmtp="packetization-mode=1")
SIZES = ((160, 96), (320, 192))
DOWN, UP, END = 40, 80, 115
"""Frames at which the large layer stops, starts again, and everything ends."""


@pytest.fixture(params=[VP8, H264], ids=["vp8", "h264"])
def codec(request: pytest.FixtureRequest) -> Codec:
    """How the pictures are coded."""
    found: Codec = request.param
    return found


@pytest.fixture(scope="module")
def originals() -> list[Clip]:
    """The same frames in two sizes, with a key frame every half second."""
    options = [ClipOptions(width=width, height=height, rate=RATE, seconds=12) for width, height in SIZES]
    return [make_clip(5, "A", [], each) for each in options]


@pytest.fixture
def clips(codec: Codec, originals: list[Clip]) -> list[Clip]:
    """The frames as they are coded."""
    return originals if codec is VP8 else [as_h264(clip) for clip in originals]


class LayerSender:
    """One layer's packets, with a clock of its own."""

    def __init__(self, codec: Codec, rid: str, ssrc: int, clip: Clip) -> None:
        self.codec, self.rid, self.ssrc, self.clip = codec, rid, ssrc, clip
        self.seq = 65_500 + ssrc
        self.offset = ssrc * 0x3333_3333

    def timestamp(self, frame: int) -> int:
        """RTP time of a captured frame."""
        return (self.offset + frame * 90_000 // RATE) & 0xFFFFFFFF

    def packets(self, frame: int) -> list[bytes]:
        """One frame."""
        picture = self.clip.pictures[frame]
        payloads = vp8_payloads(picture, frame) if self.codec is VP8 else h264_payloads(units_of(picture))
        found = []
        for index, payload in enumerate(payloads):
            extensions = rtp.build_extensions({IDS.mid: b"1", IDS.rid: self.rid.encode()})
            is_last = index == len(payloads) - 1
            found.append(
                rtp.build(96, self.seq & 0xFFFF, self.timestamp(frame), self.ssrc, payload, is_last, extensions)
            )
            self.seq += 1
        return found

    def report(self, frame: int) -> bytes:
        """A sender report at a captured frame."""
        buffer = bytearray(64)
        ntp = int((UTC + 2_208_988_800 + frame / RATE) * (1 << 32))
        return bytes(buffer[: rtcp.write_sender_report(buffer, 0, self.ssrc, ntp, self.timestamp(frame), frame, 0)])


def record(spool: Path, codec: Codec, clips: list[Clip]) -> Path:
    """Play the reception; the journal that it leaves."""
    start = 5000.0
    writer = JournalWriter(spool)
    recorder = SpoolRecorder(writer, lambda: "rnd", "boot", start, UTC)
    relay = Relay(Heard(), recorder)
    writer.start()
    batch, peer = Batch(), PeerId("peer")
    member = Member(participant="alice", peer="peer", publish=("camera",))
    wanted = Desired(session="s" * 24, epoch=1, version=1, state="running", record="full", part=1, members=(member,))
    relay.apply(wanted, start)
    relay.attach_publisher(peer, [PublishedMedia("1", "camera", codec, IDS, rids=("q", "f"))], SendQueue(peer), start)
    senders = [LayerSender(codec, "q", 1, clips[0]), LayerSender(codec, "f", 2, clips[1])]
    for frame in range(END):
        now = start + 0.05 + frame / RATE
        for sender in senders:
            if sender.rid == "q" or not DOWN <= frame < UP:
                for data in sender.packets(frame):
                    relay.receive_rtp(peer, memoryview(data), now, batch)
                if frame % RATE == 5:
                    relay.receive_rtcp(peer, "publish", memoryview(sender.report(frame)), now, batch)
        for _ in range(3):
            relay.handle_deadline(now, batch)
            batch.queues.clear()
        recorder.poll(now, UTC + now - start)
    relay.detach(peer, "publish", start + 12)
    recorder.close_all(start + 12)
    writer.stop(5.0)
    recorder.poll(start + 12, UTC + 12)
    (path,) = spool.rglob("*.dcj")
    return path


def shown(segments: Sequence[Segment]) -> Iterator[tuple[float, int, int | None]]:
    """Every picture of the files: its time, its width, and the frame it says it is."""
    for one in segments:
        with av.open(str(one.file)) as container:
            for frame in container.decode(video=0):
                yield one.start_utc - UTC + float(frame.time or 0), frame.width, read_frame(frame)


def test_a_replay_over_changes_of_layer_is_whole(tmp_path: Path, codec: Codec, clips: list[Clip]) -> None:
    path = record(tmp_path / "spool", codec, clips)
    with path.open("rb") as file:
        records = [item for item in journal.read_records(file) if isinstance(item, journal.Record)]
    ssrcs = [int.from_bytes(item.body[8:12], "big") for item in records if item.kind == journal.RTP]
    runs = [ssrc for index, ssrc in enumerate(ssrcs) if not index or ssrcs[index - 1] != ssrc]
    assert runs[-3:] == [2, 1, 2], "the best layer that is sent"
    marks = [bytes(item.body) for item in records if item.kind == journal.MARK]
    assert marks.count(b"new_ssrc") >= 2

    result = make_replay([path], tmp_path, "r")
    assert result.problems == () and result.lost == 0
    seen = list(shown(result.segments))
    assert len(result.segments) == (1 if codec is VP8 else len(runs)), "an MP4 file holds pictures of one size"
    counters = [value & 0xFFF for _, _, value in seen if value is not None]
    assert len(counters) == len(seen), "no damaged picture"
    assert counters == sorted(counters), "none out of order"
    assert len(counters) - len(set(counters)) <= len(runs) - 1, "a frame comes twice only where a layer begins with it"
    gaps = {after: after - before for before, after in zip(counters, counters[1:], strict=False) if after > before + 1}
    assert all(DOWN < frame < DOWN + 2 * RATE for frame in gaps), "only until it is seen that the layer is gone"
    assert sum(gaps.values()) <= RATE + 2
    times = [at for at, _, _ in seen]
    first = times[0] - counters[0] / RATE
    assert all(abs(at - first - count / RATE) < 0.03 for at, count in zip(times, counters, strict=True))
    widths = [width for _, width, _ in seen]
    changes = [width for index, width in enumerate(widths) if not index or widths[index - 1] != width]
    assert changes[-3:] == [320, 160, 320]
    assert list(accumulate(times, max)) == times
