"""The ordinary packet's way compiled against the reference: the same call, played twice, ends in the same state."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media import ordinary
from media.ceiling import DEPTH
from media.layerchoice import Choice
from media.messages import View
from media.recorder import FLUSH_BYTES, Job, Result, SpoolRecorder
from media.types import Codec, PeerId, PublishedMedia, Ssrc
from tests.support.media import (
    H264,
    IN_IDS,
    OPUS,
    VP8,
    Packet,
    Sender,
    World,
    audio_line,
    member,
    rtx_of,
    video_line,
    vp8,
)

pytestmark = pytest.mark.skipif(ordinary.take is None, reason="media._native was not built, or DIEMCAU_PLAIN=1")

IDS = replace(IN_IDS, abs_send_time=0, transport_cc=3)
CAMERA = PublishedMedia("1", "camera", VP8, IDS, (Ssrc(200), Ssrc(210)), (Ssrc(201), Ssrc(211)), ("q", "h"))
MICROPHONE = PublishedMedia("0", "mic", OPUS, IDS, (Ssrc(100),))

LATE = st.integers(1, 8)
PICTURE = st.sampled_from(["next", "next", "next", "next", "key", "hole", "empty", "long", "foreign", "h264"])
STEPS = st.lists(
    st.tuples(PICTURE, st.integers(0, 1), st.integers(0, 3))
    | st.tuples(st.just("sound"), st.integers(0, 127), st.booleans())
    | st.tuples(st.just("again"), st.booleans(), LATE)
    | st.tuples(st.sampled_from(["mute", "unmute", "pause", "resume", "wait"]), st.just(0), st.just(0))
    | st.tuples(st.just("thin"), st.integers(0, 1), st.just(0))
    | st.tuples(st.just("come"), st.just(0), st.just(0)),
    min_size=5,
    max_size=60,
)  # fmt: skip


class Sunk:
    """A sink that takes everything and says nothing."""

    def submit(self, job: Job) -> bool:
        return True

    def wake(self) -> None:
        pass

    def results(self) -> list[Result]:
        return []


class Call:
    """One camera in two layers and one microphone to two viewers, recorded."""

    def __init__(self, is_native: bool, record: str, layers: int, codec: Codec = VP8) -> None:
        self.world = world = World()
        self.codec = codec
        if not is_native:
            world.relay._take = None
        self.names: tuple[str, ...] = ("binh", "chi")
        self.seen: list[list[Packet]] = [[], []]
        self.spool = SpoolRecorder(Sunk(), lambda: "x", "boot", world.now, 1_700_000_000.0)
        if record == "journal":  # written as on a real relay, not into memory
            world.relay._tracks.recorder = self.spool
        self.record = "off" if record == "off" else "full"
        self.state, self.muted = "running", False
        self.wide = 65_500
        self.sent: list[bytes] = []
        self.pictures = [Sender(200, codec, seq=65_520), Sender(210, codec, seq=9)]
        self.sound = Sender(100, OPUS, timestamp=4_294_960_000)
        self.rtx = 5
        self.counter = 126
        self._apply()
        camera = replace(CAMERA, codec=codec)
        camera = (
            camera
            if layers > 1
            else replace(camera, ssrcs=CAMERA.ssrcs[:1], rtx_ssrcs=CAMERA.rtx_ssrcs[:1], rids=("",))
        )
        world.publish("peer-an", camera, MICROPHONE)
        for name in ("binh", "chi"):
            world.subscribe(f"peer-{name}", (video_line(codec=codec), "an", "camera"), (audio_line(), "an", "mic"))
        self.step("key", 0, 0)
        self.step("key", 1, 0)
        self.step("sound", 20, True)

    def _apply(self) -> None:
        muted = ("camera", "mic") if self.muted else ()
        members = (member("an", muted=muted), *(member(name) for name in self.names))
        self.world.apply(members=members, state=self.state, record=self.record)

    def step(self, kind: str, one: int, other: int) -> None:
        """One packet, or one change."""
        world = self.world
        world.now += 0.011
        if kind in ("mute", "unmute", "pause", "resume"):
            self.muted = kind == "mute" if kind.endswith("mute") else self.muted
            self.state = {"pause": "paused", "resume": "running"}.get(kind, self.state)
            self._apply()
        elif kind == "wait":
            world.run(0.3)
        elif kind == "come":  # a third one, in the middle of it
            if "peer-dung" not in world.relay._subscribers:
                self.names = ("binh", "chi", "dung")
                self.seen.append([])
                self._apply()
                world.subscribe(
                    "peer-dung", (video_line(codec=self.codec), "an", "camera"), (audio_line(), "an", "mic")
                )
        elif kind == "thin":
            leg = world.relay._subscribers["peer-binh"]
            leg.subscriptions["1"].limit(one)
            world.relay.set_views(
                PeerId("peer-chi"), (View(participant="an", source="camera", width=80, height=60),), world.now
            )
        elif kind == "again":
            self._again(bool(one), other)
        else:
            self._send(self._packet(kind, one, other))
        for index, name in enumerate(self.names):
            self.seen[index] += world.received(f"peer-{name}")

    def _packet(self, kind: str, one: int, other: int) -> bytes:
        if kind == "sound":
            self.sound.extensions = {1: bytes((one,))} if other else {}
            return self._numbered(self.sound, b"opus" * 9, False, 960)
        self.counter += 1
        sender = self.pictures[one]
        is_sized = kind == "key" and other > 0
        body = sized(160 + 480 * one if other < 3 else 320, 180 + 180 * one) if is_sized else b""
        payload = vp8(kind == "key", self.counter & 0x7FFF, self.counter & 0xFF, True, body + bytes(other * 100 + 5))
        if self.codec is H264:
            payload = (b"\x78\0\4\x67\x42\0\x1f" if kind == "key" else b"\x61") + bytes(other * 100 + 5)
        if kind == "hole":
            sender.seq += 1 + other
        elif kind == "empty":
            payload = b""
        elif kind == "long":
            payload += bytes(1400)
        elif kind == "foreign":
            sender = Sender(99, VP8)
        elif kind == "h264":
            payload = b"\x7c"
        return self._numbered(sender, payload, other == 3, 3000 * (other == 0))

    def _numbered(self, sender: Sender, payload: bytes, marker: bool, step: int) -> bytes:
        self.wide += 1
        sender.extensions[3] = (self.wide & 0xFFFF).to_bytes(2, "big")
        return sender.packet(payload, marker, step)

    def _again(self, is_rtx: bool, back: int) -> None:
        if back <= len(self.sent):
            data = self.sent[-back]
            ssrc = int.from_bytes(data[8:12], "big")
            self.rtx += 1
            self._send(rtx_of(data, ssrc + 1, self.codec.rtx_pt or 97, self.rtx) if is_rtx and ssrc != 100 else data)

    def _send(self, data: bytes) -> None:
        self.sent.append(data)
        self.world.send("peer-an", data)

    def told(self) -> dict[str, Any]:
        """Everything that anybody could notice, and what it follows from."""
        relay = self.world.relay
        leg = relay._publishers["peer-an"]
        found: dict[str, Any] = {
            "seen": self.seen,
            "dropped": relay.dropped,
            "back": self.world.feedback("peer-an"),
            "written": [(track.packets, track.marks) for track in self.world.recorder.tracks],
            "journals": [(plain(one), bytes(one.pending), plain(one.tail)) for one in self.spool._tracks.values()],
            "leg": (leg.octets, feedback_of(leg.arrivals, self.world.now), relay._reporting.due),
        }
        for mid, publication in leg.publications.items():
            found[mid] = publication.last_at, plain(publication.voice), plain(leg._meters[mid])
            for index, layer in enumerate(publication.layers):
                found[f"{mid}/{index}"] = plain(layer), plain(layer.stats), plain(layer.cache), plain(layer.keys)
            for index, subscription in enumerate(publication.subscriptions):
                found[f"{mid} {index}"] = (
                    subscription.sent(),
                    subscription.resend(list(range(65_400, 65_536)), 0, self.world.batch),
                )
        return found


def sized(width: int, height: int) -> bytes:
    """What follows the first byte of a key frame's header (RFC 6386 9.1)."""
    return b"\0\0\x9d\x01\x2a" + width.to_bytes(2, "little") + height.to_bytes(2, "little")


