"""A session of two in virtual time: An publishes sound and picture, Binh receives both."""

from __future__ import annotations

import pytest

from tests.support.media import OPUS, VP8, Sender, World, audio_line, camera, member, microphone, video_line


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
