"""Checks that prove themselves, and everything else."""

import pytest
from aioice import stun

from media.ice import CONSENT_S, KEEP_S, MAX_ADDRESSES, SETUP_S, Consent, IceLite, local_user

HOME = ("192.0.2.7", 5000)
MOBILE = ("198.51.100.9", 6000)


def check_of(ice: IceLite, nominate: bool = True, pwd: str = "", ufrag: str = "") -> bytes:
    message = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    message.attributes["USERNAME"] = f"{ufrag or ice.ufrag}:peer"
    message.attributes["PRIORITY"] = 1
    message.attributes["ICE-CONTROLLING"] = 5
    if nominate:
        message.attributes["USE-CANDIDATE"] = None
    message.add_message_integrity((pwd or ice.pwd).encode())
    return bytes(message)


def test_it_works() -> None:
    ice = IceLite(0.0)
    request = check_of(ice)
    assert local_user(request) == ice.ufrag
    answer = ice.check(request, HOME, 1.0)
    assert answer is not None
    parsed = stun.parse_message(answer)
    assert parsed.check_message_integrity(ice.pwd.encode())
    assert parsed.attributes["XOR-MAPPED-ADDRESS"] == HOME
    assert parsed.transaction_id == stun.parse_message(request).transaction_id
    assert ice.selected == HOME
    assert len(answer) <= 1.5 * len(request)


def test_a_wrong_password_is_not_answered_and_changes_nothing() -> None:
    ice = IceLite(0.0)
    assert ice.check(check_of(ice, pwd="wrong"), HOME, 1.0) is None
    assert ice.selected is None and ice.consent(1.0) is Consent.WAITING


def test_the_address_moves_only_when_the_client_nominates() -> None:
    ice = IceLite(0.0)
    ice.check(check_of(ice), HOME, 1.0)
    ice.check(check_of(ice, nominate=False), MOBILE, 2.0)
    assert ice.selected == HOME
    ice.check(check_of(ice), MOBILE, 3.0)
    assert ice.selected == MOBILE


def test_the_first_proven_address_serves_until_one_is_nominated() -> None:
    ice = IceLite(0.0)
    ice.check(check_of(ice, nominate=False), HOME, 1.0)
    ice.check(check_of(ice, nominate=False), MOBILE, 1.0)
    assert ice.selected == HOME


def test_a_router_that_gives_a_new_port_does_not_need_a_nomination() -> None:
    ice = IceLite(0.0)
    ice.check(check_of(ice), HOME, 10.0)
    ice.check(check_of(ice, nominate=False), MOBILE, 15.0)
    assert ice.selected == HOME
    ice.check(check_of(ice, nominate=False), MOBILE, 20.0)
    assert ice.selected == MOBILE and ice.is_chosen


def test_addresses_are_bounded_and_the_selected_one_stays() -> None:
    ice = IceLite(0.0)
    ice.check(check_of(ice), HOME, 0.0)
    for port in range(1, 20):
        ice.check(check_of(ice, nominate=False), ("192.0.2.8", port), port / 10)
    assert len(ice.addresses) == MAX_ADDRESSES and HOME in ice.addresses
    assert len(ice.forgotten) == 20 - MAX_ADDRESSES


def test_both_credentials_count_after_a_restart() -> None:
    ice = IceLite(0.0)
    old, old_pwd = ice.ufrag, ice.pwd
    ice.restart()
    assert ice.check(check_of(ice, ufrag=old, pwd=old_pwd), HOME, 1.0) is not None
    assert ice.check(check_of(ice), HOME, 1.0) is not None
    ice.restart()
    assert ice.check(check_of(ice, ufrag=old, pwd=old_pwd), HOME, 1.0) is None


def test_consent_runs_out_then_the_leg_dies() -> None:
    ice = IceLite(0.0)
    assert ice.consent(SETUP_S - 1) is Consent.WAITING
    assert ice.consent(SETUP_S) is Consent.DEAD
    ice.check(check_of(ice), HOME, 100.0)
    assert ice.consent(100.0 + CONSENT_S - 1) is Consent.FRESH
    assert ice.consent(100.0 + CONSENT_S) is Consent.EXPIRED
    assert ice.consent(100.0 + KEEP_S) is Consent.DEAD


def hostile() -> list[bytes]:
    good = check_of(IceLite(0.0))
    short_use = good[:20] + b"\x00\x24\x00\x01\x00\x00\x00\x00" + good[20:]
    return [
        b"",
        b"\0",
        good[:19],
        good[:27],
        good + b"\0\0\0\0",
        b"\0\1" + bytes(26),
        good[:2] + b"\xff\xff" + good[4:],
        short_use,
    ]


@pytest.mark.parametrize("data", hostile(), ids=range(8))
def test_hostile_stun_is_nobodys(data: bytes) -> None:
    ice = IceLite(0.0)
    assert ice.check(data, HOME, 1.0) is None
    local_user(data)  # does not raise


def test_an_attribute_of_wrong_length_does_not_raise() -> None:
    ice = IceLite(0.0)
    name = f"{ice.ufrag}:x".encode()
    name += bytes(-len(name) % 4)
    user = b"\x00\x06" + len(name).to_bytes(2, "big") + name
    body = user + b"\x00\x24\x00\x02ab\0\0"  # PRIORITY with two bytes
    data = b"\x00\x01" + len(body).to_bytes(2, "big") + b"\x21\x12\xa4\x42" + bytes(12) + body
    assert local_user(data) is not None
    assert ice.check(data, HOME, 1.0) is None


def test_an_address_that_is_gone_makes_way_for_whichever_proves_itself_next() -> None:
    ice = IceLite(0.0)
    tcp = ("192.0.2.7", 5000, 1)
    ice.check(check_of(ice), tcp, 1.0)
    ice.check(check_of(ice, nominate=False), HOME, 1.0)
    assert ice.selected == tcp
    ice.forget(tcp)
    ice.forget(tcp)
    assert ice.selected is None and tcp not in ice.addresses
    ice.check(check_of(ice, nominate=False), HOME, 1.1)
    assert ice.selected == HOME and ice.is_chosen


def test_an_answer_over_tcp_names_the_clients_address() -> None:
    ice = IceLite(0.0)
    answer = ice.check(check_of(ice), ("192.0.2.7", 5000, 3), 1.0)
    assert answer is not None
    assert stun.parse_message(answer).attributes["XOR-MAPPED-ADDRESS"] == ("192.0.2.7", 5000)
