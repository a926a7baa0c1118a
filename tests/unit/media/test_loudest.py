"""With many points only the loudest pass, nobody's first word is cut, and the point shown large is always heard."""

from __future__ import annotations

import pytest

from media.loudest import HANGOVER
from media.messages import View
from media.relay import RelayOptions
from media.types import PeerId
from tests.support.media import OPUS, Sender, World, audio_line, member, microphone

NAMES = ("an", "binh", "chi", "dung", "em", "giang")
LISTENER = "peer-nghe"
QUIET, LOUD = b"\xbf", b"\x94"  # -63 and -20 dBov, with the V bit


class Room:
    """Six microphones and one who listens; three pass at a time."""

    def __init__(self, limit: int = 3) -> None:
        self.world = World(RelayOptions(loudest=limit))
        members = [member(name) for name in NAMES]
        self.world.apply(members=(*members, member("nghe", publish=())), record="sound")
        self.senders = {}
        for index, name in enumerate(NAMES):
            self.senders[name] = Sender(100 + index, OPUS, extensions={4: b"0", 1: QUIET})
            self.world.publish(f"peer-{name}", microphone(ssrc=100 + index))
        lines = [(audio_line(str(at), 5000 + at), name, "mic") for at, name in enumerate(NAMES)]
        self.world.subscribe(LISTENER, *lines)  # type: ignore[arg-type]
        self.world.relay.set_views(PeerId(LISTENER), (), self.world.now)
        self.count = 0

    def go_on(self, seconds: float, *loud: str, silent: tuple[str, ...] = ()) -> dict[str, list[bytes]]:
        """Everybody sends; those in ``loud`` speak. What the listener gets, by who sent it."""
        heard: dict[str, list[bytes]] = {}
        for _ in range(round(seconds * 50)):
            self.world.run(0.02)
            self.count += 1
            for name, sender in self.senders.items():
                if name not in silent:
                    sender.extensions[1] = LOUD if name in loud else QUIET
                    self.world.send(f"peer-{name}", sender.sound(b"%s %d" % (name.encode(), self.count)))
            for packet in self.world.received(LISTENER):
                heard.setdefault(NAMES[packet.ssrc - 5000], []).append(packet.payload)
                self.check(packet.ssrc, packet.seq, packet.timestamp)
        return heard

    def check(self, ssrc: int, seq: int, timestamp: int) -> None:
        """Numbers have no holes, times go up."""
        last: dict[int, tuple[int, int]] = self.__dict__.setdefault("_last", {})
        if ssrc in last:
            assert (seq - last[ssrc][0]) & 0xFFFF == 1
            assert 0 < (timestamp - last[ssrc][1]) & 0xFFFFFFFF < 1 << 31
        last[ssrc] = seq, timestamp


@pytest.fixture
def room() -> Room:
    """Everybody is there and silent for a while."""
    room = Room()
    room.go_on(HANGOVER + 0.5)
    return room


def test_it_works(room: Room) -> None:
    heard = room.go_on(1.0)
    assert len(heard) == 3, "three pass"
    heard = room.go_on(1.0, "em")
    assert len(heard) <= 4 and len(heard["em"]) >= 50


def test_all_pass_where_there_are_no_more() -> None:
    assert set(Room(limit=6).go_on(1.0)) == set(NAMES)
    assert set(Room(limit=0).go_on(1.0)) == set(NAMES)


def test_no_word_begins_in_the_middle(room: Room) -> None:
    resting = next(name for name in NAMES if name not in room.go_on(0.5))
    before = room.count
    heard = room.go_on(0.5, resting)[resting]
    assert heard == [b"%s %d" % (resting.encode(), at) for at in range(before - 2, room.count + 1)]


def test_who_spoke_last_keeps_the_place_for_a_while(room: Room) -> None:
    room.go_on(1.0, "an", "binh", "chi")
    heard = room.go_on(HANGOVER - 0.2, "dung")
    assert "dung" not in heard, "as loud as the others were, all of whom have just spoken"
    assert set(room.go_on(1.0, "dung")) > {"dung"}


def test_whoever_is_clearly_louder_need_not_wait(room: Room) -> None:
    for name in ("an", "binh", "chi"):
        room.senders[name].extensions[1] = b"\xa8"  # -40 dBov: a noisy room
    for _ in range(50):
        room.world.run(0.02)
        for name in ("an", "binh", "chi"):
            room.world.send(f"peer-{name}", room.senders[name].sound())
    room.world.received(LISTENER)
    room.__dict__.pop("_last", None)
    heard = room.go_on(0.2, "dung")
    assert len(heard["dung"]) >= 10


def test_the_point_shown_large_is_always_heard(room: Room) -> None:
    resting = next(name for name in NAMES if name not in room.go_on(0.5))
    view = View(participant=resting, source="camera", width=1280, height=720, main=True)
    room.world.relay.set_views(PeerId(LISTENER), (view,), room.world.now)
    assert len(room.go_on(1.0)[resting]) == 50
    room.world.relay.set_views(PeerId(LISTENER), (), room.world.now)
    assert resting not in room.go_on(0.5)


def test_a_viewer_that_never_said_what_it_shows_hears_all(room: Room) -> None:
    room.world.subscribe(
        "peer-nghe2", *[(audio_line(str(at), 7000 + at), name, "mic") for at, name in enumerate(NAMES)]
    )
    room.world.apply(members=(*room.world.desired.members, member("nghe2", publish=())))  # type: ignore[union-attr]
    room.go_on(1.0)
    room.world.received("peer-nghe2")
    room.go_on(0.2)
    assert {packet.ssrc for packet in room.world.received("peer-nghe2")} == {7000 + at for at in range(6)}


def test_everything_is_recorded_whoever_passes(room: Room) -> None:
    assert {len(track.packets) for track in room.world.recorder.tracks} == {room.count}


def test_a_muted_microphone_gives_its_place_away(room: Room) -> None:
    passing = set(room.go_on(0.5))
    muted = min(passing)
    members = [member(name, muted=("mic",) if name == muted else ()) for name in NAMES]
    room.world.apply(members=(*members, member("nghe", publish=())))
    room.go_on(0.3)
    heard = set(room.go_on(0.5))
    assert len(heard) == 3 and muted not in heard


def test_a_microphone_that_tells_no_level_always_passes() -> None:
    room = Room()
    room.senders["em"].extensions = {4: b"0"}
    original = room.senders["em"].sound

    def without_level(payload: bytes = b"opus") -> bytes:
        room.senders["em"].extensions.pop(1, None)
        return original(payload)

    room.senders["em"].sound = without_level  # type: ignore[method-assign]
    room.go_on(1.0)
    assert len(room.go_on(0.5)["em"]) == 25


def test_nothing_from_before_a_fence_is_sent_along(room: Room) -> None:
    resting = next(name for name in NAMES if name not in room.go_on(0.5))
    everybody = room.world.desired
    assert everybody is not None
    members = [member(name, muted=("mic",) if name == resting else ()) for name in NAMES]
    room.world.apply(members=(*members, member("nghe", publish=())))
    room.go_on(0.1)
    room.world.apply(members=everybody.members)
    from_here = room.count
    heard = room.go_on(0.5, resting)[resting]
    assert int(heard[0].split()[1]) > from_here
