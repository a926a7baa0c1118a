"""SDP text to a bounded model and back (RFC 8866, JSEP RFC 8829), as far as a relay needs it. Pure.

Reading keeps what the relay uses and drops the rest; it never guesses: text that breaks a rule we depend on raises
``SdpError`` with a stable code. Writing makes our own answers and offers; nothing of a client's text is copied into
them but payload types, extension ids, mids and fmtp values that passed the patterns below.

Codes: ``sdp.too_long`` (size or number of sections), ``sdp.malformed`` (not SDP, or a value out of its range),
``sdp.no_bundle`` (BUNDLE or rtcp-mux missing), ``sdp.no_common_codec`` (nothing in common; raised by ``media.ortc``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from media.errors import SdpError

MAX_SDP = 64 * 1024
MAX_SECTIONS = 32
MAX_LINES = 4000  # Chromium needs about 130 lines per picture section: 32 of them must fit
MAX_LINE = 2048
MAX_SSRCS = 16  # per section: three layers with RTX and FEC need nine

MID_URI = "urn:ietf:params:rtp-hdrext:sdes:mid"
RID_URI = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
RRID_URI = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"
AUDIO_LEVEL_URI = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
ABS_SEND_TIME_URI = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
PLAYOUT_DELAY_URI = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"
TRANSPORT_CC_URI = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"

DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`{|}~-]{1,64}")
_ICE = re.compile(r"[A-Za-z0-9+/]{4,256}")
_FMTP = re.compile(r"[A-Za-z0-9 ;=,./+_:-]{0,256}")
_RID = re.compile(r"[A-Za-z0-9_-]{1,16}")
_HASH = re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){19,63}")


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """``a=fingerprint``: hash name in lower case and the colon-separated digest in upper case (RFC 8122)."""

    algorithm: str
    value: str


@dataclass(frozen=True, slots=True)
class Format:
    """One payload type of a section. ``name`` in lower case; ``channels`` 1 unless the rtpmap says more."""

    payload_type: int
    name: str
    clock_rate: int
    channels: int = 1
    fmtp: str = ""
    feedback: tuple[str, ...] = ()

    def parameter(self, name: str) -> str:
        """A value of ``fmtp`` such as "apt", or ""."""
        for part in self.fmtp.split(";"):
            key, _, value = part.strip().partition("=")
            if key.lower() == name:
                return value.strip()
        return ""


@dataclass(frozen=True, slots=True)
class Section:
    """One m-line with what belongs to it. ``port`` 0: rejected; with ``a=bundle-only`` (RFC 9143 6) it is never 0.
    ``extensions``: URI to id (RFC 8285)."""

    kind: str
    mid: str
    port: int
    protocol: str
    direction: str
    formats: tuple[Format, ...] = ()
    extensions: dict[str, int] = field(default_factory=dict)
    ice_ufrag: str = ""
    ice_pwd: str = ""
    fingerprints: tuple[Fingerprint, ...] = ()
    setup: str = ""
    rtcp_mux: bool = False
    ssrcs: tuple[int, ...] = ()
    repairs: dict[int, int] = field(default_factory=dict)  # media SSRC -> RTX SSRC (ssrc-group FID)
    rids: tuple[str, ...] = ()  # "send" rids in the order of a=simulcast
    fmt: tuple[str, ...] = ()  # the m-line's own format list, repeated when the section is rejected

    @property
    def sends(self) -> bool:
        """The describing side sends here."""
        return self.port != 0 and self.direction in ("sendrecv", "sendonly")

    @property
    def receives(self) -> bool:
        """The describing side receives here."""
        return self.port != 0 and self.direction in ("sendrecv", "recvonly")


@dataclass(frozen=True, slots=True)
class Description:
    """A whole offer or answer."""

    sections: tuple[Section, ...]
    bundle: tuple[str, ...] = ()

    @property
    def transport(self) -> Section:
        """The section whose ICE and DTLS values count: the first one in the bundle (RFC 9143 7.2)."""
        for mid in self.bundle:
            for section in self.sections:
                if section.mid == mid and section.port != 0:
                    return section
        for section in self.sections:
            if section.port != 0:
                return section
        raise SdpError("sdp.malformed", "no section is in use")


def parse(text: str) -> Description:
    """The description in ``text``. Raises SdpError; takes time linear in the length, which is bounded first."""
    if len(text) > MAX_SDP or len(text.encode("utf-8", "replace")) > MAX_SDP:
        raise SdpError("sdp.too_long", f"an offer or answer may have {MAX_SDP} bytes")
    lines = text.replace("\r\n", "\n").split("\n")
    if len(lines) > MAX_LINES or any(len(line) > MAX_LINE for line in lines):
        raise SdpError("sdp.too_long", "too many lines, or a line is too long")
    if not lines[0].startswith("v=0"):
        raise SdpError("sdp.malformed", "this is not SDP")
    blocks: list[list[str]] = [[]]
    for line in lines:
        if line.startswith("m="):
            blocks.append([])
        if line:
            blocks[-1].append(line)
    if len(blocks) - 1 > MAX_SECTIONS:
        raise SdpError("sdp.too_long", f"at most {MAX_SECTIONS} sections are taken")
    try:
        return _describe(blocks)
    except (ValueError, KeyError, IndexError) as error:
        if isinstance(error, SdpError):
            raise
        raise SdpError("sdp.malformed", "a line of the description cannot be read") from error


def _describe(blocks: list[list[str]]) -> Description:
    session = _attributes(blocks[0])
    sections = tuple(_section(block, session) for block in blocks[1:])
    if not sections:
        raise SdpError("sdp.malformed", "there is no media section")
    mids = [section.mid for section in sections]
    if len(set(mids)) != len(mids):
        raise SdpError("sdp.malformed", "two sections have the same mid")
    bundle: tuple[str, ...] = ()
    for group in session.get("group", []):
        semantics, *members = group.split()
        if semantics == "BUNDLE":
            bundle = tuple(member for member in members if member in mids)
            break
    description = Description(sections, bundle)
    used = [section for section in sections if section.port != 0 and section.kind in ("audio", "video")]
    if len(used) > 1 and any(section.mid not in bundle for section in used):
        raise SdpError("sdp.no_bundle", "all sections have to share one transport (BUNDLE)")
    if any(not section.rtcp_mux for section in used):
        raise SdpError("sdp.no_bundle", "RTP and RTCP have to share one port (rtcp-mux)")
    return description


def _attributes(block: list[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in block:
        if line.startswith("a="):
            name, _, value = line[2:].partition(":")
            found.setdefault(name.strip().lower(), []).append(value.strip())
    return found


def _section(block: list[str], session: dict[str, list[str]]) -> Section:
    kind, port, protocol, *fmt = block[0][2:].split()
    own = _attributes(block)

    def first(name: str, default: str = "") -> str:
        return (own.get(name) or session.get(name) or [default])[0]

    mid = own.get("mid", [""])[0]
    if not _TOKEN.fullmatch(mid) or not _TOKEN.fullmatch(kind):
        raise SdpError("sdp.malformed", "a section has no usable mid")
    for name, pattern in (("ice-ufrag", _ICE), ("ice-pwd", _ICE)):
        if first(name) and not pattern.fullmatch(first(name)):
            raise SdpError("sdp.malformed", f"{name} is not usable")
    setup = first("setup")
    if setup not in ("", "actpass", "active", "passive"):
        raise SdpError("sdp.malformed", "a=setup has an unknown value")
    is_media = kind in ("audio", "video")
    repairs, ssrcs = _ssrcs(own) if is_media else ({}, ())
    return Section(
        kind=kind,
        mid=mid,
        port=_number(port.split("/")[0], 65535) or (9 if "bundle-only" in own else 0),
        protocol=protocol,
        direction=next((name for name in DIRECTIONS if name in own), "sendrecv"),
        formats=_formats(fmt, own) if is_media else (),
        extensions=_extensions(own),
        ice_ufrag=first("ice-ufrag"),
        ice_pwd=first("ice-pwd"),
        fingerprints=_fingerprints(own.get("fingerprint") or session.get("fingerprint") or []),
        setup=setup,
        rtcp_mux="rtcp-mux" in own,
        ssrcs=ssrcs,
        repairs=repairs,
        rids=_rids(own),
        fmt=tuple(fmt),
    )


def _number(text: str, highest: int) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 10 or int(text) > highest:
        raise SdpError("sdp.malformed", "a number is out of range")
    return int(text)


def _formats(fmt: list[str], own: dict[str, list[str]]) -> tuple[Format, ...]:
    maps = _by_payload_type(own.get("rtpmap", []))
    fmtps = _by_payload_type(own.get("fmtp", []))
    feedback = _by_payload_type(own.get("rtcp-fb", []))
    formats = []
    for text in fmt:
        number = _number(text, 127)
        if number not in maps:
            continue  # a static payload type; none of them is ours
        name, rate, *channels = maps[number][0].split("/")
        fmtp = fmtps.get(number, [""])[0]
        formats.append(
            Format(
                payload_type=number,
                name=name.lower()[:32],
                clock_rate=_number(rate, 1_000_000),
                channels=_number(channels[0], 255) if channels else 1,
                fmtp=fmtp if _FMTP.fullmatch(fmtp) else "",
                feedback=tuple(feedback.get(number, []) + feedback.get(-1, [])),
            )
        )
    return tuple(formats)


def _by_payload_type(values: list[str]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for value in values:
        key, _, rest = value.partition(" ")
        found.setdefault(-1 if key == "*" else _number(key, 127), []).append(rest.strip())
    return found


def _extensions(own: dict[str, list[str]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for value in own.get("extmap", []):
        number, uri, *_ = value.split()
        found.setdefault(uri, _number(number.split("/")[0], 65535))  # "/sendonly" is allowed behind the id
    return found


def _fingerprints(values: list[str]) -> tuple[Fingerprint, ...]:
    found = []
    for value in values[:8]:
        algorithm, digest = value.split()
        if not _HASH.fullmatch(digest):
            raise SdpError("sdp.malformed", "a fingerprint is not a list of bytes")
        found.append(Fingerprint(algorithm.lower(), digest.upper()))
    return tuple(found)


def _ssrcs(own: dict[str, list[str]]) -> tuple[dict[int, int], tuple[int, ...]]:
    """RTX SSRC by media SSRC, and the media SSRCs in order of appearance."""
    order: list[int] = []
    for value in own.get("ssrc", []):
        number = _number(value.split()[0], 0xFFFFFFFF)
        if number not in order:
            order.append(number)
    if len(order) > MAX_SSRCS:
        raise SdpError("sdp.too_long", "a section announces too many SSRCs")
    repairs: dict[int, int] = {}
    helpers: set[int] = set()
    for value in own.get("ssrc-group", [])[:MAX_SSRCS]:
        semantics, *members = value.split()
        numbers = [_number(member, 0xFFFFFFFF) for member in members[:MAX_SSRCS]]
        if semantics in ("FID", "FEC-FR") and len(numbers) == 2:
            helpers.add(numbers[1])
            if semantics == "FID":
                repairs[numbers[0]] = numbers[1]
    return repairs, tuple(number for number in order if number not in helpers)


def _rids(own: dict[str, list[str]]) -> tuple[str, ...]:
    sent = [value.split()[0] for value in own.get("rid", []) if value.split()[1:2] == ["send"]]
    if any(not _RID.fullmatch(rid) for rid in sent) or len(sent) > 8:
        raise SdpError("sdp.malformed", "a=rid is not usable")
    simulcast = own.get("simulcast", [""])[0].split()
    if "send" in simulcast:
        order = simulcast[simulcast.index("send") + 1].replace(",", ";").split(";")
        names = [name.lstrip("~") for name in order]
        return tuple(name for name in names if name in sent)
    return tuple(sent)


# --- writing --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Transport:
    """What every section of ours says about its transport. ``addresses``: announced (ip, port), best first; with
    ``has_tcp`` they take ICE-TCP, too."""

    ufrag: str
    pwd: str
    fingerprints: tuple[Fingerprint, ...]
    setup: str
    addresses: tuple[tuple[str, int], ...]
    has_tcp: bool = False


@dataclass(frozen=True, slots=True)
class OwnSection:
    """One section to write. ``formats`` empty: rejected, with port 0 and ``fmt`` repeated. ``msid``: (stream, track).
    ``ssrc``/``rtx_ssrc`` 0: none announced. ``most_bps``: the most that we take, 0 for no word of it."""

    kind: str
    mid: str
    direction: str = "inactive"
    protocol: str = "UDP/TLS/RTP/SAVPF"
    fmt: tuple[str, ...] = ()
    formats: tuple[Format, ...] = ()
    extensions: tuple[tuple[int, str], ...] = ()
    msid: tuple[str, str] | None = None
    ssrc: int = 0
    rtx_ssrc: int = 0
    rids: tuple[str, ...] = ()  # the simulcast layers we take, in the order of the client's offer
    most_bps: int = 0


def write(session_id: int, version: int, sections: tuple[OwnSection, ...], transport: Transport) -> str:
    """The text of an offer or answer of the relay: ICE-lite, one bundle, host candidates only."""
    bundle = " ".join(section.mid for section in sections if section.formats)
    lines = ["v=0", f"o=- {session_id} {version} IN IP4 127.0.0.1", "s=-", "t=0 0", "a=ice-lite"]
    lines += [f"a=group:BUNDLE {bundle}", "a=msid-semantic: WMS *"]
    for section in sections:
        lines += _write_section(section, transport)
    return "\r\n".join(lines) + "\r\n"


def _write_section(section: OwnSection, transport: Transport) -> list[str]:
    if not section.formats:
        fmt = " ".join(section.fmt) or "0"
        first = f"m={section.kind} 0 {section.protocol} {fmt}"
        return [first, "c=IN IP4 0.0.0.0", f"a=mid:{section.mid}", "a=inactive"]
    numbers = " ".join(str(format_.payload_type) for format_ in section.formats)
    ip, port = transport.addresses[0]
    lines = [f"m={section.kind} {port} {section.protocol} {numbers}", f"c=IN IP{6 if ':' in ip else 4} {ip}"]
    if section.most_bps:  # RFC 8866 5.8 for Chromium, RFC 3890 for Firefox
        lines += [f"b=AS:{section.most_bps // 1000}", f"b=TIAS:{section.most_bps}"]
    lines += [f"a=rtcp:{port} IN IP{6 if ':' in ip else 4} {ip}", f"a=mid:{section.mid}"]
    lines += [f"a=ice-ufrag:{transport.ufrag}", f"a=ice-pwd:{transport.pwd}"]
    lines += [f"a=fingerprint:{item.algorithm} {item.value}" for item in transport.fingerprints]
    lines += [f"a=setup:{transport.setup}", f"a={section.direction}", "a=rtcp-mux", "a=rtcp-rsize"]
    lines += [f"a=extmap:{number} {uri}" for number, uri in section.extensions]
    for format_ in section.formats:
        lines += _write_format(format_)
    if section.rids:
        lines += [f"a=rid:{rid} recv" for rid in section.rids]
        lines += [f"a=simulcast:recv {';'.join(section.rids)}"]
    lines += _write_source(section)
    for index, (address, number) in enumerate(transport.addresses):
        priority = (126 << 24) + ((65535 - index) << 8) + 255  # RFC 8445 5.1.2.1, host candidate, component 1
        lines.append(f"a=candidate:{index + 1} 1 udp {priority} {address} {number} typ host")
    for index, (address, number) in enumerate(transport.addresses if transport.has_tcp else ()):
        # RFC 6544 4.2: below all UDP candidates; 4 in the top three bits of the local preference means passive
        priority = (90 << 24) + ((4 << 13) + 8191 - index << 8) + 255
        foundation = len(transport.addresses) + index + 1
        lines.append(f"a=candidate:{foundation} 1 tcp {priority} {address} {number} typ host tcptype passive")
    return [*lines, "a=end-of-candidates"]


def _write_format(format_: Format) -> list[str]:
    number = format_.payload_type
    channels = f"/{format_.channels}" if format_.channels > 1 else ""
    lines = [f"a=rtpmap:{number} {WIRE_NAMES.get(format_.name, format_.name)}/{format_.clock_rate}{channels}"]
    lines += [f"a=rtcp-fb:{number} {value}" for value in format_.feedback]
    return [*lines, f"a=fmtp:{number} {format_.fmtp}"] if format_.fmtp else lines


def _write_source(section: OwnSection) -> list[str]:
    lines: list[str] = []
    if section.msid is not None:
        stream, track = (re.sub(r"[^A-Za-z0-9_-]", "-", part)[:64] for part in section.msid)
        lines.append(f"a=msid:{stream} {track}")
    if section.ssrc:
        if section.rtx_ssrc:
            lines.append(f"a=ssrc-group:FID {section.ssrc} {section.rtx_ssrc}")
        lines += [f"a=ssrc:{ssrc} cname:relay" for ssrc in (section.ssrc, section.rtx_ssrc) if ssrc]
    return lines


WIRE_NAMES = {"opus": "opus", "vp8": "VP8", "h264": "H264", "rtx": "rtx"}
