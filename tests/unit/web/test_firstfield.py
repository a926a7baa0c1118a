"""The token of an upload: found in the first field, never searched for elsewhere; nothing of the body is lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from python_multipart.exceptions import MultipartParseError
from starlette.types import Message

from web.firstfield import MOST_BYTES, first_field

TOKEN = b'--b\r\nContent-Disposition: form-data; name="csrftoken"\r\n\r\nsecret-token\r\n'
FILE = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.pdf"\r\n\r\nbytes\r\n'
NAMED = b'--b\r\nContent-Disposition: form-data; name="csrftoken"; filename="x"\r\n\r\nsecret-token\r\n'
END = b"--b--\r\n"


class Body:
    """A request body in pieces."""

    def __init__(self, body: bytes, size: int) -> None:
        self.pieces = [body[i : i + size] for i in range(0, len(body), size)] or [b""]

    async def receive(self) -> Message:
        piece = self.pieces.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(self.pieces)}


async def read_all(receive: object) -> bytes:
    whole = b""
    while True:
        message = await receive()  # type: ignore[operator]
        whole += message["body"]
        if not message["more_body"]:
            return whole


@pytest.mark.parametrize("size", [1, 7, 64, 10_000])
async def test_it_works_in_pieces_of_any_size(size: int) -> None:
    body = TOKEN + FILE + END
    token, again = await first_field(Body(body, size).receive, b"b")
    assert token == b"secret-token"
    assert await read_all(again) == body


@pytest.mark.parametrize("body", [FILE + TOKEN + END, NAMED + END, END, b"", TOKEN[:40]])
async def test_a_token_anywhere_else_does_not_count(body: bytes) -> None:
    try:
        token, again = await first_field(Body(body, 50).receive, b"b")
    except MultipartParseError:
        return
    assert token == b""
    assert await read_all(again) == body


async def test_an_endless_first_field_is_not_read_to_its_end() -> None:
    body = Body(TOKEN.replace(b"secret-token", b"x" * (MOST_BYTES * 4)) + END, 1024)
    token, _ = await first_field(body.receive, b"b")
    assert token == b""
    assert len(body.pieces) > 40


@given(st.binary(max_size=300))
async def test_whatever_comes_is_read_or_refused(body: bytes) -> None:
    try:
        token, again = await first_field(Body(body, 10).receive, b"b")
    except MultipartParseError:
        return
    assert await read_all(again) == body
    assert isinstance(token, bytes)
