"""Replay files made from made-up journals, read back with a decoder: every frame, at its time."""

from __future__ import annotations

import time
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import av
import pytest

from media.clip import Clip, ClipOptions, make_clip, read_frame
from media.muxer import SILENCE
from media.replay import Replay, make_replay
from tests.support.journals import H264, MONO0_US, OPUS, UTC0_US, VP8, Sender, h264_payloads

RATE = 10
START = UTC0_US / 1e6


@cache
def clip() -> Clip:
    return make_clip(3, "A", [], ClipOptions(width=160, height=96, rate=RATE, seconds=12, bitrate_bps=60_000))


def speaker(**changes: Any) -> tuple[Sender, Sender]:
    return Sender(OPUS, "mic", ssrc=1, seed=1, **changes), Sender(VP8, "camera", ssrc=2, seed=2, **changes)


def talk(sound: Sender, picture: Sender, start: float, seconds: float, offset: int = 0) -> None:
    frames = clip().pictures[offset:]
    sound.sounds(clip().sounds, start, seconds)
    picture.pictures(frames, start, round(seconds * RATE), RATE)


def pictures(path: Path) -> list[tuple[float, int]]:
    """(time, counter) of every decoded picture; swapped or damaged ones have no counter."""
    with av.open(str(path)) as container:
        out = []
        for frame in container.decode(video=0):
            value = read_frame(frame)
            assert value is not None and value >> 12 == 3 and frame.time is not None
            out.append((frame.time, value & 0xFFF))
    return out


def sounds(path: Path) -> list[tuple[float, bytes]]:
    with av.open(str(path)) as container:
        packets = container.demux(audio=0)
        return [(float(p.pts * p.time_base), bytes(p)) for p in packets if p.pts is not None and p.size]


def test_it_works(tmp_path: Path) -> None:
    sound, picture = speaker()
    talk(sound, picture, 0, 10)
    result = make_replay([sound.journal(tmp_path), picture.journal(tmp_path)], tmp_path, "r")
    (segment,) = result.segments
    assert result.participant == "alice" and result.problems == () and result.lost == result.dropped == 0
    assert segment.frames == {"mic": 500, "camera": 100} and segment.clamped == segment.filled == 0
    assert segment.file.name == "r.replay.0.webm" and segment.media_type == "video/webm"
    assert segment.start_utc == pytest.approx(START + 0.03, abs=0.002)
    assert segment.duration_s == pytest.approx(10.0, abs=0.12)
    seen = pictures(segment.file)
    assert [n for _, n in seen] == list(range(100))
    assert all(abs(at - n / RATE) < 0.003 for at, n in seen)
    heard = sounds(segment.file)
    assert len(heard) == 500 and all(abs(at - i * 0.02) < 0.012 for i, (at, _) in enumerate(heard))
    assert [p.name for p in tmp_path.glob("r.*")] == ["r.replay.0.webm"]


def test_lips_stay_in_sync_with_jitter_delay_and_wrong_clocks(tmp_path: Path) -> None:
    """The picture takes 120 ms longer than the sound; its sender's clocks are wrong by seconds. Reports tell."""
    sound = Sender(OPUS, "mic", ssrc=1, seed=1, delay=0.02, jitter=0.03, ntp_offset=-70.0)
    picture = Sender(VP8, "camera", ssrc=2, seed=2, delay=0.14, jitter=0.05, ntp_offset=-70.0)
    talk(sound, picture, 0, 11)
    (segment,) = make_replay([sound.journal(tmp_path), picture.journal(tmp_path)], tmp_path, "r").segments
    heard = sounds(segment.file)
    shift = heard[10][0] - 0.2  # where the sound's zero lies in the file
    assert all(abs(at - n / RATE - shift) < 0.04 for at, n in pictures(segment.file))


@pytest.mark.parametrize(("skew", "hours", "drift"), [(-200, 3.0, 0), (200, 0.5, 100)])
def test_three_hours_of_a_skewed_clock_stay_within_40_ms(tmp_path: Path, skew: int, hours: float, drift: int) -> None:
    """The device's clock runs ``skew`` ppm fast, the hub's ``drift`` ppm faster than that of the relay's machine."""
    sound = Sender(OPUS, "mic", ssrc=1, seed=1, skew=skew, jitter=0.02)
    count = int(hours * 3600 * 2)  # two packets a second are enough to measure by
    for i in range(count):
        sound.send(i * 0.5, [b"\xf8\x01\x02"])
    result = make_replay([sound.journal(tmp_path, drift=drift)], tmp_path, "r")
    real = [at for at, data in sounds(result.segments[0].file) if data != SILENCE]
    assert result.stretches == 1 and len(real) == count
    assert max(abs(at - i * 0.5 * (1 + drift / 1e6)) for i, at in enumerate(real)) < 0.04
    assert abs(result.segments[0].start_utc - START) < 0.04


