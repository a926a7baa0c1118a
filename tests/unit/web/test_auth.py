"""Throttling and cookies."""

from pathlib import Path

import pytest

from rooms.errors import LoginRefused
from web.auth import LoginThrottle, boundary_of, cookie_name, key_of, times, without_metadata
from web.config import Config, load


def config(tmp_path: Path, **environ: str) -> Config:
    return load(environ, data=tmp_path)


def test_an_account_is_slowed_down_and_freed_by_success(tmp_path: Path) -> None:
    throttle = LoginThrottle(config(tmp_path, HUB_LOGIN_LIMIT_ACCOUNT="3/minute"))
    for _ in range(3):
        throttle.check("minh", "10.0.0.1")
    with pytest.raises(LoginRefused) as caught:
        throttle.check(" Minh ", "10.0.0.2")
    assert caught.value.code == "login.slow_down"
    throttle.check("lan", "10.0.0.1")
    throttle.succeeded("minh")
    throttle.check("minh", "10.0.0.1")


def test_an_address_is_slowed_down_whatever_the_account(tmp_path: Path) -> None:
    throttle = LoginThrottle(config(tmp_path, HUB_LOGIN_LIMIT_ADDRESS="5/minute"))
    for number in range(5):
        throttle.check(f"user{number}", "10.0.0.1")
        throttle.failed("10.0.0.1")
    with pytest.raises(LoginRefused):
        throttle.check("fresh", "10.0.0.1")
    throttle.check("fresh", "10.0.0.2")


def test_without_its_store_nobody_gets_in(tmp_path: Path) -> None:
    throttle = LoginThrottle(config(tmp_path, HUB_REDIS_URL="redis://127.0.0.1:1/0"))
    with pytest.raises(LoginRefused) as caught:
        throttle.check("minh", "10.0.0.1")
    assert caught.value.code == "login.slow_down"


def test_the_store_sees_neither_name_nor_address() -> None:
    assert "minh" not in key_of("minh")
    assert key_of("Minh ") == key_of("minh")


def test_cookies_are_bound_to_the_host_where_there_is_tls(tmp_path: Path) -> None:
    assert cookie_name(config(tmp_path), "session") == "session"
    assert cookie_name(config(tmp_path, HUB_URL="https://hub.example"), "session") == "__Host-session"


def test_session_data_is_compared_without_its_times() -> None:
    data = b'{"user": "u", "__metadata__": {"created": 5.0, "last_access": 9.0}}'
    assert without_metadata(data) == {"user": "u"}
    assert times(data) == (5.0, 9.0)
    assert times(b"") == (0.0, 0.0)


def test_boundaries_in_every_spelling() -> None:
    assert boundary_of("multipart/form-data; boundary=x1") == b"x1"
    assert boundary_of('multipart/form-data;boundary="x 1"') == b"x 1"
    assert boundary_of("application/json") == b""
    with pytest.raises(ValueError, match="boundary"):
        boundary_of("multipart/form-data")
