"""The journal format (.dcj): blocks, records, chain. Bytes in, bytes out; docs/formats.md is the reference.

``Encoder`` makes the blocks of one file, ``read_blocks`` and ``read_records`` give them back and stop at the last whole
block, ``survey`` says what a file holds. Nothing here opens a file.
"""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO, NamedTuple

from media.types import Buffer, TrackInfo

MAGIC = b"DCJ\x01\r\n\x1a\n"
VERSION = 1
MAX_PAYLOAD = 1 << 22
"""Longest payload of a block; the writer stays far below (a few 100 kB)."""
MAX_BODY = 0xFFFF

HEAD, DATA, TAIL = b"HEAD", b"DATA", b"TAIL"
RTP, SENDER_REPORT, MARK, CLOCK, DROPPED = 1, 2, 3, 4, 5
UNKNOWN_OFFSET = -(1 << 63)

_BLOCK = struct.Struct(">4sIII")
_RECORD = struct.Struct(">BxHq")
_REPORT = struct.Struct(">QI")
_CLOCK = struct.Struct(">qq")
_DROPPED = struct.Struct(">IQ")
_CHAIN = 32
BLOCK_OVERHEAD = _BLOCK.size + _CHAIN


class JournalError(ValueError):
    """A journal that is damaged before its end, or not a journal at all. ``offset``: of the first bad byte's block."""

    def __init__(self, message: str, offset: int = 0) -> None:
        super().__init__(f"{message} at byte {offset}")
        self.offset = offset


@dataclass(frozen=True, slots=True)
class Clock:
    """One moment on two clocks, microseconds; ``offset_us``: owner's clock minus the relay's, None if unknown."""

    mono_us: int
    utc_us: int
    offset_us: int | None = None


@dataclass(frozen=True, slots=True)
class Header:
    """What stands in HEAD. ``codec`` and ``extensions`` as plain dicts, as written."""

    session: str
    epoch: int
    participant: str
    source: str
    part: int
    boot: str
    clock: Clock
    codec: dict[str, Any]
    extensions: dict[str, int]
    sdp: str = ""


@dataclass(slots=True)
class Tail:
    """What stands in TAIL; also the running totals of a journal while it is written."""

    reason: str = "closed"
    packets: int = 0
    dropped: int = 0
    first_utc_us: int | None = None
    last_utc_us: int | None = None
    lost_bytes: int = 0


class Block(NamedTuple):
    """A whole, checked block. ``end``: offset of the byte after it. ``head``: its chain value."""

    kind: bytes
    payload: bytes
    end: int
    head: bytes


class Record(NamedTuple):
    """One record; ``mono_us``: arrival."""

    kind: int
    mono_us: int
    body: memoryview


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def header_of(info: TrackInfo, boot: str, clock: Clock) -> Header:
    """The header for a track that starts now."""
    codec = info.codec
    extensions = {name: getattr(info.extensions, name) for name in info.extensions.__slots__}
    return Header(
        session=info.session,
        epoch=info.epoch,
        participant=info.participant,
        source=info.source,
        part=info.part,
        boot=boot,
        clock=clock,
        codec={
            "name": codec.name,
            "payload_type": codec.payload_type,
            "clock_rate": codec.clock_rate,
            "channels": codec.channels,
            "fmtp": codec.fmtp,
            "rtx_pt": codec.rtx_pt,
        },
        extensions={name: number for name, number in extensions.items() if number},
        sdp=_sdp(info),
    )


_SDP_NAMES = {"opus": "opus", "vp8": "VP8", "h264": "H264"}


def _sdp(info: TrackInfo) -> str:
    codec = info.codec
    kind = "audio" if info.source == "mic" else "video"
    name = _SDP_NAMES.get(codec.name, codec.name)
    channels = f"/{codec.channels}" if kind == "audio" and codec.channels > 1 else ""
    lines = [
        f"m={kind} 9 UDP/TLS/RTP/SAVPF {codec.payload_type}",
        f"a=rtpmap:{codec.payload_type} {name}/{codec.clock_rate}{channels}",
    ]
    if codec.fmtp:
        lines.append(f"a=fmtp:{codec.payload_type} {codec.fmtp}")
    return "\r\n".join([*lines, ""])


def header_payload(header: Header) -> bytes:
    """HEAD's payload."""
    clock = header.clock
    return _json(
        {
            "format": "diemcau-journal",
            "version": VERSION,
            "session": header.session,
            "epoch": header.epoch,
            "participant": header.participant,
            "source": header.source,
            "part": header.part,
            "boot": header.boot,
            "clock": {"mono_us": clock.mono_us, "utc_us": clock.utc_us, "offset_us": clock.offset_us},
            "codec": header.codec,
            "extensions": header.extensions,
            "sdp": header.sdp,
        }
    )


