"""Transport-wide congestion control feedback: reading it as a sender, writing it as a receiver.

draft-holmer-rmcat-transport-wide-cc-extensions-01: an RTPFB packet of format 15 says for a run of transport-wide
sequence numbers which ones arrived, and when. Times are in ticks of 250 us; the reference time counts 64 ms (256
ticks) in 24 bits. Reading raises BadFeedback only, and does no more work than MAX_STATUSES allows.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct
from typing import NamedTuple

from media.native import compiled
from media.rtcp import RTPFB
from media.sentlog import TICK

FORMAT = 15
REFERENCE_TICKS = 256
REFERENCE_WRAP = 1 << 24
MAX_STATUSES = 8192
"""Statuses per feedback that are read: 27 s of a 720p picture. More comes from nobody but an attacker."""
MAX_WRITTEN = 400
"""Statuses per feedback that are written: at most 400 * 2 bytes of times and 58 * 2 of chunks."""

LOST = None
_HEAD = Struct(">BBHIIHHI")  # V FMT, PT, words, sender, media SSRC, base, count, reference << 8 | number
_HEAD_SIZE = 20
_BODY = Struct(">HHI")
_CHUNK = Struct(">H")
_LARGE = Struct(">h")

Buffer = bytes | bytearray | memoryview


class BadFeedback(ValueError):
    """A feedback packet that contradicts itself."""


class Feedback(NamedTuple):
    """What one feedback packet says: ``arrivals[i]`` is the tick at which number ``base + i`` arrived, or LOST.

    Ticks count from reference time 0 of the receiver's clock and are not unwrapped. ``number``: of the feedback, 8
    bits.
    """

    base: int
    reference: int
    number: int
    arrivals: list[int | None]


# --- reading --------------------------------------------------------------------------------------------------------


def read(data: Buffer, at: int, end: int) -> Feedback:
    """The feedback in ``data[at:end]``, a body behind the RTCP header (so from the sender's SSRC on).

    Raises BadFeedback.
    """
    if end - at < 18 or end > len(data):
        raise BadFeedback("too short")
    base, count, word = _BODY.unpack_from(data, at + 8)
    if not 0 < count <= MAX_STATUSES:
        raise BadFeedback("no statuses, or too many")
    reference = word >> 8
    found = arrivals(data, at + 16, end, count, reference * REFERENCE_TICKS)
    if isinstance(found, str):
        raise BadFeedback(found)
    return Feedback(base, reference, word & 0xFF, found)


def arrivals_plain(data: Buffer, at: int, end: int, count: int, time: int) -> list[int | None] | str:
    """When each of ``count`` packets arrived, in ticks from ``time`` on, or LOST: from the chunks and times in
    ``data[at:end]``. What is wrong with them otherwise."""
    try:
        symbols, at = _read_chunks(data, at, end, count)
        return _read_times(data, at, end, symbols, time)
    except BadFeedback as error:
        return str(error)


arrivals = arrivals_plain if compiled is None else compiled.arrivals


def _read_chunks(data: Buffer, at: int, end: int, count: int) -> tuple[list[int], int]:
    """(a symbol per packet: 0 lost, 1 small, 2 large, 3 reserved; offset behind the chunks)."""
    symbols: list[int] = []
    left = count
    while left > 0:
        if at + 2 > end:
            raise BadFeedback("the chunks end too soon")
        chunk = data[at] << 8 | data[at + 1]
        at += 2
        if chunk < 0x8000:  # a run
            length = chunk & 0x1FFF
            if not length:
                raise BadFeedback("an empty run")
            symbols += [chunk >> 13] * min(length, left)
            left -= length
        elif chunk < 0xC000:
            symbols += _ONE_BIT[chunk >> 7 & 0x7F]
            symbols += _ONE_BIT[chunk & 0x7F]
            left -= 14
        else:
            symbols += _TWO_BIT[chunk >> 8 & 0x3F]
            symbols += _TWO_BIT_REST[chunk & 0xFF]
            left -= 7
    del symbols[count:]
    return symbols, at


def _read_times(data: Buffer, at: int, end: int, symbols: list[int], time: int) -> list[int | None]:
    arrivals: list[int | None] = []
    append = arrivals.append
    try:
        for symbol in symbols:
            if symbol == 1:
                time += data[at]
                at += 1
                append(time)
            elif symbol == 0:
                append(LOST)
            elif symbol == 2:
                high = data[at]
                time += (high << 8 | data[at + 1]) - (65536 if high & 0x80 else 0)
                at += 2
                append(time)
            else:
                raise BadFeedback("a reserved status")
    except IndexError as error:
        raise BadFeedback("the times end too soon") from error
    if at > end:
        raise BadFeedback("the times end too soon")
    return arrivals


_ONE_BIT = tuple([bits >> shift & 1 for shift in range(6, -1, -1)] for bits in range(128))
_TWO_BIT = tuple([bits >> shift & 3 for shift in (4, 2, 0)] for bits in range(64))
_TWO_BIT_REST = tuple([bits >> shift & 3 for shift in (6, 4, 2, 0)] for bits in range(256))


# --- writing --------------------------------------------------------------------------------------------------------


def write(
    buffer: bytearray, at: int, sender: int, ssrc: int, number: int, base: int, arrivals: Sequence[int | None]
) -> tuple[int, int]:
    """Feedback about numbers from ``base`` on; (bytes written, statuses covered).

    ``arrivals``: ticks or LOST, at least one of the first MAX_WRITTEN not LOST. Covers fewer statuses than given when
    they are more, or a time does not fit behind the one before it, and never the LOST at the end, which may still
    come: call again for the rest.
    """
    first = next(each for each in arrivals if each is not None)
    reference = first // REFERENCE_TICKS
    time = reference * REFERENCE_TICKS
    symbols: list[int] = []
    times = bytearray()
    covered = 0
    for index, arrival in enumerate(arrivals[:MAX_WRITTEN]):
        if arrival is None:
            symbols.append(0)
            continue
        delta = arrival - time
        if 0 <= delta <= 255:
            symbols.append(1)
            times.append(delta)
        elif -32768 <= delta <= 32767:
            symbols.append(2)
            times += _LARGE.pack(delta)
        else:
            break
        time = arrival
        covered = index + 1
    del symbols[covered:]
    offset = _write_chunks(buffer, at + _HEAD_SIZE, symbols)
    buffer[offset : offset + len(times)] = times
    offset += len(times)
    padding = -(offset - at) % 4
    if padding:
        buffer[offset : offset + padding] = bytes(padding - 1) + bytes((padding,))
        offset += padding
    _HEAD.pack_into(
        buffer, at, (0xA0 if padding else 0x80) | FORMAT, RTPFB, (offset - at) // 4 - 1, sender, ssrc, base & 0xFFFF,
        covered, (reference % REFERENCE_WRAP) << 8 | number & 0xFF,
    )  # fmt: skip
    return offset - at, covered


def _write_chunks(buffer: bytearray, at: int, symbols: list[int]) -> int:
    index = 0
    count = len(symbols)
    while index < count:
        symbol = symbols[index]
        run = 1
        while index + run < count and symbols[index + run] == symbol and run < 0x1FFF:
            run += 1
        part = symbols[index : index + 14]
        if run >= 7 and (run >= 14 or 2 in part or index + run == count):
            chunk = symbol << 13 | run
            index += run
        elif 2 in part:
            chunk = 0xC000
            for place, item in enumerate(part[:7]):
                chunk |= item << (12 - 2 * place)
            index += 7
        else:
            chunk = 0x8000
            for place, item in enumerate(part):
                chunk |= item << (13 - place)
            index += 14
        _CHUNK.pack_into(buffer, at, chunk)
        at += 2
    return at


__all__ = ["FORMAT", "LOST", "MAX_STATUSES", "REFERENCE_TICKS", "REFERENCE_WRAP", "TICK", "BadFeedback", "Feedback",
           "read", "write"]  # fmt: skip
