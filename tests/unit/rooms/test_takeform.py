"""The bytes of a take: read as they were sealed, and nothing else is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from rooms import takeform
from rooms.errors import Invalid
from rooms.takekeys import CURVE, Grant, TakeKeys, key_id
from tests.support.takes import MEDIA, Sealer, described

VECTOR = Path(__file__).parents[2] / "data" / "formats" / "take-1.json"
PRIVATE = ec.derive_private_key(0x1234567, CURVE)
SESSION, POINT, TAKE = "s" * 24, "p" * 24, "t" * 24
AT = 1_795_000_000.0


def keys() -> TakeKeys:
    raw = PRIVATE.public_key().public_bytes(*_POINT)
    return TakeKeys({key_id(raw): PRIVATE}, key_id(raw))


def _encodings() -> tuple[object, object]:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return Encoding.X962, PublicFormat.UncompressedPoint


_POINT = _encodings()
KEYS = keys()


def sealer() -> Sealer:
    return Sealer(KEYS.grant(SESSION, POINT, AT), SESSION, POINT, TAKE)


HEADER = json.loads(sealer().raw)


def code(raised: pytest.ExceptionInfo[Invalid]) -> str:
    return raised.value.code


def test_it_works() -> None:
    made = sealer()
    first, last = made.media(AT, AT + 4), made.end(AT + 4)
    header = takeform.parse_header(made.raw)
    key = KEYS.key_of(header)
    piece = takeform.open_piece(key, first)
    assert (piece.number, piece.media, piece.sources, piece.is_end) == (0, MEDIA, ("camera", "mic"), False)
    assert (piece.start_us, piece.end_us) == (round(AT * 1e6), round((AT + 4) * 1e6))
    assert piece.previous == header.digest.hex()
    end = takeform.open_piece(key, last)
    assert (end.number, end.reason, end.previous) == (1, "returned", piece.sealed_sha256)


def test_the_vector_is_read_as_it_was_written() -> None:
    """Made once and never again: a browser's recording of today must open in years (docs/formats.md, Take)."""
    vector = json.loads(VECTOR.read_text())
    private = ec.derive_private_key(int(vector["hub_private"], 16), CURVE)
    hub = TakeKeys({vector["key"]: private}, vector["key"])
    header = takeform.parse_header(vector["header"].encode())
    assert hub.key_of(header).hex() == vector["seal_key"]
    for stated in vector["pieces"]:
        piece = takeform.open_piece(bytes.fromhex(vector["seal_key"]), bytes.fromhex(stated["sealed"]))
        assert (piece.sealed_sha256, piece.previous) == (stated["sha256"], stated["previous"])
        assert (piece.media.hex(), piece.reason, list(piece.sources)) == (
            stated["media"], stated["description"].get("reason", ""), stated["description"].get("sources", []),
        )  # fmt: skip


def test_a_grant_of_another_participant_opens_nothing() -> None:
    """The public key is known to all: who was not in the session as this participant cannot make a take of it."""
    stolen = KEYS.grant(SESSION, "q" * 24, AT)
    forged = Sealer(stolen, SESSION, POINT, TAKE)
    with pytest.raises(Invalid) as raised:
        takeform.open_piece(KEYS.key_of(takeform.parse_header(forged.raw)), forged.media(AT, AT + 4))
    assert code(raised) == "take.sealed_otherwise"


def test_pieces_of_one_take_do_not_open_under_the_header_of_another() -> None:
    one, other = sealer(), Sealer(KEYS.grant(SESSION, POINT, AT), SESSION, POINT, "u" * 24)
    with pytest.raises(Invalid) as raised:
        takeform.open_piece(KEYS.key_of(takeform.parse_header(other.raw)), one.media(AT, AT + 4))
    assert code(raised) == "take.sealed_otherwise"


@pytest.mark.parametrize(
    "description, media",
    [
        (described("media", AT, AT + 31, mime="video/webm", sources=["camera"]), MEDIA),
        (described("media", AT, AT - 1, mime="video/webm", sources=["camera"]), MEDIA),
        (described("media", AT, AT + 4, mime="video/webm", sources=["screen"]), MEDIA),
        (described("media", AT, AT + 4, mime="video/mp4", sources=["camera"]), MEDIA),
        (described("media", AT, AT + 4, mime="audio/webm", sources=["camera", "mic"]), MEDIA),
        (described("media", AT, AT + 4, mime="audio/webm", sources=["mic"]), b"<html>"),
        (described("end", AT, AT, reason="returned"), MEDIA),
        (described("end", AT, AT, reason="because"), b""),
        (described("else", AT, AT), b""),
        ({"kind": "end", "reason": "returned"}, b""),
    ],
)
def test_what_is_sealed_well_and_makes_no_sense_is_refused(description: dict[str, object], media: bytes) -> None:
    made = sealer()
    with pytest.raises(Invalid) as raised:
        takeform.open_piece(made.key, made.seal(dict(description), media))
    assert code(raised) == "take.malformed"


@given(st.binary(max_size=400))
def test_no_bytes_trip_the_reader_up(data: bytes) -> None:
    for read in (lambda: takeform.parse_header(data), lambda: takeform.open_piece(bytes(32), data)):
        with pytest.raises(Invalid):
            read()


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_one_changed_byte_is_found(at: int, by: int) -> None:
    made = sealer()
    sealed = bytearray(made.media(AT, AT + 4))
    sealed[at % len(sealed)] ^= by
    with pytest.raises(Invalid):
        takeform.open_piece(made.key, bytes(sealed))


@given(st.dictionaries(st.sampled_from(["format", "take", "session", "key", "grant", "ephemeral", "version"]),
                       st.one_of(st.none(), st.integers(0, 9), st.text("a0.", max_size=30)), min_size=1))  # fmt: skip
def test_a_header_with_odd_fields_is_refused_or_read(changes: dict[str, object]) -> None:
    value = {**HEADER, **changes}
    try:
        takeform.parse_header(takeform.canonical(value))
    except Invalid as error:
        assert error.code == "take.malformed"


def test_the_list_names_what_is_missing() -> None:
    raw = takeform.list_bytes(takeform.parse_header(sealer().raw), [{"number": 0}, {"number": 3}], ended="", filed=AT)
    stated = json.loads(raw)
    assert (stated["missing"], stated["complete"], stated["origin"]) == ([1, 2], False, "point")


def test_grants_differ_and_the_secret_is_bound_to_the_participant() -> None:
    one, two = KEYS.grant(SESSION, POINT, AT), KEYS.grant(SESSION, POINT, AT)
    assert one.grant != two.grant and one.secret != two.secret
    assert isinstance(one, Grant) and one.public.startswith("04")
