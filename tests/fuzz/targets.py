"""What is fuzzed: every place where bytes of a peer are taken apart, as functions of one byte string.

A target raises nothing, whatever it is given: the exceptions that its parser declares are caught here, results are
checked. ``tests/unit/media/test_fuzz.py`` gives them the corpora and made-up bytes in CI; ``make fuzz`` runs them
guided by coverage (``tests/fuzz/run.py``).
"""

from __future__ import annotations

import hashlib
import hmac
import itertools
import struct
import zlib
from collections.abc import Callable
from dataclasses import replace

from media import codecs, ortc, rtcp, rtp, sdp, sdpfrag, twcc
from media.depacketize import Depacketizer, h264_size
from media.errors import SdpError
from media.ice import IceLite, local_user
from media.messages import LinkError, decode_to_app, decode_to_relay
from media.offers import OfferedLines, ViewedLines
from media.red import missing, parse
from signaling.devicemessages import decode_from_device
from signaling.messages import BadMessage, decode_from_page
from tests.support.media import OPUS, VP8, World, audio_line, camera, member, microphone, video_line

USER, PASSWORD = "abcdef012345", "p" * 36
TRANSPORT = sdp.Transport(
    "user", "p" * 22, (sdp.Fingerprint("sha-256", "AA:" * 31 + "AA"),), "passive", (("192.0.2.1", 4000),)
)


def stun(data: bytes) -> None:
    """A check: as it came, and its attributes signed as a client would that knows the password."""
    ice = IceLite(0.0)
    ice.credentials = {USER: PASSWORD}
    for check in (data, _signed(data[:400])):
        user = local_user(memoryview(check))
        assert user is None or len(user) <= len(check)
        answer = ice.check(check, ("192.0.2.1", 4000), 1.0)
        if answer is not None:
            assert len(answer) <= len(check) * 1.5, "no amplifier"
    assert len(ice.addresses) <= 1


def _signed(attributes: bytes) -> bytes:
    """A binding request with these attributes, a user name, MESSAGE-INTEGRITY and FINGERPRINT (RFC 8489 14)."""
    attributes += bytes(-len(attributes) % 4)
    name = f"{USER}:x".encode()
    attributes += struct.pack("!HH", 6, len(name)) + name + bytes(-len(name) % 4)
    cookie = struct.pack("!I", 0x2112A442) + bytes(12)
    signed = struct.pack("!HH", 1, len(attributes) + 24) + cookie + attributes
    mac = hmac.new(PASSWORD.encode(), signed, hashlib.sha1).digest()
    whole = struct.pack("!HH", 1, len(attributes) + 32) + cookie + attributes + struct.pack("!HH", 8, 20) + mac
    return whole + struct.pack("!HHI", 0x8028, 4, zlib.crc32(whole) ^ 0x5354554E)


def rtp_header(data: bytes) -> None:
    """Header, extensions, padding."""
    start = rtp.payload_start(data)
    if start < 0:
        return
    assert 12 <= start <= len(data)
    end = rtp.payload_end(data, start)
    assert end == -1 or start <= end <= len(data)
    if data[0] & 0x10:
        level, time, _ = rtp.scan_extensions(data, start, 1, 2, 3)
        rtp.parse(data, 1, 2, 3)
        assert -1 <= level <= 255 and -1 <= time < 1 << 24
    for value in rtp.find_extensions(data, start).values():
        assert len(value) <= 255
        rtp.text_value(value)


def rtcp_compound(data: bytes) -> None:
    """Everything that is read of RTCP, of either side."""
    for kind, count, at, end in itertools.islice(rtcp.packets(data), 1000):
        assert 4 <= at <= end <= len(data)
        rtcp.read_sender(data, at, end)
        assert len(list(rtcp.read_blocks(data, kind, count, at, end))) <= 31
        assert len(rtcp.read_nack(data, at, end)[1]) <= rtcp.MAX_NACKED
        for form in (rtcp.PLI, rtcp.FIR):
            rtcp.read_keyframe_request(data, form, at, end)
        assert rtcp.read_remb(data, at, end) < 1 << 51
        assert len(rtcp.read_delays(data, at, end)) <= rtcp.MAX_BLOCKS
        assert len(rtcp.read_bye(data, count, at, end)) <= 31
        wide_feedback(data[at:end])


def wide_feedback(data: bytes) -> None:
    """A transport-wide feedback body (draft-holmer-rmcat-transport-wide-cc-extensions-01, 3.1)."""
    try:
        twcc.read(data, 0, len(data))
    except twcc.BadFeedback:
        pass


def vp8(data: bytes) -> None:
    """Payload descriptor and the head of a key frame; the counters are patched where they are."""
    info = codecs.vp8_info(data)
    at = codecs.vp8_payload_at(data)
    assert -1 <= at < max(1, len(data))
    width, height = codecs.vp8_size(data)
    assert 0 <= width < 1 << 14 and 0 <= height < 1 << 14
    buffer = bytearray(data)
    codecs.patch_vp8(buffer, 0, info, 1, 1)
    assert len(buffer) == len(data)
    again = codecs.vp8_info(bytes(buffer))
    assert (again[0], again[1], again[2], again[4]) == (info[0], info[1], info[2], info[4])


