"""A publisher and a viewer that behave as Chromium does when packets get lost, the relay's core between them, and a
line with losses on both ways of both, in virtual time.

What libwebrtc does and the relay has to live with: the sender answers a NACK by RTX at once, but nothing twice within
the round trip that it measures; the receiver asks for what is missing at once, then every 100 ms (it knows no round
trip where it sends nothing), ten times, and never again; it shows a picture when the least delay that it was told has
passed, waits for a missing one, and asks for a key frame after three seconds.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace

from media import rtcp
from media.arrivals import Arrivals
from media.types import ExtensionIds, PublishedMedia, Ssrc, SubscribedMedia
from tests.support.link import Link
from tests.support.media import IN_IDS, OPUS, VP8, Packet, Sender, World, member, microphone, parse, rtx_of

STEP = 0.004
FPS = 30
PART = 900  # bytes of a packet
KEY_FACTOR = 4.0  # a key frame against a usual one
ASK_EVERY, MOST_ASKS = 0.1, 10
GIVES_UP = 3.0  # s
WIDE = ExtensionIds(mid=1, audio_level=2, abs_send_time=3, transport_cc=4, playout_delay=5)
SOUND, PICTURE, RTX = 7000, 7001, 7002


@dataclass
class LossyLine:
    """The lines of both, each way. ``loss`` and ``delay`` of every way."""

    loss: float
    delay: float
    seed: int = 1

    def link(self, number: int) -> Link:
        return Link(seed=self.seed * 10 + number, delay=self.delay, loss=self.loss, ordered=True)


@dataclass
class Publisher:
    """Sound and one picture. ``rtt``: what its reports told it; ``history``: what it can send again."""

    rtt: float
    bitrate_bps: float
    sender: Sender = field(default_factory=lambda: Sender(200, VP8))
    sound: Sender = field(default_factory=lambda: Sender(100, OPUS, extensions={1: b"\x85"}))
    wants_key: bool = True
    history: dict[int, bytes] = field(default_factory=dict)
    resent_at: dict[int, float] = field(default_factory=dict)
    resends: int = 0
    keys: int = 0
    asked: int = 0
    _picture: int = 0

    def picture(self, now: float) -> list[bytes]:
        """The packets of the next picture; it says when it was taken."""
        key, self.wants_key = self.wants_key, False
        self.keys += key
        self._picture += 1
        size = self.bitrate_bps / 8 / FPS * (KEY_FACTOR if key else 1.0)
        count = max(1, round(size / PART))
        self.sender.timestamp += 90_000 // FPS
        packets = []
        for part in range(count):
            head = bytes((0x80 | (0x10 if part == 0 else 0), 0x80, 0x80 | self._picture >> 8 & 0x7F))
            body = bytes((self._picture & 0xFF, 0 if key else 1, 0, 0, 0x9D, 0x01, 0x2A, 0x40, 0x01, 0xB4, 0x00))
            told = int(now * 1e6).to_bytes(8, "big") + bytes((part, count))
            filler = bytes(int(size / count) - len(head) - len(body) - len(told))
            packets.append(self.sender.packet(head + body + filler + told, marker=part == count - 1))
            self.history[(self.sender.seq - 1) & 0xFFFF] = packets[-1]
        return packets

    def hear(self, data: bytes, now: float) -> list[bytes]:
        """RTCP of the relay; what is sent at once therefore."""
        answers = []
        for kind, form, at, end in rtcp.packets(data):
            if (kind, form) == (rtcp.PSFB, rtcp.PLI):
                self.wants_key = True
                self.asked += 1
            elif (kind, form) == (rtcp.RTPFB, rtcp.NACK):
                ssrc, wanted = rtcp.read_nack(data, at, end)
                for seq in wanted if ssrc == self.sender.ssrc else ():
                    packet = self.history.get(seq)
                    if packet is not None and now - self.resent_at.get(seq, -1e9) >= self.rtt:
                        self.resent_at[seq] = now
                        self.resends += 1
                        answers.append(rtx_of(packet, 201, VP8.rtx_pt or 0, self.resends))
        return answers


@dataclass
class Frame:
    """One picture at the viewer."""

    taken: float
    is_key: bool
    count: int
    first: int = -1  # sequence number of its first packet
    parts: set[int] = field(default_factory=set)

    @property
    def is_whole(self) -> bool:
        return len(self.parts) == self.count


@dataclass
class Viewer:
    """``shown``: when pictures appeared. ``asked``: key frames asked for."""

    transit: float  # s that a packet takes which is not lost
    shown: list[float] = field(default_factory=list)
    asked: int = 0
    nacks: int = 0
    unanswered: int = 0  # packets that it will never ask for again
    sound: set[int] = field(default_factory=set)
    octets: int = 0
    _frames: dict[int, Frame] = field(default_factory=dict)  # by picture id
    _missing: dict[int, tuple[int, float]] = field(default_factory=dict)  # seq -> (times asked, last time)
    highest: int = -1
    _last: int = -1  # picture id of the last one shown
    _least: float = 0.0  # s of least delay that it was told
    _stands_since: float = 0.0
    _asked_at: float = -1e9

    def take(self, packet: Packet, now: float) -> None:
        """One RTP packet."""
        self.octets += len(packet.payload)
        if packet.ssrc == SOUND:
            self.sound.add(packet.seq)
            return
        if not packet.payload:
            return
        seq, payload = packet.seq, packet.payload
        if packet.ssrc == RTX:
            seq, payload = int.from_bytes(payload[:2], "big"), payload[2:]
        if WIDE.playout_delay in packet.extensions:
            self._least = (int.from_bytes(packet.extensions[WIDE.playout_delay], "big") >> 12) / 100
        self._order(seq, now)
        picture = (payload[2] & 0x7F) << 8 | payload[3]
        taken, part, count = int.from_bytes(payload[-10:-2], "big") / 1e6, payload[-2], payload[-1]
        frame = self._frames.setdefault(picture, Frame(taken, payload[0] & 0x10 != 0 and not payload[4] & 1, count))
        frame.is_key = frame.is_key or (payload[0] & 0x10 != 0 and not payload[4] & 1)
        frame.parts.add(part)
        frame.first = (seq - part) & 0xFFFF

    def _order(self, seq: int, now: float) -> None:
        if self.highest < 0:
            self.highest = seq
            return
        step = ((seq - self.highest + 0x8000) & 0xFFFF) - 0x8000
        if step > 0:
            for skipped in range(1, step):
                self._missing[(self.highest + skipped) & 0xFFFF] = (0, -1e9)
            self.highest = seq
        self._missing.pop(seq, None)

    def ask(self, now: float) -> list[bytes]:
        """NACKs and key frame requests that are due."""
        due = [seq for seq, (_, at) in self._missing.items() if now - at >= ASK_EVERY]
        for seq in due:
            tries = self._missing[seq][0] + 1
            if tries >= MOST_ASKS:
                del self._missing[seq]
                self.unanswered += 1
            else:
                self._missing[seq] = (tries, now)
        buffer = bytearray(1500)
        found = []
        if due:
            self.nacks += len(due)
            found.append(bytes(buffer[: rtcp.write_nack(buffer, 0, 1, PICTURE, sorted(due)[:200])]))
        if self.shown and now - self._stands_since > GIVES_UP and now - self._asked_at > 0.2:
            self._asked_at = now
            self.asked += 1
            found.append(bytes(buffer[: rtcp.write_pli(buffer, 0, 1, PICTURE)]))
        return found

    def show(self, now: float) -> None:
        """Show what is due."""
        while True:
            following = self._frames.get((self._last + 1) & 0x7FFF)
            if following is None or not following.is_whole or self._last < 0:
                keys = [picture for picture, frame in self._frames.items() if frame.is_key and frame.is_whole]
                keys = [picture for picture in keys if self._last < 0 or 0 < (picture - self._last) & 0x7FFF < 0x4000]
                if not keys:
                    return
                picture = max(keys, key=lambda item: self._frames[item].taken)
            else:
                picture = (self._last + 1) & 0x7FFF
            frame = self._frames[picture]
            if now < frame.taken + self.transit + self._least:
                return
            self.shown.append(now)
            self._stands_since = now
            self._last = picture
            first = frame.first
            self._frames = {
                other: item for other, item in self._frames.items() if 0 < (other - picture) & 0x7FFF < 0x4000
            }
            self._missing = {seq: item for seq, item in self._missing.items() if (seq - first) & 0xFFFF < 0x8000}

    # --- figures ---

    def freezes(self, since: float, until: float) -> list[float]:
        """How long pictures stood, as getStats counts it: gaps above three usual ones, and 150 ms above one."""
        gaps: deque[float] = deque(maxlen=30)
        found = []
        for before, at in zip(self.shown, self.shown[1:], strict=False):
            gap = at - before
            usual = sum(gaps) / len(gaps) if gaps else 1 / FPS
            if since <= at < until and gap > max(3 * usual, usual + 0.15):
                found.append(gap)
            gaps.append(gap)
        if self.shown and until - self.shown[-1] > 0.5:
            found.append(until - max(since, self.shown[-1]))
        return found

    def frozen(self, since: float, until: float) -> float:
        """Share of the time."""
        return sum(self.freezes(since, until)) / (until - since)


class LossyCall:
    """An sends, Bình watches from ``joins`` (s) on."""

    def __init__(
        self, line: LossyLine, bitrate_bps: float = 600_000, sender_rtt: float | None = None, joins: float = 0.0
    ) -> None:
        self.line = line
        self.world = World()
        self.began = self.world.now
        rtt = 2 * line.delay + 0.01
        self.publisher = Publisher(rtt if sender_rtt is None else sender_rtt, bitrate_bps)
        self.viewer = Viewer(2 * line.delay + 0.005)
        self._up, self._back, self._down, self._told = (line.link(number) for number in range(4))
        self._joins = joins
        self.world.apply(members=(member("an"), member("binh")))
        codec = replace(VP8, feedback=("nack", "nack pli", "goog-remb"))
        media = PublishedMedia("1", "camera", codec, IN_IDS, (Ssrc(200),), (Ssrc(201),), ("",))
        self.world.publish("peer-an", microphone(), media)
        self._arrivals = Arrivals(self.world.now)
        self._next_sound = self._next_frame = self.world.now
        self._next_report = self.world.now + 0.5
        self._next_sender_report = self.world.now + 0.1
        self._heard: dict[
            int, tuple[int, float]
        ] = {}  # SSRC -> (middle of the last sender report's time, when it came)

    def _join(self) -> None:
        feedback = ("nack", "nack pli", "transport-cc")
        opus = replace(OPUS, payload_type=109, feedback=("transport-cc",))
        vp8 = replace(VP8, payload_type=120, rtx_pt=121, feedback=feedback)
        lines = (
            (SubscribedMedia("0", "audio", opus, WIDE, Ssrc(SOUND), Ssrc(0)), "an", "mic"),
            (SubscribedMedia("1", "video", vp8, WIDE, Ssrc(PICTURE), Ssrc(RTX)), "an", "camera"),
        )
        self.world.subscribe("peer-binh", *lines)  # type: ignore[arg-type]  # sources are literals

    @property
    def now(self) -> float:
        """Seconds since the beginning."""
        return self.world.now - self.began

    def run(self, until: float) -> None:
        """Go on until this many seconds after the beginning."""
        world = self.world
        while self.now < until:
            if world.now >= self._next_sound:
                self._next_sound += 0.02
                self._up.send(self.publisher.sound.sound(bytes(70)), world.now)
            if world.now >= self._next_frame:
                self._next_frame += 1 / FPS
                for data in self.publisher.picture(world.now):
                    self._up.send(data, world.now)
            if world.now >= self._next_sender_report:
                self._next_sender_report += 1.0
                for data in self._reports():
                    self._up.send(data, world.now)
            for _, data in self._up.arrived(world.now):
                if 192 <= data[1] <= 223:
                    world.send_rtcp("peer-an", "publish", data)
                else:
                    world.send("peer-an", data)
            world.run(STEP)
            world.wire.flush(world.batch, world.now)
            self._hear()
            if self.now >= self._joins:
                if ("peer-binh", "subscribe") not in world.queues:
                    self._join()
                self._watch()

    def _hear(self) -> None:
        for data in self.world.wire.take(self.world.queues["peer-an", "publish"]):
            self._back.send(data, self.world.now)
        for _, data in self._back.arrived(self.world.now):
            for answer in self.publisher.hear(data, self.world.now) + self._times(data):
                self._up.send(answer, self.world.now)

    def _times(self, data: bytes) -> list[bytes]:
        """The answer to the relay's reference time (RFC 3611 4.5)."""
        for kind, _, at, _ in rtcp.packets(data):
            if kind == rtcp.XR:
                middle = data[at + 10 : at + 14]
                return [bytes((0x80, rtcp.XR, 0, 5, 0, 0, 0, 200, 5, 0, 0, 3, 0, 0, 0, 1)) + middle + bytes(4)]
        return []

    def _reports(self) -> list[bytes]:
        """Sender reports of both streams, once a second."""
        ntp = int((3_900_000_000 + self.now) * (1 << 32))
        found = []
        for sender in (self.publisher.sound, self.publisher.sender):
            buffer = bytearray(64)
            size = rtcp.write_sender_report(buffer, 0, sender.ssrc, ntp, sender.timestamp, sender.seq, 0)
            found.append(bytes(buffer[:size]))
        return found

    def _watch(self) -> None:
        world, viewer = self.world, self.viewer
        for data in world.wire.take(world.queues["peer-binh", "subscribe"]):
            self._down.send(data, world.now)
        for at, data in self._down.arrived(world.now):
            if 192 <= data[1] <= 223:
                for kind, _, start, end in rtcp.packets(data):
                    report = rtcp.read_sender(data, start, end) if kind == rtcp.SR else None
                    if report is not None:
                        self._heard[report[0]] = (report[1] >> 16 & 0xFFFFFFFF, at)
            else:
                packet = parse(data)
                self._arrivals.add(int.from_bytes(packet.extensions[4], "big"), at)
                viewer.take(packet, at)
        viewer.show(world.now)
        reports = viewer.ask(world.now)
        buffer = bytearray(1500)
        if world.now >= self._arrivals.due:
            while size := self._arrivals.build(buffer, 0, 1, PICTURE, world.now):
                reports.append(bytes(buffer[:size]))
        if world.now >= self._next_report and viewer.highest >= 0:
            self._next_report += 1.0
            reports.append(self._report())
        for report in reports:
            self._told.send(report, world.now)
        for _, data in self._told.arrived(world.now):
            world.send_rtcp("peer-binh", "subscribe", data)

    def _report(self) -> bytes:
        buffer = bytearray(200)
        told, at = self._heard.get(PICTURE, (0, 0.0))
        delay = int((self.world.now - at) * 65536) if told else 0
        block = (PICTURE, int(256 * self.line.loss), 0, self.viewer.highest, 0, told, delay)
        return bytes(buffer[: rtcp.write_receiver_report(buffer, 0, 1, [block])])