def feedback_of(arrivals: Any, now: float) -> list[bytes]:
    """What it has to tell, once."""
    buffer, found = bytearray(1500), []
    while size := arrivals.build(buffer, 0, 1, 2, now):
        found.append(bytes(buffer[:size]))
    return found


def plain(thing: Any) -> dict[str, Any]:
    """Its slots that hold numbers, texts and lists of them."""
    values = {name: getattr(thing, name) for name in thing.__slots__}
    return {name: value for name, value in values.items() if isinstance(value, int | float | str | list | tuple | dict)}


@pytest.mark.parametrize(("layers", "codec"), [(2, VP8), (1, VP8), (2, H264)], ids=["two", "one", "h264"])
@settings(max_examples=15, deadline=None)
@given(steps=STEPS, record=st.sampled_from(["off", "memory", "journal"]))
def test_a_call_goes_the_same_way(layers: int, codec: Codec, steps: list[tuple[str, int, int]], record: str) -> None:
    calls = [Call(is_native, record, layers, codec) for is_native in (True, False)]
    for call in calls:
        for step in steps:
            call.step(step[0], step[1] % layers if step[0] in ("next", "key", "hole", "empty") else step[1], step[2])
    one, other = (call.told() for call in calls)
    assert one == other


def test_most_packets_are_ordinary_and_the_rest_is_left_alone() -> None:
    call = Call(True, "full", 2)
    leg = call.world.relay._publishers["peer-an"]
    call.told()  # feedback is told once
    before = call.told()

    def taken(data: bytes) -> bool:
        assert ordinary.take is not None
        return ordinary.take(leg, data, call.world.now, call.world.batch)

    for kind in ("key", "hole", "empty", "long", "foreign"):
        copy = [replace(sender) for sender in call.pictures]
        assert not taken(call._packet(kind, 1, 1)), kind
        call.pictures = copy
    assert not taken(b"\x80") and not taken(b"") and not taken(bytes(1600))
    assert call.told()["1/1"] == before["1/1"] and call.told()["leg"] == before["leg"]
    assert taken(call._packet("next", 1, 1)) and taken(call._packet("sound", 20, 1))


