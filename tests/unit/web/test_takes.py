"""What a point recorded by itself comes in over HTTP: with the log's word, and with a code for every refusal."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from httpx import Response

from rooms import sessions
from rooms.actor import SYSTEM
from rooms.models import Participant, SessionEvent
from rooms.sessions import NewEvent
from rooms.takeform import MAX_PIECE
from rooms.words import ParticipantRole, ParticipantState, SessionState
from tests.support.pages import Browser, Pages, pages_at
from tests.support.takes import Sealer
from web.api import takes as api

AT = time.time() - 300
TAKE = "/api/takes"


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[Pages]:
    with pages_at(tmp_path / "hub") as found:
        yield found


@pytest.fixture
def made(pages: Pages) -> Sealer:
    """A take of a session that was recorded at Lục Ngạn and paused from 100 s to 110 s."""
    hub, now = pages.hub, pages.hub.now()
    with hub.database.write() as db:
        session = sessions.open_plain(db, SYSTEM, "thử", now).id
        point = Participant(
            session_id=session, site_id=pages.sites["Lục Ngạn"], role=ParticipantRole.POINT, name="Lục Ngạn",
            state=ParticipantState.JOINED, added_at=now,
        )  # fmt: skip
        db.add(point)
        db.flush()
        log: list[tuple[str, float, dict[str, Any]]] = [
            ("session.opened", 0, {"chat": False}),
            ("participant.added", 1, {"participant": point.id, "role": "point", "admitted": True}),
            ("participant.joined", 2, {"participant": point.id, "peer": "d"}),
            ("session.started", 10, {"by": "hub", "record": "full"}),
            ("record.started", 10, {"mode": "full", "part": 1}),
            ("session.paused", 100, {"by": "hub"}),
            ("session.resumed", 110, {"by": "hub"}),
        ]
        sessions.append_events(db, session, 0, [NewEvent(kind=kind, utc=AT + at, body=body) for kind, at, body in log])
        sessions.set_state(db, session, 0, SessionState.RUNNING, now)
        return Sealer(hub.take_keys.grant(session, point.id, AT), session, point.id)


def begin(browser: Browser, made: Sealer) -> Response:
    browser.get("/public")
    return browser.client.post(TAKE, json={"header": made.raw.decode()}, headers=json_of(browser))


def json_of(browser: Browser) -> dict[str, str]:
    return {"accept": "application/json", "x-csrftoken": browser.token}


def put(browser: Browser, made: Sealer, number: int, sealed: bytes) -> Response:
    headers = {**json_of(browser), "content-type": "application/octet-stream"}
    return browser.client.put(f"{TAKE}/{made.take}/pieces/{number}", content=sealed, headers=headers)


def refusal(answer: Response) -> tuple[int, str]:
    body = answer.json()
    assert set(body) == {"error", "message"} and body["message"]
    return answer.status_code, body["error"]


def test_it_works(pages: Pages, made: Sealer) -> None:
    """A colleague hands it in; the pause stays out; the log says so."""
    bob = pages.browser("bob", live=True)
    assert begin(bob, made).json() == {"take": made.take, "filed": False, "have": []}
    spoken, paused = made.media(AT + 50, AT + 54), made.media(AT + 101, AT + 105)
    answer = put(bob, made, 0, spoken).json()
    assert answer == {"number": 0, "sha256": answer["sha256"], "cut": ""}
    assert put(bob, made, 1, paused).json()["cut"] == "pause"
    assert put(bob, made, 2, made.end(AT + 60)).json()["cut"] == ""
    assert begin(bob, made).json()["have"] == [0, 1, 2]
    filed = bob.client.post(f"{TAKE}/{made.take}/filed", json={}, headers=json_of(bob)).json()
    assert (filed["pieces"], filed["cut"], filed["complete"]) == (1, {"pause": 1}, True)
    again = bob.client.post(f"{TAKE}/{made.take}/filed", json={}, headers=json_of(bob)).json()
    assert again == filed
    with pages.hub.database.read() as db:
        events = [event for event in db.query(SessionEvent) if event.kind == "take.filed"]
    assert [event.body["sha256"] for event in events] == [filed["sha256"]], "once"
    assert "Người" not in str(events[0].body)
    assert begin(bob, made).json()["filed"] is True
    assert refusal(put(bob, made, 3, made.media(AT + 60, AT + 64))) == (409, "take.wrong_state")


def test_strangers_are_told_nothing(pages: Pages, made: Sealer) -> None:
    for login in ("charlie", "rita", "adam"):
        stranger = pages.browser(login)
        assert refusal(begin(stranger, made)) == (404, "not_found")
        assert refusal(put(stranger, made, 0, made.media(AT + 50, AT + 54))) == (404, "not_found")
        answer = stranger.client.post(f"{TAKE}/{made.take}/filed", json={}, headers=json_of(stranger))
        assert refusal(answer) == (404, "not_found")
    assert refusal(begin(pages.browser(), made)) == (401, "login.needed")


def test_what_cannot_be_taken_is_refused(pages: Pages, made: Sealer, monkeypatch: pytest.MonkeyPatch) -> None:
    bob = pages.browser("bob")
    bob.get("/public")
    answer = bob.client.post(TAKE, json={"header": "{}"}, headers=json_of(bob))
    assert refusal(answer) == (400, "take.malformed")
    begin(bob, made)
    assert refusal(put(bob, made, 0, b"no piece")) == (400, "take.malformed")
    assert refusal(put(bob, made, 0, bytes(MAX_PIECE + 1))) == (413, "request.too_large")
    sealed = made.media(AT + 50, AT + 54)
    assert refusal(put(bob, made, 0, sealed[:-1] + b"x")) == (400, "take.sealed_otherwise")
    assert refusal(put(bob, made, 5, sealed)) == (409, "take.broken_chain")
    monkeypatch.setattr(api, "AT_ONCE", 0)
    monkeypatch.setattr(api, "WAIT_S", 0.01)
    pages.hub.take_gate = None
    busy = put(bob, made, 0, sealed)
    assert refusal(busy) == (429, "take.busy") and busy.headers["retry-after"] == "5"


def test_a_form_of_another_site_cannot_hand_in(pages: Pages, made: Sealer) -> None:
    bob = pages.browser("bob")
    answer = bob.client.post(TAKE, json={"header": made.raw.decode()}, headers={"accept": "application/json"})
    assert refusal(answer) == (403, "csrf.failed")
