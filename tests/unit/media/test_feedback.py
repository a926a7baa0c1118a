"""Reception statistics, the sender's clock, and merging of key frame requests."""

from __future__ import annotations

import pytest

from media.feedback import KeyframeRequests, ReceiveStats, SenderClock


def test_loss_is_reported_per_period_and_in_total() -> None:
    stats = ReceiveStats(90_000)
    for number in range(100, 200):
        if number % 4:
            stats.add(number, number * 3000, 1000, number / 30)
    fraction, lost = stats.report()
    assert 60 <= fraction <= 66 and lost == 24
    assert stats.report() == (0, 24)


def test_what_was_mended_counts_as_a_loss_of_the_line_but_not_as_lost() -> None:
    stats = ReceiveStats(90_000)
    for number in range(100, 201):
        if number % 10:
            stats.add(number, number * 3000, 1000, number / 30)
    fraction, lost = stats.report(mended=8)
    assert fraction == pytest.approx(25, abs=2), "senders protect sound by it"
    assert lost == 1, "senders send less because of it"
    assert stats.share.value > 0.02


def test_reports_count_wraps_from_the_first_packet_on() -> None:
    stats = ReceiveStats(90_000)
    stats.add((3 << 16) + 65_534, 0, 100, 1.0)
    assert stats.extended_highest == 65_534
    stats.add((4 << 16) + 1, 0, 100, 1.1)
    assert stats.extended_highest == (1 << 16) + 1


def test_an_even_stream_has_no_jitter_and_an_uneven_one_has() -> None:
    even, uneven = ReceiveStats(48_000), ReceiveStats(48_000)
    for number in range(200):
        even.add(number, number * 960, 100, number * 0.02)
        uneven.add(number, number * 960, 100, number * 0.02 + (number % 2) * 0.01)
    assert even.jitter < 1
    assert uneven.jitter / 48_000 == pytest.approx(0.01, rel=0.1)


def test_the_senders_clock_is_carried_on_and_translated() -> None:
    clock = SenderClock(90_000)
    clock.update(100 << 32, 0xFFFFFFF0, 50.0)
    ntp, rtp_time = clock.at(51.0)
    assert ntp == 101 << 32
    assert rtp_time == (0xFFFFFFF0 + 90_000) & 0xFFFFFFFF
    assert clock.rtp_at_ntp(101 << 32) == rtp_time
    assert clock.ntp_at_rtp(90_000) == 101 << 32


def test_requests_are_merged_and_spaced() -> None:
    keys = KeyframeRequests()
    sent = []
    for millisecond in range(0, 5000, 10):
        now = 100 + millisecond / 1000
        if millisecond % 50 == 0:
            keys.want(now)
        if keys.send(now):
            sent.append(now)
    assert len(sent) <= 11
    assert min(later - earlier for earlier, later in zip(sent, sent[1:], strict=False)) >= 0.4


def test_a_request_is_repeated_ever_more_slowly_until_the_key_frame_comes() -> None:
    keys = KeyframeRequests()
    keys.want(100.0)
    sent = [now / 10 for now in range(1000, 1400) if keys.send(now / 10)]
    assert sent[:4] == [100.0, 101.0, 103.0, 107.0] and len(sent) == 8
    keys.arrived(140.0)
    assert not keys.send(200.0)


def test_where_the_round_trip_is_known_a_lost_request_is_repeated_sooner() -> None:
    requests = KeyframeRequests()
    requests.want(5.0, fresh=True)
    assert requests.send(5.0, rtt=0.2)
    assert requests.deadline == 5.6
    assert requests.send(5.6, rtt=0.2)
    assert requests.deadline == 5.6 + 1.2


def test_loss_reported_right_after_a_key_frame_waits_but_a_newcomer_does_not() -> None:
    keys = KeyframeRequests()
    keys.arrived(100.0)
    keys.want(100.1)
    assert not keys.send(100.2)
    keys.want(100.2, fresh=True)
    assert keys.send(100.2)
