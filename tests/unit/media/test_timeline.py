"""RTP times on the session's clock: what makes a new stretch, and what sender reports may and may not do."""

from __future__ import annotations

import pytest

from media.journal import Clock
from media.sessiontime import SessionTime
from media.timeline import Placed, Survey, ntp_us, place

RATE = 1000  # one tick is a millisecond
S = 1_000_000
BOOT = SessionTime([Clock(0, 0)])


def survey(points: list[tuple[float, float]], start: int = 0, reports: list[tuple[float, float]] = []) -> Survey:  # noqa: B006
    """``points``: (RTP seconds, arrival seconds); ``reports``: (RTP seconds, sender's wall clock seconds)."""
    found = Survey(RATE)
    for media, arrival in points:
        found.packet(7, (start + round(media * RATE)) & 0xFFFFFFFF, round(arrival * S))
    for media, wall in reports:
        seconds = round(wall * (1 << 32)) + (2_208_988_800 << 32)
        found.report(seconds, (start + round(media * RATE)) & 0xFFFFFFFF)
    return found


def place_one(found: Survey, shift: int = 0) -> list[Placed]:
    return place([(SessionTime([Clock(0, shift)]), found.stretches)])[0]


def test_it_works() -> None:
    found = survey([(i, i + 0.05) for i in range(30)], start=0xFFFF_FF00)
    (placed,) = place_one(found, shift=100 * S)
    assert placed.utc_us(0xFFFF_FF00 + 20 * RATE) == pytest.approx(120.05 * S, abs=2000)


def test_an_ntp_time_becomes_unix_time() -> None:
    assert ntp_us((2_208_988_800 + 10) << 32 | 1 << 31) == 10_500_000


def test_the_shortest_delay_counts() -> None:
    points = [(i / 10, i / 10 + 0.02 + (0.3 if i % 7 else 0)) for i in range(1000)]
    (placed,) = place_one(survey(points))
    assert all(abs(placed.utc_us(i * RATE) - (i + 0.02) * S) < 5000 for i in range(100))


@pytest.mark.parametrize("leap", [5.0, -5.0])
def test_time_that_leaps_starts_a_stretch(leap: float) -> None:
    points = [(i / 10, i / 10) for i in range(100)] + [(i / 10 + leap, i / 10) for i in range(100, 200)]
    found = survey(points)
    assert [s.first_record for s in found.stretches] == [0, 100]
    after = place_one(found)[1]
    assert after.utc_us(round((15 + leap) * RATE)) == pytest.approx(15 * S, abs=2000)


def test_packets_that_are_merely_late_start_none() -> None:
    points = [(i / 10, i / 10) for i in range(100)]
    points += [(10 + i / 10, 11.9 + i / 1000) for i in range(18)]  # a stalled line lets go
    points += [(12 + i / 10, 12 + i / 10) for i in range(100)]
    assert len(survey(points).stretches) == 1


def test_reports_of_one_clock_give_two_tracks_the_same_delay() -> None:
    sound = survey([(i, i + 0.02) for i in range(20)], reports=[(i, 1000 + i) for i in range(20)])
    picture = survey([(50 + i, i + 0.2) for i in range(20)], start=5, reports=[(50 + i, 1000 + i) for i in range(20)])
    (first,), (second,) = place([(BOOT, sound.stretches), (BOOT, picture.stretches)])
    assert abs(first.utc_us(10 * RATE) - second.utc_us(5 + 60 * RATE)) < 1000


def test_reports_that_cannot_be_of_one_clock_are_kept_apart() -> None:
    sound = survey([(i, i + 0.02) for i in range(20)], reports=[(i, 1000 + i) for i in range(20)])
    picture = survey([(i, i + 0.02) for i in range(20)], reports=[(i, 1007 + i) for i in range(20)])
    (first,), (second,) = place([(BOOT, sound.stretches), (BOOT, picture.stretches)])
    assert abs(first.utc_us(10 * RATE) - second.utc_us(10 * RATE)) < 5000


def test_one_report_that_is_nonsense_does_no_harm() -> None:
    reports = [(i, 1000 + i + (400 if i == 5 else 0)) for i in range(20)]
    (placed,) = place_one(survey([(i, i + 0.02) for i in range(20)], reports=reports))
    assert all(abs(placed.utc_us(i * RATE) - (i + 0.02) * S) < 5000 for i in range(20))


def test_a_report_before_any_packet_or_without_time_is_ignored() -> None:
    found = Survey(RATE)
    found.report(1 << 62, 5)
    found.packet(1, 0, 0)
    found.report(7, 5)
    assert found.stretches[0].reports == []


def test_an_old_ssrc_that_straggles_keeps_its_stretch() -> None:
    found = Survey(RATE)
    for i in range(10):
        found.packet(1, i * 100, i * S // 10)
    found.packet(2, 5, S)
    found.packet(1, 1000, S + 1)
    assert [s.ssrc for s in found.stretches] == [1, 2]
