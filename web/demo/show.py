"""Runs the demo: folder, hub, clips, two receptions, and what is printed meanwhile and at the end."""

from __future__ import annotations

import asyncio
import concurrent.futures
import datetime as dt
import json
import os
import signal
import ssl
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from media.client import use_loopback_only
from media.clip import Clip, ClipOptions, make_clip
from web.demo import cast, scripts
from web.demo.point import DemoError
from web.demo.reception import Played, Reception, Script
from web.demo.visitor import Visitor

RECORD_S = 20.0
PLACES = {"Trung ương": 1, "Tỉnh Bắc Giang": 2, "Lục Ngạn": 3, "Hà Nội": 4}
"""Clip numbers: they stand in the counter that is burnt into the picture."""


class Show:
    """One run of the demo."""

    def __init__(self, data: Path, port: int, leave: bool, as_json: bool) -> None:
        self.data = data
        self.port = port
        self.leave = leave
        self.as_json = as_json
        self.began = time.monotonic()
        self.hub: subprocess.Popen[str] | None = None
        self.url = ""

    def say(self, text: str) -> None:
        """Progress, on standard error, so that standard output holds the result alone."""
        click.echo(f"{time.monotonic() - self.began:6.1f} s  {text}", err=True)

    def run(self) -> int:
        """The exit code."""
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever ends the demo ends its hub with it
        try:
            return self.hold()
        except KeyboardInterrupt:
            return 130
        finally:
            self.stop_hub()

    def hold(self) -> int:
        """From an empty folder to the replay, then stay; the exit code."""
        try:
            stage, clips = self.prepare()
            self.start_hub()
            self.say(f"theo dõi trong trình duyệt: {self.url}, dieuhanh.tw, {stage.passwords['dieuhanh.tw']}")
            played = asyncio.run(self.play(stage, clips))
        except (DemoError, OSError, subprocess.SubprocessError, TimeoutError) as error:
            problem = str(error) or type(error).__name__
            click.echo(f"The demo stopped: {problem}", err=True)
            if self.as_json:
                click.echo(json.dumps({"error": "demo", "message": problem}, ensure_ascii=False))
            return 1
        problems = [problem for one in played for problem in one.problems]
        self.report(stage, played, problems)
        if not self.leave:
            self.stay()
        return 1 if problems else 0

    # --- before --------------------------------------------------------------------------------------------------

    def prepare(self) -> tuple[cast.Stage, dict[str, Clip]]:
        """Folder, people and clips. Raises DemoError when a hub runs on the folder."""
        from web import config, folder

        self.say(f"thư mục dữ liệu {self.data}")
        settings = config.load(data=self.data, http="on")
        settings.data.mkdir(parents=True, exist_ok=True)
        try:
            with folder.FolderLock(settings.data):
                stage = cast.prepare(settings.database, dt.datetime.now(dt.UTC))
        except folder.FolderTaken as error:
            raise DemoError(str(error)) from error
        self.say("dựng hình, tiếng của các điểm cầu")
        with concurrent.futures.ProcessPoolExecutor() as pool:
            made = {place: pool.submit(_clip, place, number) for place, number in PLACES.items()}
            return stage, {place: one.result() for place, one in made.items()}

    def start_hub(self) -> None:
        """``diemcau serve`` as a process of its own. Raises DemoError when it does not answer."""
        self.say("khởi động máy chủ")
        command = [sys.executable, "-m", "web", "serve", "--data", str(self.data), "--port", str(self.port)]
        command += ["--media-port", "0", "--http", "--own", "--json"]
        log = open(self.data / "demo.log", "ab")
        self.hub = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True)
        assert self.hub.stdout is not None
        line = self.hub.stdout.readline()
        if not line:
            raise DemoError(f"the hub did not start; see {self.data / 'demo.log'}")
        answer = json.loads(line)
        if "url" not in answer:
            raise DemoError(answer.get("message", "the hub did not start"))
        self.url = answer["url"].rstrip("/")

    def stop_hub(self) -> None:
        """End the hub and what belongs to it."""
        if self.hub is not None and self.hub.poll() is None:
            self.hub.terminate()
            try:
                self.hub.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(self.hub.pid, signal.SIGKILL)

    # --- meanwhile -----------------------------------------------------------------------------------------------

    async def play(self, stage: cast.Stage, clips: dict[str, Clip]) -> list[Played]:
        """Both receptions, one after the other, at the central office's sitting."""
        use_loopback_only()
        trust = self.trust()
        visitors = {part.login: Visitor(self.url, part.login, trust) for part in cast.CAST}
        try:
            await asyncio.gather(*(one.log_in(stage.passwords[login]) for login, one in visitors.items()))
            return [await self.one(script, visitors, clips, stage) for script in (scripts.LOCAL, scripts.CENTRAL)]
        finally:
            await asyncio.gather(*(one.close() for one in visitors.values()))

    async def one(
        self, script: Script, visitors: dict[str, Visitor], clips: dict[str, Clip], stage: cast.Stage
    ) -> Played:
        """One reception."""
        self.say(f"--- {script.name}")
        keys = [path.read_text() for path in sorted((self.data / "keys").glob("*.pem")) if "PUBLIC" in path.read_text()]
        reception = Reception(script, visitors, clips, stage.sitting, visitors["hoso.tw"], self.say, "\n".join(keys))
        played = await reception.play(RECORD_S)
        state = "nguyên vẹn" if played.verified else "KHÔNG nguyên vẹn"
        self.say(f"bản ghi {state}, xem lại được sau {played.replayable_after_s} giây")
        return played

    def trust(self) -> ssl.SSLContext | None:
        """The demo's hub speaks plain HTTP on loopback."""
        return None

    # --- after ---------------------------------------------------------------------------------------------------

    def report(self, stage: cast.Stage, played: list[Played], problems: list[str]) -> None:
        """What came of it: for people, or one line of JSON that speaks of the first reception and lists both."""
        for problem in problems:
            click.echo(f"! {problem}", err=True)
        if not self.as_json:
            self.tell(stage, played)
            return
        first: dict[str, Any] = asdict(played[0])
        answer = {key: first[key] for key in ("session", "case", "points", "replayable_after_s", "joined_s")}
        answer["verified"] = all(one.verified for one in played)
        answer["receptions"] = [asdict(one) for one in played]
        answer["problems"] = problems
        answer["seconds"] = round(time.monotonic() - self.began, 1)
        click.echo(json.dumps(answer, ensure_ascii=False))

    def tell(self, stage: cast.Stage, played: list[Played]) -> None:
        """Address, users, what to look at."""
        lines = ["", f"Điểm Cầu: {self.url}", "", "Tài khoản (mật khẩu mới cho lần chạy này):"]
        lines += [
            f"  {part.login:<17} {stage.passwords[part.login]:<14} {part.name}, {part.what}" for part in cast.CAST
        ]
        lines += ["", "Xem lại (đăng nhập hoso.tw):"]
        for one in played:
            lines.append(f"  {self.url}/cases/{one.case}    hồ sơ")
            lines.append(f"  {self.url}/replay/{one.session}    xem lại phiên")
        if not self.leave:
            lines += ["", "Máy chủ đang chạy. Nhấn Ctrl+C để dừng."]
        click.echo("\n".join(lines))

    def stay(self) -> None:
        """Until somebody presses Ctrl+C or the hub ends."""
        assert self.hub is not None
        try:
            self.hub.wait()
        except KeyboardInterrupt:
            pass


def _clip(place: str, number: int) -> Clip:
    """In a process of its own: encoding is the only heavy work of the demo."""
    options = ClipOptions(seconds=30, tone_hz=300 + 110 * number)
    return make_clip(number, f"Điểm cầu {place}", cast.fonts(), options)
