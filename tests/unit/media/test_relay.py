"""The relay's core in virtual time: routing, rewriting, fences, journals and feedback as peers notice them."""

from __future__ import annotations

import pytest

from tests.support.media import (
    OPUS,
    OUT_IDS,
    VP8,
    Sender,
    World,
    audio_line,
    camera,
    member,
    microphone,
    video_line,
)


@pytest.fixture
def world() -> World:
    """An (peer-an) publishes sound and picture; Binh (peer-binh) receives both; the session runs."""
    world = World()
    world.apply(members=(member("an"), member("binh")))
    world.publish("peer-an", microphone(), camera())
    world.subscribe("peer-binh", (audio_line(), "an", "mic"), (video_line(), "an", "camera"))
    return world


@pytest.fixture
def sound() -> Sender:
    return Sender(100, OPUS, extensions={4: b"0", 1: b"\x85"})


@pytest.fixture
def picture() -> Sender:
    return Sender(200, VP8, extensions={4: b"1", 2: b"\1\2\3"})


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
    assert world.batch.slabs == []


def test_video_begins_with_a_key_frame_which_was_asked_for(world: World, picture: Sender) -> None:
    world.run(0.01)
    assert world.plis("peer-an") == 1
    world.send("peer-an", picture.delta())
    assert world.received("peer-binh") == []
    world.send("peer-an", picture.key())
    world.send("peer-an", picture.delta())
    assert len(world.received("peer-binh")) == 2


def test_nothing_passes_before_admission_or_after_removal(world: World, sound: Sender) -> None:
    world.apply(members=(member("binh"),))
    world.send("peer-an", sound.sound())
    assert world.received("peer-binh") == []
    assert world.relay.dropped["not_allowed"] == 1
    assert world.relay.wanted("peer-binh") == []  # type: ignore[arg-type]
