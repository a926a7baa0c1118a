"""A hub for tests of pages: the real application over a migrated SQLite file, one browser per person. Signaling is
built but not started; pages that talk to a session use ``browser(..., live=True)``."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from httpx import Response
from sqlalchemy import select
from starlette.exceptions import StarletteDeprecationWarning

from rooms import people, sites
from rooms.actor import SYSTEM
from rooms.models import Site
from rooms.words import Role
from tests.support.migrated import migrated
from web import config, main, parts
from web.hub import Hub

with warnings.catch_warnings():
    # It asks for httpx2, which is not among the locked libraries; with httpx it works as before.
    warnings.simplefilter("ignore", StarletteDeprecationWarning)
    from fastapi.testclient import TestClient

PASSWORD = "mot-cau-de-nho-01"
ROLES: dict[str, tuple[tuple[str, Role], ...]] = {
    "alice": (("Lục Ngạn", Role.SITE_OFFICER),),
    "bob": (("Lục Ngạn", Role.SITE_OFFICER),),
    "charlie": (("Yên Thế", Role.SITE_OFFICER),),
    "oscar": (("Trung ương", Role.OPERATOR), ("Trung ương", Role.SITE_OFFICER)),
    "otto": (("Trung ương", Role.OPERATOR),),
    "rita": (("Tỉnh Bắc Giang", Role.RECORDS),),
    "adam": (("Trung ương", Role.ADMIN),),
    "nobody": (),
}
"""alice and bob share a point, charlie is at another one, oscar presides, otto stands in for him, rita looks up, adam
administers."""


class Pages:
    """The application with made-up people."""

    def __init__(self, folder: Path) -> None:
        limits = {"login_limit_account": "1000/minute", "login_limit_address": "1000/minute"}
        self.config = config.load({}, data=str(folder), http="on", port=8443, **limits)
        migrated(folder / "hub.db")
        self.hub: Hub = parts.open_parts(self.config)
        self.app: FastAPI = main.create_app(self.config, self.hub)
        self.sites: dict[str, str] = {}
        self.stack = ExitStack()
        now = self.hub.now()
        with self.hub.database.write() as db:
            sites.load_preset(db, "Bắc Giang 2024", now)
            self.sites = {site.short_name: site.id for site in db.scalars(select(Site))}
            for login, roles in ROLES.items():
                user = people.add_user(db, SYSTEM, login, f"Người {login}", now, password=PASSWORD)
                for place, role in roles:
                    people.add_membership(db, SYSTEM, user.id, self.sites[place], role, now)

    def browser(self, login: str = "", *, live: bool = False) -> Browser:
        """A browser of its own, logged in when a login is given."""
        client = TestClient(self.app, base_url="http://127.0.0.1:8443", follow_redirects=False)
        if live:
            self.stack.enter_context(client)
        client.headers.update({"accept": "text/html", "origin": "http://127.0.0.1:8443"})
        browser = Browser(client)
        if login:
            answer = browser.post("/login", login=login, password=PASSWORD)
            assert answer.status_code == 303, answer.text
        return browser


class Browser:
    """Gets pages and posts forms as a browser does: with the form's token."""

    def __init__(self, client: TestClient) -> None:
        self.client = client
        self.token = ""

    def get(self, path: str, **query: Any) -> Response:
        """A page; its form token is remembered."""
        answer = self.client.get(path, params=query or None)
        found = re.search(r'name="csrf-token" content="([^"]+)"', answer.text)
        self.token = found.group(1) if found else self.token
        return answer

    def post(self, path: str, files: Any = None, accept: str = "text/html", **fields: Any) -> Response:
        """A form; repeated fields are lists."""
        if not self.token:
            self.get("/login" if path == "/login" else "/public")
        data = {"csrftoken": self.token, **{key.replace("__", "-"): value for key, value in fields.items()}}
        return self.client.post(path, data=data, files=files, headers={"accept": accept})

    def follow(self, answer: Response) -> Response:
        """The page a taken form leads to."""
        assert answer.status_code == 303, f"{answer.status_code}: {answer.text[:2000]}"
        return self.get(answer.headers["location"])


@contextmanager
def pages_at(folder: Path) -> Iterator[Pages]:
    """The application for the length of a ``with``."""
    pages = Pages(folder)
    with pages.stack:
        yield pages
    pages.hub.database.dispose()


def register(browser: Browser, *, kind: str = "complaint", name: str = "Nguyễn Thị Mẫu", **more: str) -> str:
    """Go through the desk's three steps; the visit's id."""
    visit = browser.post("/desk").headers["location"].split("/")[-1]
    path = f"/desk/{visit}"
    browser.follow(browser.post(path, step="1", go="2", name__0=name, address__0="Thôn Mẫu", people_count="1"))
    content = more.pop("content", "Đề nghị xem lại việc bồi thường đất")
    browser.follow(browser.post(path, step="2", go="3", kind=kind, content=content))
    browser.follow(browser.post(path, step="3", go="register", **{"where": "desk", **more}))
    return visit
