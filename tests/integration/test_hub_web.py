"""What a started hub refuses over HTTP and websocket, each with a stable code and a sentence, and nothing lost."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.support.hub import StartedHub, csrf, started

LIMITS = {"HUB_LOGIN_LIMIT_ACCOUNT": "4/minute", "HUB_LOGIN_LIMIT_ADDRESS": "200/minute"}


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartedHub]:
    folder = tmp_path_factory.mktemp("web") / "hub"
    with started(folder, "--http", "--no-worker", environ=LIMITS) as running:
        running.ask("sites", "import", "Bắc Giang 2024")
        yield running


@pytest.fixture(scope="module")
def password(hub: StartedHub) -> str:
    return hub.add_user("operator", "operator@top")


def refusal(answer: httpx.Response) -> str:
    body = answer.json()
    assert set(body) == {"error", "message"}
    assert body["message"]
    return str(body["error"])


# --- log-in ---------------------------------------------------------------------------------------------------------


def test_a_person_logs_in_and_out(hub: StartedHub, password: str) -> None:
    with hub.browser("operator", password) as browser:
        assert browser.get("/").status_code == 200
        cookie = next(c for c in browser.cookies.jar if c.name == "session")
        browser.post("/logout", data={"csrftoken": browser.cookies["csrftoken"]})
        assert browser.get("/").status_code == 303
    with hub.browser() as thief:
        thief.cookies.set("session", cookie.value or "")
        assert thief.get("/").status_code == 303, "a session that was ended opens nothing"


def test_the_session_id_changes_at_log_in(hub: StartedHub, password: str) -> None:
    with hub.browser() as browser:
        browser.cookies.set("session", "a" * 32)
        token = csrf(browser)
        answer = browser.post("/login", data={"csrftoken": token, "login": "operator", "password": password})
        assert answer.status_code == 303
        (cookie,) = [c for c in answer.headers.get_list("set-cookie") if c.startswith("session=")]
        assert "a" * 32 not in cookie
        assert "httponly" in cookie.lower()
        assert "samesite=lax" in cookie.lower()


def test_without_log_in_a_page_leads_to_it_and_a_program_is_told(hub: StartedHub) -> None:
    with hub.browser() as browser:
        answer = browser.get("/board", params={"a": "b"})
        assert answer.status_code == 303
        assert answer.headers["location"] == "/login?next=/board%3Fa%3Db"
    answer = httpx.get(f"{hub.url}/api/replay/aaaaaaaaaaaaaaaaaaaaaaaa")
    assert answer.status_code == 401
    assert refusal(answer) == "login.needed"


def test_wrong_passwords_are_slowed_down_also_for_names_that_do_not_exist(hub: StartedHub) -> None:
    hub.add_user("victim")
    for login in ("victim", "nobody"):
        with hub.browser() as browser:
            token = csrf(browser)
            form = {"csrftoken": token, "login": login, "password": "wrong wrong wrong"}
            codes = [browser.post("/login", data=form).status_code for _ in range(6)]
        assert codes[0] == 401
        assert codes[-1] == 429, codes
        assert 303 not in codes


def test_the_answer_to_a_wrong_name_and_a_wrong_password_is_the_same(hub: StartedHub, password: str) -> None:
    texts = []
    for login in ("operator", "operatorx"):
        with hub.browser() as browser:
            token = csrf(browser)
            answer = browser.post("/login", data={"csrftoken": token, "login": login, "password": "wrong wrong"})
            assert answer.status_code == 401
            texts.append(re.sub(r'(value|content)="[^"]*"', "", answer.text))
    assert texts[0] == texts[1]


def test_a_new_password_ends_the_log_ins_of_that_user(hub: StartedHub) -> None:
    first = hub.add_user("clerk", "clerk@top")
    with hub.browser("clerk", first) as browser:
        assert browser.get("/").status_code == 200
        hub.ask("user", "password", "clerk")
        assert browser.get("/").status_code == 303


# --- forged and odd requests ----------------------------------------------------------------------------------------


def test_a_form_without_its_token_is_refused(hub: StartedHub, password: str) -> None:
    with hub.browser("operator", password) as browser:
        answer = browser.post("/logout", data={})
        assert answer.status_code == 403
        assert "csrf.failed" in answer.text
        assert browser.get("/").status_code == 200


def test_a_form_from_another_page_is_refused_even_with_the_token(hub: StartedHub, password: str) -> None:
    with hub.browser("operator", password) as browser:
        data = {"csrftoken": browser.cookies["csrftoken"]}
        for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}):
            answer = browser.post("/logout", data=data, headers={**headers, "Accept": "application/json"})
            assert answer.status_code == 403
            assert refusal(answer) == "request.foreign_origin"
        del browser.headers["Origin"]
        answer = browser.post("/logout", data=data, headers={"Sec-Fetch-Site": "cross-site"})
        assert answer.status_code == 403


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"content-type": "multipart/form-data"}, b"x"),
        ({"content-type": "multipart/form-data; boundary="}, b"x"),
        ({"content-type": 'multipart/form-data;boundary="b"'}, b"--b\r\n\r\n--b--"),
        ({"content-type": "application/x-www-form-urlencoded"}, b"\xff\xfe=%ff"),
        ({"content-type": "application/x-www-form-urlencoded", "x-csrftoken": "é"}, b"a=b"),
        ({"content-type": "application/json"}, b"{"),
        ({"content-type": "text/plain"}, b""),
    ],
)
def test_odd_bodies_get_an_answer_and_no_traceback(hub: StartedHub, headers: dict[str, str], body: bytes) -> None:
    encoded = {name: value.encode("latin-1") for name, value in headers.items()}
    answer = httpx.post(f"{hub.url}/logout", headers={**encoded, "cookie": b"csrftoken=x; session=y"}, content=body)
    assert 400 <= answer.status_code < 500, answer.text
    assert refusal(answer) in ("request.malformed", "csrf.failed")


@pytest.mark.parametrize("cookie", [b"\xff\xfe", b"session=\xe1\xba\xbf", b"=; ;;", b"csrftoken=" + b"a" * 5000])
def test_odd_cookies_get_an_answer(hub: StartedHub, cookie: bytes) -> None:
    answer = httpx.get(f"{hub.url}/login", headers={"cookie": cookie})
    assert answer.status_code in (200, 400)


def test_a_body_that_is_too_long_is_refused_by_length_and_while_it_comes(hub: StartedHub) -> None:
    long = b"a=" + b"b" * (2 * 1024 * 1024)
    headers = {"content-type": "application/x-www-form-urlencoded", "cookie": "csrftoken=x"}
    answer = httpx.post(f"{hub.url}/login", content=long, headers=headers)
    assert answer.status_code == 413
    assert refusal(answer) == "request.too_large"
    chunks = iter([long[i : i + 65536] for i in range(0, len(long), 65536)])
    answer = httpx.post(f"{hub.url}/login", content=chunks, headers=headers)
    assert answer.status_code == 413


def test_addresses_that_do_not_exist(hub: StartedHub) -> None:
    answer = httpx.get(f"{hub.url}/api/nothing")
    assert (answer.status_code, refusal(answer)) == (404, "not_found")
    page = httpx.get(f"{hub.url}/nothing", headers={"Accept": "text/html"})
    assert page.status_code == 404
    assert page.headers["content-type"].startswith("text/html")
    assert "Không tìm thấy" in page.text
    assert httpx.put(f"{hub.url}/healthz").status_code == 405


def test_static_files_do_not_leave_their_folder(hub: StartedHub) -> None:
    for path in ("/static/../main.py", "/static/%2e%2e/main.py", "/static/..%2fmain.py", "/static//etc/passwd"):
        assert httpx.get(f"{hub.url}{path}").status_code == 404


def test_every_answer_carries_the_security_headers(hub: StartedHub) -> None:
    for path in ("/login", "/nothing", "/api/nothing", "/healthz", "/static/css/base.css"):
        headers = httpx.get(f"{hub.url}{path}").headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert headers["referrer-policy"] == "same-origin"
        assert "camera=(self)" in headers["permissions-policy"]
        assert "server" not in headers


def test_a_page_has_no_inline_script_or_style(hub: StartedHub) -> None:
    text = httpx.get(f"{hub.url}/login", headers={"Accept": "text/html"}).text
    assert not re.search(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)", text)
    assert not re.search(r"\son[a-z]+=|<style|\sstyle=", text)


def test_no_route_shows_a_traceback(hub: StartedHub, password: str) -> None:
    """Ids that name nothing, and words that are no ids."""
    paths = [
        "/visits/{}", "/cases/{}", "/room/{}", "/replay/{}", "/desk/{}", "/waiting/{}", "/api/papers/{}",
        "/api/replay/{}", "/api/sessions/{}/package", "/api/sessions/{}/recording", "/visits/{}/minutes",
    ]  # fmt: skip
    with hub.browser("operator", password) as browser:
        for path in paths:
            for odd in ("aaaaaaaaaaaaaaaaaaaaaaaa", "x", "%00", "a" * 500, "'--"):
                answer = browser.get(path.format(odd))
                assert answer.status_code in (404, 400), f"{path} {odd!r}: {answer.status_code}"
                assert "Traceback" not in answer.text


# --- websockets -----------------------------------------------------------------------------------------------------


def socket_url(hub: StartedHub, path: str) -> str:
    return "ws" + hub.url.removeprefix("http") + path


async def closing(hub: StartedHub, path: str, *frames: str | bytes, origin: str | None = None) -> tuple[int, list[str]]:
    """Send frames, read until the hub closes: the close code and what it said before."""
    said = []
    async with connect(socket_url(hub, path), origin=origin or hub.url) as socket:  # type: ignore[arg-type]
        try:
            for frame in frames:
                await socket.send(frame)
            async with asyncio.timeout(15):
                while True:
                    said.append(str(await socket.recv()))
        except ConnectionClosed as closed:
            return (closed.rcvd.code if closed.rcvd else 1006), said


def hello(token: str, **fields: object) -> str:
    return json.dumps({"type": "hello", "version": 1, "token": token, "device": "d" * 24, **fields})


@pytest.mark.parametrize("path", ["/ws/hub", "/ws/session/aaaaaaaaaaaaaaaaaaaaaaaa"])
@pytest.mark.parametrize("origin", [None, "https://evil.example", "null"])
async def test_a_socket_from_another_page_or_no_page_is_refused(hub: StartedHub, path: str, origin: str | None) -> None:
    with pytest.raises(InvalidStatus) as caught:
        async with connect(socket_url(hub, path), origin=origin):  # type: ignore[arg-type]
            pass
    assert caught.value.response.status_code == 403


@pytest.mark.parametrize(
    ("frame", "code", "error"),
    [
        ("{", 4005, "message.malformed"),
        ('{"type":"dance"}', 4005, "message.unknown"),
        ('{"type":"ping"}', 4005, "protocol.hello_first"),
        (hello("x" * 43, version=99), 4005, "protocol.version"),
        (hello("x" * 43), 4003, "ticket.refused"),
        ("[" * 50_000, 4005, "message.malformed"),
    ],
)
async def test_a_bad_first_message_is_answered_and_closed(hub: StartedHub, frame: str, code: int, error: str) -> None:
    closed, said = await closing(hub, "/ws/session/aaaaaaaaaaaaaaaaaaaaaaaa", frame)
    assert closed == code
    assert json.loads(said[-1])["code"] == error
    assert json.loads(said[-1])["message"]


async def test_frames_that_may_not_come_here(hub: StartedHub) -> None:
    assert (await closing(hub, "/ws/session/aaaaaaaaaaaaaaaaaaaaaaaa", "x" * 70_000))[0] == 1009
    assert (await closing(hub, "/ws/session/aaaaaaaaaaaaaaaaaaaaaaaa", "x" * 3_000_000))[0] == 1009
    assert (await closing(hub, "/ws/hub", b"\x00\x01"))[0] == 1003


async def test_a_relay_without_a_key_is_refused(hub: StartedHub) -> None:
    claim = {"type": "hello", "version": 1, "relay": "a" * 24, "signature": "AAAA", "boot": "b", "pid": 1,
             "addresses": []}  # fmt: skip
    code, _ = await closing(hub, "/relay/link", json.dumps(claim))
    assert code == 4003
    assert (await closing(hub, "/relay/link", "{"))[0] == 4005


def test_enrolment_takes_one_token_once(hub: StartedHub) -> None:
    token = hub.ask("enrol", "relay")["token"]
    body = {"token": token, "public_key": "A" * 43 + "=", "name": "r", "spool": ""}
    assert httpx.post(f"{hub.url}/relay/enrol", json={**body, "public_key": "AAAA"}).json()["error"] == "relay.bad_key"
    answer = httpx.post(f"{hub.url}/relay/enrol", json=body)
    assert answer.status_code == 200
    assert re.fullmatch(r"[a-z2-7]{24}", answer.json()["relay"])
    again = httpx.post(f"{hub.url}/relay/enrol", json=body)
    assert 400 <= again.status_code < 500
    assert refusal(again).startswith("ticket.")
    assert httpx.post(f"{hub.url}/relay/enrol", json={}).status_code == 400
    assert httpx.post(f"{hub.url}/relay/enrol", content=b"{").status_code == 400
