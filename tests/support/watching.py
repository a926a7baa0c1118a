"""A whole call in virtual time: a publisher of three layers and sound, the relay's core, and viewers behind lines.

An sends a camera (q, h, f at 150, 500 and 1,500 kbit/s, 15 pictures a second in three temporal layers) and sound, and
answers key frame requests. Viewers answer with transport-wide feedback through a line of their own and check what
they get as a decoder would.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from media import rtcp
from media.arrivals import Arrivals
from media.messages import View
from media.relay import RelayOptions
from media.types import ExtensionIds, PeerId, PublishedMedia, Ssrc, SubscribedMedia
from tests.support.link import Link
from tests.support.media import IN_IDS, OPUS, OUT_IDS, VP8, Packet, Sender, World, member, microphone, parse

STEP = 0.002
PATIENCE = 0.6  # s that a viewer waits for a missing packet ...
ASK_EVERY = 0.07  # s ... asking so often: longer than the round trip
RATES = (150_000, 500_000, 1_500_000)
SIZES = ((320, 180), (640, 360), (1280, 720))
FPS = 15
TEMPORAL = (0, 2, 1, 2)
SHARES = (1.6, 0.7, 1.0, 0.7)  # of the mean size, by place in the pattern
WIDE = ExtensionIds(mid=OUT_IDS.mid, audio_level=OUT_IDS.audio_level, abs_send_time=3, transport_cc=4)


def frame(key: bool, picture: int, tl0: int, temporal: int, sync: bool, layer: int, size: int) -> list[bytes]:
    """The payloads of one VP8 picture (RFC 7741 4.2), at most 1,100 bytes each."""
    head = bytes((0x80 | picture >> 8 & 0x7F, picture & 0xFF, tl0 & 0xFF, temporal << 6 | (0x20 if sync else 0)))
    width, height = SIZES[layer]
    body = bytes((0 if key else 1, 0, 0))
    if key:
        body += b"\x9d\x01\x2a" + width.to_bytes(2, "little") + height.to_bytes(2, "little")
    body += bytes(max(0, size - len(body)))
    parts = [body[at : at + 1100] for at in range(0, len(body), 1100)]
    return [bytes((0x80 | (0x10 if index == 0 else 0), 0xE0)) + head + part for index, part in enumerate(parts)]


@dataclass
class Camera:
    """One layer of An's camera."""

    sender: Sender
    layer: int
    wants_key: bool = True
    picture: int = 0
    tl0: int = 0
    place: int = 0
    asked: int = 0

    def packets(self) -> list[bytes]:
        """The next picture."""
        key = self.wants_key
        self.wants_key = False
        self.place = 0 if key else (self.place + 1) % 4
        temporal = TEMPORAL[self.place]
        self.tl0 += temporal == 0
        self.picture += 1
        size = int(RATES[self.layer] / 8 / FPS * (3.0 if key else SHARES[self.place]))
        payloads = frame(key, self.picture, self.tl0, temporal, temporal > 0 and self.place < 3, self.layer, size)
        self.sender.timestamp += 90_000 // FPS
        return [self.sender.packet(payload, marker=payload is payloads[-1]) for payload in payloads]


