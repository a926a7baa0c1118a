"""One section of one subscribe leg: how a layer's numbers become the section's own, continuous over every switch.

A *stint* is the time during which the section shows one layer without interruption. Within a stint, outgoing
sequence number and timestamp are the layer's plus a constant, so nothing is kept per packet, and a copy can be written
from the stint and the layer's packet at any later moment: when it leaves, or when it is asked for again.
"""

from __future__ import annotations

from typing import Final

from media.codecs import Vp8Info, patch_vp8
from media.layer import Layer
from media.layerchoice import NO_CAP, UNSEEN, Choice
from media.packetcache import Cached
from media.patience import MUCH, Patience, Share
from media.rtcp import write_sdes, write_sender_report
from media.rtp import PATCH, HeaderTemplate
from media.seq import extend, time_delta
from media.thinning import ALL, Thinning
from media.types import Batch, Ready, SendQueue, Source, SubscribedMedia

MAX_RESENDS = 3
RESEND_PAUSE = 0.02  # s between two resends of one packet: the second question was asked before the answer came
ON_ITS_WAY = 0.6  # of the round trip: Chromium asks every 100 ms, also while the answer is on its way
KEY_PAUSE, MOST_KEY_PAUSE, KEYS_FORGIVEN = 0.5, 4.0, 12.0  # s
MAX_STINTS = 48  # a few switches, or two seconds of every second frame being left out
NEVER = 1 << 62
BELIEVED = 2.0  # s by which a sender's reports about two of its layers may differ from what their arrival says
MAX_REMEMBERED = 1024

_pack = PATCH.pack_into


class Stint:
    """What is added to a layer's numbers while a section shows it. Constant: whoever has to add something else from
    some packet on (another layer, a packet left out) ends the stint there and begins another one.

    ``start``: number of the layer's first packet that belongs to it. ``first``/``last``: outgoing numbers, the last
    one only known once the stint has ended.
    """

    __slots__ = (
        "audio", "first", "header", "last", "layer", "offset", "picture_shift", "shifted", "start", "time_offset",
        "tl0_shift",
    )  # fmt: skip

    def __init__(
        self, header: HeaderTemplate, audio: bool, layer: Layer, start: int, offset: int, time_offset: int,
        picture_shift: int, tl0_shift: int,
    ) -> None:  # fmt: skip
        self.header: Final = header
        self.audio: Final = audio
        self.layer: Final = layer
        self.start: Final = start
        self.offset: Final = offset
        self.time_offset: Final = time_offset
        self.picture_shift: Final = picture_shift
        self.tl0_shift: Final = tl0_shift
        self.shifted: Final = bool(picture_shift or tl0_shift)
        self.first: Final = start + offset
        self.last = -1

    def moved(self, offset: int, picture_shift: int) -> Stint:
        """The same with other numbers: packets of the layer were left out, what follows is numbered anew."""
        return Stint(
            self.header, self.audio, self.layer, self.start, offset, self.time_offset, picture_shift, self.tl0_shift
        )

    def size_of(self, packet: Cached) -> int:
        """Bytes of this section's copy as UDP payload, about (SRTP adds 10 or 16)."""
        return self.header.size + len(packet[3]) + 16


