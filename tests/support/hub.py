"""A started hub for integration tests: ``diemcau serve`` as its own process, on free ports, in its own folder."""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx

PYTHON = sys.executable
START_S = 50.0


class StartedHub:
    """A running hub. ``url`` is its base address; ``folder`` its data folder."""

    def __init__(self, folder: Path, *options: str, environ: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.options = options or ("--http",)
        self.environ = {**clean_environ(), **(environ or {})}
        self.url = ""
        self.process: subprocess.Popen[bytes] | None = None
        self.log = folder.parent / f"{folder.name}.log"

    def start(self) -> StartedHub:
        """Start and wait until it answers. Raises AssertionError with its log when it does not."""
        command = [PYTHON, "-m", "web", "serve", "--data", str(self.folder), "--json", *self.options]
        if not any(option.startswith("--port") for option in self.options):
            command += ["--port", "0", "--media-port", "0"]
        if "--keep-relays" in command:
            command.remove("--keep-relays")
        else:
            command.append("--own")
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, env=self.environ)
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], START_S)
        line = self.process.stdout.readline() if ready else b""
        assert line, f"the hub did not start: {self.log.read_text()[-3000:]}"
        self.url = json.loads(line)["url"]
        return self

    def until_ready(self, timeout: float = 20.0) -> None:
        """Wait until ``/readyz`` says yes (a relay is linked)."""
        until(lambda: httpx.get(f"{self.url}/readyz", verify=False).status_code == 200, timeout, "ready")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait; the exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            code = self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        return code

    def run(self, *arguments: str, check: bool = True, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """A command on this folder."""
        return run_cli(*arguments, "--data", str(self.folder), check=check, stdin=stdin, environ=self.environ)

    def ask(self, *arguments: str) -> dict[str, Any]:
        """A command with --json; its object."""
        answer: dict[str, Any] = json.loads(self.run(*arguments, "--json").stdout.splitlines()[-1])
        return answer

    def add_user(self, login: str, *roles: str) -> str:
        """A user with roles like ``operator@top``; the password."""
        options = [part for role in roles for part in ("--role", role)]
        return str(self.ask("user", "add", login, "--name", f"Người thử {login}", *options)["password"])

    @contextlib.contextmanager
    def browser(self, login: str = "", password: str = "") -> Iterator[httpx.Client]:
        """A client with cookies that looks like a browser; logged in when a login is given."""
        headers = {"Accept": "text/html", "Origin": self.url}
        with httpx.Client(base_url=self.url, headers=headers, verify=False) as client:
            if login:
                answer = client.post("/login", data={"csrftoken": csrf(client), "login": login, "password": password})
                assert answer.status_code == 303, answer.text[:500]
            yield client

    def relay_pid(self, slot: int = 0) -> int:
        """The process of a relay, as the supervisor wrote it down."""
        return int(json.loads((self.folder / "relays" / str(slot) / "process.json").read_text())["pid"])

    def worker_pid(self) -> int:
        """The process of the worker."""
        return int(json.loads((self.folder / "worker" / "process.json").read_text())["pid"])


def csrf(client: httpx.Client, path: str = "/login") -> str:
    """The token of a form on a page."""
    found = re.search(r'name="csrftoken" value="([^"]+)"', client.get(path).text)
    assert found is not None
    return found.group(1)


def clean_environ() -> dict[str, str]:
    """This process's environment without settings of a hub."""
    return {key: value for key, value in os.environ.items() if not key.startswith("HUB_")}


def run_cli(
    *arguments: str, check: bool = True, stdin: str = "", environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """``diemcau`` with these arguments. With ``check`` a non-zero exit fails the test and shows why."""
    done = subprocess.run(
        [PYTHON, "-m", "web", *arguments],
        capture_output=True,
        text=True,
        input=stdin,
        timeout=60,
        env=environ or clean_environ(),
    )
    assert not check or done.returncode == 0, f"{arguments}: {done.returncode}\n{done.stderr}\n{done.stdout}"
    return done


def until(condition: Any, timeout: float, what: str) -> None:
    """Wait until ``condition()`` is true; an exception counts as not yet."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        with contextlib.suppress(Exception):
            if condition():
                return
        time.sleep(0.05)
    raise AssertionError(f"not {what} within {timeout} s")


@contextlib.contextmanager
def started(folder: Path, *options: str, environ: Mapping[str, str] | None = None) -> Iterator[StartedHub]:
    """A hub for the length of a ``with``."""
    hub = StartedHub(folder, *options, environ=environ)
    try:
        yield hub.start()
    finally:
        if hub.process is not None:
            hub.stop()
