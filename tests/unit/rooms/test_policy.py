"""Dated rules, with source and certainty."""

from __future__ import annotations

import datetime as dt

import pytest

from rooms.policy import RESUME_WINDOW, profile_on, profiles
from rooms.words import RecordMode

SURE = {"design", "plan", "found", "memory", "inference"}


@pytest.mark.parametrize(
    ("on", "name", "levels"),
    [
        (dt.date(2024, 9, 23), "Trước 01/7/2025", "central,province,district,commune"),
        (dt.date(2025, 6, 30), "Trước 01/7/2025", "central,province,district,commune"),
        (dt.date(2025, 7, 1), "01/7/2025 - 30/6/2026", "central,province,commune"),
        (dt.date(2026, 6, 30), "01/7/2025 - 30/6/2026", "central,province,commune"),
        (dt.date(2026, 7, 1), "Từ 01/7/2026", "central,province,commune"),
        (dt.date(2099, 1, 1), "Từ 01/7/2026", "central,province,commune"),
    ],
)
def test_each_day_has_its_profile(on: dt.date, name: str, levels: str) -> None:
    profile = profile_on(on)
    assert (profile.name, profile.value("levels")) == (name, levels)


def test_every_rule_names_its_source_and_how_sure_it_is() -> None:
    for profile in profiles():
        for rule in profile.rules.values():
            assert rule.source
            assert rule.sure in SURE


def test_profiles_follow_each_other_without_holes() -> None:
    found = profiles()
    assert found[0].valid_from is None
    assert found[-1].valid_to is None
    assert [p.valid_to for p in found[:-1]] == [p.valid_from for p in found[1:]]
    assert len({frozenset(p.rules) for p in found}) == 1


def test_denunciation_online_is_off_in_every_profile() -> None:
    assert [p.value("online_denunciation") for p in profiles()] == [False] * 3


def test_values_fit_what_uses_them() -> None:
    for profile in profiles():
        RecordMode(profile.value("record_default"))
        RecordMode(profile.value("denunciation_record"))
        assert dt.timedelta(minutes=profile.value("resume_minutes")) == RESUME_WINDOW


def test_an_unknown_rule_is_our_mistake() -> None:
    with pytest.raises(KeyError):
        profile_on(dt.date(2026, 1, 1)).value("nonsense")
