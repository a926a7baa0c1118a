"""What routes learn about a request."""

import pytest
from starlette.requests import HTTPConnection

from web.deps import is_local


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("192.168.1.20", False),
        ("::ffff:10.0.0.1", False),
        ("testclient", False),
    ],
)
def test_only_loopback_clients_are_local(host: str, local: bool) -> None:
    assert is_local(HTTPConnection({"type": "http", "client": (host, 4711)})) is local


def test_a_client_without_an_address_is_not_local() -> None:
    assert is_local(HTTPConnection({"type": "http", "client": None})) is False
