"""A file that lies in the store only is played in ranges, from there."""

from __future__ import annotations

import io
import os
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rooms.stores import Folder
from web.ranges import RangeObject

DATA = os.urandom(600_000)


@pytest.fixture
def client(tmp_path: Path) -> httpx.AsyncClient:
    store = Folder(tmp_path)
    store.put("replay/a.webm", io.BytesIO(DATA), len(DATA))

    def answer(request: Request) -> Response:
        return RangeObject(store, "replay/a.webm", len(DATA), "video/webm", request.query_params.get("name"))

    application = Starlette(routes=[Route("/", answer)])
    return httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://hub")


async def test_it_works(client: httpx.AsyncClient) -> None:
    whole = await client.get("/?name=x.webm")
    assert whole.status_code == 200 and whole.content == DATA and whole.headers["accept-ranges"] == "bytes"
    assert whole.headers["content-disposition"] == 'attachment; filename="x.webm"'
    assert whole.headers["content-type"] == "video/webm" and whole.headers["cache-control"] == "private, no-store"


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=300000-", 300_000, 599_999),
        ("bytes=-5", 599_995, 599_999),
        ("bytes=5-99999999", 5, 599_999),
    ],
)
async def test_a_range_is_what_it_says(client: httpx.AsyncClient, asked: str, first: int, last: int) -> None:
    answer = await client.get("/", headers={"Range": asked})
    assert answer.status_code == 206 and answer.content == DATA[first : last + 1]
    assert answer.headers["content-range"] == f"bytes {first}-{last}/600000"
    assert answer.headers["content-length"] == str(last - first + 1)


async def test_a_range_outside_is_refused_and_head_has_no_body(client: httpx.AsyncClient) -> None:
    assert (await client.get("/", headers={"Range": "bytes=600000-"})).status_code == 416
    head = await client.head("/")
    assert head.status_code == 200 and head.content == b"" and head.headers["content-length"] == "600000"
