"""Relays enrol once with a one-time token and are known by their key afterwards."""

import base64
import datetime as dt

import pytest
from sqlalchemy.orm import Session

from rooms import relays
from rooms.actor import SYSTEM, Actor
from rooms.errors import Forbidden, Invalid, TicketRefused

NOW = dt.datetime(2026, 11, 23, 8, 0, tzinfo=dt.UTC)
KEY = base64.b64encode(bytes(32)).decode()


def test_it_works(db: Session) -> None:
    relay = relays.enrol(db, relays.enrol_token(db, SYSTEM, NOW), KEY, NOW, name="relay-1", spool="/spool")
    relays.seen(db, relay.id, NOW, boot="b", pid=7, addresses=["127.0.0.1:5000"])
    found = relays.get(db, relay.id)
    assert found is not None and found.addresses == ["127.0.0.1:5000"]
    assert [r.id for r in relays.list_active(db)] == [relay.id]
    relays.retire(db, SYSTEM, relay.id, NOW)
    assert relays.get(db, relay.id) is None


def test_a_token_works_once_and_not_for_ever(db: Session) -> None:
    token = relays.enrol_token(db, SYSTEM, NOW)
    relays.enrol(db, token, KEY, NOW)
    late = relays.enrol_token(db, SYSTEM, NOW)
    refusals = (
        (token, NOW, "ticket.used"),
        (late, NOW + dt.timedelta(hours=2), "ticket.expired"),
        ("?", NOW, "ticket.unknown"),
    )
    for secret, when, code in refusals:
        with pytest.raises(TicketRefused) as refused:
            relays.enrol(db, secret, KEY, when)
        assert refused.value.code == code


def test_a_key_that_is_no_key_is_refused_and_the_token_kept(db: Session) -> None:
    token = relays.enrol_token(db, SYSTEM, NOW)
    with pytest.raises(Invalid):
        relays.enrol(db, token, "not a key", NOW)
    relays.enrol(db, token, KEY, NOW)


def test_only_administrators_enrol(db: Session) -> None:
    with pytest.raises(Forbidden):
        relays.enrol_token(db, Actor(user_id="u", name="", login="bob"), NOW)


def test_a_report_counts_once(db: Session) -> None:
    relay = relays.add(db, "r" * 24, KEY, NOW)
    assert relays.ack(db, relay.id, 1) and relays.ack(db, relay.id, 3)
    assert not relays.ack(db, relay.id, 3) and not relays.ack(db, relay.id, 2)