@dataclass
class Viewer:
    """Somebody who watches An through a line."""

    name: str
    there: Link
    first_ssrc: int
    wide: bool = True
    back: Link = field(default_factory=lambda: Link(seed=3, delay=0.02))
    sound: list[tuple[float, float]] = field(default_factory=list)  # (arrival, delay)
    sound_sent: int = 0
    pictures: list[tuple[float, int, int]] = field(default_factory=list)  # (arrival, layer, bytes), whole ones
    queues: list[tuple[float, float]] = field(default_factory=list)
    lost: int = 0
    wrong: list[str] = field(default_factory=list)
    octets: list[tuple[float, int]] = field(default_factory=list)
    padding: int = 0
    resent: int = 0
    _waiting: dict[int, tuple[bytes, bool]] = field(default_factory=dict)
    _missing_since: float = 0.0
    _asked_at: float = 0.0
    _arrivals: Arrivals | None = None
    _next: int = -1
    _layer: int = -1
    _picture: int = -1
    _size: int = 0
    _broken: bool = False

    @property
    def peer(self) -> str:
        return f"peer-{self.name}"

    def lines(self) -> tuple[tuple[SubscribedMedia, str, str], ...]:
        ids = WIDE if self.wide else replace(WIDE, transport_cc=0)
        feedback = ("nack", "nack pli", "transport-cc") if self.wide else ("nack", "nack pli")
        opus = replace(OPUS, payload_type=109, feedback=feedback[2:])
        vp8 = replace(VP8, payload_type=120, rtx_pt=121, feedback=feedback)
        first = self.first_ssrc
        return (
            (SubscribedMedia("0", "audio", opus, ids, Ssrc(first), Ssrc(0)), "an", "mic"),
            (SubscribedMedia("1", "video", vp8, ids, Ssrc(first + 1), Ssrc(first + 2)), "an", "camera"),
        )

    def send(self, packets: list[bytes], now: float) -> None:
        """The relay sends these."""
        for data in packets:
            is_rtcp = 192 <= data[1] <= 223
            if not is_rtcp and parse(data).ssrc == self.first_ssrc:
                self.sound_sent += 1
            self.there.send(int(now * 1e6).to_bytes(8, "big") + data, now)

    def receive(self, now: float) -> list[bytes]:
        """Take what has arrived; the feedback that reaches the relay now."""
        if self._arrivals is None:
            self._arrivals = Arrivals(now)
        for at, data in self.there.arrived(now):
            sent = int.from_bytes(data[:8], "big") / 1e6
            if not 192 <= data[9] <= 223:
                self._take(parse(data[8:]), len(data) - 8, sent, at)
        buffer = bytearray(1500)
        if self.wide and now >= self._arrivals.due:
            while size := self._arrivals.build(buffer, 0, 1, self.first_ssrc, now):
                self.back.send(bytes(buffer[:size]), now)
        for report in self._ask(now):
            self.back.send(report, now)
        return [data for _, data in self.back.arrived(now)]

    def _take(self, packet: Packet, size: int, sent: float, at: float) -> None:
        self.octets.append((at, size))
        if self._arrivals is not None and WIDE.transport_cc in packet.extensions:
            self._arrivals.add(int.from_bytes(packet.extensions[WIDE.transport_cc], "big"), at)
        if packet.ssrc == self.first_ssrc:
            self.sound.append((at, at - sent))
        elif packet.ssrc == self.first_ssrc + 2 and not packet.payload:
            self.padding += size
        elif packet.payload:
            seq, payload = packet.seq, packet.payload
            if packet.ssrc == self.first_ssrc + 2:
                seq, payload = int.from_bytes(payload[:2], "big"), payload[2:]
                self.resent += 1
            self._order(seq, payload, packet.marker, at)

    def _order(self, seq: int, payload: bytes, marker: bool, at: float) -> None:
        """Put packets in order: what is missing is asked for and waited for, a while."""
        if self._next < 0:
            self._next = seq
        ahead = (seq - self._next) & 0xFFFF
        if ahead < 0x8000:
            self._waiting[seq] = (payload, marker)
            if self._broken and payload[0] & 0x10 and not payload[6] & 1:
                self.lost += ahead
                self._next = seq  # a key frame needs nothing that is missing
                self._waiting = {each: held for each, held in self._waiting.items() if (each - seq) & 0xFFFF < 0x8000}
        while self._next in self._waiting:
            self._look(*self._waiting.pop(self._next), at)
            self._next = (self._next + 1) & 0xFFFF
            self._missing_since = at

    def _ask(self, now: float) -> list[bytes]:
        """NACK for what is missing, and a key frame when it does not come."""
        if not self._waiting:
            return []
        if now - self._missing_since > PATIENCE:
            ahead = min((seq - self._next) & 0xFFFF for seq in self._waiting)
            self.lost += ahead
            self._next = (self._next + ahead) & 0xFFFF
            self._broken = True
            self._missing_since = now
        if now - self._asked_at < ASK_EVERY:
            return []
        self._asked_at = now
        buffer = bytearray(1200)
        if self._broken:
            size = rtcp.write_pli(buffer, 0, 1, self.first_ssrc + 1)
            return [bytes(buffer[:size])]
        last = max((seq - self._next) & 0xFFFF for seq in self._waiting)
        missing = [self._next + step for step in range(last) if (self._next + step) & 0xFFFF not in self._waiting]
        size = rtcp.write_nack(buffer, 0, 1, self.first_ssrc + 1, missing[:100])
        return [bytes(buffer[:size])]

    def _look(self, payload: bytes, marker: bool, at: float) -> None:
        starts = bool(payload[0] & 0x10)
        picture = (payload[2] & 0x7F) << 8 | payload[3]
        is_key = starts and not payload[6] & 1
        if starts:
            if self._picture >= 0 and picture != (self._picture + 1) & 0x7FFF and not self._broken:
                self.wrong.append(f"picture {picture} after {self._picture}")
            self._picture, self._size = picture, 0
            if is_key:
                self._broken = False
                self._layer = SIZES.index(
                    (int.from_bytes(payload[12:14], "little"), int.from_bytes(payload[14:16], "little"))
                )
            elif self._layer < 0:
                self.wrong.append("begins without a key frame")
        self._size += len(payload)
        if marker and not self._broken:
            self.pictures.append((at, self._layer, self._size))

    # --- figures ---

    def rate(self, since: float, until: float) -> float:
        return sum(size for at, size in self.octets if since <= at < until) * 8 / (until - since)

    def layers(self, since: float, until: float) -> set[int]:
        return {layer for at, layer, _ in self.pictures if since <= at < until}

    def fps(self, since: float, until: float) -> float:
        return sum(1 for at, _, _ in self.pictures if since <= at < until) / (until - since)

    def late_sound(self, since: float, until: float, than: float) -> float:
        """Share of the sound that came later than it would through an empty line by this much."""
        found = [delay for at, delay in self.sound if since <= at < until]
        return sum(1 for delay in found if delay > self.there.delay + than) / max(1, len(found))


