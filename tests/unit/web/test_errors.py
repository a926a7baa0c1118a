"""Error codes: each has a status and a sentence in both languages; what nobody foresaw shows nothing."""

import pytest
from sqlalchemy.exc import OperationalError
from starlette.requests import Request

from rooms.errors import Conflict, Invalid, NotFound, StaleEpoch, StorageFailed, WrongState
from signaling.errors import SENTENCES as SIGNALING
from signaling.errors import Refusal as RoomRefusal
from signaling.errors import RequestRefused, Unavailable
from web import i18n
from web.errors import HEADINGS, STATUS, answer, code_of, sentence, status_of
from web.sentences import SENTENCES


def request(path: str, accept: str = "text/html", method: str = "GET", query: str = "") -> Request:
    headers = [(b"accept", accept.encode()), (b"host", b"hub")]
    scope = {"type": "http", "method": method, "path": path, "headers": headers, "query_string": query.encode()}
    return Request(scope)


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        (NotFound(), "not_found", 404),
        (Conflict(), "conflict", 409),
        (WrongState("visit", "closed"), "visit.wrong_state", 409),
        (StaleEpoch(), "session.stale_epoch", 409),
        (Invalid("paper.wrong_type"), "paper.wrong_type", 415),
        (Invalid("visit.person_missing"), "visit.person_missing", 400),
        (StorageFailed("storage.full"), "storage.full", 507),
        (StorageFailed("database.unavailable"), "db.away", 503),
        (StorageFailed("database.busy"), "database.busy", 503),
        (Unavailable("relay.none"), "relay.none", 503),
        (RequestRefused(RoomRefusal("sdp.no_common_codec")), "sdp.no_common_codec", 406),
        (OperationalError("select", {}, Exception("gone")), "db.away", 503),
        (KeyError("x"), "internal", 500),
    ],
)
def test_an_error_has_one_code_and_one_status(error: Exception, code: str, status: int) -> None:
    assert code_of(error)[0] == code
    assert status_of(code) == status


def test_every_code_of_the_table_and_of_sessions_has_a_sentence() -> None:
    known = set(SENTENCES)
    assert {code for code in STATUS if code not in known and code.rsplit(".", 1)[-1] not in known} == set()
    assert {code for code in SIGNALING if code not in known} == set()


def test_a_code_without_a_line_falls_back_to_its_last_part_then_to_english() -> None:
    assert sentence("petition.not_found") == SENTENCES["not_found"]
    assert sentence("petition.odd", "It is odd.") == "It is odd."
    assert sentence("petition.odd") == "petition.odd"


def test_programs_get_the_one_shape_and_people_a_page() -> None:
    told = answer(request("/api/x", "*/*"), "not_found")
    assert told.status_code == 404
    assert told.headers["content-type"] == "application/json"
    page = answer(request("/visits/x"), "not_found")
    assert page.status_code == 404
    assert HEADINGS[404].encode() in bytes(page.body)
    assert b"Traceback" not in bytes(page.body)


def test_who_must_log_in_comes_back_to_the_page() -> None:
    moved = answer(request("/visits/x", query="a=b&c"), "login.needed")
    assert moved.status_code == 303
    assert moved.headers["location"] == "/login?next=/visits/x%3Fa%3Db%26c"
    assert answer(request("/visits/x", method="POST"), "login.needed").status_code == 401


def test_a_503_says_when_to_come_back_and_whip_how_to_log_in() -> None:
    assert answer(request("/board"), "db.away").headers["retry-after"] == "5"
    assert answer(request("/whip/x", "*/*"), "ticket.unknown").headers["www-authenticate"] == "Bearer"


def test_sentences_are_translated() -> None:
    english = sentence("login.wrong", language="en")
    assert english == i18n.translate(SENTENCES["login.wrong"], "en")
