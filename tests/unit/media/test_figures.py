"""What the hub is told of each leg: figures that mean what they say."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest

from media import rtcp
from media.messages import LegQuality, View
from media.types import PeerId
from tests.support.media import OPUS, VP8, Sender, World, audio_line, camera, microphone, rtx_of
from tests.unit.media.test_redundancy import RED, Speaker

AN, BINH = "peer-an", "peer-binh"


def figures(world: World) -> dict[tuple[str, str], LegQuality]:
    return {(leg.peer, leg.leg): leg for leg in world.relay.quality(world.now)}


def answer_times(world: World, delay: float) -> None:
    """The publisher answers the reference times of the reports it got, after ``delay`` on the way."""
    for data in world.take(AN, "publish")[1]:
        for kind, _, at, end in rtcp.packets(data):
            if kind == rtcp.XR:
                block, _, words = struct.unpack_from(">BBH", data, at + 4)
                assert (block, words, end - at) == (rtcp.REFERENCE_TIME, 2, 16)
                high, low = struct.unpack_from(">II", data, at + 8)
                reference = (high & 0xFFFF) << 16 | low >> 16
                world.now += delay
                body = struct.pack(">IBBHIII", 100, rtcp.DELAYS, 0, 3, 1, reference, int(0.010 * 65536))
                world.send_rtcp(AN, "publish", struct.pack(">BBH", 0x80, rtcp.XR, len(body) // 4) + body)


def test_the_round_trip_of_a_publisher_is_measured(world: World, sound: Sender) -> None:
    for _ in range(120):
        world.send(AN, sound.sound())
        world.run(0.02)
        answer_times(world, 0.130)
    assert figures(world)[AN, "publish"].rtt_s == pytest.approx(0.130, abs=0.012)


def test_a_publisher_that_answers_none_has_that_of_its_other_leg(world: World, sound: Sender, picture: Sender) -> None:
    world.subscribe(AN, (audio_line("0", 8000), "binh", "mic"))
    world.publish(BINH, microphone(ssrc=300))
    voice = Sender(300, OPUS)
    world.send_rtcp(BINH, "publish", _sender_report(300, 1 << 40, 50_000))
    for _ in range(20):
        world.send(AN, sound.sound())
        world.send(BINH, voice.sound())
        world.run(0.02)
    world.send_rtcp(BINH, "publish", _sender_report(300, 2 << 40, 60_000))
    _, control = world.take(AN, "subscribe")
    sent = [data for data in control if data[1] == rtcp.SR][-1]
    ntp = int.from_bytes(sent[8:16], "big")
    world.now += 0.08
    report = bytearray(200)
    size = rtcp.write_receiver_report(report, 0, 9, [(8000, 0, 0, 1, 0, ntp >> 16 & 0xFFFFFFFF, 0)])
    world.send_rtcp(AN, "subscribe", bytes(report[:size]))
    found = figures(world)
    assert found[AN, "publish"].rtt_s == found[AN, "subscribe"].rtt_s == pytest.approx(0.08, abs=0.001)


def _sender_report(ssrc: int, ntp: int, rtp_time: int) -> bytes:
    buffer = bytearray(100)
    return bytes(buffer[: rtcp.write_sender_report(buffer, 0, ssrc, ntp, rtp_time, 1, 1)])


def test_sound_that_was_mended_is_not_lost(world: World) -> None:
    world.publish(AN, microphone(codec=RED))
    speaker = Speaker()
    figures(world)
    for number in range(100):
        packet = speaker.red(b"x")
        if number % 10 != 5:
            world.send(AN, packet)
    found = figures(world)[AN, "publish"]
    assert found.loss == pytest.approx(0.1, abs=0.02)
    assert found.sound_loss == 0
    for number in range(100):
        packet = speaker.red(b"x")
        if number % 10 not in (5, 6, 7):
            world.send(AN, packet)
    assert figures(world)[AN, "publish"].sound_loss == pytest.approx(0.2, abs=0.04)


def test_pictures_that_got_lost_are_no_lost_sound(world: World, sound: Sender, picture: Sender) -> None:
    world.send(AN, picture.key())
    lost = picture.delta()
    for _ in range(10):
        world.send(AN, sound.sound())
        world.send(AN, picture.delta())
    world.send(AN, rtx_of(lost, 201, 97, 1))
    found = figures(world)[AN, "publish"]
    assert found.loss > 0 and found.sound_loss == 0


def test_layers_are_named(world: World) -> None:
    media = replace(camera(), ssrcs=(), rtx_ssrcs=(), rids=("q", "h", "f"))
    world.publish(AN, microphone(), media)
    senders = {rid: Sender(400 + at, VP8, extensions={4: b"1", 10: rid.encode()}) for at, rid in enumerate("qhf")}
    for _ in range(40):
        for rid in "qh":
            world.send(AN, senders[rid].key())
        world.run(0.033)
    assert figures(world)[AN, "publish"].layer == "q+h"
    assert figures(world)[BINH, "subscribe"].layer == "h"
    view = View(participant="an", source="camera", width=160, height=90)
    world.relay.set_views(PeerId(BINH), (view,), world.now)
    assert figures(world)[BINH, "subscribe"].layer in ("q", "h")