def h264(data: bytes) -> None:
    """NAL units, alone, aggregated, in fragments, and the SPS."""
    codecs.h264_starts_key(data)
    codecs.h264_starts_key(data, True)
    size = h264_size(codecs.h264_sps(data))
    assert size is None or all(value >= 0 for value in size)


def red(data: bytes) -> None:
    """Redundant audio."""
    found = parse(data, 111)
    if found is not None:
        assert found.primary and found.span <= 0x3FFF
        assert sum(len(sound) for _, sound in found.blocks) + len(found.primary) < len(data)
        assert parse(found.with_type(96), 96) is not None
        for count in range(3):
            assert all(0 < back <= 2 for back, _, _ in missing(found, 1920, count))


def _pieces(data: bytes) -> list[bytes]:
    """Byte strings out of one: each begins with its length in a byte."""
    found: list[bytes] = []
    at = 0
    while at < len(data) and len(found) < 64:
        size = data[at]
        found.append(data[at + 1 : at + 1 + size])
        at += 1 + size
    return found


def frames(data: bytes) -> None:
    """Recorded packets back to frames, for each codec: made from pieces, with numbers that jump about."""
    for codec in ("opus", "vp8", "h264"):
        depacketizer = Depacketizer(codec, 0)
        for index, piece in enumerate(_pieces(data)):
            head = piece[:3] + bytes(3 - len(piece[:3]))
            number = (1000 + index + (head[0] & 0x0F) - 4) & 0xFFFF
            packet = rtp.build(96, number, index * 960 + (head[1] << 4), 1, piece[3:], bool(head[2] & 1))
            for frame in depacketizer.push(packet, index * 20_000 + head[2] * 5000):
                assert len(frame.data) <= len(data) + 4 * 64 + 64
        for _ in depacketizer.flush():
            pass


def description(data: bytes) -> None:
    """An offer of a publisher, of a WHEP viewer, and an answer; what we make of it can be written and read again."""
    text = data.decode("utf-8", "replace")
    try:
        offer = sdp.parse(text)
    except SdpError:
        return
    try:
        offer.transport  # noqa: B018  # raises when no section is in use
        sections, media = ortc.publish(offer, {})
        written = sdp.write(1, 1, sections, TRANSPORT)
        assert len(sdp.parse(written).sections) == len(offer.sections)
        assert len(media) <= len(offer.sections)
    except SdpError:
        pass
    numbers = itertools.count(1000)
    try:
        sdp.write(1, 1, ViewedLines(offer, "an", lambda: next(numbers)).sections(), TRANSPORT)
    except SdpError:
        pass
    lines = OfferedLines(lambda: next(numbers))
    lines.assign([])
    number, _, _ = lines.offer()
    try:
        lines.answer(number, offer)
    except SdpError:
        pass


def fragment(data: bytes) -> None:
    """A trickle fragment."""
    try:
        user, password = sdpfrag.credentials(data.decode("utf-8", "replace"))
    except SdpError:
        return
    assert user and password and "\n" not in user + password


def messages(data: bytes) -> None:
    """Frames of pages, devices, relays and apps."""
    for decode in (decode_from_page, decode_from_device):
        try:
            decode(data)
        except BadMessage:
            pass
    for link in (decode_to_app, decode_to_relay):
        try:
            link(data)
        except LinkError:
            pass


def relay(data: bytes) -> None:
    """The core, from authenticated peers: each piece is a packet on one of the legs, chosen by its first byte."""
    world = World()
    world.apply(members=(member("an"), member("binh")), record="full")
    world.publish("peer-an", microphone(codec=replace(OPUS, red_pt=63)), camera())
    world.subscribe("peer-binh", (audio_line(), "an", "mic"), (video_line(codec=VP8), "an", "camera"))
    for piece in _pieces(data):
        kind, body = piece[:1], piece[1:]
        if not kind:
            world.run(0.05)
            continue
        choice = kind[0] % 8
        if choice < 2:
            world.send("peer-an", body)
        elif choice == 2:
            world.send_rtcp("peer-an", "publish", body)
        elif choice == 3:
            world.send_rtcp("peer-binh", "subscribe", body)
        else:  # a good header before hostile content
            ssrc, payload_type = ((100, 111), (100, 63), (200, 96), (201, 97))[choice - 4]
            head = body[:3] + bytes(3 - len(body[:3]))
            packet = rtp.build(
                payload_type, head[0] + 256 * (head[1] & 1), head[2] << 8, ssrc, body[3:], bool(head[1] & 2)
            )
            world.send("peer-an", packet)
        world.now += 0.005
    world.run(0.2)
    assert len(world.received("peer-binh")) <= 4 * 64
    assert sum(world.relay.dropped.values()) <= world.relay.packets_in


TARGETS: dict[str, Callable[[bytes], None]] = {
    "stun": stun,
    "rtp": rtp_header,
    "rtcp": rtcp_compound,
    "twcc": wide_feedback,
    "vp8": vp8,
    "h264": h264,
    "red": red,
    "frames": frames,
    "sdp": description,
    "fragment": fragment,
    "messages": messages,
    "relay": relay,
}
MAX_LENGTH = {"sdp": 16_384, "fragment": 4096, "messages": 8192, "relay": 4096, "frames": 4096}
"""Bytes of an input where 1,500 are not right."""
