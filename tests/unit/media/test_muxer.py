"""Container files: times that do not rise, gaps in the sound, files that are given up."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from media.muxer import SILENCE, MuxError, Picture, ReplayFile

KEY = b"\x10\x02\x00\x9d\x01\x2a\x40\x01\xb4\x00" + bytes(50)


def times(path: Path, kind: str) -> list[float]:
    with av.open(str(path)) as container:
        stream = getattr(container.streams, kind)[0]
        return [float(p.pts * p.time_base) for p in container.demux(stream) if p.pts is not None and p.size]


def test_it_works(tmp_path: Path) -> None:
    file = ReplayFile(tmp_path / "a.webm", Picture("vp8", 320, 180), sound=True)
    for i in range(50):
        file.write_sound(SILENCE, i * 20_000, 20_000)
        if i % 5 == 0:
            file.write_picture(KEY, True, i * 20_000)
    assert not (tmp_path / "a.webm").exists()
    file.close()
    assert times(tmp_path / "a.webm", "video") == pytest.approx([i / 10 for i in range(10)], abs=0.002)
    assert len(times(tmp_path / "a.webm", "audio")) == 50
    assert (file.duration_us, file.clamped, file.filled, file.media_type) == (1_000_000, 0, 0, "video/webm")
    assert [p.name for p in tmp_path.iterdir()] == ["a.webm"]


def test_times_that_do_not_rise_are_moved_and_counted(tmp_path: Path) -> None:
    file = ReplayFile(tmp_path / "a.webm", Picture("vp8", 320, 180), sound=False)
    for at in (0, 100_000, 50_000, 100_000, 200_000):
        file.write_picture(KEY, True, at)
    file.close()
    assert file.clamped == 2
    assert times(tmp_path / "a.webm", "video") == pytest.approx([0, 0.1, 0.101, 0.102, 0.2], abs=0.001)


def test_a_gap_in_the_sound_is_filled_with_silence(tmp_path: Path) -> None:
    file = ReplayFile(tmp_path / "a.webm", None, sound=True)
    for at in (0, 20_000, 1_040_000):
        file.write_sound(b"\xf8\x01", at, 20_000)
    file.close()
    heard = times(tmp_path / "a.webm", "audio")
    assert file.filled == 50 and len(heard) == 53
    assert max(b - a for a, b in zip(heard, heard[1:], strict=False)) < 0.022


def test_a_file_that_is_given_up_leaves_nothing(tmp_path: Path) -> None:
    file = ReplayFile(tmp_path / "a.webm", None, sound=True)
    file.write_sound(SILENCE, 0, 20_000)
    file.discard()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_a_mux_error(tmp_path: Path) -> None:
    with pytest.raises(MuxError):
        file = ReplayFile(tmp_path / "no" / "a.webm", None, sound=True)
        file.write_sound(SILENCE, 0, 20_000)
    with pytest.raises(ValueError):
        ReplayFile(tmp_path / "a.webm", None, sound=False)
