"""The recorder in virtual time, in front of a sink that does what the test says."""

from __future__ import annotations

import pytest

from media import journal, messages
from media.recorder import (
    FEW_TRACKS,
    POLL_S,
    QUICK_POLL_S,
    Append,
    Close,
    Closed,
    Durable,
    Ended,
    EndSession,
    Failed,
    Job,
    Open,
    Result,
    SpoolRecorder,
)
from media.types import Codec, ExtensionIds, ParticipantId, SessionId, Source, TrackInfo

UTC = 1_700_000_000.0
PACKET = memoryview(b"\x80\x6f" + bytes(98))
SESSION = SessionId("s1")


class FakeSink:
    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.pending: list[Result] = []
        self.full = False
        self.woken: list[int] = []  # how many jobs there were each time

    def wake(self) -> None:
        self.woken.append(len(self.jobs))

    def submit(self, job: Job) -> bool:
        if self.full and isinstance(job, Append):
            return False
        self.jobs.append(job)
        return True

    def results(self) -> list[Result]:
        taken, self.pending = self.pending, []
        return taken

    def appends(self) -> list[Append]:
        return [job for job in self.jobs if isinstance(job, Append)]


def info(source: Source = "mic", session: str = SESSION) -> TrackInfo:
    codec = Codec(name="opus", payload_type=111, clock_rate=48000, channels=2)
    return TrackInfo(SessionId(session), 2, ParticipantId("alice"), source, 0, codec, ExtensionIds())


@pytest.fixture
def sink() -> FakeSink:
    return FakeSink()


@pytest.fixture
def recorder(sink: FakeSink) -> SpoolRecorder:
    return SpoolRecorder(sink, lambda: "rnd", "boot1", now=100.0, utc=UTC)


def test_it_works(sink: FakeSink, recorder: SpoolRecorder) -> None:
    track = recorder.open_track(info(), 100.0)
    opened = sink.jobs[0]
    assert isinstance(opened, Open) and opened.name == "alice.mic.0.rnd.dcj" and opened.session == "s1"
    track.write_rtp(PACKET, 100.01)
    assert recorder.poll(100.1, UTC + 0.1) == []
    recorder.poll(100.41, UTC + 0.41)
    (append,) = sink.appends()
    assert [r.kind for r in journal.records_of(bytes(append.payload))] == [journal.RTP]

    sink.pending = [Durable(1, 0, b"h" * 32, 300)]
    assert recorder.poll(100.45, UTC + 0.45) == []  # only the HEAD is on disk
    sink.pending = [Durable(1, 1, b"h" * 32, 500)]
    ((session, epoch, body),) = recorder.poll(100.5, UTC + 0.5)
    assert (session, epoch) == ("s1", 2)
    assert body == messages.TrackWritten(participant="alice", source="mic", part=0, file="alice.mic.0.rnd.dcj")

    track.write_rtp(PACKET, 100.6)
    recorder.end_session(SESSION, 2, 100.7)
    *_, append, closing, ending = sink.jobs
    assert isinstance(append, Append) and isinstance(closing, Close) and ending == EndSession("s1", 2)
    assert closing.tail.packets == 2 and closing.tail.first_utc_us == int((UTC + 0.01) * 1e6)
    sink.pending = [Closed(1, 900, "ab" * 32), Ended("s1", 2, ("alice.mic.0.rnd.dcj",))]
    closed, ended = [body for _, _, body in recorder.poll(100.8, UTC + 0.8)]
    assert isinstance(closed, messages.TrackClosed) and closed.packets == 2 and closed.length == 900
    assert closed.last_utc == pytest.approx(UTC + 0.6)
    assert ended == messages.SessionEnded(files=("alice.mic.0.rnd.dcj",))


def test_the_writer_is_woken_once_for_all_tracks_and_not_for_nothing(sink: FakeSink, recorder: SpoolRecorder) -> None:
    tracks = [recorder.open_track(info(source), 100.0) for source in ("mic", "camera", "screen")]
    for track in tracks:
        track.write_rtp(PACKET, 100.1)
    recorder.poll(100.5, UTC + 0.5)
    assert sink.woken == [6], "three Open, three Append"
    recorder.poll(101.0, UTC + 1.0)
    assert sink.woken == [6]


def test_nothing_waits_longer_than_between_two_polls_for_the_writer(sink: FakeSink, recorder: SpoolRecorder) -> None:
    track = recorder.open_track(info(), 100.0)
    handed: list[tuple[float, int]] = []
    for step in range(200):
        now = 100 + step / 100
        track.write_rtp(PACKET, now)
        if step % round(100 * POLL_S) == 49:
            recorder.poll(now, UTC + step / 100)
        handed += [(now, r.mono_us) for a in sink.appends() for r in journal.records_of(bytes(a.payload))]
        sink.jobs.clear()
    assert len(handed) > 150
    assert max(now - mono_us / 1e6 for now, mono_us in handed) <= POLL_S


