"""One section of one subscribe leg: how a layer's numbers become the section's own, continuous over every switch.

A *stint* is the time during which the section shows one layer without interruption. Within a stint, outgoing
sequence number and timestamp are the layer's plus a constant, so nothing is kept per packet.
"""

from __future__ import annotations

from media.codecs import Vp8Info, patch_vp8
from media.layer import Layer
from media.packetcache import Cached
from media.rtcp import write_sdes, write_sender_report
from media.rtp import PATCH, HeaderTemplate, abs_send_time
from media.seq import extend, time_delta
from media.types import SLOT, Batch, Slab, Source, SubscribedMedia

MAX_RESENDS = 3
RESEND_PAUSE = 0.02  # s between two resends of one packet: the second question was asked before the answer came
MAX_STINTS = 4
MAX_REMEMBERED = 1024

_pack = PATCH.pack_into

Stint = tuple[int, int, Layer, int, int, int, int]
"""(first and last outgoing number, layer, number offset, timestamp offset, picture shift, TL0 shift)"""


class Subscription:
    """The outgoing stream of one section.

    ``layer`` None: waiting for something to start with. Outgoing numbers are extended, only the low 16 bits travel.
    """

    __slots__ = (
        "audio", "cname", "clock_rate", "fence_time", "fraction_lost", "header", "jitter", "last_layer", "last_out",
        "last_picture", "last_at", "last_time", "last_tl0", "layer", "lost_at", "media", "octets", "offset",
        "packets", "participant", "picture_shift", "publication", "reports_sent", "resent", "resends", "rtt",
        "rtx_header", "rtx_number", "shifted", "slab", "source", "start", "stints", "time_offset", "tl0_shift",
        "video",
    )  # fmt: skip

    def __init__(self, media: SubscribedMedia, slab: Slab) -> None:
        self.media = media
        self.slab = slab
        self.audio = media.kind == "audio"
        self.video = not self.audio
        self.clock_rate = media.codec.clock_rate
        self.header = HeaderTemplate(media.codec.payload_type, media.ssrc, media.extensions, media.mid, self.audio)
        self.rtx_header: HeaderTemplate | None = None
        if media.codec.rtx_pt is not None and media.rtx_ssrc:
            self.rtx_header = HeaderTemplate(media.codec.rtx_pt, media.rtx_ssrc, media.extensions, media.mid, False)
        self.rtx_number = media.rtx_ssrc & 0x7FFF
        self.participant = ""
        self.source: Source = "mic"
        self.cname = ""
        self.publication: object | None = None
        self.layer: Layer | None = None
        self.start = 0  # first number of the layer that belongs to the stint
        self.offset = 0
        self.time_offset = 0
        self.picture_shift = 0
        self.tl0_shift = 0
        self.shifted = False
        self.fence_time: dict[int, int] = {}  # layer SSRC -> RTP time that a first packet must be newer than
        self.last_layer: Layer | None = None
        self.last_out = 0x10000 + (media.ssrc & 0x7FFF)
        self.last_time = -1  # outgoing RTP time of the newest packet; -1: nothing was sent yet
        self.last_at = 0.0
        self.last_picture = -1
        self.last_tl0 = -1
        self.stints: list[Stint] = []
        self.packets = 0
        self.octets = 0
        self.resends: dict[int, tuple[int, float]] = {}
        self.resent = 0
        self.reports_sent: dict[int, float] = {}
        self.rtt = 0.0
        self.jitter = 0.0
        self.fraction_lost = 0.0
        self.lost_at = -1e9

    # --- stints -----------------------------------------------------------------------------------------------------

    def begin(self, layer: Layer, number: int, timestamp: int, vp8: Vp8Info, now: float) -> None:
        """Show ``layer`` from packet ``number`` on (its number without holes), continuing what was shown before."""
        if self.layer is not None:
            self.end()
        self.time_offset = self._continued_time(layer, timestamp, now)
        self.layer = layer
        self.last_layer = layer
        self.start = number
        self.offset = self.last_out + 1 - number
        self.picture_shift = (self.last_picture + 1 - vp8[3]) & 0x7FFF if self.last_picture >= 0 <= vp8[3] else 0
        self.tl0_shift = (self.last_tl0 + 1 - vp8[5]) & 0xFF if self.last_tl0 >= 0 <= vp8[5] else 0
        self.shifted = bool(self.picture_shift or self.tl0_shift)
        self.packets -= layer.passed_packets
        self.octets -= layer.passed_octets
        self.fence_time.clear()

    def _continued_time(self, layer: Layer, timestamp: int, now: float) -> int:
        """The timestamp offset with which ``layer`` goes on where the section stands."""
        if layer is self.last_layer:
            return self.time_offset  # the same clock, only a pause in between
        if self.last_time < 0:
            return 0
        old = self.last_layer
        if old is not None and old.clock.ntp and layer.clock.ntp and self.publication_of(old, layer):
            ntp = layer.clock.ntp_at_rtp(time_delta(timestamp, layer.clock.rtp_time))
            out = (old.clock.rtp_at_ntp(ntp) + self.time_offset) & 0xFFFFFFFF
        else:
            out = (self.last_time + int((now - self.last_at) * self.clock_rate)) & 0xFFFFFFFF
        if time_delta(out, self.last_time) <= 0:
            out = (self.last_time + 1) & 0xFFFFFFFF
        return (out - timestamp) & 0xFFFFFFFF

    def publication_of(self, old: Layer, new: Layer) -> bool:
        """Whether both layers are one source (then their sender reports share one NTP clock)."""
        layers = getattr(self.publication, "layers", ())
        return old in layers and new in layers

    def end(self) -> None:
        """The stint is over (switch, mute, pause, another participant); remember where it stood."""
        layer = self.layer
        if layer is None:
            return
        self.layer = None
        last = layer.passed + self.offset
        if last > self.last_out:
            self.stints.append(
                (self.last_out + 1, last, layer, self.offset, self.time_offset, self.picture_shift, self.tl0_shift)
            )
            del self.stints[:-MAX_STINTS]
            self.last_out = last
            self.last_time = (layer.passed_time + self.time_offset) & 0xFFFFFFFF
            self.last_at = layer.passed_at
            if layer.passed_picture >= 0:
                self.last_picture = (layer.passed_picture + self.picture_shift) & 0x7FFF
            if layer.passed_layer >= 0:
                self.last_tl0 = (layer.passed_layer + self.tl0_shift) & 0xFF
        self.packets += layer.passed_packets
        self.octets += layer.passed_octets

    def forget(self) -> None:
        """Another source or session: nothing shown so far may be resent."""
        self.end()
        self.stints.clear()
        self.resends.clear()
        self.fence_time.clear()

    def follow(self, before: Subscription) -> None:
        """Take over the counters of the section's former self (renegotiated: other codec or ids, same SSRC)."""
        before.end()
        self.last_layer = before.last_layer
        self.last_out = before.last_out
        self.last_time = before.last_time
        self.last_at = before.last_at
        self.last_picture = before.last_picture
        self.last_tl0 = before.last_tl0
        self.time_offset = before.time_offset
        self.packets = before.packets
        self.octets = before.octets
        self.rtx_number = before.rtx_number

    def sent(self) -> tuple[int, int]:
        """(packets, payload octets) sent so far, without retransmissions."""
        if self.layer is None:
            return self.packets, self.octets
        return self.packets + self.layer.passed_packets, self.octets + self.layer.passed_octets

    # --- sending ----------------------------------------------------------------------------------------------------

    def resend(self, seqs: list[int], now: float, batch: Batch) -> int:
        """Answer a NACK for outgoing numbers from the cache; how many were resent."""
        newest = self.layer.passed + self.offset if self.layer is not None else self.last_out
        count = 0
        for seq in seqs:
            out = extend(newest, seq)
            tries, last = self.resends.get(out, (0, -1.0))
            if tries >= MAX_RESENDS or now - last < RESEND_PAUSE:
                continue
            stint = self._stint_of(out)
            if stint is None:
                continue
            _, _, layer, offset, time_offset, picture_shift, tl0_shift = stint
            packet = layer.cache.get(out - offset, now)
            if packet is None:
                continue
            if not self._send_again(out, packet, time_offset, picture_shift, tl0_shift, now, batch):
                break
            self.resends[out] = (tries + 1, now)
            count += 1
        if len(self.resends) > MAX_REMEMBERED:
            for out in sorted(self.resends)[: MAX_REMEMBERED // 2]:
                del self.resends[out]
        self.resent += count
        return count

    def _stint_of(self, out: int) -> Stint | None:
        layer = self.layer
        if layer is not None and out - self.offset >= self.start:
            if out - self.offset > layer.passed:
                return None
            return (out, out, layer, self.offset, self.time_offset, self.picture_shift, self.tl0_shift)
        for stint in reversed(self.stints):
            if stint[0] <= out <= stint[1]:
                return stint
        return None

    def _send_again(
        self, out: int, packet: Cached, time_offset: int, picture_shift: int, tl0_shift: int, now: float, batch: Batch
    ) -> bool:
        timestamp, marker, payload, level, vp8 = packet
        slab = self.slab
        if slab.reserve() < 0:
            return False
        batch.touch(slab)
        template = self.rtx_header
        number = out
        prefix = b""
        if template is not None:
            self.rtx_number += 1
            number = self.rtx_number
            prefix = (out & 0xFFFF).to_bytes(2, "big")
            kind = self.media.codec.rtx_pt or 0
        else:
            template = self.header
            kind = self.media.codec.payload_type
        header = template.buffer
        _pack(header, 1, kind | (0x80 if marker else 0), number & 0xFFFF, (timestamp + time_offset) & 0xFFFFFFFF)
        if template.time_at:
            header[template.time_at : template.time_at + 3] = abs_send_time(now)
        if template.level_at:
            template.set_level(level)
        at = slab.count * SLOT
        body = at + template.size + len(prefix)
        slab.buffer[at : at + template.size] = header
        slab.buffer[at + template.size : body] = prefix
        slab.buffer[body : body + len(payload)] = payload
        if picture_shift or tl0_shift:
            patch_vp8(slab.buffer, body, vp8, picture_shift, tl0_shift)
        slab.commit(body + len(payload) - at)
        return True

    def write_report(self, now: float, batch: Batch) -> None:
        """Send an SR that says what the publisher's own said, in this section's numbers; nothing before that."""
        layer = self.layer
        if layer is None or not layer.clock.ntp or self.slab.reserve() < 0:
            return
        batch.touch(self.slab)
        ntp, rtp_time = layer.clock.at(now)
        packets, octets = self.sent()
        at = self.slab.count * SLOT
        size = write_sender_report(
            self.slab.buffer, at, self.media.ssrc, ntp, rtp_time + self.time_offset, packets, octets
        )
        size += write_sdes(self.slab.buffer, at + size, self.media.ssrc, self.cname)
        self.slab.commit(size, rtcp=True)
        self.reports_sent[ntp >> 16 & 0xFFFFFFFF] = now
        if len(self.reports_sent) > 8:
            del self.reports_sent[next(iter(self.reports_sent))]

    def note_report(self, fraction: int, jitter: int, lsr: int, dlsr: int, now: float) -> None:
        """A report block of the receiver about this section."""
        self.fraction_lost = fraction / 256
        self.jitter = jitter / self.clock_rate
        sent_at = self.reports_sent.get(lsr) if lsr else None
        if sent_at is not None:
            rtt = now - sent_at - dlsr / 65536
            if 0 <= rtt < 10:
                self.rtt = rtt


__all__ = ["Subscription"]
