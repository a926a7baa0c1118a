"""The contract with aiortc and pylibsrtp: the private names that ``media.transport`` uses, and SRTP in place."""

import inspect
from importlib.metadata import version
from typing import Any

import pylibsrtp
from aiortc import RTCCertificate, RTCDtlsTransport
from aiortc.rtcdtlstransport import SRTP_PROFILES

from media.transport import TRAILER, Certificate, _Records, pointer_to
from tests.support.srtp import GCM, protect, session_pair, unprotect


def test_the_versions_are_those_the_names_were_read_in() -> None:
    assert version("aiortc").startswith("1.16.") and version("pylibsrtp").startswith("1.0.")


def test_the_private_names_exist() -> None:
    certificate = Certificate.generateCertificate()
    transport: Any = RTCDtlsTransport(_Records(lambda data: None, "controlled"), [certificate])  # type: ignore[arg-type]
    for name in ("_rx_srtp", "_tx_srtp", "_task", "_set_role", "_recv_next", "_write_ssl"):
        assert hasattr(transport, name), name
    source = inspect.getsource(RTCDtlsTransport)
    assert "self.transport._recv()" in source and "self.transport._send(" in source
    assert list(inspect.signature(RTCCertificate._create_ssl_context).parameters) == ["self", "srtp_profiles"]
    session: Any = pylibsrtp.Session()
    assert session._srtp[0] is not None
    assert len(session._cdata) == 1500 and session._buffer is not None
    for name in ("srtp_protect", "srtp_protect_rtcp", "srtp_unprotect", "srtp_unprotect_rtcp"):
        assert hasattr(pylibsrtp._binding.lib, name)


def test_one_context_serves_all_legs() -> None:
    certificate = Certificate.generateCertificate()
    assert certificate._create_ssl_context(SRTP_PROFILES) is certificate._create_ssl_context(SRTP_PROFILES)
    assert [item.algorithm for item in certificate.fingerprints] == ["sha-256"]


def test_srtp_in_place_round_trip_and_refusals() -> None:
    out, inbound = session_pair(GCM)
    plain = b"\x80\x60\x00\x01" + bytes(8) + b"sound" * 20
    buffer = bytearray(2 * len(plain) + TRAILER)
    buffer[4 : 4 + len(plain)] = plain
    pointer = pointer_to(buffer, 4)
    length = protect(out, pointer, len(plain))
    assert length == len(plain) + 16 and bytes(buffer[4 : 4 + len(plain)]) != plain
    wire = bytes(buffer[4 : 4 + length])
    assert unprotect(inbound, pointer, length) == len(plain)
    assert bytes(buffer[4 : 4 + len(plain)]) == plain
    buffer[4 : 4 + length] = wire
    assert unprotect(inbound, pointer, length) == -1  # replay
    buffer[4 : 4 + length] = wire[:3] + b"\x02" + wire[4:]
    assert unprotect(inbound, pointer, length) == -1  # forged
    for short in range(12):
        assert unprotect(inbound, pointer, short) == -1


def test_rtcp_round_trip() -> None:
    out, inbound = session_pair(GCM)
    plain = b"\x80\xc9\x00\x01\x00\x00\x00\x05"
    buffer = bytearray(200)
    buffer[: len(plain)] = plain
    length = protect(out, pointer_to(buffer), len(plain), rtcp=True)
    assert unprotect(inbound, pointer_to(buffer), length, rtcp=True) == len(plain)
    assert bytes(buffer[: len(plain)]) == plain
