"""Off the record means not on disk: the relay's core and the real writer, read back as raw bytes (design 4, fences).

Every payload says where it belongs; after each kind of off-the-record time the spool is searched for what must not be
there, byte for byte, in whatever file it may have got into.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from media.journalwriter import JournalWriter
from media.recorder import SpoolRecorder
from media.relay import Relay
from tests.support.media import OPUS, VP8, Sender, World, camera, member, microphone, rtx_of, video_line, vp8

UTC = 1_700_000_000.0
BOTH = (member("an"), member("binh"))
SECRET = b"SECRET-off-the-record"
KEPT = b"kept-on-the-record"


class DiskWorld(World):
    """A relay whose journals are files; the writer's thread is stepped by hand."""

    def __init__(self, spool: Path) -> None:
        super().__init__()
        spool.mkdir()
        self.spool = spool
        self.writer = JournalWriter(spool)
        names = iter(range(1000))
        self.disk = SpoolRecorder(self.writer, lambda: f"j{next(names)}", "boot", self.now, UTC)
        self.relay = Relay(self.listener, self.disk, None)
        for one in ("an", "binh"):
            self.publish(
                f"peer-{one}", microphone(ssrc=100 if one == "an" else 110), camera(ssrc=200 if one == "an" else 210)
            )
        self.apply(members=BOTH, record="full", part=1)
        self.sound, self.picture = Sender(100, OPUS), Sender(200, camera().codec)
        self.write()

    def write(self) -> None:
        """Everything that was handed over is on disk."""
        for _ in range(6):
            self.now += 0.1
            self.disk.poll(self.now, UTC + self.now - 1000)
            self.writer.step(self.now)

    def say(self, words: bytes) -> list[bytes]:
        """A piece of sound and a picture of "an"; the packets, to be sent again late."""
        sent = [self.sound.sound(words)]
        head = self.picture.key()
        sent.append(self.picture.packet(head[12:] + words, marker=True, step=3000))
        for packet in sent:
            self.send("peer-an", packet)
        self.now += 0.02
        return sent

    def go_on(self) -> None:
        """Time passes, so that what comes is newer than the fence."""
        self.now += 1.0
        for sender in (self.sound, self.picture):
            sender.pause(1.0)

    def everything(self) -> bytes:
        """All bytes of all files of the spool."""
        self.write()
        files = sorted(path for path in self.spool.rglob("*") if path.is_file())
        return b"".join(path.read_bytes() for path in files)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[DiskWorld]:
    world = DiskWorld(tmp_path / "spool")
    world.go_on()
    world.say(KEPT)
    assert KEPT in world.everything(), "what may be written is"
    yield world


OFF: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a pause": ({"state": "paused"}, {"state": "running"}),
    "a protected point": ({"members": (member("an", record=False), member("binh"))}, {"members": BOTH}),
    "a mute": ({"members": (member("an", muted=("mic", "camera")), member("binh"))}, {"members": BOTH}),
    "no record": ({"record": "off"}, {"record": "full", "part": 2}),
    "a side talk": (
        {"members": (member("an", record=False, receives=("binh",)), member("binh", record=False, receives=("an",)))},
        {"members": BOTH},
    ),
    "a side talk in a pause": (
        {"members": (member("an", record=False), member("binh", muted=("mic", "camera", "screen", "document")))},
        {"members": BOTH},
    ),
    "sent back to wait": ({"members": (member("binh"),)}, {"members": BOTH}),
}


@pytest.mark.parametrize("kind", OFF)
def test_nothing_of_it_is_on_disk_in_any_file(world: DiskWorld, kind: str) -> None:
    """Neither while it lasts, nor late by retransmission, nor with the packets that come after."""
    off, on = OFF[kind]
    world.apply(**off)
    world.go_on()
    late = [packet for _ in range(20) for packet in world.say(SECRET)]
    world.write()
    world.apply(**on)
    for number, packet in enumerate(late):  # what was lost, or came late, comes after the end of it
        world.send("peer-an", packet)
        if packet[1] & 0x7F == camera().codec.payload_type:
            world.send("peer-an", rtx_of(packet, 201, 97, number))
    world.go_on()
    world.say(KEPT + b" again")
    found = world.everything()
    assert SECRET not in found, kind
    assert KEPT + b" again" in found, "the record went on"


