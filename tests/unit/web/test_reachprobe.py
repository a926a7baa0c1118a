"""What the doctor's probe offers and reads; its checks are played in tests/integration/test_reach_doctor.py."""

from __future__ import annotations

import socket
import threading

import pytest

from media import ortc, sdp
from web.reachprobe import Leg, offer, over_tcp, over_udp, read_answer, try_leg, try_turn

ANSWER = (
    "v=0\r\na=ice-ufrag:abc\r\na=ice-pwd:0123456789012345678901\r\n"
    "a=candidate:1 1 udp 1 203.0.113.7 40000 typ host\r\na=candidate:1 1 udp 1 203.0.113.7 40000 typ host\r\n"
    "a=candidate:2 1 tcp 1 2001:db8::1 40000 typ host tcptype passive\r\na=end-of-candidates\r\n"
)


def test_the_offer_is_one_that_a_relay_takes() -> None:
    parsed = sdp.parse(offer())
    sections, media = ortc.publish(parsed, {})
    assert [one.source for one in media] == ["mic"]
    assert len(parsed.transport.ice_pwd) >= 22 and parsed.transport.fingerprints[0].algorithm == "sha-256"
    assert offer() != offer()


def test_an_answer_is_read() -> None:
    leg = read_answer(ANSWER)
    assert leg == Leg("abc:probe", "0123456789012345678901", (("203.0.113.7", 40000),), (("2001:db8::1", 40000),))


def test_an_answer_without_credentials_is_refused() -> None:
    with pytest.raises(ValueError):
        read_answer("v=0\r\na=candidate:1 1 udp 1 203.0.113.7 40000 typ host\r\n")


def test_nobody_there_has_a_reason() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening
        port = taken.getsockname()[1]
        leg = Leg("a:b", "p" * 22, (), (("127.0.0.1", port),))
        (found,) = try_leg(leg)
        assert found.way == "TCP" and "refused" in found.reason
        server = {"urls": [f"turn:127.0.0.1:{port}?transport=tcp"], "username": "u", "credential": "c"}
        (found,) = try_turn(server, Leg("a:b", "p" * 22, (("203.0.113.7", 1),), ()))
        assert found.way == "TURN TCP" and "refused" in found.reason
        (found,) = try_turn(server, Leg("a:b", "p" * 22, (("127.0.0.1", 1),), ()))
        assert "loopback" in found.reason


def test_something_else_on_the_port_is_no_answer() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as echo, socket.create_server(("127.0.0.1", 0)) as server:
        echo.bind(("127.0.0.1", 0))

        def reflect() -> None:
            data, address = echo.recvfrom(2048)
            echo.sendto(data, address)
            accepted, _ = server.accept()
            accepted.recv(100)
            accepted.close()

        thread = threading.Thread(target=reflect)
        thread.start()
        leg = Leg("a:b", "p" * 22, (), ())
        with pytest.raises(ValueError):
            over_udp(echo.getsockname(), leg)
        with pytest.raises(OSError):
            over_tcp(server.getsockname(), leg)
        thread.join()
