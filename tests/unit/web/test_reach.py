"""Who gets TURN credentials: those who were let into a session that is open, and nobody else."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator

import pytest
from httpx import Response
from sqlalchemy import select, update

from rooms.models import Participant, ReceptionSession
from rooms.words import ParticipantState, SessionState
from tests.support.pages import Browser, Pages, pages_at, register
from web.testlegs import MAX_ALL


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    with pages_at(tmp_path_factory.mktemp("hub")) as made:
        made.hub.config = dataclasses.replace(made.config, turn_url=("turn:turn.example",), turn_secret="shared")
        yield made


@pytest.fixture
def session(pages: Pages) -> str:
    """A session of alice's point and oscar's sitting; alice is in its waiting room."""
    oscar, alice = pages.browser("oscar"), pages.browser("alice")
    page = oscar.follow(
        oscar.post(
            "/sittings", site=pages.sites["Trung ương"], chair_name="Người Chủ Trì", invite=[pages.sites["Lục Ngạn"]]
        )
    )
    visit = register(alice, where=page.text.split("/sittings/")[1].split("/")[0])
    room = oscar.post("/board/admit", visit=visit).headers["location"]
    assert alice.get(room).status_code == 200
    return str(room.split("/")[2].split("?")[0])


def ask(browser: Browser, path: str) -> Response:
    return browser.client.post(path, json={}, headers={"x-csrftoken": browser.token, "accept": "application/json"})


def put(pages: Pages, session: str, state: ParticipantState) -> None:
    with pages.hub.database.write() as db:
        db.execute(update(Participant).where(Participant.session_id == session).values(state=state))


def test_whoever_was_let_in_gets_them_for_minutes(pages: Pages, session: str) -> None:
    alice = pages.browser("alice")
    alice.get(f"/room/{session}")
    put(pages, session, ParticipantState.JOINED)
    answer = ask(alice, f"/api/sessions/{session}/ice").json()
    (server,) = answer["iceServers"]
    assert server["urls"] == ["turn:turn.example"]
    until, holder = server["username"].split(":")
    assert 600 <= int(until) - pages.hub.now().timestamp() <= 3600
    assert answer["refresh_s"] < pages.hub.config.turn_ttl_s and answer["iceTransportPolicy"] == "all"
    with pages.hub.database.read() as db:
        assert db.scalar(select(Participant.id).where(Participant.id == holder)) == holder


def test_forcing_turn_reaches_the_page(pages: Pages, session: str, monkeypatch: pytest.MonkeyPatch) -> None:
    alice = pages.browser("alice")
    alice.get(f"/room/{session}")
    put(pages, session, ParticipantState.JOINED)
    monkeypatch.setattr(pages.hub, "config", dataclasses.replace(pages.hub.config, force_relay=True))
    assert ask(alice, f"/api/sessions/{session}/ice").json()["iceTransportPolicy"] == "relay"


@pytest.mark.parametrize("state", ["invited", "waiting", "left", "removed"])
def test_whoever_was_not_let_in_gets_none(pages: Pages, session: str, state: str) -> None:
    alice = pages.browser("alice")
    alice.get(f"/room/{session}")
    put(pages, session, ParticipantState(state))
    answer = ask(alice, f"/api/sessions/{session}/ice")
    assert (answer.status_code, answer.json()["error"]) == (403, "participant.not_admitted")


def test_a_session_that_is_over_gives_none(pages: Pages, session: str) -> None:
    alice = pages.browser("alice")
    alice.get(f"/room/{session}")
    put(pages, session, ParticipantState.JOINED)
    with pages.hub.database.write() as db:
        db.execute(update(ReceptionSession).where(ReceptionSession.id == session).values(state=SessionState.CLOSED))
    assert ask(alice, f"/api/sessions/{session}/ice").status_code == 403


def test_a_stranger_does_not_find_the_session(pages: Pages, session: str) -> None:
    charlie = pages.browser("charlie")
    charlie.get("/")
    assert ask(charlie, f"/api/sessions/{session}/ice").status_code == 404
    nobody = pages.browser()
    nobody.get("/login")
    assert ask(nobody, f"/api/sessions/{session}/ice").status_code == 401
    assert ask(nobody, "/api/reach/plan").status_code == 401


def test_a_page_that_does_not_wait_to_be_let_in_holds_none(pages: Pages, session: str) -> None:
    text = pages.browser("alice").get(f"/room/{session}").text
    assert "credential" not in text and f"/api/sessions/{session}/ice" in text


def test_the_check_gets_them_for_its_own_duration(pages: Pages) -> None:
    alice = pages.browser("alice")
    alice.get("/check")
    answer = ask(alice, "/api/reach/plan").json()
    assert answer["relays"] == 0
    until = int(answer["iceServers"][0]["username"].split(":")[0])
    assert until - pages.hub.now().timestamp() <= 120


def test_a_test_leg_needs_a_relay_and_a_short_offer(pages: Pages) -> None:
    alice = pages.browser("alice")
    alice.get("/check")
    headers = {"x-csrftoken": alice.token, "accept": "application/json"}
    answer = alice.client.post("/api/reach/legs", json={"sdp": "v=0"}, headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (503, "relay.none")
    for bad in ({"sdp": "v" * 20_000}, {"sdp": "v=0", "relay": -1}, {"sdp": "v=0", "relay": 1000}, {}):
        assert alice.client.post("/api/reach/legs", json=bad, headers=headers).status_code in (400, 422)


def test_too_many_test_legs_are_refused_with_when_to_come_back(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    alice = pages.browser("alice")
    alice.get("/check")
    assert pages.hub.relays is not None
    monkeypatch.setattr(pages.hub.relays, "linked", lambda: ["relay"])
    monkeypatch.setattr(pages.hub.test_legs, "held", Counter({"somebody": MAX_ALL}))
    headers = {"x-csrftoken": alice.token, "accept": "application/json"}
    answer = alice.client.post("/api/reach/legs", json={"sdp": "v=0"}, headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (429, "reach.busy")
    assert "20 giây" in answer.json()["message"]
