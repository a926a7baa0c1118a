"""Routing, fences and boundaries of the relay's core in virtual time, as peers notice them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.errors import StaleEpoch
from media.messages import Desired, SessionEnded, SourceLive, SourceSilent
from media.relay import Relay
from media.types import PeerId
from tests.support.media import (
    H264,
    OPUS,
    OUT_IDS,
    VP8,
    Heard,
    Sender,
    World,
    audio_line,
    camera,
    member,
    microphone,
    rtx_of,
    video_line,
)

AN, BINH = PeerId("peer-an"), PeerId("peer-binh")


def test_it_works(world: World, sound: Sender) -> None:
    world.send("peer-an", sound.sound(b"one"))
    world.send("peer-an", sound.sound(b"two"))
    first, second = world.received("peer-binh")
    assert (first.payload, second.payload) == (b"one", b"two")
    assert first.ssrc == 5000 and first.payload_type == 109
    assert second.seq == (first.seq + 1) & 0xFFFF
    assert second.timestamp - first.timestamp == 960
    assert first.extensions[OUT_IDS.mid] == b"0"
    assert first.extensions[OUT_IDS.audio_level] == b"\x85"
    assert len(first.extensions[OUT_IDS.abs_send_time]) == 3
    assert world.batch.queues == []


def test_nobody_gets_his_own_media(world: World, sound: Sender) -> None:
    world.subscribe("peer-an", (audio_line(), "an", "mic"))
    world.send("peer-an", sound.sound())
    assert world.received("peer-an") == []
    assert world.relay.wanted(AN) == []


def test_nothing_passes_before_admission_or_after_removal(world: World, sound: Sender) -> None:
    world.apply(members=(member("binh"),))
    world.send("peer-an", sound.sound())
    assert world.received("peer-binh") == []
    assert world.relay.dropped == {"not_allowed": 1}
    assert world.relay.wanted(BINH) == []
    world.apply(members=(member("an"), member("binh")))
    sound.pause(0.2)
    world.send("peer-an", sound.sound(b"again"))
    assert [packet.payload for packet in world.received("peer-binh")] == [b"again"]


def test_a_source_that_may_not_be_published_is_dropped(world: World, sound: Sender, picture: Sender) -> None:
    world.apply(members=(member("an", publish=("mic",)), member("binh")))
    world.send("peer-an", picture.key())
    world.send("peer-an", sound.sound())
    assert [packet.ssrc for packet in world.received("peer-binh")] == [5000]
    assert world.relay.wanted(BINH) == [("an", "mic")]


def test_what_is_wanted_follows_attachment_and_the_process_is_told_once(world: World) -> None:
    world.listener.changed.clear()
    assert world.relay.wanted(BINH) == [("an", "mic"), ("an", "camera")]
    world.publish("peer-an", microphone(), camera(), queue=world.queues["peer-an", "publish"])
    assert world.listener.changed == []
    world.publish("peer-an", microphone(), queue=world.queues["peer-an", "publish"])
    assert world.relay.wanted(BINH) == [("an", "mic")]
    assert world.listener.changed == ["peer-binh"]
    assert world.relay.codec_of("an", "mic", BINH) == microphone()
    assert world.relay.codec_of("an", "camera", BINH) is None


def test_screening_hides_a_participant_at_once(world: World, sound: Sender) -> None:
    world.send("peer-an", sound.sound(b"open"))
    world.apply(members=(member("an"), member("binh", receives=())))
    world.send("peer-an", sound.sound(b"side talk"))
    assert [packet.payload for packet in world.received("peer-binh")] == [b"open"]
    assert world.relay.wanted(BINH) == []
    late = sound.sound(b"late side talk")
    world.apply(members=(member("an"), member("binh")))
    sound.pause(0.2)
    world.send("peer-an", sound.sound(b"open again"))
    world.send("peer-an", late)
    assert [packet.payload for packet in world.received("peer-binh")] == [b"open again"]


def test_mute_is_enforced_and_late_packets_from_behind_it_stay_out(
    world: World, picture: Sender, sound: Sender
) -> None:
    world.send("peer-an", sound.sound(b"before"))
    lost_before = sound.sound(b"lost before the mute")
    world.apply(members=(member("an", muted=("mic",)), member("binh")))
    world.send("peer-an", sound.sound(b"muted"))
    lost_muted = sound.sound(b"lost while muted")
    world.send("peer-an", sound.sound(b"muted"))
    world.apply(members=(member("an"), member("binh")))
    world.send("peer-an", lost_before)
    world.send("peer-an", lost_muted)
    sound.pause(0.1)
    world.send("peer-an", sound.sound(b"after"))
    packets = world.received("peer-binh")
    assert [packet.payload for packet in packets] == [b"before", b"after"]
    assert packets[1].seq == (packets[0].seq + 1) & 0xFFFF, "what was muted is no loss to the receiver"
    assert packets[1].timestamp - packets[0].timestamp == 960 * 5 + 4800, "but time went on"


def test_a_packet_sent_before_the_fence_is_held_back_even_with_a_newer_number(world: World, sound: Sender) -> None:
    world.apply(members=(member("an", muted=("mic",)), member("binh")))
    world.send("peer-an", sound.sound(b"muted"))
    held = [sound.sound(b"held up on the line") for _ in range(10)]
    world.now += 0.2
    world.apply(members=(member("an"), member("binh")))
    for packet in held:
        world.send("peer-an", packet)
    sound.pause(0.12)
    world.send("peer-an", sound.sound(b"after"))
    assert [packet.payload for packet in world.received("peer-binh")] == [b"after"]
    assert world.relay.dropped["fenced"] == 10


def test_late_retransmissions_do_not_cross_a_fence(world: World, picture: Sender) -> None:
    world.send("peer-an", picture.key())
    lost = picture.delta()
    world.send("peer-an", picture.delta())
    world.apply(state="paused")
    world.apply(state="running")
    world.received("peer-binh")
    world.send("peer-an", rtx_of(lost, 201, 97, 1))
    picture.pause(0.2)
    world.send("peer-an", picture.key())
    assert len(world.received("peer-binh")) == 1
    assert world.relay.dropped["fenced"] == 1


def test_pause_stops_everything(world: World, sound: Sender, picture: Sender) -> None:
    world.send("peer-an", picture.key())
    world.received("peer-binh")
    world.apply(state="paused")
    world.send("peer-an", sound.sound())
    world.send("peer-an", picture.delta())
    assert world.received("peer-binh") == []
    world.apply(state="running")
    picture.pause(0.2)
    world.take("peer-an", "publish")
    world.run(0.15)
    assert world.plis("peer-an") == 1
    world.send("peer-an", picture.delta())
    assert world.received("peer-binh") == []
    world.send("peer-an", picture.key())
    assert len(world.received("peer-binh")) == 1


def test_the_next_visit_takes_a_peer_over_without_a_new_connection(world: World, sound: Sender) -> None:
    world.send("peer-an", sound.sound(b"first visit"))
    late = sound.sound(b"late from the first visit")
    before = world.received("peer-binh")
    world.apply("next", members=(member("an2", "peer-an"), member("chi")))
    world.subscribe("peer-chi", (audio_line(), "an2", "mic"))
    world.send("peer-an", late)
    sound.pause(0.1)
    world.send("peer-an", sound.sound(b"next visit"))
    assert world.received("peer-binh") == [], "Binh stays with the first visit"
    assert [packet.payload for packet in world.received("peer-chi")] == [b"next visit"]
    assert len(before) == 1
    assert world.relay.sessions() == {"s": 1, "next": 1}


def test_a_line_goes_on_smoothly_when_it_changes_its_participant(world: World, sound: Sender) -> None:
    world.send("peer-an", sound.sound(b"an"))
    world.apply(members=(member("an"), member("binh"), member("chi")))
    world.publish("peer-chi", microphone(ssrc=900))
    world.now += 1.0
    world.subscribe("peer-binh", (audio_line(), "chi", "mic"))
    other = Sender(900, OPUS, seq=65_535, timestamp=4_000_000_000)
    world.send("peer-chi", other.sound(b"chi"))
    world.send("peer-chi", other.sound(b"chi"))
    first, second, third = world.received("peer-binh")
    assert second.seq == (first.seq + 1) & 0xFFFF and third.seq == (second.seq + 1) & 0xFFFF
    assert second.timestamp - first.timestamp == 48_000
    assert third.timestamp - second.timestamp == 960


def test_a_line_of_another_codec_gets_nothing(world: World) -> None:
    world.subscribe("peer-binh", (video_line(codec=H264), "an", "camera"))
    world.send("peer-an", Sender(200, VP8).key())
    assert world.received("peer-binh") == []


def test_a_reconnected_publisher_goes_on_in_the_same_line(world: World, sound: Sender) -> None:
    world.send("peer-an", sound.sound(b"before"))
    world.relay.detach(AN, "publish", world.now)
    world.publish("peer-an", microphone(ssrc=777))
    world.send("peer-an", Sender(777, OPUS).sound(b"after"))
    first, second = world.received("peer-binh")
    assert second.seq == (first.seq + 1) & 0xFFFF
    assert 0 < second.timestamp - first.timestamp < 48_000


def test_a_renegotiation_that_adds_a_source_does_not_interrupt_the_others(world: World, picture: Sender) -> None:
    world.send("peer-an", picture.key())
    screen = camera("2", 300, 301, source="screen")
    world.publish("peer-an", microphone(), camera(), screen, queue=world.queues["peer-an", "publish"])
    world.send("peer-an", picture.delta())
    assert len(world.received("peer-binh")) == 2


def test_stale_epochs_are_refused_and_seen_versions_ignored(world: World, sound: Sender) -> None:
    with pytest.raises(StaleEpoch) as caught:
        world.relay.apply(Desired(session="s", epoch=0, version=99, state="closed"), world.now)
    assert caught.value.code == "stale_epoch"
    world.relay.apply(Desired(session="s", epoch=1, version=1, state="closed"), world.now)
    world.send("peer-an", sound.sound())
    assert len(world.received("peer-binh")) == 1


def test_a_closed_session_ends_and_its_epoch_is_remembered(world: World, sound: Sender) -> None:
    world.apply(state="closed", epoch=5)
    world.send("peer-an", sound.sound())
    assert world.received("peer-binh") == []
    assert world.recorder.ended == ["s"]
    assert world.relay.sessions() == {}
    with pytest.raises(StaleEpoch):
        world.relay.apply(Desired(session="s", epoch=4, version=99, state="running"), world.now)


def test_without_a_recorder_the_core_reports_the_end_itself() -> None:
    listener = Heard()
    relay = Relay(listener, None)
    relay.apply(Desired(session="s", epoch=1, version=1, state="closed"), 1.0)
    assert listener.reports == [("s", SessionEnded(files=()))]


def test_sources_are_reported_live_and_silent(world: World, sound: Sender) -> None:
    world.relay.utc_offset = 1_700_000_000.0
    world.send("peer-an", sound.sound())
    world.send("peer-an", sound.sound())
    last = world.now
    assert world.listener.reports == [("s", SourceLive(participant="an", source="mic"))]
    world.run(1.9)
    assert len(world.listener.reports) == 1
    world.run(0.3)
    silent = SourceSilent(participant="an", source="mic", since=last + 1_700_000_000.0)
    assert world.listener.reports[1:] == [("s", silent)]
    world.send("peer-an", sound.sound())
    assert world.listener.reports[2:] == [("s", SourceLive(participant="an", source="mic"))]
    world.relay.detach(AN, "publish", world.now)
    assert isinstance(world.listener.reports[3][1], SourceSilent)


def test_the_speaker_is_named_from_the_levels_of_open_microphones(world: World) -> None:
    loud = Sender(100, OPUS, extensions={1: bytes([20])})
    for _ in range(100):
        world.send("peer-an", loud.sound())
        world.received("peer-binh")
        world.run(0.02)
    assert world.listener.speakers == [("s", "an")]
    world.apply(members=(member("an", muted=("mic",)), member("binh")))
    world.run(0.5)
    assert world.listener.speakers[-1] == ("s", "")


def test_the_clock_stands_still_without_legs_and_deadlines_never_lie_in_the_past_for_long(world: World) -> None:
    assert Relay(Heard(), None).next_deadline() is None
    for _ in range(50):
        due = world.relay.next_deadline()
        assert due is not None
        world.now = max(world.now, due)
        world.relay.handle_deadline(world.now, world.batch)
        after = world.relay.next_deadline()
        assert after is not None and after > world.now
    world.relay.detach(AN, "publish", world.now)
    world.relay.detach(BINH, "subscribe", world.now)
    assert world.relay.next_deadline() is None


def test_quality_tells_rates_and_loss(world: World, sound: Sender) -> None:
    world.relay.quality(world.now)
    for index in range(100):
        data = sound.sound(bytes(100))
        if index % 10 != 5:
            world.send("peer-an", data)
        world.received("peer-binh")
        world.run(0.02)
    figures = {(leg.peer, leg.leg): leg for leg in world.relay.quality(world.now)}
    publisher = figures["peer-an", "publish"]
    assert publisher.loss == pytest.approx(0.1, abs=0.02)
    assert 40_000 < publisher.bitrate_bps < 60_000
    assert (publisher.session, publisher.participant) == ("s", "an")
    assert figures["peer-binh", "subscribe"].bitrate_bps > 30_000


@settings(max_examples=300)
@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=120)), min_size=1, max_size=20))
def test_any_bytes_are_survived(datagrams: list[tuple[bool, bytes]]) -> None:
    world = World()
    world.apply(members=(member("an"), member("binh")), record="full")
    world.publish("peer-an", microphone(), camera())
    world.subscribe("peer-binh", (audio_line(), "an", "mic"), (video_line(), "an", "camera"))
    for control, data in datagrams:
        if control:
            world.send_rtcp("peer-an", "publish", data)
            world.send_rtcp("peer-binh", "subscribe", data)
        else:
            world.send("peer-an", data)
    world.run(0.5)


@settings(max_examples=200)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([100, 200, 201, 202]),
            st.sampled_from([96, 97, 111]),
            st.integers(0, 0xFFFF),
            st.sampled_from([0x80, 0x90, 0xA0, 0xB0, 0x8F]),
            st.binary(max_size=60),
        ),
        max_size=40,
    )
)
def test_hostile_rtp_of_an_authenticated_peer_is_survived(packets: list[tuple[int, int, int, int, bytes]]) -> None:
    world = World()
    world.apply(members=(member("an"), member("binh")), record="full")
    world.publish("peer-an", microphone(), camera())
    world.subscribe("peer-binh", (audio_line(), "an", "mic"), (video_line(), "an", "camera"))
    for ssrc, payload_type, seq, first, rest in packets:
        header = bytes((first, payload_type)) + seq.to_bytes(2, "big") + bytes(4) + ssrc.to_bytes(4, "big")
        world.send("peer-an", header + rest)
        world.received("peer-binh")
        world.run(0.005)
    assert sum(world.relay.dropped.values()) <= world.relay.packets_in


def test_too_long_packets_and_unknown_peers_are_dropped(world: World) -> None:
    world.send("peer-an", Sender(100, OPUS).sound(bytes(1450)))
    world.send("stranger", Sender(100, OPUS).sound())
    world.send_rtcp("stranger", "publish", b"\x80\xc9\0\0")
    world.send_rtcp("peer-an", "publish", bytes(1600))
    assert world.relay.dropped == {"too_long": 2, "no_leg": 2}