def test_lost_packets_leave_a_gap_of_the_right_length(tmp_path: Path) -> None:
    sound, picture = speaker()
    talk(sound, picture, 0, 4)
    talk(sound, picture, 7, 3, offset=40)
    (segment,) = make_replay([sound.journal(tmp_path), picture.journal(tmp_path)], tmp_path, "r").segments
    assert segment.frames == {"mic": 350, "camera": 70} and segment.filled == 150
    assert segment.duration_s == pytest.approx(10, abs=0.12)
    assert all(abs(at - n / RATE - (3 if n >= 40 else 0)) < 0.003 for at, n in pictures(segment.file))
    assert sum(data == SILENCE for _, data in sounds(segment.file)) == 150


def test_loss_drops_pictures_to_the_next_key_frame_and_nothing_is_garbled(tmp_path: Path) -> None:
    sound, picture = speaker(loss=0.02)
    talk(sound, picture, 0, 11)
    result = make_replay([sound.journal(tmp_path), picture.journal(tmp_path)], tmp_path, "r")
    (segment,) = result.segments
    seen = pictures(segment.file)
    assert result.lost > 0 and 40 < len(seen) < 110 and len(seen) == segment.frames["camera"]
    assert all(abs(at - n / RATE) < 0.03 for at, n in seen)


def test_a_long_silence_starts_a_new_segment(tmp_path: Path) -> None:
    sound, picture = speaker()
    talk(sound, picture, 0, 3)
    talk(sound, picture, 60, 3, offset=30)
    first, second = make_replay([sound.journal(tmp_path), picture.journal(tmp_path)], tmp_path, "r").segments
    assert second.start_utc - first.start_utc == pytest.approx(60, abs=0.005)
    assert first.frames == second.frames == {"mic": 150, "camera": 30}


def test_a_relay_crash_leaves_one_time_line(tmp_path: Path) -> None:
    """A second journal, of another process with another clock, after 3 s without anything."""
    sound, picture = speaker()
    talk(sound, picture, 0, 10)
    cut, back = MONO0_US + 4_000_000, MONO0_US + 7_000_000
    journals = []
    for sender in (sound, picture):
        journals.append(sender.journal(tmp_path, closed=False, keep=lambda t: t < cut))
        journals.append(sender.journal(tmp_path, boot="boot2", shift_us=-4_000_000_000, keep=lambda t: t >= back))
    result = make_replay(journals, tmp_path, "r")
    (segment,) = result.segments
    assert sorted(code for code, _ in result.problems) == ["journal_open", "journal_open"]
    seen = pictures(segment.file)
    assert all(abs(at - n / RATE) < 0.005 for at, n in seen)
    assert {n for _, n in seen} >= set(range(40)) | set(range(75, 100)) and not {n for _, n in seen} & set(
        range(41, 69)
    )


def test_a_held_call_is_anchored_anew(tmp_path: Path) -> None:
    """The sender's clock stands still for 60 s (Janus 2292)."""
    sound = Sender(OPUS, "mic", ssrc=1)
    sound.sounds(clip().sounds, 0, 5)
    sound.rtp_shift = -60.0
    sound.sounds(clip().sounds, 65, 5)
    result = make_replay([sound.journal(tmp_path)], tmp_path, "r")
    first, second = result.segments
    assert result.stretches == 2 and second.start_utc - first.start_utc == pytest.approx(65, abs=0.02)


def test_a_leap_of_the_rtp_clock_is_anchored_anew(tmp_path: Path) -> None:
    sound = Sender(OPUS, "mic", ssrc=1)
    sound.sounds(clip().sounds, 0, 5)
    sound.rtp_shift = 500.0
    sound.sounds(clip().sounds, 5, 5)
    result = make_replay([sound.journal(tmp_path)], tmp_path, "r")
    (segment,) = result.segments
    assert result.stretches == 2 and segment.duration_s == pytest.approx(10, abs=0.03) and segment.filled == 0


def test_a_stalled_line_that_catches_up_is_not_a_rogue(tmp_path: Path) -> None:
    sound = Sender(OPUS, "mic", ssrc=1)
    sound.sounds(clip().sounds, 0, 5)
    sound.delay = 1.8
    sound.sounds(clip().sounds, 5, 0.5)
    sound.delay = 0.03
    sound.sounds(clip().sounds, 7, 3)
    result = make_replay([sound.journal(tmp_path)], tmp_path, "r")
    assert result.stretches == 1


def test_a_new_ssrc_goes_on_in_the_same_file(tmp_path: Path) -> None:
    sound, picture = speaker()
    talk(sound, picture, 0, 5)
    picture.ssrc, picture.rtp_time, picture.number = 99, 12345, 777
    talk(sound, picture, 5, 5, offset=50)
    (segment,) = make_replay([sound.journal(tmp_path), picture.journal(tmp_path)], tmp_path, "r").segments
    assert all(abs(at - n / RATE) < 0.005 for at, n in pictures(segment.file))
    assert segment.frames["camera"] == 100