class Subscription:
    """The outgoing stream of one section.

    ``layer`` and ``stint`` None: waiting for something to start with. Outgoing numbers are extended, only the low 16
    bits travel. ``pairs``: that of the queue, for the forwarder.

    ``size``: how large the viewer shows it; ``target`` and ``cap``: what its line has for it, set by whoever divides
    the line; ``choice``: what it shall show therefore. See ``layerchoice``.
    """

    __slots__ = (
        "audio", "cap", "choice", "clock_rate", "cname", "demand", "fence_time", "fraction_lost", "header",
        "is_beyond", "is_main", "jitter", "keys_asked_at", "keys_pause", "last_at", "last_layer", "last_out",
        "last_picture", "last_time", "last_tl0", "layer", "lost_at", "media", "octets", "packets", "pairs",
        "participant", "patience", "publication", "queue", "red_from", "red_header", "red_stint", "reports_sent",
        "resends", "resent", "rtt", "rtx_header", "rtx_number", "share", "size", "source", "stint", "stints",
        "target", "temporal", "thinning", "time_offset", "video",
    )  # fmt: skip

    def __init__(self, media: SubscribedMedia, queue: SendQueue) -> None:
        self.media = media
        self.queue = queue
        self.pairs = queue.pairs
        self.audio = media.kind == "audio"
        self.video = not self.audio
        self.clock_rate = media.codec.clock_rate
        self.header = HeaderTemplate(media.codec.payload_type, media.ssrc, media.extensions, media.mid, self.audio)
        self.rtx_header: HeaderTemplate | None = None
        if media.codec.rtx_pt is not None and media.rtx_ssrc:
            self.rtx_header = HeaderTemplate(media.codec.rtx_pt, media.rtx_ssrc, media.extensions, media.mid, False)
        self.red_header: HeaderTemplate | None = None
        if media.codec.red_pt is not None:
            self.red_header = HeaderTemplate(media.codec.red_pt, media.ssrc, media.extensions, media.mid, self.audio)
        self.red_stint: Stint | None = None  # the stint once more, for packets that go out as RED
        self.red_from = 0  # layer's RTP time from which on sound may be repeated
        self.rtx_number = media.rtx_ssrc & 0x7FFF
        self.participant = ""
        self.source: Source = "mic"
        self.cname = ""
        self.publication: object | None = None
        self.layer: Layer | None = None
        self.stint: Stint | None = None
        self.time_offset = 0  # of the stint, or of the one before
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
        self.share = Share()  # of packets lost on the way to the viewer
        self.patience = Patience()
        self.is_beyond = False  # something was asked for again after the last answer: only a key frame helps
        self.keys_asked_at = -1e9
        self.keys_pause = 0.0  # s
        self.size = UNSEEN
        self.is_main = False  # the large picture of its viewer's screen
        self.target = NO_CAP
        self.cap: Choice | None = None
        self.choice: Choice | None = None
        self.demand = -1  # index of the layer it would show if the publisher sent all
        self.temporal = ALL  # highest temporal layer that passes
        self.thinning: Thinning[Stint] | None = None  # while some do not

    # --- stints -----------------------------------------------------------------------------------------------------

    def begin(self, layer: Layer, number: int, timestamp: int, vp8: Vp8Info, now: float) -> None:
        """Show ``layer`` from packet ``number`` on (its number without holes), continuing what was shown before."""
        if self.layer is not None:
            self.end()
        self.time_offset = self._continued_time(layer, timestamp, now)
        self.layer = layer
        self.last_layer = layer
        picture_shift = (self.last_picture + 1 - vp8[3]) & 0x7FFF if self.last_picture >= 0 <= vp8[3] else 0
        tl0_shift = (self.last_tl0 + 1 - vp8[5]) & 0xFF if self.last_tl0 >= 0 <= vp8[5] else 0
        self.stint = Stint(
            self.header, self.audio, layer, number, self.last_out + 1 - number, self.time_offset, picture_shift,
            tl0_shift,
        )  # fmt: skip
        if self.red_header is not None:
            self.red_stint = Stint(
                self.red_header, True, layer, number, self.stint.offset, self.time_offset, picture_shift, tl0_shift
            )
            self.red_from = timestamp
        self.packets -= layer.passed_packets
        self.octets -= layer.passed_octets
        self.fence_time.clear()
        if self.temporal < ALL:
            self._thin(number - 1, -1)

    def precede(self, layer: Layer, packets: list[Cached], now: float, batch: Batch) -> None:
        """Begin with packets that were passed on to others before now, as far as they are new to this section."""
        news = [item for item in packets if time_delta((item[1] + self.time_offset) & 0xFFFFFFFF, self.last_time) > 0]
        if not news or self.layer is not None:
            return
        self.begin(layer, news[0][0], news[0][1], news[0][5], now)
        self.packets += len(news)
        self.write_report(now, batch)
        batch.touch(self.queue)
        for packet in news:
            self.pairs += (self.stint, packet)

    def takes_red(self, oldest: int) -> bool:
        """Whether sound of RTP time ``oldest`` may be repeated to this section: it was already shown it, or could
        have been."""
        if self.red_stint is None:
            return False
        ahead = time_delta(oldest & 0xFFFFFFFF, self.red_from)
        if ahead > 1 << 30:  # six hours: keep the comparison away from half the range
            self.red_from = (self.red_from + (1 << 29)) & 0xFFFFFFFF
        return ahead >= 0

    # Temporal layers. While some are left out, ``stint`` is one that no packet belongs to, so that the forwarder asks
    # ``thinned`` for each packet; a section that gets everything pays nothing for it.

    def limit(self, temporal: int) -> None:
        """Let temporal layers up to this one pass from the next frame on (``ALL``: every one)."""
        self.temporal = temporal
        if self.thinning is not None:
            self.thinning.wanted = temporal
        elif temporal < ALL and self.layer is not None:
            self._thin(self.layer.passed, self.layer.passed_time)

    def _thin(self, highest: int, frame: int) -> None:
        stint = self.stint
        if stint is None:
            return
        self.thinning = Thinning(self._run, stint, stint.picture_shift, highest, frame)
        self.thinning.wanted = self.temporal
        self.stint = self._run(NEVER, stint.offset, stint.picture_shift)

    def _run(self, start: int, offset: int, picture_shift: int) -> Stint:
        stint = self.thinning.runs[0] if self.thinning is not None else self.stint
        assert stint is not None  # thinning begins within a stint
        return Stint(
            self.header, self.audio, stint.layer, start, offset, stint.time_offset, picture_shift, stint.tl0_shift
        )

    def thinned(self, packet: Cached) -> Stint | None:
        """How a packet that does not belong to ``stint`` is numbered; None: it is not for this section."""
        thinning = self.thinning
        if thinning is None:
            return None
        run = thinning.take(packet[0], packet[1], len(packet[3]), packet[5])
        if run is not None and thinning.is_over():
            self.stint = self._thicken(thinning)
        return run

    def _thicken(self, thinning: Thinning[Stint]) -> Stint:
        """Nothing is left out any more: the present run is a stint like any other."""
        self.thinning = None
        packets, octets = thinning.left_out
        self.packets -= packets
        self.octets -= octets
        *before, stint = thinning.runs
        self.stints += before
        del self.stints[:-MAX_STINTS]
        return stint

    def _continued_time(self, layer: Layer, timestamp: int, now: float) -> int:
        """The timestamp offset with which ``layer`` goes on where the section stands."""
        if layer is self.last_layer:
            return self.time_offset  # the same clock, only a pause in between
        if self.last_time < 0:
            return 0
        old = self.last_layer
        out = (self.last_time + int((now - self.last_at) * self.clock_rate)) & 0xFFFFFFFF
        if old is not None and old.clock.ntp and layer.clock.ntp and self.publication_of(old, layer):
            ntp = layer.clock.ntp_at_rtp(time_delta(timestamp, layer.clock.rtp_time))
            told = (old.clock.rtp_at_ntp(ntp) + self.time_offset) & 0xFFFFFFFF
            if abs(time_delta(told, out)) < self.clock_rate * BELIEVED:
                out = told
        if time_delta(out, self.last_time) <= 0:
            out = (self.last_time + 1) & 0xFFFFFFFF
        return (out - timestamp) & 0xFFFFFFFF

    def publication_of(self, old: Layer, new: Layer) -> bool:
        """Whether both layers are one source (then their sender reports share one NTP clock)."""
        layers = getattr(self.publication, "layers", ())
        return old in layers and new in layers

    def end(self) -> None:
        """The stint is over (switch, mute, pause, another participant); remember where it stood."""
        layer, stint = self.layer, self.stint
        if layer is None or stint is None:
            return
        thinning = self.thinning
        if thinning is None:
            last, shift = layer.passed + stint.offset, stint.picture_shift
        else:
            last, shift = thinning.last_out, thinning.shift
            stint = self._thicken(thinning)
        self.layer = self.stint = self.red_stint = None
        if last > self.last_out:
            stint.last = last
            self.stints.append(stint)
            del self.stints[:-MAX_STINTS]
            self.last_out = last
            self.last_time = (layer.passed_time + stint.time_offset) & 0xFFFFFFFF
            self.last_at = layer.passed_at
            if layer.passed_picture >= 0:
                self.last_picture = (layer.passed_picture + shift) & 0x7FFF
            if layer.passed_layer >= 0:
                self.last_tl0 = (layer.passed_layer + stint.tl0_shift) & 0xFF
        self.packets += layer.passed_packets
        self.octets += layer.passed_octets

    def fence(self) -> None:
        """Nothing shown so far may be sent any more, neither for the first time (where a pacer held it) nor again."""
        self.end()
        self.stints.clear()
        self.queue.forget(self.header)
        if self.red_header is not None:
            self.queue.forget(self.red_header)

    def forget(self) -> None:
        """Another source or session."""
        self.fence()
        self.cap, self.choice, self.demand = None, None, -1
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
        packets, octets = self.thinning.left_out if self.thinning is not None else (0, 0)
        return self.packets + self.layer.passed_packets - packets, self.octets + self.layer.passed_octets - octets

    # --- sending ----------------------------------------------------------------------------------------------------

    def resend(self, seqs: list[int], now: float, batch: Batch) -> int:
        """Answer a NACK for outgoing numbers from the cache; how many were resent."""
        newest = self._newest()
        pause = max(RESEND_PAUSE, ON_ITS_WAY * self.rtt)
        # Where much is lost the answer may be, too, and there is no time for a third question.
        copies = 2 if self.share.value >= MUCH and self.rtx_header is not None else 1
        count = 0
        for seq in seqs:
            out = extend(newest, seq)
            tries, last = self.resends.get(out, (0, -1.0))
            if tries >= MAX_RESENDS or now - last < pause:
                self.is_beyond = self.is_beyond or (tries >= MAX_RESENDS and now - last > max(0.1, 1.5 * self.rtt))
                continue
            stint = self._stint_of(out)
            if stint is None:
                continue
            packet = stint.layer.cache.get(out - stint.offset, now)
            if packet is None:
                continue
            if not self.queue.has_room():
                break
            for _ in range(copies):
                self.queue.add(self._written_again(out, packet, stint), batch)
            self.resends[out] = (tries + 1, now)
            count += copies
        if len(self.resends) > MAX_REMEMBERED:
            for out in sorted(self.resends)[: MAX_REMEMBERED // 2]:
                del self.resends[out]
        self.resent += count
        return count

    def _newest(self) -> int:
        """Outgoing number of the newest packet."""
        if self.thinning is not None:
            return self.thinning.last_out
        if self.layer is None or self.stint is None:
            return self.last_out
        return self.layer.passed + self.stint.offset

    def _stint_of(self, out: int) -> Stint | None:
        stint = self.thinning.find(out) if self.thinning is not None else self.stint
        if stint is not None and out >= stint.first:
            return stint if out - stint.offset <= stint.layer.passed else None
        for stint in reversed(self.stints):
            if stint.first <= out <= stint.last:
                return stint
        return None

    def _written_again(self, out: int, packet: Cached, stint: Stint) -> Ready:
        """A copy that was sent before: as RTX where the leg has it (RFC 4588 4), else as it was."""
        _, timestamp, marker, payload, level, vp8 = packet
        template = self.rtx_header
        number = out
        prefix = b""
        if template is not None:
            self.rtx_number += 1
            number = self.rtx_number
            prefix = (out & 0xFFFF).to_bytes(2, "big")
        else:
            template = stint.header
        header = template.buffer
        _pack(header, 1, template.payload_type | marker, number & 0xFFFF, (timestamp + stint.time_offset) & 0xFFFFFFFF)
        if template.level_at:
            template.set_level(level)
        data = header + prefix + payload
        if stint.shifted:
            patch_vp8(data, template.size + len(prefix), vp8, stint.picture_shift, stint.tl0_shift)
        return Ready(data, False, template.time_at, template.wide_at, self.header)

    def write_report(self, now: float, batch: Batch) -> None:
        """Send an SR that says what the publisher's own said, in this section's numbers; nothing before that."""
        layer = self.layer
        if layer is None or not layer.clock.ntp or not self.queue.has_room():
            return
        ntp, rtp_time = layer.clock.at(now)
        packets, octets = self.sent()
        size = write_sender_report(batch.scratch, 0, self.media.ssrc, ntp, rtp_time + self.time_offset, packets, octets)
        size += write_sdes(batch.scratch, size, self.media.ssrc, self.cname)
        batch.add_rtcp(self.queue, size)
        self.reports_sent[ntp >> 16 & 0xFFFFFFFF] = now
        if len(self.reports_sent) > 8:
            del self.reports_sent[next(iter(self.reports_sent))]

    def note_report(self, fraction: int, jitter: int, lsr: int, dlsr: int, now: float) -> None:
        """A report block of the receiver about this section."""
        self.fraction_lost = fraction / 256
        self.share.add(self.fraction_lost)
        self.jitter = jitter / self.clock_rate
        sent_at = self.reports_sent.get(lsr) if lsr else None
        if sent_at is not None:
            rtt = now - sent_at - dlsr / 65536
            if 0 <= rtt < 10:
                self.rtt = rtt

    def may_ask_key_frame(self, now: float) -> bool:
        """Whether its viewer's request for a key frame counts. Everybody who sees this picture pays for each, so that
        one viewer on a bad line, who needs one after the other, gets them with growing pauses."""
        since = now - self.keys_asked_at
        layer = self.layer
        if layer is not None and layer.keys.keyed_at <= self.keys_asked_at:
            self.keys_asked_at = now
            return True  # the same need again: browsers repeat it until a key frame comes
        if since < self.keys_pause:
            return False
        self.keys_pause = KEY_PAUSE if since > KEYS_FORGIVEN else min(MOST_KEY_PAUSE, 2 * self.keys_pause)
        self.keys_asked_at = now
        return True

    def hold(self, wanted: float, now: float) -> None:
        """Have pictures held back at the viewer for so many seconds (``patience.needed``)."""
        if self.patience.update(wanted, now):
            self.header.set_least_delay(self.patience.seconds)
            if self.rtx_header is not None:
                self.rtx_header.set_least_delay(self.patience.seconds)


__all__ = ["Stint", "Subscription"]
