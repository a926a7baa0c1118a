"""Scans in real Chromium: a PDF opens in the browser's viewer, a picture in a sandbox, and neither reaches the hub."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import pytest

from rooms import papers, people, visits
from rooms.db import open_database
from rooms.files import FileStore
from rooms.models import User
from rooms.vault import Vault
from tests.browser.support import Seat, chromium, sit_down, until
from tests.support.factories import form
from tests.support.hub import started

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

RED = (255, 0, 0)


def red_pdf() -> bytes:
    """One page, all red."""
    fill = b"1 0 0 rg 0 0 300 300 re f"
    objects = (
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 300]/Contents 4 0 R>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(fill), fill),
    )
    made, offsets = b"%PDF-1.4\n", []
    for number, one in enumerate(objects, 1):
        offsets.append(len(made))
        made += b"%d 0 obj%s endobj\n" % (number, one)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    trailer = b"trailer<</Size 5/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % len(made)
    return made + b"xref\n0 5\n0000000000 65535 f \n" + table + trailer


def red_png() -> bytes:
    """A red picture."""
    frame = av.VideoFrame(64, 64, "rgb24")
    frame.planes[0].update(bytes(RED) * (frame.planes[0].line_size // 3 * 64))
    encoder = av.CodecContext.create("png", "w")
    encoder.width, encoder.height, encoder.pix_fmt = 64, 64, "rgb24"
    return b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])


@dataclass
class Scans:
    """A hub with a visit that has two scans."""

    url: str
    password: str
    pdf: str
    png: str


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scans]:
    """Scans of a visit at Lục Ngạn."""
    folder: Path = tmp_path_factory.mktemp("papers") / "data"
    with started(folder, "--http", "--relays", "1", "--no-worker") as hub:
        hub.ask("sites", "import", "Bắc Giang 2024")
        lines = hub.run("sites", "list").stdout.splitlines()
        district = next(line.split()[0] for line in lines if "Lục Ngạn" in line)
        password = hub.add_user("officer", f"site_officer@{district}")
        hub.until_ready()
        now = dt.datetime.now(dt.UTC)
        database = open_database(f"sqlite:///{folder}/hub.db")
        files = FileStore(folder / "files")
        with database.write() as db:
            officer = people.actor_of(db, db.query(User).filter_by(login="officer").one().id, now)
            visit = visits.start(db, officer, officer.memberships[0].site_id, now)
            visits.register(db, officer, visit.id, form(), Vault.at(folder / "keys" / "vault.key"), now)
            ids = [
                papers.attach(db, officer, files, "visit", visit.id, "Đơn", io.BytesIO(data), now).id
                for data in (red_pdf(), red_png())
            ]
        database.dispose()
        yield Scans(hub.url, password, *ids)


async def is_red(seat: Seat) -> bool:
    """Whether the middle of what is on the screen is red."""
    with av.open(io.BytesIO(await seat.page.screenshot()), "r") as shot:
        picture = next(shot.decode(video=0)).to_ndarray(format="rgb24")
    height, width, _ = picture.shape
    return tuple(int(part) for part in picture[height // 2, width // 2]) == RED


async def test_a_pdf_opens_in_the_viewer(scans: Scans) -> None:
    async with chromium(whole=True) as browser:
        seat = await sit_down(browser, 1, width=500, height=400)
        await seat.log_in(scans.url, "officer", scans.password)
        answer = await seat.page.goto(f"{scans.url}/api/papers/{scans.pdf}")
        assert answer is not None and answer.headers["content-type"] == "application/pdf"
        assert "sandbox" not in answer.headers["content-security-policy"]
        await until(lambda: is_red(seat), 10, "showing the page of the PDF")


@pytest.mark.long
async def test_a_picture_opens_in_a_sandbox(scans: Scans) -> None:
    async with chromium() as browser:
        seat = await sit_down(browser, 1, width=60, height=60)
        await seat.log_in(scans.url, "officer", scans.password)
        await seat.page.goto(f"{scans.url}/api/papers/{scans.png}")
        await until(lambda: is_red(seat), 10, "showing the picture")
        assert await seat.page.evaluate("self.origin") == "null"
