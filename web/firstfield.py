"""The token of a multipart form, read from its first field while the upload still comes.

asgi-csrf 0.11 hands python-multipart an argument that its newer versions do not have, so the token is read here and
handed to asgi-csrf in the header it also knows. The rule is the same as there: the token is the first field.
"""

from __future__ import annotations

from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.types import Message, Receive

FIELD = b"csrftoken"
MOST_BYTES = 16 * 1024
"""The first field with its headers; a token has 60 bytes."""


class _FirstPart:
    """What the parser told about the first part of a form."""

    def __init__(self) -> None:
        self.name = b""
        self.value = b""
        self.finished = False
        self._header = b""
        self._content = b""

    def header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def header_value(self, data: bytes, start: int, end: int) -> None:
        self._content += data[start:end]

    def header_end(self) -> None:
        if not self.finished and self._header.lower() == b"content-disposition":
            _, options = parse_options_header(self._content)
            if b"filename" not in options:
                self.name = options.get(b"name", b"")
        self._header = self._content = b""

    def part_data(self, data: bytes, start: int, end: int) -> None:
        if not self.finished:
            self.value += data[start:end]

    def part_end(self) -> None:
        self.finished = True


async def first_field(receive: Receive, boundary: bytes) -> tuple[bytes, Receive]:
    """The value of the first field if that is the token ("" otherwise), and a ``receive`` that gives it all again.

    Raises MultipartParseError for what is no form.
    """
    part = _FirstPart()
    parser = MultipartParser(
        boundary,
        {
            "on_header_field": part.header_field,
            "on_header_value": part.header_value,
            "on_header_end": part.header_end,
            "on_part_data": part.part_data,
            "on_part_end": part.part_end,
        },
    )
    read: list[Message] = []
    length, more = 0, True
    while more and not part.finished and length < MOST_BYTES:
        message = await receive()
        read.append(message)
        body = message.get("body", b"")
        length += len(body)
        parser.write(body[: max(0, MOST_BYTES - (length - len(body)))])
        more = message["type"] == "http.request" and message.get("more_body", False)

    async def again() -> Message:
        return read.pop(0) if read else await receive()

    return (part.value if part.finished and part.name == FIELD else b""), again
