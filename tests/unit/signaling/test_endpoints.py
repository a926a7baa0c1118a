"""WHIP and WHEP: tokens, admission, the log."""

from __future__ import annotations

import pytest

from media import messages as r
from rooms.words import TicketKind
from signaling.errors import NotAllowed, RequestRefused, Unavailable
from tests.support.signaling_bench import Bench


async def test_whip_publishes_and_delete_ends_it(bench: Bench) -> None:
    relay = await bench.relay()
    session, ids = bench.open_plain(a="admitted")
    token = bench.ticket(session, ids["a"], TicketKind.WHIP)
    opened = await bench.endpoints.publish(token, "v=0")
    assert opened.sdp == "answer"
    wanted = await relay.wants(session, lambda d: len(d.members) == 1)
    assert wanted.members[0].peer == opened.resource
    await bench.endpoints.delete(token, TicketKind.WHIP, opened.resource)
    await relay.wants(session, lambda d: not d.members)
    assert r.ClosePeer(peer=opened.resource) in relay.got
    again = await bench.endpoints.publish(token, "v=0")
    assert again.resource == opened.resource


async def test_whip_client_that_vanishes_is_lost_and_comes_back(bench: Bench) -> None:
    relay = await bench.relay()
    session, ids = bench.open_plain(a="admitted")
    token = bench.ticket(session, ids["a"], TicketKind.WHIP)
    opened = await bench.endpoints.publish(token, "v=0")
    await relay.report(session, r.SourceLive(participant=ids["a"], source="mic"))
    await relay.report(session, r.PeerDown(peer=opened.resource, leg="publish", reason="consent"))
    await relay.until(lambda: not relay.outbox)
    host = await bench.sessions.host(session)
    assert host.state.find(ids["a"]).state == "lost"
    assert host.state.outages == ((ids["a"], "line"),)
    await bench.endpoints.publish(token, "v=0")
    await relay.report(session, r.SourceLive(participant=ids["a"], source="mic"))
    await relay.until(lambda: not relay.outbox)
    assert host.state.find(ids["a"]).state == "joined"
    assert host.state.outages == ()


async def test_whep_watches_one_participant_and_is_in_the_log(bench: Bench) -> None:
    relay = await bench.relay()
    session, ids = bench.open_plain(a="admitted", b="admitted")
    for name in ("a", "b"):
        await bench.page(session, ids[name])
    token = bench.ticket(session, ids["a"], TicketKind.WHEP)
    opened = await bench.endpoints.view(token, "v=0", local=True)
    wanted = await relay.wants(session, lambda d: len(d.members) == 3)
    viewer = wanted.members[-1]
    assert (viewer.peer, viewer.receives, viewer.publish) == (opened.resource, (ids["a"],), ())
    offer = next(one for one in relay.got if isinstance(one, r.ViewOffer))
    assert (offer.participant, offer.session, offer.local) == (ids["a"], session, True)
    await bench.endpoints.delete(token, TicketKind.WHEP, opened.resource)
    await relay.wants(session, lambda d: len(d.members) == 2)


async def test_bad_tokens_and_offers_are_refused(bench: Bench) -> None:
    relay = await bench.relay()
    session, ids = bench.open_plain(a="admitted", w="waiting")
    good = bench.ticket(session, ids["a"], TicketKind.WHIP)
    with pytest.raises(NotAllowed):
        await bench.endpoints.publish("nonsense", "v=0")
    with pytest.raises(NotAllowed):
        await bench.endpoints.view(good, "v=0")
    with pytest.raises(NotAllowed):
        await bench.endpoints.delete(good, TicketKind.WHIP, "other")
    with pytest.raises(RequestRefused) as too_long:
        await bench.endpoints.publish(good, "x" * 70_000)
    assert too_long.value.code == "message.too_long"
    with pytest.raises(RequestRefused) as waiting:
        await bench.endpoints.publish(bench.ticket(session, ids["w"], TicketKind.WHIP), "v=0")
    assert waiting.value.code == "participant.not_admitted"
    relay.refuse_with = "sdp.no_common_codec"
    with pytest.raises(RequestRefused) as codec:
        await bench.endpoints.publish(good, "v=0")
    assert codec.value.code == "sdp.no_common_codec"


async def test_no_relay_is_unavailable(bench: Bench) -> None:
    session, ids = bench.open_plain(a="admitted")
    with pytest.raises(Unavailable) as none:
        await bench.endpoints.publish(bench.ticket(session, ids["a"], TicketKind.WHIP), "v=0")
    assert none.value.code == "relay.none"
