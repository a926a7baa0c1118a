"""A person at a browser, played by a program: log-in, forms and pages over HTTP, exactly as the pages ask for it."""

from __future__ import annotations

import html
import json
import re
import ssl
from typing import Any
from urllib.parse import urlsplit

import httpx

from media.client import MediaClient
from media.clip import Clip
from web.demo.point import DemoError, DemoPoint, SessionSocket

_DATA = re.compile(r'<script type="application/json" id="page-data">(.*?)</script>', re.DOTALL)
_PROBLEM = re.compile(r'class="(?:error|note bad|flash bad)[^"]*"[^>]*>(?:\s*<svg.*?</svg>)?\s*([^<]+)', re.DOTALL)


class Visitor:
    """One log-in with a cookie jar of its own."""

    def __init__(self, base: str, login: str, trust: ssl.SSLContext | None) -> None:
        self.base = base
        self.login = login
        self._trust = trust
        self.http = httpx.AsyncClient(base_url=base, verify=trust or True, timeout=30, headers={"origin": base})

    async def log_in(self, password: str) -> None:
        """Through the log-in page. Raises DemoError."""
        await self.http.get("/login")
        answer = await self.post("/login", {"login": self.login, "password": password, "next": "/"})
        if answer.endswith("/login"):
            raise DemoError(f"{self.login} could not log in")

    def _csrf(self) -> str:
        return next((cookie.value or "" for cookie in self.http.cookies.jar if cookie.name.endswith("csrftoken")), "")

    async def post(self, path: str, form: dict[str, str]) -> str:
        """Send a form; the path of the page it leads to. Raises DemoError when the hub refuses it."""
        response = await self.http.post(path, data={**form, "csrftoken": self._csrf()})
        if response.status_code != 303 and not response.is_redirect:
            found = _PROBLEM.search(response.text)
            reason = (
                html.unescape(found.group(1)).strip()
                if found
                else f"HTTP {response.status_code}: {response.text[:200]}"
            )
            raise DemoError(f"{self.login}: {path}: {reason}")
        return urlsplit(response.headers["location"]).path

    async def get(self, path: str) -> httpx.Response:
        """A page or file. Raises DemoError unless it comes."""
        response = await self.http.get(path, follow_redirects=True)
        if response.status_code != 200:
            raise DemoError(f"{self.login}: {path}: HTTP {response.status_code}")
        return response

    async def page_data(self, path: str) -> dict[str, Any]:
        """The data block of a page that has one. Raises DemoError."""
        found = _DATA.search((await self.get(path)).text)
        if found is None:
            raise DemoError(f"{self.login}: {path} has no data for the page's script")
        data: dict[str, Any] = json.loads(found.group(1))
        return data

    async def enter(
        self, session: str, name: str, clip: Clip, decode: bool = False
    ) -> tuple[DemoPoint, dict[str, Any]]:
        """Open the room's page, connect its socket. The point joins; media start once it is admitted."""
        data = await self.page_data(f"/room/{session}")
        url = self.base.replace("http", "ws", 1) + data["socketUrl"]
        socket = SessionSocket(url, self.base, data["device"], self._trust)
        point = DemoPoint(name, socket, MediaClient(clip, decode))
        await point.join(data["token"])
        return point, data

    async def close(self) -> None:
        """Put the browser away."""
        await self.http.aclose()
