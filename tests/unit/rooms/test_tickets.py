"""Bearer tickets: what works once, what ends, what is refused."""

import datetime as dt

import pytest
from sqlalchemy.orm import Session

from rooms import tickets
from rooms.errors import TicketRefused
from rooms.words import TicketKind

NOW = dt.datetime(2026, 11, 23, 8, 0, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)


def test_a_page_ticket_works_once(db: Session) -> None:
    ticket, secret = tickets.issue(db, TicketKind.PAGE, NOW, MINUTE, device="d1")
    assert secret not in ticket.secret_hash
    assert tickets.redeem(db, secret, TicketKind.PAGE, NOW).device == "d1"
    with pytest.raises(TicketRefused) as refused:
        tickets.redeem(db, secret, TicketKind.PAGE, NOW)
    assert refused.value.code == "ticket.used"


def test_a_whip_ticket_works_until_it_expires(db: Session) -> None:
    _, secret = tickets.issue(db, TicketKind.WHIP, NOW, MINUTE)
    tickets.redeem(db, secret, TicketKind.WHIP, NOW)
    tickets.redeem(db, secret, TicketKind.WHIP, NOW + MINUTE / 2)
    with pytest.raises(TicketRefused) as refused:
        tickets.redeem(db, secret, TicketKind.WHIP, NOW + MINUTE)
    assert refused.value.code == "ticket.expired"


def test_a_ticket_of_another_kind_is_unknown(db: Session) -> None:
    _, secret = tickets.issue(db, TicketKind.WHEP, NOW, MINUTE)
    for wrong in (secret + "x", secret):
        with pytest.raises(TicketRefused) as refused:
            tickets.redeem(db, wrong, TicketKind.WHIP, NOW)
        assert refused.value.code == "ticket.unknown"


def test_old_tickets_are_forgotten_a_day_after_they_expired(db: Session) -> None:
    tickets.issue(db, TicketKind.HUB, NOW, MINUTE)
    assert tickets.purge(db, NOW + dt.timedelta(hours=23)) == 0
    assert tickets.purge(db, NOW + dt.timedelta(hours=25)) == 1
