"""What publishers are told: NACK, key frame requests, receiver reports, REMB."""

from __future__ import annotations

from dataclasses import replace

from media import rtcp, twcc
from media.messages import SourceSilent
from tests.support.media import (
    H264,
    IN_IDS,
    OPUS,
    VP8,
    Sender,
    World,
    audio_line,
    camera,
    member,
    microphone,
    rtx_of,
    video_line,
)


def pli(ssrc: int) -> bytes:
    buffer = bytearray(12)
    rtcp.write_pli(buffer, 0, 7, ssrc)
    return bytes(buffer)


def nacks(world: World) -> list[list[int]]:
    found = []
    for kind, form, body in world.feedback("peer-an"):
        if (kind, form) == (rtcp.RTPFB, rtcp.NACK):
            found.append(rtcp.read_nack(body, 0, len(body))[1])
    return found


def test_loss_is_asked_for_after_a_moment_and_again_until_it_comes(world: World, picture: Sender) -> None:
    world.send("peer-an", picture.key())
    lost = picture.delta()
    world.send("peer-an", picture.delta())
    world.run(0.01)
    assert nacks(world) == []
    world.run(0.01)
    assert nacks(world) == [[1001]]
    world.run(0.3)
    assert len(nacks(world)) >= 2
    world.send("peer-an", rtx_of(lost, 201, 97, 1))
    world.run(0.5)
    assert nacks(world) == []


def test_reordering_is_not_asked_for(world: World, picture: Sender) -> None:
    world.send("peer-an", picture.key())
    late = picture.delta()
    world.send("peer-an", picture.delta())
    world.run(0.01)
    world.send("peer-an", late)
    world.run(1)
    assert nacks(world) == []


def test_sound_is_asked_for_only_where_that_was_negotiated(world: World, sound: Sender) -> None:
    world.send("peer-an", sound.sound())
    sound.sound()
    world.send("peer-an", sound.sound())
    world.run(0.5)
    assert nacks(world) == []
    codec = replace(OPUS, feedback=("nack",))
    world.publish("peer-an", microphone(codec=codec), queue=world.queues["peer-an", "publish"])
    world.send("peer-an", sound.sound())
    sound.sound()
    world.send("peer-an", sound.sound())
    world.run(0.03)
    assert len(nacks(world)) == 1


def test_what_is_lost_while_nothing_may_pass_is_not_asked_for(world: World, picture: Sender) -> None:
    world.apply(state="paused")
    world.send("peer-an", picture.key())
    picture.delta()
    world.send("peer-an", picture.delta())
    world.run(0.5)
    assert nacks(world) == []


def test_an_outage_leads_to_a_key_frame_request_instead(world: World, picture: Sender) -> None:
    world.send("peer-an", picture.key())
    world.run(1)
    world.feedback("peer-an")
    for _ in range(200):
        picture.delta()
    world.send("peer-an", picture.delta())
    world.run(0.1)
    kinds = [(kind, form) for kind, form, _ in world.feedback("peer-an")]
    assert (rtcp.PSFB, rtcp.PLI) in kinds and (rtcp.RTPFB, rtcp.NACK) not in kinds


def test_key_frame_requests_of_all_subscribers_become_one(world: World, picture: Sender) -> None:
    world.apply(members=(member("an"), member("binh"), member("chi"), member("dung")))
    for name in ("chi", "dung"):
        world.subscribe(f"peer-{name}", (video_line(), "an", "camera"))
    world.send("peer-an", picture.key())
    world.run(2)
    world.feedback("peer-an")
    for _ in range(10):
        for name in ("binh", "chi", "dung"):
            world.send_rtcp(f"peer-{name}", "subscribe", pli(6000))
        world.run(0.1)
    assert 1 <= world.plis("peer-an") <= 3
    world.send("peer-an", picture.key())
    world.run(5)
    assert world.plis("peer-an") == 0


def test_a_request_goes_out_within_the_call_that_brought_it(world: World, picture: Sender) -> None:
    world.send("peer-an", picture.key())
    world.run(2)
    world.feedback("peer-an")
    world.send_rtcp("peer-binh", "subscribe", pli(6000))
    assert world.plis("peer-an") == 1


def test_a_publisher_that_knows_only_fir_gets_fir(world: World) -> None:
    codec = replace(H264, feedback=("ccm fir",))
    world.publish("peer-an", camera(codec=codec), queue=world.queues["peer-an", "publish"])
    world.subscribe("peer-binh", (video_line(codec=codec), "an", "camera"))
    world.run(0.2)
    assert [form for kind, form, _ in world.feedback("peer-an") if kind == rtcp.PSFB] == [rtcp.FIR]


def test_receiver_reports_come_soon_and_then_every_second(world: World, sound: Sender) -> None:
    world.send_rtcp("peer-an", "publish", b"")
    times = []
    for index in range(200):
        world.send("peer-an", sound.sound())
        world.received("peer-binh")
        world.run(0.02)
        for kind, count, body in world.feedback("peer-an"):
            if kind == rtcp.RR:
                times.append(index * 0.02)
                (block,) = rtcp.read_blocks(body, kind, count, 0, len(body))
                assert block[0] == 100 and block[1] == 0
    assert times[0] <= 0.4
    assert 4 <= len(times) <= 5
    assert world.relay.dropped == {"malformed_rtcp": 1}


