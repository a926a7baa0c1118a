"""Desired states: order, closing, and who owns a peer."""

from __future__ import annotations

import pytest

from media.errors import StaleEpoch
from media.messages import Desired, Member
from media.sessions import Sessions, records
from tests.support.media import member


def desired(session: str, version: int, *members: Member, epoch: int = 1, state: str = "running") -> Desired:
    return Desired(session=session, epoch=epoch, version=version, state=state, members=members)  # type: ignore[arg-type]


def owner(sessions: Sessions, peer: str) -> str | None:
    place = sessions.of_peer(peer)
    return place[0].session if place is not None else None


def test_versions_count_within_an_epoch_and_epochs_win() -> None:
    sessions = Sessions()
    assert sessions.apply(desired("s", 5))
    assert not sessions.apply(desired("s", 5))
    assert not sessions.apply(desired("s", 4))
    assert sessions.apply(desired("s", 1, epoch=2))
    with pytest.raises(StaleEpoch):
        sessions.apply(desired("s", 9))


def test_a_peer_belongs_to_the_session_that_named_it_last() -> None:
    sessions = Sessions()
    sessions.apply(desired("first", 1, member("an", "p")))
    sessions.apply(desired("second", 1, member("an", "p")))
    assert owner(sessions, "p") == "second"
    sessions.apply(desired("first", 2, member("an", "p"), member("binh", "q")))
    assert owner(sessions, "p") == "second", "repeating an old claim does not take it back"
    sessions.apply(desired("second", 2))
    assert owner(sessions, "p") is None, "and it does not fall back by itself"
    sessions.apply(desired("first", 3, member("binh", "q")))
    sessions.apply(desired("first", 4, member("an", "p"), member("binh", "q")))
    assert owner(sessions, "p") == "first"


def test_a_closed_session_lets_its_peers_go_and_may_be_resumed() -> None:
    sessions = Sessions()
    sessions.apply(desired("s", 1, member("an", "p")))
    sessions.apply(desired("s", 2, member("an", "p"), state="closed"))
    assert owner(sessions, "p") is None
    assert not sessions.apply(desired("s", 2, member("an", "p")))
    assert sessions.apply(desired("s", 3, member("an", "p")))
    assert owner(sessions, "p") == "s"


def test_the_audience_is_screened_and_leaves_out_who_is_elsewhere() -> None:
    sessions = Sessions()
    sessions.apply(desired("s", 1, member("an", "a"), member("binh", "b", receives=("an",)), member("chi", "c")))
    assert [item.participant for item in sessions.audience("a")] == ["binh", "chi"]
    assert [item.participant for item in sessions.audience("b")] == ["an"]
    sessions.apply(desired("next", 1, member("chi2", "c")))
    assert [item.participant for item in sessions.audience("a")] == ["binh"]
    assert sessions.audience("c") == []
    assert sessions.audience("unknown") == []


def test_what_is_recorded_follows_mode_member_and_source() -> None:
    full = Desired(session="s", epoch=1, version=1, state="running", record="full")
    sound = Desired(session="s", epoch=1, version=1, state="running", record="sound")
    off = Desired(session="s", epoch=1, version=1, state="running")
    an = member("an")
    assert records(full, an, "camera") and records(sound, an, "mic")
    assert not records(sound, an, "camera") and not records(off, an, "mic")
    assert not records(full, an, "screen"), "it may not send that"
    assert not records(full, member("an", record=False), "mic")
