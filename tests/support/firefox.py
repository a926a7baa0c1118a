"""Debian's Firefox ESR over WebDriver BiDi, spoken directly: no geckodriver is packaged (W3C WebDriver BiDi).

One process with a profile of its own and one page. The camera and the microphone are Firefox's own fake ones (a moving
pattern of 640 pixels and a tone), so that the page's real getUserMedia runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import subprocess
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

FIREFOX = "/usr/bin/firefox-esr"
START_S = 30.0
ASK_S = 20.0
LISTENING = re.compile(rb"WebDriver BiDi listening on (ws://\S+)")
PREFERENCES: dict[str, bool | int | str] = {
    "app.normandy.enabled": False,
    "app.update.disabledForTesting": True,
    "browser.safebrowsing.downloads.remote.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.page": 0,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.update.enabled": False,
    "media.autoplay.default": 0,
    "media.gmp-manager.updateEnabled": False,
    "media.navigator.permission.disabled": True,
    "media.navigator.streams.fake": True,
    "media.peerconnection.ice.loopback": True,
    "media.peerconnection.ice.obfuscate_host_addresses": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "remote.active-protocols": 1,
    "services.settings.server": "http://127.0.0.1:9/",
    "toolkit.telemetry.server": "http://127.0.0.1:9/",
}
"""Fake devices without a question, playing without a gesture, media over loopback; nothing is asked of the Internet."""

PEERS = """() => {
    const peers = (window.__peers = []);
    const Original = window.RTCPeerConnection;
    window.RTCPeerConnection = class extends Original {
        constructor(...args) { super(...args); peers.push(this); }
    };
}"""


class Firefox:
    """One page. Scripts run in the page's own world, past its Content-Security-Policy."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._asked = 0
        self.context = ""

    async def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command and its result. Raises AssertionError when Firefox refuses it."""
        self._asked += 1
        await self._socket.send(json.dumps({"id": self._asked, "method": method, "params": parameters}))
        async with asyncio.timeout(ASK_S):
            while True:
                told = json.loads(await self._socket.recv())
                if told.get("id") == self._asked:
                    assert told["type"] == "success", (method, told.get("error"), told.get("message"))
                    result: dict[str, Any] = told["result"]
                    return result

    async def open(self) -> None:
        """Begin the session and take the page that is there."""
        await self.ask("session.new", capabilities={})
        self.context = (await self.ask("browsingContext.getTree"))["contexts"][0]["context"]
        await self.ask("script.addPreloadScript", functionDeclaration=PEERS)

    async def goto(self, url: str) -> None:
        """Open an address and wait until it has loaded."""
        await self.ask("browsingContext.navigate", context=self.context, url=url, wait="complete")

    async def run(self, function: str, *arguments: Any) -> Any:
        """Call a function in the page, with JSON arguments; what it (or its promise) gives, as JSON."""
        told = await self.ask(
            "script.callFunction",
            functionDeclaration=f"async (text) => JSON.stringify(await ({function})(...JSON.parse(text)) ?? null)",
            arguments=[{"type": "string", "value": json.dumps(arguments)}],
            target={"context": self.context},
            awaitPromise=True,
        )
        assert told["type"] == "success", told.get("exceptionDetails", {}).get("text")
        return json.loads(told["result"]["value"])

    async def log_in(self, url: str, login: str, password: str) -> None:
        """Log in by the form."""
        await self.goto(f"{url}/login")
        fill = """(login, password) => {
            document.querySelector('input[name="login"]').value = login;
            const field = document.querySelector('input[name="password"]');
            field.value = password;
            field.form.requestSubmit();
        }"""
        await self.run(fill, login, password)
        deadline = time.monotonic() + ASK_S
        while True:
            with contextlib.suppress(AssertionError):  # between two pages there is nothing to ask
                if "/login" not in await self.run("() => location.pathname"):
                    return
            assert time.monotonic() < deadline, "not logged in"
            await asyncio.sleep(0.1)

    async def sees(self, hook: str, within: float = 10.0) -> None:
        """Wait until the element with this data-testid is on the screen."""
        script = "hook => document.querySelector(`[data-testid='${hook}']`)?.checkVisibility() ?? false"
        deadline = time.monotonic() + within
        while not await self.run(script, hook):
            assert time.monotonic() < deadline, f"{hook} is not there within {within} s"
            await asyncio.sleep(0.1)

    async def stats(self) -> list[dict[str, Any]]:
        """getStats of all open connections of the page, flat."""
        script = """async () => {
            const all = [];
            for (const peer of window.__peers) {
                if (peer.connectionState === 'closed') continue;
                (await peer.getStats()).forEach((stat) => all.push(stat));
            }
            return all;
        }"""
        found: list[dict[str, Any]] = await self.run(script)
        return found


@contextlib.asynccontextmanager
async def firefox(folder: Path) -> AsyncIterator[Firefox]:
    """A headless Firefox with a profile in ``folder``. Raises AssertionError when it does not start."""
    profile = folder / "profile"
    await asyncio.to_thread(_make_profile, profile)
    process = await asyncio.create_subprocess_exec(
        FIREFOX, "--headless", "--no-remote", "--profile", str(profile), "--remote-debugging-port", "0",
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env={"HOME": str(folder), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert process.stderr is not None
    drain = None
    try:
        async with asyncio.timeout(START_S):
            address = await _listening(process.stderr)
        drain = asyncio.ensure_future(process.stderr.read())  # or Firefox would wait for us with a full pipe
        async with connect(f"{address}/session", max_size=None) as socket:
            page = Firefox(socket)
            await page.open()
            yield page
    finally:
        process.terminate()
        try:
            async with asyncio.timeout(10):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
        if drain is not None:
            await drain


def _make_profile(profile: Path) -> None:
    profile.mkdir(parents=True)
    lines = (f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in PREFERENCES.items())
    (profile / "user.js").write_text("".join(lines))


async def _listening(errors: asyncio.StreamReader) -> str:
    while line := await errors.readline():
        found = LISTENING.search(line)
        if found is not None:
            return found.group(1).decode()
    raise AssertionError("Firefox ended before it listened")


__all__ = ["Firefox", "firefox"]
