"""Made-up publishers and subscribers for the relay's core: they build real RTP and read what the relay sends."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from media import rtcp, rtp
from media.messages import Desired, Member, ReportBody, Source
from media.relay import Relay, RelayOptions
from media.types import (
    Batch,
    Codec,
    ExtensionIds,
    PeerId,
    PublishedMedia,
    SendQueue,
    SessionId,
    Ssrc,
    SubscribedMedia,
    TrackInfo,
)
from tests.support.wire import Wire

OPUS = Codec(name="opus", payload_type=111, clock_rate=48000, channels=2)
VP8 = Codec(name="vp8", payload_type=96, clock_rate=90000, rtx_pt=97, feedback=("nack", "nack pli", "goog-remb"))
H264 = Codec(name="h264", payload_type=98, clock_rate=90000, rtx_pt=99, feedback=("nack", "nack pli"))
IN_IDS = ExtensionIds(mid=4, rid=10, rrid=11, audio_level=1, abs_send_time=2)
OUT_IDS = ExtensionIds(mid=1, audio_level=2, abs_send_time=3)


@dataclass
class Heard:
    """A Listener that remembers."""

    reports: list[tuple[str, ReportBody]] = field(default_factory=list)
    speakers: list[tuple[str, str]] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    crosstalks: list[tuple[str, tuple[tuple[str, str], ...]]] = field(default_factory=list)
    layers: list[tuple[str, str, tuple[str, ...]]] = field(default_factory=list)

    def report(self, session: SessionId, epoch: int, body: ReportBody) -> None:
        self.reports.append((session, body))

    def speaker(self, session: SessionId, participant: str) -> None:
        self.speakers.append((session, participant))

    def subscriptions_changed(self, peer: PeerId) -> None:
        self.changed.append(peer)

    def crosstalk(self, session: SessionId, pairs: tuple[tuple[str, str], ...]) -> None:
        self.crosstalks.append((session, pairs))

    def layers_wanted(self, peer: PeerId, source: Source, rids: tuple[str, ...]) -> None:
        self.layers.append((peer, source, rids))


@dataclass
class MemoryTrack:
    """A TrackWriter that keeps everything in memory."""

    info: TrackInfo
    packets: list[bytes] = field(default_factory=list)
    reports: list[tuple[int, int]] = field(default_factory=list)
    marks: list[str] = field(default_factory=list)
    closed: bool = False
    file: str = "memory.dcj"
    confirms: int = 0

    def confirm(self) -> None:
        self.confirms += 1

    def write_rtp(self, packet: memoryview, now: float) -> None:
        assert not self.closed
        self.packets.append(bytes(packet))

    def write_report(self, ntp: int, rtp_time: int, now: float) -> None:
        assert not self.closed
        self.reports.append((ntp, rtp_time))

    def write_mark(self, kind: str, now: float) -> None:
        assert not self.closed
        self.marks.append(kind)

    def close(self, now: float) -> None:
        self.closed = True

    @property
    def payloads(self) -> list[bytes]:
        return [packet[rtp.payload_start(packet) :] for packet in self.packets]


@dataclass
class MemoryRecorder:
    """A Recorder that keeps everything in memory."""

    tracks: list[MemoryTrack] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)

    def open_track(self, info: TrackInfo, now: float) -> MemoryTrack:
        self.tracks.append(MemoryTrack(info))
        return self.tracks[-1]

    def end_session(self, session: SessionId, epoch: int, now: float) -> None:
        self.ended.append(session)


@dataclass(frozen=True)
class Packet:
    """An RTP packet that a leg was sent."""

    payload_type: int
    marker: bool
    seq: int
    timestamp: int
    ssrc: int
    payload: bytes
    extensions: dict[int, bytes]


def parse(data: bytes) -> Packet:
    _, second, seq, timestamp, ssrc = rtp.HEADER.unpack_from(data)
    start = rtp.payload_start(data)
    end = rtp.payload_end(data, start)
    found = rtp.find_extensions(data, start)
    return Packet(second & 0x7F, second >= 0x80, seq, timestamp, ssrc, data[start:end], found)


def vp8(
    key: bool, picture: int | None = None, layer: int | None = None, first: bool = True, body: bytes = b"x" * 20
) -> bytes:
    """A VP8 payload: descriptor and the first byte of a frame header."""
    descriptor = bytearray([0x10 if first else 0])
    if picture is not None or layer is not None:
        descriptor[0] |= 0x80
        descriptor.append((0x80 if picture is not None else 0) | (0x40 if layer is not None else 0))
        if picture is not None:
            descriptor += bytes((0x80 | picture >> 8 & 0x7F, picture & 0xFF))
        if layer is not None:
            descriptor.append(layer & 0xFF)
    return bytes(descriptor) + bytes([0 if key else 1]) + body


class World:
    """One relay in virtual time, with the queues of its peers."""

    def __init__(self, options: RelayOptions | None = None) -> None:
        self.listener = Heard()
        self.recorder = MemoryRecorder()
        self.relay = Relay(self.listener, self.recorder, options)
        self.batch = Batch()
        self.wire = Wire()
        self.now = 1000.0
        self.queues: dict[tuple[str, str], SendQueue] = {}
        self.desired: Desired | None = None

    # --- control ---

    def apply(self, session: str = "s", **fields: object) -> None:
        before = self.desired if self.desired is not None and self.desired.session == session else None
        base = before or Desired(session=session, epoch=1, version=0, state="running")
        values = {name: getattr(base, name) for name in ("epoch", "version", "state", "record", "part", "members")}
        values["version"] += 1
        values.update(fields)
        self.desired = Desired(session=session, **values)
        self.relay.apply(self.desired, self.now)

    def publish(self, peer: str, *media: PublishedMedia, queue: SendQueue | None = None) -> None:
        self.queues[peer, "publish"] = queue or SendQueue(PeerId(peer))
        self.relay.attach_publisher(PeerId(peer), media, self.queues[peer, "publish"], self.now)

    def subscribe(self, peer: str, *lines: tuple[SubscribedMedia, str, Source]) -> None:
        if (peer, "subscribe") not in self.queues:
            self.queues[peer, "subscribe"] = SendQueue(PeerId(peer))
        self.relay.attach_subscriber(PeerId(peer), self.queues[peer, "subscribe"], self.now)
        self.relay.set_subscribed(PeerId(peer), lines, self.now)

    # --- packets and time ---

    def send(self, peer: str, data: bytes) -> None:
        self.relay.receive_rtp(PeerId(peer), memoryview(data), self.now, self.batch)
        self.wire.flush(self.batch, self.now)

    def send_rtcp(self, peer: str, leg: str, data: bytes) -> None:
        self.relay.receive_rtcp(PeerId(peer), leg, memoryview(data), self.now, self.batch)  # type: ignore[arg-type]
        self.wire.flush(self.batch, self.now)

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        while True:
            due = self.relay.next_deadline()
            if due is None or due > end:
                break
            self.now = max(self.now, due)
            self.relay.handle_deadline(self.now, self.batch)
            self.wire.flush(self.batch, self.now)
        self.now = end

    def take(self, peer: str, leg: str) -> tuple[list[Packet], list[bytes]]:
        """(RTP, RTCP) that a leg is sent now, as the sender writes it."""
        queue = self.queues[peer, leg]
        media, control = [], []
        for data in self.wire.take(queue):
            if 192 <= data[1] <= 223:
                control.append(data)
            else:
                media.append(parse(data))
        return media, control

    def received(self, peer: str) -> list[Packet]:
        return self.take(peer, "subscribe")[0]

    def feedback(self, peer: str) -> list[tuple[int, int, bytes]]:
        """(packet type, format, body) of the RTCP that a publisher was sent."""
        found = []
        for data in self.take(peer, "publish")[1]:
            for kind, count, at, end in rtcp.packets(data):
                found.append((kind, count, data[at:end]))
        return found

    def plis(self, peer: str) -> int:
        return sum(1 for kind, form, _ in self.feedback(peer) if (kind, form) == (rtcp.PSFB, rtcp.PLI))


def microphone(mid: str = "0", ssrc: int | None = 100, codec: Codec = OPUS) -> PublishedMedia:
    return PublishedMedia(mid, "mic", codec, IN_IDS, () if ssrc is None else (Ssrc(ssrc),))


def camera(
    mid: str = "1", ssrc: int | None = 200, rtx: int | None = 201, codec: Codec = VP8, source: Source = "camera"
) -> PublishedMedia:
    ssrcs = () if ssrc is None else (Ssrc(ssrc),)
    return PublishedMedia(mid, source, codec, IN_IDS, ssrcs, () if rtx is None else (Ssrc(rtx),))


def audio_line(mid: str = "0", ssrc: int = 5000) -> SubscribedMedia:
    return SubscribedMedia(mid, "audio", replace(OPUS, payload_type=109), OUT_IDS, Ssrc(ssrc), Ssrc(0))


def video_line(mid: str = "1", ssrc: int = 6000, codec: Codec = VP8) -> SubscribedMedia:
    mine = replace(codec, payload_type=120, rtx_pt=121)
    return SubscribedMedia(mid, "video", mine, OUT_IDS, Ssrc(ssrc), Ssrc(ssrc + 1))


@dataclass
class Sender:
    """Builds the packets of one SSRC in order."""

    ssrc: int
    codec: Codec
    seq: int = 1000
    timestamp: int = 50_000
    extensions: dict[int, bytes] = field(default_factory=dict)

    def packet(self, payload: bytes, marker: bool = False, step: int = 0) -> bytes:
        block = rtp.build_extensions(self.extensions) if self.extensions else b""
        self.timestamp += step
        data = rtp.build(self.codec.payload_type, self.seq, self.timestamp, self.ssrc, payload, marker, block)
        self.seq += 1
        return data

    def pause(self, seconds: float) -> None:
        """Its clock goes on; nothing is sent."""
        self.timestamp += int(seconds * self.codec.clock_rate)

    def sound(self, payload: bytes = b"opus") -> bytes:
        return self.packet(payload, step=960)

    def key(self, picture: int | None = None, layer: int | None = None) -> bytes:
        return self.packet(vp8(True, picture, layer), marker=True, step=3000)

    def delta(self, picture: int | None = None, layer: int | None = None) -> bytes:
        return self.packet(vp8(False, picture, layer), marker=True, step=3000)


def rtx_of(data: bytes, rtx_ssrc: int, rtx_pt: int, seq: int) -> bytes:
    """The retransmission of a packet (RFC 4588)."""
    original = parse(data)
    payload = original.seq.to_bytes(2, "big") + original.payload
    return rtp.build(rtx_pt, seq, original.timestamp, rtx_ssrc, payload, original.marker)


def member(participant: str, peer: str | None = None, **fields: object) -> Member:
    values: dict[str, object] = {"publish": ("mic", "camera")}
    values.update(fields)
    return Member(participant=participant, peer=peer or f"peer-{participant}", **values)  # type: ignore[arg-type]