def test_sound_alone_and_a_screen(tmp_path: Path) -> None:
    sound = Sender(OPUS, "mic", ssrc=1)
    sound.sounds(clip().sounds, 0, 5)
    screen = Sender(VP8, "screen", ssrc=3)
    screen.pictures(clip().pictures, 2, 30, RATE)
    talking, shown = make_replay([sound.journal(tmp_path), screen.journal(tmp_path)], tmp_path, "r").segments
    assert (talking.kind, talking.media_type, talking.frames) == ("replay", "audio/webm", {"mic": 250})
    assert (shown.kind, shown.media_type, shown.frames) == ("screen", "video/webm", {"screen": 30})
    assert shown.start_utc - talking.start_utc == pytest.approx(2, abs=0.01)
    assert len(pictures(shown.file)) == 30


def test_pictures_that_start_late_keep_their_time(tmp_path: Path) -> None:
    sound, picture = speaker()
    sound.sounds(clip().sounds, 0, 30)
    picture.pictures(clip().pictures, 20, 100, RATE)
    first, second = make_replay([sound.journal(tmp_path), picture.journal(tmp_path)], tmp_path, "r").segments
    assert first.media_type == "audio/webm" and second.frames["camera"] == 100
    assert second.start_utc - first.start_utc == pytest.approx(20, abs=0.01)
    assert second.frames["mic"] + first.frames["mic"] == 1500


def encoded_h264(width: int, height: int, count: int) -> list[list[bytes]]:
    encoder: Any = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.gop_size = width, height, "yuv420p", 10
    encoder.time_base = Fraction(1, RATE)
    encoder.options = {"preset": "ultrafast", "tune": "zerolatency", "profile": "baseline", "x264-params": "slices=1"}
    units = []
    for i in range(count):
        frame = av.VideoFrame(width, height, "yuv420p")
        frame.pts = i
        for plane in frame.planes:
            plane.update(bytes([(i * 9) % 200]) * plane.buffer_size)
        for packet in encoder.encode(frame):
            raw = bytes(packet).replace(b"\x00\x00\x00\x01", b"\x00\x00\x01").split(b"\x00\x00\x01")
            units.append([unit for unit in raw if unit])
    return units


def test_h264_becomes_fragmented_mp4_and_a_new_size_a_new_file(tmp_path: Path) -> None:
    sound = Sender(OPUS, "mic", ssrc=1)
    sound.sounds(clip().sounds, 0, 8)
    picture = Sender(H264, "camera", ssrc=2)
    for size, start in (((160, 96), 0.0), ((320, 180), 4.0)):
        for i, units in enumerate(encoded_h264(*size, 40)):
            picture.send(start + i / RATE, h264_payloads(units))
    result = make_replay([sound.journal(tmp_path), picture.journal(tmp_path)], tmp_path, "r")
    first, second = result.segments
    for segment, size in ((first, (160, 96)), (second, (320, 180))):
        assert segment.media_type == "video/mp4" and segment.file.suffix == ".mp4" and segment.frames["camera"] == 40
        with av.open(str(segment.file)) as container:
            frames = list(container.decode(video=0))
            assert len(frames) == 40 and (frames[0].width, frames[0].height) == size
        assert b"moof" in segment.file.read_bytes()
    assert first.frames["mic"] + second.frames["mic"] == 400
    assert second.start_utc - first.start_utc == pytest.approx(4, abs=0.02)


def test_missing_empty_cut_and_damaged_journals_cost_only_what_they_do_not_hold(tmp_path: Path) -> None:
    sound, picture = speaker()
    talk(sound, picture, 0, 10)
    whole = sound.journal(tmp_path)
    cut = picture.journal(tmp_path)
    data = cut.read_bytes()
    cut.write_bytes(data[: len(data) * 2 // 3])
    empty = tmp_path / "alice.mic.1.empty.dcj"
    empty.write_bytes(b"")
    noise = tmp_path / "alice.mic.2.noise.dcj"
    noise.write_bytes(b"noise" * 100)
    result = make_replay([whole, cut, empty, noise, tmp_path / "gone.dcj"], tmp_path, "r")
    assert {(code, name.split(".")[-2]) for code, name in result.problems} == {
        ("journal_open", "boot"), ("journal_open", "empty"), ("journal_empty", "empty"),
        ("journal_damaged", "noise"), ("journal_empty", "noise"), ("journal_missing", "gone"),
    }  # fmt: skip
    (segment,) = result.segments
    assert segment.frames["mic"] == 500 and 40 < segment.frames["camera"] < 80


def test_nothing_gives_nothing(tmp_path: Path) -> None:
    assert make_replay([], tmp_path, "r") == Replay("", (), ())


def test_journals_of_two_people_are_refused(tmp_path: Path) -> None:
    sound, picture = speaker()
    talk(sound, picture, 0, 1)
    picture.participant = "bobby"
    with pytest.raises(ValueError):
        make_replay([sound.journal(tmp_path), picture.journal(tmp_path)], tmp_path, "r")


def test_it_runs_at_least_a_hundred_times_as_fast_as_real_time(tmp_path: Path) -> None:
    sound, picture = speaker()
    sound.sounds(clip().sounds, 0, 120)
    for i in range(12):
        picture.pictures(clip().pictures, i * 10, 100, RATE)
    journals = [sound.journal(tmp_path), picture.journal(tmp_path)]
    began = time.process_time()
    (segment,) = make_replay(journals, tmp_path, "r").segments
    assert segment.duration_s / (time.process_time() - began) > 100