def test_h264_is_ordinary_but_for_what_decoding_begins_with() -> None:
    call = Call(True, "full", 2, H264)
    leg = call.world.relay._publishers["peer-an"]
    assert ordinary.take is not None
    assert not ordinary.take(leg, call._packet("key", 1, 1), call.world.now, call.world.batch)
    call.pictures[1].seq -= 1
    assert ordinary.take(leg, call._packet("next", 1, 1), call.world.now, call.world.batch)


@pytest.mark.parametrize("record", ["off", "full"])
def test_a_key_frame_is_ordinary_when_nobody_waits_for_it_and_it_tells_nothing_new(record: str) -> None:
    call = Call(True, record, 2)
    leg = call.world.relay._publishers["peer-an"]
    layers = leg.publications["1"].layers

    def taken(one: int, other: int) -> bool:
        assert ordinary.take is not None
        data = call._packet("key", one, other)
        is_taken = ordinary.take(leg, data, call.world.now, call.world.batch)
        if not is_taken:
            call._send(data)
        return is_taken

    def ordinary_of(one: int) -> bool:
        """Whether such a key frame would be taken; it is sent to nobody."""
        assert ordinary.take is not None
        sender, wide = replace(call.pictures[one]), call.wide
        is_taken = ordinary.take(leg, call._packet("key", one, 1), call.world.now, call.world.batch)
        call.pictures[one], call.wide = sender, wide
        return is_taken

    assert not taken(0, 1) and not taken(1, 1), "they tell their size"
    call.world.run(0.3)
    layers[1].keys.want(call.world.now)
    assert taken(1, 1) and taken(1, 0) and taken(1, 2)
    assert layers[1].keys.deadline is None and layers[1].keys.keyed_at == call.world.now
    assert taken(0, 1) == (record == "off"), "the record goes on with the other one, and may change to this"
    binh = next(item for item in leg.publications["1"].subscriptions if item.queue.peer == "peer-binh")
    for target, cap in ((1, None), (binh.target, Choice(0, 3))):
        before, binh.target, binh.cap = (binh.target, binh.cap), target, cap
        assert not ordinary_of(0), "what it may get has changed since the last look"
        binh.target, binh.cap = before
    assert not taken(1, 3) and layers[1].size == (320, 360)
    call.world.relay.set_views(
        PeerId("peer-chi"), (View(participant="an", source="camera", width=80, height=60),), call.world.now
    )
    shown = {item.queue.peer: item for item in leg.publications["1"].subscriptions}
    assert shown["peer-chi"].layer is layers[1]
    assert not taken(0, 1), "somebody waits for it"
    assert shown["peer-chi"].layer is layers[0] and shown["peer-binh"].layer is layers[1]


