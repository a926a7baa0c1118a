"""Extracts: nothing from outside the two moments, everything from inside, pictures copied where that is possible."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from media.replay import Replay, make_replay
from tests.support.journals import H264, UTC0_US, Sender, h264_payloads
from tests.unit.media.test_replay import RATE, clip, pictures, sounds, speaker, talk

KEYS = [number for number, picture in enumerate(clip().pictures) if not picture[0] & 1]
"""Pictures of the clip that are key frames (RFC 6386 9.1)."""


def between(start: float, end: float) -> tuple[int, int]:
    return round(UTC0_US + start * 1e6), round(UTC0_US + end * 1e6)


def extract(folder: Path, start: float, end: float) -> Replay:
    sound, picture = speaker()
    talk(sound, picture, 0, 10)
    return make_replay([sound.journal(folder), picture.journal(folder)], folder, "x", between(start, end))


def test_a_cut_in_the_middle_holds_exactly_what_lies_between(tmp_path: Path) -> None:
    """Every picture and packet between the moments, each with its own contents and at its time, and no other."""
    (segment,) = extract(tmp_path, 3.25, 7.25).segments
    assert abs(segment.start_utc - (UTC0_US / 1e6 + 3.25)) < 0.05 and abs(segment.duration_s - 4) < 0.1
    seen = pictures(segment.file)
    first = seen[0][1]
    assert first in (32, 33) and [value for _, value in seen] == list(range(first, first + 40))
    assert all(abs(at - (value - first) / RATE - seen[0][0]) < 0.05 for at, value in seen)
    assert 199 <= len(sounds(segment.file)) <= 201


def test_from_a_key_frame_on_nothing_is_encoded_again(tmp_path: Path) -> None:
    whole = make_replay([*(one.journal(tmp_path) for one in spoken())], tmp_path, "w").segments[0]
    (segment,) = make_replay([*(one.journal(tmp_path) for one in spoken())], tmp_path, "x", between(-1, 4)).segments
    assert segment.reencoded == ()
    assert coded(segment.file) == coded(whole.file)[: len(coded(segment.file))]
    assert [value for _, value in pictures(segment.file)] == list(range(40))


def spoken() -> tuple[Sender, Sender]:
    sound, picture = speaker()
    talk(sound, picture, 0, 10)
    return sound, picture


def coded(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(video=0) if packet.size]


def test_up_to_the_next_key_frame_it_is_encoded_again_and_says_so(tmp_path: Path) -> None:
    """From that key frame on the recorded pictures stand byte for byte."""
    sound, picture = spoken()
    journals = [sound.journal(tmp_path), picture.journal(tmp_path)]
    whole = coded(make_replay(journals, tmp_path, "w").segments[0].file)
    (segment,) = make_replay(journals, tmp_path, "x", between(KEYS[1] / RATE + 0.25, 8)).segments
    begin = pictures(segment.file)[0][1]
    lead = KEYS[2] - begin
    made = coded(segment.file)
    assert 0 < lead < KEYS[2] - KEYS[1] and made[:lead] != whole[begin : begin + lead]
    assert made[lead:] == whole[KEYS[2] : begin + len(made)]
    ((start, end),) = segment.reencoded
    assert abs((end - start) / 1e6 - lead / RATE) < 0.02
    assert abs(end - UTC0_US - KEYS[2] / RATE * 1e6) < 60_000


def test_h264_begins_with_a_file_of_its_own(tmp_path: Path) -> None:
    """Another encoder's parameters do not fit into the same file: the lead is one file, the copied rest another."""
    from tests.browser.test_replay_files import as_h264

    picture = Sender(H264, "camera", ssrc=2)
    for i, units in enumerate(as_h264(clip())):
        picture.picture_id += 1
        picture.send(i / RATE, h264_payloads(units))
    lead, rest = make_replay([picture.journal(tmp_path)], tmp_path, "x", between(0.5, 3)).segments
    assert lead.media_type == rest.media_type == "video/mp4"
    assert lead.reencoded and lead.file != rest.file
    assert lead.start_utc < rest.start_utc < lead.start_utc + 1
    assert len(coded(lead.file)) + len(coded(rest.file)) == 25


@pytest.mark.parametrize(("start", "end"), [(20, 30), (-9, -3)])
def test_where_nothing_was_recorded_nothing_is_made(tmp_path: Path, start: float, end: float) -> None:
    assert extract(tmp_path, start, end).segments == ()