def live(world: DiskWorld, words: bytes) -> list[bytes]:
    """What "an" sends in 20 ms, on honest clocks."""
    picture = world.picture.key()[12:] + words
    world.picture.pause(0.02 - 3000 / 90_000)
    return [world.sound.sound(words), world.picture.packet(picture, marker=True)]


@pytest.mark.parametrize("taken", [0, 100])
@pytest.mark.parametrize("kind", OFF)
def test_nothing_gets_by_behind_a_process_that_stood_still(world: DiskWorld, kind: str, taken: int) -> None:
    """The relay's machine freezes for 3 s. What was sent meanwhile waits in the socket, and the word that all may be
    recorded again comes before it, or after the first of it."""
    off, on = OFF[kind]
    world.run(11.0)  # the fixture's clock leaps
    world.apply(**off)
    for _ in range(100):
        world.run(0.02)
        for packet in live(world, SECRET):
            world.send("peer-an", packet)
    waiting = [packet for _ in range(150) for packet in live(world, SECRET)]
    world.now += 3.0
    world.relay.wakes(world.now)
    for packet in waiting[:taken]:
        world.send("peer-an", packet)
    world.relay.handle_deadline(world.now, world.batch)
    world.apply(**on)
    for packet in waiting[taken:]:
        world.send("peer-an", packet)
    for number in range(150):
        world.run(0.02)
        for packet in live(world, KEPT + b" again" if number > 10 else b""):
            world.send("peer-an", packet)
    found = world.everything()
    assert SECRET not in found, kind
    assert found.count(KEPT + b" again") > 260, "the record went on at once"


def test_a_sound_only_session_has_no_picture_on_disk(world: DiskWorld) -> None:
    world.apply(record="sound", part=2)
    world.go_on()
    for _ in range(5):
        sound = world.sound.sound(KEPT + b" sound")
        world.send("peer-an", sound)
        world.send("peer-an", world.picture.packet(world.picture.key()[12:] + SECRET, marker=True, step=3000))
    found = world.everything()
    assert SECRET not in found and KEPT + b" sound" in found
    assert not list(world.spool.glob("*/*.camera.2.*")), "not even a journal"


def test_what_was_said_before_the_fence_and_comes_after_it_is_not_written(world: DiskWorld) -> None:
    """A packet from before the record began, kept back by a poor line while others came through."""
    world.apply(record="off")
    world.go_on()
    early = world.sound.sound(SECRET)
    for _ in range(40):
        world.send("peer-an", world.sound.sound())
        world.now += 0.02
    world.apply(record="full", part=2)
    world.send("peer-an", early)
    world.go_on()
    world.say(KEPT + b" later")
    found = world.everything()
    assert SECRET not in found and KEPT + b" later" in found


def test_what_comes_at_once_after_an_admission_was_sent_while_waiting() -> None:
    """A camera that had sent nothing yet when it was let in: its first frames may be from before, for a tenth of a
    second."""
    world, sender = World(), Sender(200, VP8)
    world.apply(members=(member("binh"),))
    world.publish("peer-an", camera(ssrc=200))
    world.now += 5
    world.apply(members=(member("an"), member("binh")))
    world.subscribe("peer-binh", (video_line(), "an", "camera"))
    world.now += 0.03
    world.send("peer-an", sender.packet(vp8(True), True, 3000))
    assert world.received("peer-binh") == []
    world.now += 0.2
    world.send("peer-an", sender.packet(vp8(True), True, 18_000))
    assert len(world.received("peer-binh")) == 1