def parse_header(payload: bytes) -> Header:
    """HEAD's payload read. Raises JournalError."""
    try:
        raw = json.loads(payload)
        if raw["format"] != "diemcau-journal" or raw["version"] != VERSION:
            raise JournalError(f"journal of unknown version {raw['version']!r}")
        clock = Clock(int(raw["clock"]["mono_us"]), int(raw["clock"]["utc_us"]), raw["clock"]["offset_us"])
        names = ("session", "epoch", "participant", "source", "part", "boot")
        codec = dict(raw["codec"])
        if not (isinstance(codec["name"], str) and int(codec["clock_rate"]) > 0):
            raise JournalError("journal with a strange codec")
        return Header(
            **{name: raw[name] for name in names},
            clock=clock,
            codec=codec,
            extensions=dict(raw["extensions"]),
            sdp=str(raw["sdp"]),
        )
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        if isinstance(error, JournalError):
            raise
        raise JournalError(f"unreadable journal header: {error}") from error


def tail_payload(tail: Tail) -> bytes:
    """TAIL's payload."""
    return _json({name: getattr(tail, name) for name in Tail.__slots__})


def parse_tail(payload: bytes) -> Tail:
    """TAIL's payload read. Raises JournalError."""
    try:
        raw = json.loads(payload)
        return Tail(**{name: raw[name] for name in Tail.__slots__})
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise JournalError(f"unreadable journal tail: {error}") from error


# --- records ---------------------------------------------------------------------------------------------------------


def put_record(out: bytearray, kind: int, mono_us: int, body: Buffer) -> None:
    """Append a record. ``body`` is at most 65,535 bytes (the caller's packets are below 1,500)."""
    out += _RECORD.pack(kind, len(body), mono_us)
    out += body


record_head = _RECORD.pack
"""(kind, length of the body, ``mono_us``): what stands before a body, for the one place that writes thousands."""


def report_body(ntp: int, rtp_time: int) -> bytes:
    """Body of a sender report record."""
    return _REPORT.pack(ntp & 0xFFFFFFFFFFFFFFFF, rtp_time & 0xFFFFFFFF)


def parse_report(body: memoryview) -> tuple[int, int]:
    """(64-bit NTP time, RTP time). Raises JournalError."""
    if len(body) != _REPORT.size:
        raise JournalError("sender report of wrong length")
    ntp, rtp_time = _REPORT.unpack(body)
    return ntp, rtp_time


def clock_body(clock: Clock) -> bytes:
    """Body of a clock anchor; its time is the record's."""
    return _CLOCK.pack(clock.utc_us, UNKNOWN_OFFSET if clock.offset_us is None else clock.offset_us)


def parse_clock(mono_us: int, body: memoryview) -> Clock:
    """A clock anchor. Raises JournalError."""
    if len(body) != _CLOCK.size:
        raise JournalError("clock anchor of wrong length")
    utc_us, offset_us = _CLOCK.unpack(body)
    return Clock(mono_us, utc_us, None if offset_us == UNKNOWN_OFFSET else offset_us)


def dropped_body(records: int, length: int) -> bytes:
    """Body of a dropped record."""
    return _DROPPED.pack(min(records, 0xFFFFFFFF), length)


def parse_dropped(body: memoryview) -> tuple[int, int]:
    """(records, bytes). Raises JournalError."""
    if len(body) != _DROPPED.size:
        raise JournalError("dropped record of wrong length")
    records, length = _DROPPED.unpack(body)
    return records, length


def records_of(payload: bytes) -> Iterator[Record]:
    """The records of a DATA payload. Raises JournalError when they do not fill it."""
    view = memoryview(payload)
    at, end, head = 0, len(payload), _RECORD.size
    unpack, new = _RECORD.unpack_from, tuple.__new__  # its own way in, for there are thousands in a second of replay
    while at < end:
        if at + head > end:
            raise JournalError("half a record in a block", at)
        kind, length, mono_us = unpack(payload, at)
        at += head
        if at + length > end:
            raise JournalError("half a record in a block", at)
        yield new(Record, (kind, mono_us, view[at : at + length]))
        at += length


# --- blocks ----------------------------------------------------------------------------------------------------------