def test_many_tracks_are_handed_over_more_often(sink: FakeSink, recorder: SpoolRecorder) -> None:
    assert recorder.period == POLL_S
    track = recorder.open_track(info(), 100.0)
    for _ in range(FEW_TRACKS):
        recorder.open_track(info(), 100.0)
    assert recorder.period == QUICK_POLL_S
    track.write_rtp(PACKET, 100.01)
    recorder.poll(100.0 + QUICK_POLL_S, UTC)
    assert len(sink.appends()) == 1


def test_a_full_queue_drops_counts_and_says_so_in_the_journal(sink: FakeSink, recorder: SpoolRecorder) -> None:
    track = recorder.open_track(info(), 100.0)
    sink.full = True
    for step in range(5):
        track.write_rtp(PACKET, 100 + step * 0.5)
        recorder.poll(100.45 + step * 0.5, UTC)
    assert sink.appends() == [] and recorder.counters.dropped == 5
    sink.full = False
    track.write_rtp(PACKET, 102.6)
    recorder.poll(102.95, UTC)
    (append,) = sink.appends()
    dropped, packet = journal.records_of(bytes(append.payload))
    assert journal.parse_dropped(dropped.body) == (5, 5 * 112) and packet.kind == journal.RTP
    track.close(103.0)
    closing = sink.jobs[-1]
    assert isinstance(closing, Close) and (closing.tail.packets, closing.tail.dropped) == (1, 5)


def test_a_stuck_disk_is_reported_once_and_its_recovery_too(sink: FakeSink, recorder: SpoolRecorder) -> None:
    track = recorder.open_track(info(), 100.0)
    reports = []
    for step in range(100):
        track.write_rtp(PACKET, 100 + step / 10)
        reports += recorder.poll(100 + step / 10, UTC)
    assert [body for _, _, body in reports] == [messages.WriteFailed(code="disk_stalled", file="alice.mic.0.rnd.dcj")]
    sink.pending = [Durable(1, sink.appends()[-1].number, b"h" * 32, 9000)]
    ((_, _, body),) = recorder.poll(109.95, UTC)
    assert isinstance(body, messages.TrackWritten)


def test_a_full_disk_is_reported(sink: FakeSink, recorder: SpoolRecorder) -> None:
    recorder.open_track(info(), 100.0)
    sink.pending = [Failed(1, "disk_full")]
    ((_, _, body),) = recorder.poll(100.1, UTC)
    assert body == messages.WriteFailed(code="disk_full", file="alice.mic.0.rnd.dcj")
    assert recorder.counters.failures == {"disk_full": 1}


def test_heads_and_clock_anchors_come_every_ten_seconds(sink: FakeSink, recorder: SpoolRecorder) -> None:
    recorder.set_clock_offset(0.25)
    recorder.open_track(info(), 100.0)
    sink.pending = [Durable(1, 0, b"\x01" * 32, 300)]
    heads = []
    for step in range(1, 331):
        for _, _, body in recorder.poll(100 + step / 10, UTC + step / 10):
            if isinstance(body, messages.Heads):
                heads.append((step / 10, body))
    assert [at for at, _ in heads] == [10.0, 20.0, 30.0]
    assert heads[0][1] == messages.Heads(files={"alice.mic.0.rnd.dcj": ("01" * 32, 300)})
    anchors = [
        journal.parse_clock(r.mono_us, r.body)
        for a in sink.appends()
        for r in journal.records_of(bytes(a.payload))
        if r.kind == journal.CLOCK
    ]
    assert [round(a.mono_us / 1e6) for a in anchors] == [110, 120, 130]
    assert all(a.offset_us == 250_000 and abs(a.utc_us - a.mono_us - (UTC - 100) * 1e6) < 2 for a in anchors)


def test_marks_and_reports_are_kept_in_order(sink: FakeSink, recorder: SpoolRecorder) -> None:
    track = recorder.open_track(info(), 100.0)
    track.write_mark("mute", 100.1)
    track.write_report(1 << 63, 4711, 100.2)
    track.close(100.3)
    track.write_mark("live", 100.4)  # after the close: nothing
    (append,) = sink.appends()
    mark, report = journal.records_of(bytes(append.payload))
    assert bytes(mark.body) == b"mute" and journal.parse_report(report.body) == (1 << 63, 4711)


def test_a_second_close_does_nothing(sink: FakeSink, recorder: SpoolRecorder) -> None:
    track = recorder.open_track(info(), 100.0)
    track.close(100.1)
    recorder.close_all(100.2)
    assert sum(isinstance(job, Close) for job in sink.jobs) == 1


def test_an_id_that_is_no_file_name_is_refused(recorder: SpoolRecorder) -> None:
    with pytest.raises(ValueError):
        recorder.open_track(info(session="../etc"), 100.0)
