"""Log lines: JSON, one per event, without what must not be kept."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from web import logs


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    stream = io.StringIO()
    logs.start("info", stream)
    yield stream
    root.handlers[:], root.level = before, level


def test_a_line_is_one_json_object(stream: io.StringIO) -> None:
    logs.get("auth").info("logged in", user="abc")
    line = json.loads(stream.getvalue())
    assert line["event"] == "logged in"
    assert line["user"] == "abc"
    assert line["area"] == "auth"
    assert line["level"] == "info"
    assert line["timestamp"].endswith("Z")


def test_words_that_must_not_be_kept_are_removed(stream: io.StringIO) -> None:
    logs.get("x").warning("odd", token="t-1", password="p-1", name="n-1", sdp="s-1")
    for word in ("t-1", "p-1", "n-1", "s-1"):
        assert word not in stream.getvalue()


def test_what_libraries_log_has_the_same_form(stream: io.StringIO) -> None:
    logging.getLogger("some.library").warning("it says %s", "this")
    assert json.loads(stream.getvalue())["event"] == "it says this"


def test_a_traceback_stays_on_one_line(stream: io.StringIO) -> None:
    try:
        raise ValueError("boom")
    except ValueError as error:
        logs.get("x").error("failed", exc_info=error)
    assert stream.getvalue().count("\n") == 1
    assert "boom" in json.loads(stream.getvalue())["exception"]
