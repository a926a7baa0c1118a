"""The journal format: round trips, the frozen vector, and that no changed byte goes unseen."""

from __future__ import annotations

import io
import json
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media import journal
from media.types import Codec, ExtensionIds, ParticipantId, SessionId, TrackInfo

VECTORS = Path(__file__).parents[2] / "data" / "formats"

INFO = TrackInfo(
    session=SessionId("s" * 24),
    epoch=3,
    participant=ParticipantId("p" * 24),
    source="mic",
    part=1,
    codec=Codec(name="opus", payload_type=111, clock_rate=48000, channels=2, fmtp="minptime=10;useinbandfec=1"),
    extensions=ExtensionIds(mid=4, audio_level=1),
)
CLOCK = journal.Clock(5_000_000, 1_700_000_000_000_000, None)


def payload_of(*records: tuple[int, int, bytes]) -> bytearray:
    out = bytearray()
    for kind, mono_us, body in records:
        journal.put_record(out, kind, mono_us, body)
    return out


def build(blocks: list[bytearray], tail: journal.Tail | None = None) -> bytes:
    encoder = journal.Encoder()
    parts = [encoder.block(journal.HEAD, journal.header_payload(journal.header_of(INFO, "boot", CLOCK)))]
    parts += [encoder.block(journal.DATA, block) for block in blocks]
    if tail is not None:
        parts.append(encoder.block(journal.TAIL, journal.tail_payload(tail)))
    data = b"".join(parts)
    assert encoder.length == len(data)
    return data


def sample() -> bytes:
    first = payload_of(
        (journal.RTP, 5_010_000, b"\x80\x6f\x00\x01" + bytes(8) + b"one"),
        (journal.SENDER_REPORT, 5_020_000, journal.report_body(0xE5_00_00_00_80_00_00_00, 960)),
        (journal.MARK, 5_030_000, b"mute"),
    )
    second = payload_of(
        (journal.CLOCK, 15_000_000, journal.clock_body(journal.Clock(15_000_000, 1_700_000_010_000_000, -250))),
        (journal.DROPPED, 15_100_000, journal.dropped_body(7, 4096)),
        (journal.RTP, 15_200_000, b"\x80\x6f\x00\x02" + bytes(8) + b"two"),
    )
    tail = journal.Tail("closed", 2, 7, 1_700_000_000_010_000, 1_700_000_010_200_000, 0)
    return build([first, second], tail)


def test_it_works() -> None:
    header, *records = list(journal.read_records(io.BytesIO(sample())))
    assert isinstance(header, journal.Header)
    assert (header.participant, header.source, header.part, header.epoch) == ("p" * 24, "mic", 1, 3)
    assert header.codec["name"] == "opus" and header.extensions == {"mid": 4, "audio_level": 1}
    assert header.sdp.startswith("m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=rtpmap:111 opus/48000/2\r\n")
    kinds = [r.kind for r in records if isinstance(r, journal.Record)]
    assert kinds == [journal.RTP, journal.SENDER_REPORT, journal.MARK, journal.CLOCK, journal.DROPPED, journal.RTP]
    anchor, dropped = records[3], records[4]
    assert isinstance(anchor, journal.Record) and isinstance(dropped, journal.Record)
    assert journal.parse_clock(anchor.mono_us, anchor.body) == journal.Clock(15_000_000, 1_700_000_010_000_000, -250)
    assert journal.parse_dropped(dropped.body) == (7, 4096)
    found = journal.survey(io.BytesIO(sample()))
    assert found.closed and not found.problem and found.end == len(sample()) and found.tail.packets == 2


def test_the_encoder_still_writes_the_frozen_vector() -> None:
    assert sample() == (VECTORS / "journal-1.dcj").read_bytes()


def test_the_frozen_vector_reads_as_written_down() -> None:
    expected = json.loads((VECTORS / "journal-1.json").read_text())
    with (VECTORS / "journal-1.dcj").open("rb") as file:
        found = journal.survey(file)
    assert found.head.hex() == expected["head"] and found.end == expected["length"]
    assert found.tail.first_utc_us == expected["first_utc_us"] and found.tail.last_utc_us == expected["last_utc_us"]


def test_every_cut_reads_up_to_the_last_whole_block() -> None:
    data = sample()
    ends = [block.end for block in journal.read_blocks(io.BytesIO(data))]
    for length in range(len(data)):
        found = journal.survey(io.BytesIO(data[:length]))
        assert not found.problem
        assert found.end == max((end for end in ends if end <= length), default=0)
        assert not found.closed


def test_a_changed_byte_never_reads_as_a_whole_journal() -> None:
    data, rng = sample(), random.Random(1)
    for at in range(len(data)):
        changed = bytearray(data)
        changed[at] ^= rng.randrange(1, 256)
        found = journal.survey(io.BytesIO(changed))
        assert found.problem or found.end != len(data), at


def test_bytes_after_the_end_are_named() -> None:
    found = journal.survey(io.BytesIO(sample() + b"x"))
    assert found.closed and "after the end" in found.problem


def test_something_else_is_not_a_journal() -> None:
    with pytest.raises(journal.JournalError):
        list(journal.read_blocks(io.BytesIO(b"RIFF....WAVE")))
    assert list(journal.read_records(io.BytesIO(b"RIFF....WAVE"))) == []


def test_a_block_can_neither_be_empty_nor_huge() -> None:
    encoder = journal.Encoder()
    for payload in (b"", bytes(journal.MAX_PAYLOAD + 1)):
        with pytest.raises(ValueError):
            encoder.block(journal.HEAD, payload)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.lists(st.tuples(st.integers(1, 255), st.integers(-(1 << 62), 1 << 62), st.binary(max_size=300)), min_size=1),
        max_size=4,
    )
)
def test_records_come_back_as_they_went_in(blocks: list[list[tuple[int, int, bytes]]]) -> None:
    data = build([payload_of(*block) for block in blocks])
    _, *records = list(journal.read_records(io.BytesIO(data)))
    assert [(r.kind, r.mono_us, bytes(r.body)) for r in records if isinstance(r, journal.Record)] == [
        record for block in blocks for record in block
    ]


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400), st.booleans())
def test_any_bytes_read_without_surprise(noise: bytes, after_header: bool) -> None:
    data = (build([]) if after_header else b"") + noise
    journal.survey(io.BytesIO(data))
    list(journal.read_records(io.BytesIO(data)))


@given(st.binary(max_size=200))
def test_header_and_tail_parsers_only_raise_their_own_error(noise: bytes) -> None:
    for parse in (journal.parse_header, journal.parse_tail):
        try:
            parse(noise)
        except journal.JournalError:
            pass