def test_who_comes_while_somebody_speaks_hears_the_first_packet_that_is_newer() -> None:
    call = Call(True, "off", 1)
    for _ in range(10):
        call.step("sound", 20, True)
    call.step("come", 0, 0)
    for _ in range(10):  # 0.02 s each: what was sent before it came, a tenth of a second ago, it does not hear
        call.step("sound", 20, True)
    assert len(call.seen[2]) == 5


def test_a_meter_that_is_empty_for_a_moment_is_filled_again_without_python() -> None:
    call = Call(True, "off", 1)
    leg = call.world.relay._publishers["peer-an"]
    meter = leg._meters["1"]
    meter.packets = 0.5
    call.world.now += 0.5
    assert ordinary.take is not None
    assert ordinary.take(leg, call._packet("next", 0, 1), call.world.now, call.world.batch)
    assert meter.packets > 100 and meter._at == call.world.now
    full = meter._octets_per_s * DEPTH
    meter.packets, meter.octets = 0.5, full
    call.world.now += 0.5
    assert ordinary.take(leg, call._packet("next", 0, 1), call.world.now, call.world.batch)
    assert full - 2000 < meter.octets <= full, "no more than may come at once"
    meter.packets = meter.octets = 0.5
    assert not ordinary.take(leg, call._packet("next", 0, 1), call.world.now, call.world.batch)
    assert meter.packets == meter.octets == 0.5, "whether it is over the ceiling is Python's to say"


def test_a_journal_is_written_without_python_until_it_is_to_be_flushed() -> None:
    call = Call(True, "journal", 1)
    (track,) = (one for one in call.spool._tracks.values() if one.info.source == "camera")
    before = track.pending_packets
    for _ in range(300):
        call.step("next", 0, 3)
    assert track.pending_packets == before + 300
    for _ in range(600):
        call.step("next", 0, 3)
    assert track.appended == 1 and len(track.pending) < FLUSH_BYTES, "a long one was handed over by its size"


def test_what_is_no_leg_is_not_taken() -> None:
    call = Call(True, "off", 2)
    assert ordinary.take is not None
    assert ordinary.take("leg", call.sent[-1], 1.0, call.world.batch) is False  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        ordinary.take("leg", call.sent[-1], 1.0, "batch")  # type: ignore[arg-type]
