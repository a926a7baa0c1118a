"""Wrong passwords are counted together by all apps that share a Redis, and a Redis that is away lets nobody guess."""

from pathlib import Path

import pytest

from rooms.errors import LoginRefused
from tests.support.redis import free_port, private_redis
from web.auth import LoginThrottle
from web.config import Config, load


def config(folder: Path, url: str) -> Config:
    return load({"HUB_REDIS_URL": url, "HUB_LOGIN_LIMIT_ACCOUNT": "3/minute"}, data=folder)


def test_two_apps_count_together_and_a_right_password_starts_anew(tmp_path: Path) -> None:
    with private_redis(free_port()) as url:
        here, there = LoginThrottle(config(tmp_path, url)), LoginThrottle(config(tmp_path, url))
        for app in (here, there, here):
            app.check("alice", "192.0.2.1")
            app.failed("192.0.2.1")
        with pytest.raises(LoginRefused) as refused:
            there.check("Alice", "192.0.2.7")
        assert refused.value.code == "login.slow_down"
        there.check("bob", "192.0.2.7")
        there.succeeded("alice")
        here.check("alice", "192.0.2.1")


def test_while_redis_is_away_nobody_logs_in_and_afterwards_everybody_may(tmp_path: Path) -> None:
    port = free_port()
    with private_redis(port) as url:
        throttle = LoginThrottle(config(tmp_path, url))
        throttle.check("alice", "192.0.2.1")
    with pytest.raises(LoginRefused) as refused:
        throttle.check("bob", "192.0.2.1")
    assert refused.value.code == "login.slow_down"
    with private_redis(port):
        throttle.check("bob", "192.0.2.1")