class Watching:
    """The call. ``run`` until a time after its beginning; ``change`` is called at each step with that time."""

    def __init__(self, *viewers: Viewer, options: RelayOptions | None = None, seq: int = 1000, timestamp: int = 50_000):
        self.viewers = viewers
        self.world = World(options)
        self.began = self.world.now
        self.change: Callable[[float], None] = lambda now: None
        names = ("an", *(viewer.name for viewer in viewers))
        self.world.apply(members=tuple(member(name) for name in names))
        codec = replace(VP8, feedback=("nack", "nack pli"))
        ssrcs = tuple(Ssrc(ssrc) for ssrc in (200, 210, 220))
        rtx = tuple(Ssrc(ssrc) for ssrc in (201, 211, 221))
        media = PublishedMedia("1", "camera", codec, IN_IDS, ssrcs, rtx, ("q", "h", "f"))
        self.world.publish("peer-an", microphone(), media)
        self.sound = Sender(100, OPUS, seq=seq, extensions={4: b"0", 1: b"\x85"})
        self.cameras = [
            Camera(Sender(200 + 10 * layer, VP8, seq=seq, timestamp=timestamp, extensions={4: b"1"}), layer)
            for layer in range(3)
        ]
        for viewer in viewers:
            self.world.subscribe(viewer.peer, *viewer.lines())  # type: ignore[arg-type]  # sources are literals
        self._next_sound = self._next_frame = self.world.now

    def show(self, viewer: Viewer, width: int, height: int) -> None:
        """The viewer's page shows An so large."""
        view = View(participant="an", source="camera", width=width, height=height, main=True)
        self.world.relay.set_views(PeerId(viewer.peer), [view], self.world.now)

    def run(self, until: float) -> None:
        """Go on until this many seconds after the beginning."""
        world = self.world
        while world.now < self.began + until:
            self.change(world.now - self.began)
            if world.now >= self._next_sound:
                self._next_sound += 0.02
                world.send("peer-an", self.sound.sound(bytes(70)))
            if world.now >= self._next_frame:
                self._next_frame += 1 / FPS
                for camera in self.cameras:
                    for data in camera.packets():
                        world.send("peer-an", data)
            world.run(STEP)
            world.wire.flush(world.batch, world.now)
            self._hear_publisher()
            for viewer in self.viewers:
                viewer.send(world.wire.take(world.queues[viewer.peer, "subscribe"]), world.now)
                viewer.queues.append((world.now - self.began, viewer.there.queueing(world.now)))
                for data in viewer.receive(world.now):
                    world.send_rtcp(viewer.peer, "subscribe", data)

    def _hear_publisher(self) -> None:
        for kind, form, body in self.world.feedback("peer-an"):
            if (kind, form) == (rtcp.PSFB, rtcp.PLI):
                ssrc = int.from_bytes(body[4:8], "big")
                for camera in self.cameras:
                    if camera.sender.ssrc == ssrc:
                        camera.wants_key = True
                        camera.asked += 1
