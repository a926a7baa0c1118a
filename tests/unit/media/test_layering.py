"""Layers in virtual time: who is shown which, how switches look at the other end, what publishers are told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from media import rtcp
from media.layerchoice import NO_CAP
from media.messages import View
from media.relay import RelayOptions
from media.subscription import Subscription
from media.types import PeerId, PublishedMedia
from tests.support.link import Link
from tests.support.media import H264, IN_IDS, VP8, Sender, World, camera, member, parse, video_line
from tests.support.simulcast import NAMES, SimulcastCamera, SimulcastViewer

LARGE, MIDDLE, SMALL, HIDDEN = (1280, 720), (640, 360), (320, 180), (0, 0)
MAIN_SSRC = 6000


def layered(rids: tuple[str, ...] = NAMES, mid: str = "1") -> PublishedMedia:
    return PublishedMedia(mid, "camera", VP8, IN_IDS, rids=rids)


@dataclass
class Theatre:
    """An publishes in layers over a line; the others receive. ``obeys``: An's page does as the relay wants."""

    camera: SimulcastCamera
    names: tuple[str, ...] = ("binh",)
    record: bool = False
    obeys: bool = False
    uplink: Link = field(default_factory=lambda: Link(delay=0.02, ordered=True))
    world: World = field(default_factory=lambda: World(RelayOptions(record_keyframe_interval_s=1e9)))
    viewers: dict[str, SimulcastViewer] = field(default_factory=dict)
    plis: list[tuple[float, int]] = field(default_factory=list)
    told: list[tuple[float, tuple[str, ...]]] = field(default_factory=list)
    heard: dict[str, Link] = field(default_factory=dict)
    next_frame: float = 0.0
    next_report: float = 0.5

    def __post_init__(self) -> None:
        members = (member("an"), *(member(name) for name in self.names))
        self.world.apply(members=members, record="full" if self.record else "off", part=1 if self.record else 0)
        self.world.publish("peer-an", layered(tuple(one.rid for one in self.camera.layers)))
        for name in self.names:
            self.join(name)
        self.start = self.world.now

    def join(self, name: str) -> None:
        self.world.subscribe(f"peer-{name}", (video_line(ssrc=MAIN_SSRC), "an", "camera"))
        self.viewers.setdefault(name, SimulcastViewer())

    def show(self, size: tuple[int, int], name: str = "binh", main: bool = False) -> None:
        view = View(participant="an", source="camera", width=size[0], height=size[1], main=main)
        self.world.relay.set_views(PeerId(f"peer-{name}"), (view,), self.world.now)

    def line_has(self, bps: int, name: str = "binh") -> None:
        self.subscription(name).target = bps

    def last_told(self) -> list[str]:
        return list(self.told[-1][1])

    def subscription(self, name: str = "binh") -> Subscription:
        leg = self.world.relay._subscribers[f"peer-{name}"]
        return leg.by_ssrc[MAIN_SSRC]

    def play(self, seconds: float, each: Callable[[float], None] | None = None) -> None:
        world = self.world
        end = world.now + seconds
        while world.now < end - 1e-9:
            if world.now - self.start >= self.next_frame:
                self.next_frame += 1 / self.camera.fps
                for data in self.camera.frame():
                    self.uplink.send(data, world.now)
            if world.now - self.start >= self.next_report:
                self.next_report += 1.0
                for data in self.camera.reports():
                    world.send_rtcp("peer-an", "publish", data)
            for _, data in self.uplink.arrived(world.now):
                world.send("peer-an", data)
            for kind, form, body in world.feedback("peer-an"):
                self._feedback(kind, form, body)
            self._obey()
            for name, viewer in self.viewers.items():
                for data in world.wire.take(world.queues[f"peer-{name}", "subscribe"]):
                    if not 192 <= data[1] <= 223:
                        viewer.take(data, world.now)
            if each is not None:
                each(world.now)
            world.run(0.005)

    def _feedback(self, kind: int, form: int, body: bytes) -> None:
        head = bytes((0x80 | form, kind)) + (len(body) // 4).to_bytes(2, "big")
        if (kind, form) == (rtcp.PSFB, rtcp.PLI):
            self.plis.append((self.world.now - self.start, int.from_bytes(body[4:8], "big")))
        for answer in self.camera.take(head + body):
            self.uplink.send(answer, self.world.now)

    def _obey(self) -> None:
        for peer, source, rids in self.world.listener.layers:
            assert (peer, source) == ("peer-an", "camera")
            self.told.append((self.world.now - self.start, rids))
            if self.obeys:
                self.camera.want(rids)
        self.world.listener.layers.clear()


def viewer_of(theatre: Theatre, name: str = "binh") -> SimulcastViewer:
    viewer = theatre.viewers[name]
    assert viewer.faults == []
    assert viewer.steps_back() == 0
    return viewer


def test_a_viewer_gets_the_layer_that_fits_its_tile_and_changes_without_a_freeze() -> None:
    theatre = Theatre(SimulcastCamera(VP8))
    for size in (SMALL, LARGE, MIDDLE, LARGE, SMALL):
        theatre.show(size)
        theatre.play(2)
    viewer = viewer_of(theatre)
    assert viewer.layers == [0, 2, 1, 2, 0]
    assert viewer.longest_gap() < 0.08, "30 pictures a second, and a key frame of nine packets"
    assert theatre.world.relay.dropped == {}


@pytest.mark.parametrize(("seq", "picture"), [(65_500, 0x7FE0), (58_000, 0x7BF0)])
def test_switches_go_on_across_every_wrap(seq: int, picture: int) -> None:
    """Sequence numbers, timestamps, picture ids and TL0PICIDX of every layer wrap while it is shown."""
    simulcast = SimulcastCamera(VP8, seq=seq, picture=picture)
    for layer in simulcast.layers:
        layer.timestamp = (0xFFFFFFFF - 90_000 * 3 + 1000 * layer.index) & 0xFFFFFFFF
        layer.tl0 = 240
    theatre = Theatre(simulcast)
    for turn in range(14):
        theatre.show((SMALL, LARGE, MIDDLE)[turn % 3])
        theatre.play(0.7)
    viewer = viewer_of(theatre)
    assert len(viewer.layers) == 14 and viewer.longest_gap() < 0.08


def test_without_sender_reports_time_goes_on_by_arrival() -> None:
    theatre = Theatre(SimulcastCamera(VP8))
    theatre.next_report = 1e9
    for size in (SMALL, LARGE, SMALL):
        theatre.show(size)
        theatre.play(1)
    shown = viewer_of(theatre).shown
    drift = [
        (b.timestamp - a.timestamp) / 90_000 - (b.frame - a.frame) / 30 for a, b in zip(shown, shown[1:], strict=False)
    ]
    assert max(map(abs, drift)) < 0.05


def test_with_sender_reports_the_clock_of_all_layers_is_one() -> None:
    """Lips stay in step: whichever layer a frame came in, its time is the moment it was captured."""
    theatre = Theatre(SimulcastCamera(VP8))
    for size in (SMALL, LARGE, MIDDLE, SMALL):
        theatre.play(1.2)
        theatre.show(size)
    theatre.play(1)
    shown = viewer_of(theatre).shown
    late = [one for one in shown if one.at > theatre.start + 1.5]
    offsets = {(one.timestamp - one.frame * 3000) & 0xFFFFFFFF for one in late}
    assert max(offsets) - min(offsets) <= 2, "a unit or two of rounding"
    assert len({one.layer for one in late}) == 3


def test_one_never_waits_for_a_layer_that_does_not_come() -> None:
    theatre = Theatre(SimulcastCamera(VP8))
    theatre.camera.want(("q", "h"))  # the capture is small, or the line is
    theatre.show(LARGE)
    theatre.play(1)
    viewer = viewer_of(theatre)
    assert viewer.layers == [1] and viewer.shown[0].at - theatre.start < 0.2
    theatre.camera.want(NAMES)
    theatre.play(1)
    assert viewer_of(theatre).layers == [1, 2], "and it is taken as soon as it comes"
    assert viewer.longest_gap() < 0.08


def test_a_layer_that_dies_is_left_at_once() -> None:
    theatre = Theatre(SimulcastCamera(VP8))
    theatre.show(LARGE)
    theatre.play(2)
    theatre.camera.want(("q", "h"))
    theatre.play(2)
    viewer = viewer_of(theatre)
    assert viewer.layers == [2, 1]
    assert viewer.longest_gap() < 0.8


def test_a_hidden_picture_costs_nothing_and_comes_back_at_once() -> None:
    theatre = Theatre(SimulcastCamera(VP8))
    theatre.show(MIDDLE)
    theatre.play(1)
    theatre.show(HIDDEN)
    theatre.play(0.1)
    count = len(viewer_of(theatre).packets)
    asked = len(theatre.plis)
    theatre.play(3)
    assert len(viewer_of(theatre).packets) == count and len(theatre.plis) == asked
    theatre.show(MIDDLE)
    back = theatre.world.now
    theatre.play(1)
    viewer = viewer_of(theatre)
    assert next(one.at for one in viewer.shown if one.at > back) - back < 0.15
    assert viewer.layers == [1]


def test_a_slow_viewer_changes_nobody_elses_layer() -> None:
    theatre = Theatre(SimulcastCamera(VP8, body=900), names=("binh", "chi"))
    for name in ("binh", "chi"):
        theatre.show(LARGE, name)
    theatre.play(3)
    theatre.line_has(60_000, "chi")
    theatre.play(3)
    theatre.line_has(0, "chi")
    theatre.play(1)
    theatre.line_has(NO_CAP, "chi")
    theatre.play(2)
    assert viewer_of(theatre, "binh").layers == [2] and viewer_of(theatre, "binh").longest_gap() < 0.05
    slow = viewer_of(theatre, "chi")
    assert slow.layers == [2, 0, 2]


def test_frame_rate_is_given_up_before_resolution() -> None:
    theatre = Theatre(SimulcastCamera(VP8, body=900))
    theatre.show(LARGE)
    theatre.play(3)
    offers = [sum(layer.rates) for layer in theatre.world.relay._publishers["peer-an"].publications["1"].layers]
    seen = []
    for share in (0.8, 0.5, 0.3, 1.2):
        theatre.line_has(int(offers[2] * share))
        theatre.play(1)
        at = theatre.world.now
        theatre.play(2)
        shown = [one for one in viewer_of(theatre).shown if one.at > at]
        seen.append((len(shown) // 2, {one.layer for one in shown}, max(one.temporal for one in shown)))
    assert seen == [(15, {2}, 1), (15, {2}, 1), (7, {2}, 0), (30, {2}, 2)]
    theatre.line_has(int(offers[2] * 0.2))
    theatre.play(3)
    assert viewer_of(theatre).layers == [2, 1]


def test_a_thinned_picture_is_repaired_by_its_own_numbers() -> None:
    """The viewer's line loses packets; what it asks for comes back under the number that it missed."""
    theatre = Theatre(SimulcastCamera(VP8, body=900))
    theatre.show(LARGE)
    theatre.play(3)
    theatre.line_has(int(0.5e6))
    theatre.play(2)
    world, viewer = theatre.world, theatre.viewers["binh"]
    assert viewer.faults == []
    numbers = sorted(viewer.packets)[-60:]
    lost = numbers[5:50:7]
    buffer = bytearray(1500)
    size = rtcp.write_nack(buffer, 0, 7, MAIN_SSRC, lost)
    world.send_rtcp("peer-binh", "subscribe", bytes(buffer[:size]))
    again = [packet for packet in world.received("peer-binh") if packet.payload_type == 121]
    assert [int.from_bytes(packet.payload[:2], "big") for packet in again] == [number & 0xFFFF for number in lost]
    for number, packet in zip(lost, again, strict=True):
        told = packet.payload[-8:]
        assert (int.from_bytes(told[:4], "big"), told[4], told[6]) == viewer.packets[number]


def test_sent_counts_what_was_sent() -> None:
    theatre = Theatre(SimulcastCamera(VP8, body=900))
    theatre.show(LARGE)
    for target in (NO_CAP, 400_000, 200_000, NO_CAP, 60_000, NO_CAP):
        theatre.line_has(target)
        theatre.play(1.5)
    assert theatre.subscription().sent()[0] == len(viewer_of(theatre).packets)


def test_thirty_joiners_in_a_second_cause_one_request_per_layer() -> None:
    theatre = Theatre(SimulcastCamera(VP8), names=())
    names = tuple(f"p{index}" for index in range(30))
    theatre.world.apply(members=(member("an"), *(member(name) for name in names)))
    theatre.play(3)
    theatre.plis.clear()
    for index, name in enumerate(names):
        theatre.join(name)
        theatre.show((SMALL, MIDDLE, LARGE)[index % 3], name)
        theatre.play(1 / 30)
    early = [ssrc for at, ssrc in theatre.plis if at < 4.0]
    assert sorted(early) == sorted({layer.ssrc for layer in theatre.camera.layers}), "each layer was asked once"
    theatre.play(1.2)
    for index, name in enumerate(names):
        assert theatre.viewers[name].shown[-1].layer == index % 3
        assert theatre.viewers[name].faults == []


# --- what publishers are told ----------------------------------------------------------------------------------------


def test_layers_nobody_takes_rest_and_come_back_at_once() -> None:
    theatre = Theatre(SimulcastCamera(VP8), obeys=True)
    theatre.show(SMALL)
    theatre.play(4)
    assert theatre.last_told() == list(NAMES)
    theatre.play(3)
    assert theatre.last_told() == ["q"]
    theatre.show(LARGE)
    at = theatre.world.now
    theatre.play(1)
    viewer = viewer_of(theatre)
    assert next(one.at for one in viewer.shown if one.layer == 2) - at < 0.35
    assert theatre.last_told() == ["q", "f"], "nobody needs the one in between"
    assert viewer.longest_gap() < 0.08
    theatre.show(HIDDEN)
    theatre.play(7)
    assert theatre.last_told() == ["q"]


def test_a_short_look_elsewhere_stops_nothing() -> None:
    theatre = Theatre(SimulcastCamera(VP8), obeys=True)
    theatre.show(LARGE)
    theatre.play(6)
    before = theatre.last_told()
    for _ in range(3):
        theatre.show(SMALL)
        theatre.play(2)
        theatre.show(LARGE)
        theatre.play(1)
    assert before == ["q", "f"] and all("f" in rids for _, rids in theatre.told)


def test_the_record_keeps_the_best_layer_on() -> None:
    theatre = Theatre(SimulcastCamera(VP8), record=True, obeys=True)
    theatre.show(SMALL)
    theatre.play(8)
    assert theatre.last_told() == ["q", "f"]
    (track,) = theatre.world.recorder.tracks
    assert {parse(data).ssrc for data in track.packets[20:]} == {theatre.camera.layer("f").ssrc}
    assert viewer_of(theatre).layers == [0], "whatever the record takes, the viewer gets what it shows"


def test_wishes_are_repeated_in_case_one_got_lost() -> None:
    theatre = Theatre(SimulcastCamera(VP8))
    theatre.show(SMALL)
    theatre.play(27)
    assert [rids for at, rids in theatre.told if at > 8] == [("q",)] * 2


def test_a_source_in_one_layer_is_told_nothing() -> None:
    world = World()
    world.apply(members=(member("an"), member("binh")))
    world.publish("peer-an", camera())
    world.run(20)
    assert world.listener.layers == []


# --- learning --------------------------------------------------------------------------------------------------------


def test_a_layer_is_reported_on_early_and_known_for_ever() -> None:
    """Chromium repeats mid and rid until the first receiver report; after that the relay has to remember."""
    theatre = Theatre(SimulcastCamera(VP8))
    theatre.camera.want(("q",))
    theatre.play(1.05)
    theatre.camera.want(NAMES)
    reported: dict[int, float] = {}
    world = theatre.world
    began = world.now
    while world.now - began < 0.5:
        for data in theatre.camera.frame():
            world.send("peer-an", data)
        for kind, form, body in world.feedback("peer-an"):
            if kind == rtcp.RR:
                for index in range(form):
                    reported.setdefault(int.from_bytes(body[4 + 24 * index :][:4], "big"), world.now - began)
        world.run(1 / 30)
    assert {layer.ssrc for layer in theatre.camera.layers} == set(reported)
    assert max(reported.values()) < 0.25
    plain = theatre.camera.frame()
    bare = [Sender(parse(data).ssrc, VP8, parse(data).seq, parse(data).timestamp) for data in plain]
    world.take("peer-binh", "subscribe")
    for data, sender in zip(plain, bare, strict=True):
        world.send("peer-an", sender.packet(parse(data).payload, parse(data).marker))
    assert world.relay.dropped.get("unknown_ssrc", 0) == 0


def test_h264_comes_in_layers_too() -> None:
    world = World()
    world.apply(members=(member("an"), member("binh")))
    world.publish("peer-an", PublishedMedia("1", "camera", H264, IN_IDS, rids=("q", "f")))
    world.subscribe("peer-binh", (video_line(codec=H264), "an", "camera"))
    low = Sender(301, H264, extensions={4: b"1", 10: b"q"})
    high = Sender(302, H264, seq=9, timestamp=77, extensions={4: b"1", 10: b"f"})
    sps = bytes.fromhex("6742c00cda05067e78400000030040000007a3c50aa8")  # 320x180, by x264

    def key(sender: Sender) -> None:
        world.send("peer-an", sender.packet(b"\x18" + len(sps).to_bytes(2, "big") + sps, step=3000))
        world.send("peer-an", sender.packet(b"\x65idr", marker=True))

    key(low)
    high.packet(b"")
    world.send("peer-an", high.packet(b"\x67\x42", step=3000))
    layers = world.relay._publishers["peer-an"].publications["1"].layers
    assert [layer.size for layer in layers] == [(320, 180), (0, 0)], "the other one is taken for twice as large"
    world.received("peer-binh")
    view = View(participant="an", source="camera", width=160, height=90)
    world.relay.set_views(PeerId("peer-binh"), (view,), world.now)
    world.send("peer-an", high.packet(b"\x41still the large one", marker=True, step=3000))
    assert len(world.received("peer-binh")) == 1
    key(low)
    world.send("peer-an", high.packet(b"\x41no more of it", marker=True, step=3000))
    assert [packet.payload[:1] for packet in world.received("peer-binh")] == [b"\x18", b"\x65"]


# --- fences ----------------------------------------------------------------------------------------------------------

STEPS = ("mute", "unmute", "pause", "resume", "next visit", "screen", "unscreen", "large", "small", "layers", "record")


@dataclass
class Gate:
    """What is wanted of the session. ``shown``/``written``: only frames captured after this one may be so."""

    session: str = "s"
    part: int = 1
    muted: bool = False
    paused: bool = False
    screened: bool = False
    shown: int = 0
    written: int = 0

    def step(self, theatre: Theatre, step: str) -> None:
        """Change something; a change of what may pass is a fence."""
        if step in ("large", "small"):
            theatre.show(LARGE if step == "large" else SMALL)
            return
        if step == "layers":
            theatre.camera.want(("q", "h") if theatre.camera.layers[2].active else NAMES)
            return
        before = replace(self)
        self.muted = {"mute": True, "unmute": False}.get(step, self.muted)
        self.paused = {"pause": True, "resume": False}.get(step, self.paused)
        self.screened = {"screen": True, "unscreen": False}.get(step, self.screened)
        self.part += step == "record"
        if step == "next visit":
            theatre.world.apply(self.session, state="closed")
            self.session, self.muted, self.paused, self.screened = self.session + "x", False, False, False
        if self != before and step != "record":
            # A picture that was under way when a screen came down is the one exception: see Publication.add.
            self.shown = max(self.shown, theatre.camera.number - (3 if step == "unscreen" else 0))
        if self != before and "screen" not in step:
            self.written = theatre.camera.number
        members = (
            member("an", muted=("camera",) if self.muted else ()),
            member("binh", receives=() if self.screened else None),
        )
        state = "paused" if self.paused else "running"
        theatre.world.apply(self.session, members=members, state=state, record="full", part=self.part)
        if step == "next visit":
            theatre.join("binh")


@settings(max_examples=20, deadline=None)
@given(
    steps=st.lists(st.tuples(st.sampled_from(STEPS), st.floats(0.05, 0.6)), min_size=3, max_size=14),
    seed=st.integers(0, 999),
    loss=st.sampled_from([0.0, 0.1]),
)
@example(  # a layer that had rested for over a second when the fence was drawn, and comes back at once
    steps=[("mute", 0.254), ("layers", 0.5), ("mute", 0.5), ("unmute", 0.281), ("layers", 0.0625), ("record", 0.5)],
    seed=0,
    loss=0.0,
)
def test_nothing_from_before_a_fence_passes_in_any_layer(
    steps: list[tuple[str, float]], seed: int, loss: float
) -> None:
    """Whatever is switched and whatever comes late by RTX: behind a fence only frames captured after it are seen or
    written, and while something is closed nothing is."""
    line = Link(seed=seed, delay=0.03, jitter=0.02, loss=loss)
    theatre = Theatre(SimulcastCamera(VP8), record=True, uplink=line)
    gate, viewer = Gate(), theatre.viewers["binh"]
    theatre.play(0.5)
    for step, seconds in steps:
        gate.step(theatre, step)
        seen = len(viewer.packets)
        written = {id(track): len(track.packets) for track in theatre.world.recorder.tracks}
        theatre.play(seconds)
        passed = [frame for frame, _, _ in list(viewer.packets.values())[seen:]]
        assert all(frame > gate.shown for frame in passed), step
        assert not passed or not (gate.muted or gate.paused or gate.screened), step
        for track in theatre.world.recorder.tracks:
            new = track.packets[written.get(id(track), 0) :]
            assert all(captured_in(data) > gate.written for data in new), step
            assert not new or not (gate.muted or gate.paused), step


def captured_in(data: bytes) -> int:
    """The frame that a packet belongs to."""
    return int.from_bytes(parse(data).payload[-8:-4], "big")


def test_targets_survive_a_change_of_layer() -> None:
    theatre = Theatre(SimulcastCamera(VP8, body=900))
    theatre.show(LARGE)
    theatre.play(2)
    theatre.line_has(300_000)
    theatre.play(2)
    theatre.show(SMALL)
    theatre.play(1)
    theatre.show(LARGE)
    theatre.play(2)
    last = [one for one in viewer_of(theatre).shown if one.at > theatre.world.now - 1]
    assert max(one.temporal for one in last) <= 1 and {one.layer for one in last} == {2}