def test_receiver_reports_refer_to_the_publishers_last_report(world: World, sound: Sender) -> None:
    buffer = bytearray(28)
    rtcp.write_sender_report(buffer, 0, 100, 0x0000_1234_5678_0000, 1, 1, 1)
    world.send("peer-an", sound.sound())
    world.send_rtcp("peer-an", "publish", bytes(buffer))
    world.run(0.5)
    body = next(body for kind, _, body in world.feedback("peer-an") if kind == rtcp.RR)
    ((_, _, _, _, lsr, dlsr),) = rtcp.read_blocks(body, rtcp.RR, 1, 0, len(body))
    assert lsr == 0x12345678 and 0.1 < dlsr / 65536 < 0.4


def test_an_estimate_is_told_before_the_first_picture(world: World) -> None:
    world.run(0.01)
    told = [rtcp.read_remb(body, 0, len(body)) for _, form, body in world.feedback("peer-an") if form == rtcp.REMB]
    assert told and 590_000 <= told[0] <= 600_000


def test_a_publisher_with_transport_wide_feedback_is_told_when_each_packet_came_and_no_estimate() -> None:
    world = World()
    world.apply(members=(member("an"),))
    ids = replace(IN_IDS, abs_send_time=0, transport_cc=3)
    codec = replace(VP8, feedback=("nack", "nack pli", "transport-cc"))
    world.publish("peer-an", replace(microphone(), extensions=ids), replace(camera(codec=codec), extensions=ids))
    sender, sound = Sender(200, VP8, extensions={4: b"1"}), Sender(100, OPUS, extensions={4: b"0", 1: b"\x85"})
    came: dict[int, float] = {}
    for number in range(60):
        world.run(0.02)
        which = sound if number % 2 else sender
        which.extensions[3] = (65_530 + number & 0xFFFF).to_bytes(2, "big")
        data = which.sound() if number % 2 else which.delta()
        if number % 7 != 3:  # lost on the way
            came[number] = world.now
            world.send("peer-an", data)
    world.run(0.2)
    told: dict[int, float | None] = {}
    for kind, form, body in world.feedback("peer-an"):
        assert (kind, form) != (rtcp.PSFB, rtcp.REMB)
        if (kind, form) == (rtcp.RTPFB, twcc.FORMAT):
            feedback = twcc.read(body, 0, len(body))
            for index, tick in enumerate(feedback.arrivals):
                number = (feedback.base + index - 65_530) & 0xFFFF
                told[number] = tick * twcc.TICK if tick is not None else None
    assert set(told) == set(range(max(came) + 1)), "each number is told, lost ones, too"
    assert {number for number, at in told.items() if at is not None} == set(came)
    assert all(abs((told[number] or 0) - told[0] - (at - came[0])) < 0.001 for number, at in came.items())  # type: ignore[operator]


def test_a_goodbye_makes_a_source_silent_at_once(world: World, sound: Sender) -> None:
    world.send("peer-an", sound.sound())
    buffer = bytearray(8)
    rtcp.write_bye(buffer, 0, 100)
    world.send_rtcp("peer-an", "publish", bytes(buffer))
    assert isinstance(world.listener.reports[-1][1], SourceSilent)


def test_the_clock_of_reports_does_not_run_backwards(world: World, sound: Sender) -> None:
    world.subscribe("peer-binh", (audio_line(), "an", "mic"))
    world.send("peer-an", sound.sound())
    newer, older = bytearray(28), bytearray(28)
    rtcp.write_sender_report(newer, 0, 100, 11 << 32, 960, 1, 1)
    rtcp.write_sender_report(older, 0, 100, 10 << 32, 0, 1, 1)
    world.send_rtcp("peer-an", "publish", bytes(newer))
    world.take("peer-binh", "subscribe")
    world.send_rtcp("peer-an", "publish", bytes(older))
    assert world.take("peer-binh", "subscribe") == ([], [])


def test_the_vp8_stream_recovers_when_asked_packets_never_come(world: World) -> None:
    picture = Sender(200, VP8)
    world.send("peer-an", picture.key())
    world.run(1)
    world.feedback("peer-an")
    picture.delta()
    for _ in range(100):
        world.send("peer-an", picture.delta())
        world.received("peer-binh")
        world.run(0.02)
    kinds = [(kind, form) for kind, form, _ in world.feedback("peer-an")]
    assert 3 <= kinds.count((rtcp.RTPFB, rtcp.NACK)) <= 10
    assert kinds.count((rtcp.PSFB, rtcp.PLI)) >= 1


def test_a_picture_whose_first_packet_was_lost_is_asked_for_although_nobody_can_ask(world: World) -> None:
    world.publish("peer-an", camera(ssrc=None, rtx=None))
    world.run(1)
    world.feedback("peer-an")
    picture = Sender(444, VP8, extensions={4: b"1"})
    picture.key()
    world.send("peer-an", picture.delta())
    world.run(0.2)
    assert world.plis("peer-an") == 1
    world.send("peer-an", picture.key())
    assert len(world.received("peer-binh")) == 1
    world.send("peer-an", picture.delta())
    world.run(0.9)
    assert world.plis("peer-an") == 0