class Encoder:
    """Makes the blocks of one journal in order and keeps its chain, length and SHA-256."""

    __slots__ = ("_sha", "head", "index", "length")

    def __init__(self, head: bytes = b"", index: int = 0, length: int = 0) -> None:
        """Without arguments a new file, whose first block starts with the magic; else the state to go on from."""
        self.head = head or hashlib.sha256(MAGIC).digest()
        self.index = index
        self.length = length
        self._sha = hashlib.sha256()

    def block(self, kind: bytes, payload: bytes | bytearray) -> bytes:
        """The next block, ready to be written behind all before it. Raises ValueError for a payload out of bounds."""
        if not 0 < len(payload) <= MAX_PAYLOAD:
            raise ValueError(f"block payload of {len(payload)} bytes")
        checksum = zlib.crc32(payload, zlib.crc32(struct.pack(">4sII", kind, self.index, len(payload))))
        header = _BLOCK.pack(kind, self.index, len(payload), checksum)
        chain = hashlib.sha256(self.head)
        chain.update(header)
        chain.update(payload)
        self.head = chain.digest()
        parts = [header, payload, self.head]
        if self.index == 0:
            parts.insert(0, MAGIC)
        encoded = b"".join(parts)
        self.index += 1
        self.length += len(encoded)
        self._sha.update(encoded)
        return encoded

    def sha256(self) -> str:
        """Hex SHA-256 over all blocks so far (of a new file)."""
        return self._sha.hexdigest()


def read_blocks(file: BinaryIO, checked: int = 0) -> Iterator[Block]:
    """The blocks of a journal up to the last whole one.

    Ends after TAIL or at the end of the file; an incomplete last block ends it too. Raises JournalError for anything
    that is neither: wrong magic, checksum, order or chain, bytes after TAIL. ``checked``: the offset up to which the
    file was read before without an error; then this reads so far, without adding up again (``head`` is empty).
    """
    start = file.read(len(MAGIC))
    if not start.startswith(MAGIC):
        if MAGIC.startswith(start):
            return  # shorter than the magic: a file that was just made
        raise JournalError("not a journal")
    head, offset, index = hashlib.sha256(MAGIC).digest(), len(MAGIC), 0
    while not checked or offset < checked:
        raw = file.read(_BLOCK.size)
        if len(raw) < _BLOCK.size:
            return
        kind, number, length, checksum = _BLOCK.unpack(raw)
        if not 0 < length <= MAX_PAYLOAD or number != index or kind not in (HEAD, DATA, TAIL):
            raise JournalError("not a block", offset)
        if (kind == HEAD) != (index == 0):
            raise JournalError("HEAD at the wrong place", offset)
        rest = file.read(length + _CHAIN)
        if len(rest) < length + _CHAIN:
            return
        payload = rest[:length]
        if not checked:
            chain = hashlib.sha256(head)
            chain.update(raw)
            chain.update(payload)
            head = chain.digest()
            if zlib.crc32(payload, zlib.crc32(raw[:12])) != checksum or head != rest[length:]:
                raise JournalError("damaged block", offset)
        offset += len(raw) + len(rest)
        index += 1
        yield Block(kind, payload, offset, b"" if checked else head)
        if kind == TAIL:
            if file.read(1):
                raise JournalError("bytes after the end", offset)
            return


@dataclass(slots=True)
class Survey:
    """What a journal holds, as far as it is whole. ``end``: offset after the last whole block; ``blocks``: their
    number; ``closed``: it has its TAIL; ``problem``: why reading stopped early, "" if it did not."""

    header: Header | None = None
    tail: Tail = field(default_factory=Tail)
    end: int = 0
    blocks: int = 0
    head: bytes = b""
    closed: bool = False
    problem: str = ""


def survey(file: BinaryIO) -> Survey:
    """Read a whole journal and say what is in it. Never raises for what the file holds."""
    found = Survey()
    totals = found.tail
    try:
        for block in read_blocks(file):
            if block.kind == HEAD:
                found.header = parse_header(block.payload)
            elif block.kind == TAIL:
                found.tail, found.closed = parse_tail(block.payload), True
            else:
                assert found.header is not None  # read_blocks gives HEAD first
                _count(totals, block.payload, found.header.clock)
            found.end, found.head, found.blocks = block.end, block.head, found.blocks + 1
    except JournalError as error:
        found.problem = str(error)
    return found


def _count(tail: Tail, payload: bytes, clock: Clock) -> None:
    shift = clock.utc_us - clock.mono_us
    for record in records_of(payload):
        if record.kind == RTP:
            tail.packets += 1
            tail.last_utc_us = record.mono_us + shift
            if tail.first_utc_us is None:
                tail.first_utc_us = tail.last_utc_us
        elif record.kind == DROPPED:
            tail.dropped += parse_dropped(record.body)[0]


def read_records(file: BinaryIO) -> Iterator[Header | Record]:
    """The header, then every record up to the last whole block; damage further on just ends it (``survey`` names it).

    Gives nothing when not even the header is whole.
    """
    try:
        for block in read_blocks(file):
            if block.kind == HEAD:
                yield parse_header(block.payload)
            elif block.kind == DATA:
                yield from records_of(block.payload)
    except JournalError:
        return
