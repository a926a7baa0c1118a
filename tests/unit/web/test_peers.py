"""Apps prove themselves to each other, for one request, once."""

from pathlib import Path

import pytest

from web.config import ConfigError, load
from web.peers import PROOF_S, SCHEME, PeerProof

KEY = "k" * 32


class Clock:
    """Time that is set by hand."""

    def __init__(self) -> None:
        self.utc = 1_000_000.0

    def __call__(self) -> float:
        return self.utc


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_proof_holds_for_its_request_once(clock: Clock) -> None:
    one, other = PeerProof(KEY, clock), PeerProof(KEY, clock)
    given = one.make("POST", "/peer/call", b"body")
    for method, target, body in [
        ("GET", "/peer/call", b"body"),
        ("POST", "/peer/call?x=1", b"body"),
        ("POST", "/peer/call", b"another"),
    ]:
        assert not other.holds(given, method, target, body)
    assert other.holds(given, "POST", "/peer/call", b"body")
    assert not other.holds(given, "POST", "/peer/call", b"body"), "seen before"


def test_a_proof_does_not_last(clock: Clock) -> None:
    one, other = PeerProof(KEY, clock), PeerProof(KEY, clock)
    given = one.make("GET", "/peer/session/s")
    clock.utc += PROOF_S + 2
    assert not other.holds(given, "GET", "/peer/session/s")


def test_another_key_or_none_proves_nothing(clock: Clock) -> None:
    given = PeerProof("x" * 32, clock).make("GET", "/a")
    assert not PeerProof(KEY, clock).holds(given, "GET", "/a")
    assert not PeerProof("", clock).holds(PeerProof("", clock).make("GET", "/a"), "GET", "/a"), "no key, no door"


@pytest.mark.parametrize(
    "given",
    ["", SCHEME, f"{SCHEME} 1", f"{SCHEME} 1.2", f"{SCHEME} x.y.z", f"{SCHEME} ١٢٣.a.b", "Bearer x.y.z", "é" * 300],
)
def test_what_is_no_proof_is_refused(given: str, clock: Clock) -> None:
    assert not PeerProof(KEY, clock).holds(given, "GET", "/a")


def test_several_apps_need_all_their_settings(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="HUB_PEER_KEY"):
        load({"HUB_PEER_URL": "https://app-1:8443"}, data=tmp_path)
    config = load(
        {
            "HUB_PEER_URL": "https://app-1:8443", "HUB_PEER_KEY": KEY, "HUB_REDIS_URL": "redis://r",
            "HUB_DATABASE_URL": "postgresql://d", "HUB_SECRET": KEY, "HUB_PEERS": "https://app-2:8443/",
        },
        data=tmp_path,
    )  # fmt: skip
    assert config.peers == ("https://app-2:8443",)
    with pytest.raises(ConfigError, match="HUB_PEERS"):
        load({"HUB_PEERS": "app-2"}, data=tmp_path)
