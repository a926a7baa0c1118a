"""One reception from the visit's registration to the verified package, with what was sent, received and recorded."""

from __future__ import annotations

import asyncio
import io
import tempfile
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from media.clip import Clip
from rooms import verifier
from web.demo.point import PATIENCE_S, DemoError, DemoPoint
from web.demo.recorded import camera_frames
from web.demo.visitor import Visitor

ENOUGH = 0.95
"""Share of the frames sent while the record ran that every receiver and the record must have."""


@dataclass(frozen=True, slots=True)
class Script:
    """What one reception is about: who comes where, who else takes part, what is said."""

    name: str
    visit: dict[str, str]
    officer: str
    operator: str
    others: tuple[tuple[str, str], ...]  # (log-in, place)
    place: str
    operator_place: str
    lines: tuple[tuple[str, str], ...]
    bookmark: str
    outcome: dict[str, str]


@dataclass
class Played:
    """What came of it; ``problems`` says in sentences what fell short."""

    session: str = ""
    case: str = ""
    seconds: float = 0.0
    points: list[dict[str, Any]] = field(default_factory=list)
    verified: bool = False
    replayable_after_s: float = 0.0
    joined_s: float = 0.0
    package: str = ""
    problems: list[str] = field(default_factory=list)


Say = Callable[[str], None]


class Reception:
    """Plays a script with logged-in visitors and their clips."""

    def __init__(
        self,
        script: Script,
        visitors: dict[str, Visitor],
        clips: dict[str, Clip],
        sitting: str,
        records: Visitor,
        say: Say,
        keys: str,
    ) -> None:
        self.script = script
        self.visitors = visitors
        self.clips = clips
        self.sitting = sitting
        self.records = records
        self.say = say
        self.keys = verifier.keys_of(keys)
        self.played = Played()
        self.points: dict[str, DemoPoint] = {}

    async def play(self, seconds: float) -> Played:
        """From the desk to the proof. Raises DemoError when a step does not happen."""
        try:
            visit = await self.register()
            await self.admit(visit)
            await self.connect()
            start, end = await self.hold(seconds)
            self.count_received(start, end)
            await self.close()
            closed = time.time()
            await self.conclude(visit)
            await self.wait_for_replay(closed)
            await self.check_record(start, end)
        finally:
            for point in self.points.values():
                await point.close()
        return self.played

    async def register(self) -> str:
        """The officer's three steps at the desk; the visit waits online."""
        script, officer = self.script, self.visitors[self.script.officer]
        self.say(f"{script.place}: tiếp nhận công dân, vào sổ")
        path = await officer.post("/desk", {})
        visit = path.rsplit("/", 1)[-1]
        first = {key: value for key, value in script.visit.items() if key.endswith("-0") or key == "people_count"}
        second = {key: value for key, value in script.visit.items() if key not in first}
        await officer.post(path, {"step": "1", "go": "2", **first})
        await officer.post(path, {"step": "2", "go": "3", **second})
        await officer.post(path, {"step": "3", "go": "register", "case": "new", "where": self.sitting})
        return visit

    async def admit(self, visit: str) -> None:
        """The operator opens the session from the board."""
        self.say(f"{self.script.operator_place}: mời lượt tiếp vào phiên")
        path = await self.visitors[self.script.operator].post("/board/admit", {"visit": visit})
        self.played.session = path.rsplit("/", 1)[-1]

    async def connect(self) -> None:
        """Everybody opens the room; the operator lets in who waits; media flow."""
        script, session = self.script, self.played.session
        began = time.monotonic()
        entering = [(script.operator, script.operator_place), (script.officer, script.place), *script.others]
        for login, place in entering:
            point, data = await self.visitors[login].enter(
                session, place, self.clips[place], decode=login == script.officer
            )
            self.points[place] = point
            if data.get("caseUrl"):
                self.played.case = data["caseUrl"].rsplit("/", 1)[-1]
            await self.let_in(point)
            await point.start_media()
        for point in self.points.values():
            await self.until_hears_all(point)
        self.played.joined_s = time.monotonic() - began
        self.say(f"{len(self.points)} điểm cầu thấy và nghe nhau sau {self.played.joined_s:.1f} giây")

    async def let_in(self, point: DemoPoint) -> None:
        """Wait until the point is in; the operator admits it when it waits."""
        me, operator = point.socket, self.points[self.script.operator_place].socket

        def inside() -> bool:
            return me.view_of(me.participant).get("state") in ("admitted", "joined")

        if not inside():
            await operator.until(
                lambda: operator.view_of(me.participant).get("state") in ("waiting", "admitted", "joined"),
                f"{point.name} in the waiting room",
            )
            if operator.view_of(me.participant).get("state") == "waiting":
                await operator.ask("admit", participant=me.participant)
        await me.until(inside, f"{point.name} admitted")

    async def until_hears_all(self, point: DemoPoint) -> None:
        """Until sound and picture of every other point arrive."""
        wanted = {
            (other.socket.participant, source)
            for other in self.points.values()
            if other is not point
            for source in ("mic", "camera")
        }
        received = point.media.received
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not all(key in received and received[key].frames for key in wanted):
                    point.media.arrived.clear()
                    await point.media.arrived.wait()
        except TimeoutError:
            names = {other.socket.participant: other.name for other in self.points.values()}
            missing = [f"{names[who]} {source}" for who, source in sorted(wanted) if (who, source) not in received]
            raise DemoError(f"{point.name} ({point.media.state()}) does not get: {', '.join(missing)}") from None

    async def hold(self, seconds: float) -> tuple[float, float]:
        """Notice, start, record, minutes. Returns the UTC span in which everything was recorded."""
        operator = self.points[self.script.operator_place].socket
        self.say("đọc thông báo ghi hình, các điểm cầu trả lời")
        await operator.ask("read_notice")
        for point in self.points.values():
            await operator.ask("answer_notice", participant=point.socket.participant, answer="heard")
        await operator.ask("start", record="full")
        await operator.until(lambda: bool(operator.session.get("recording")), "the record on disk")
        start = time.time()
        self.say("ĐANG GHI HÌNH")
        await operator.ask("minutes_take")
        step = seconds / (len(self.script.lines) + 2)
        for speaker, text in self.script.lines:
            await asyncio.sleep(step)
            await operator.ask("minutes_line", speaker=speaker, text=text)
        await asyncio.sleep(step)
        await operator.ask("bookmark", text=self.script.bookmark)
        await asyncio.sleep(max(0.0, start + seconds - time.time()))
        end = time.time()
        self.played.seconds = end - start
        return start, end

    def count_received(self, start: float, end: float) -> None:
        """Frames of every point's camera: sent, and received by each other point, while the record ran."""
        for place, point in self.points.items():
            me = point.socket.participant
            sent = point.media.sent["camera"].between(start, end)
            got = {
                other.name: other.media.received[(me, "camera")].between(start, end)
                for other in self.points.values()
                if other is not point
            }
            self.played.points.append({
                "place": place, "participant": me, "seconds": round(end - start, 2), "sent": sent, "received": got,
            })  # fmt: skip
            for name, frames in got.items():
                if frames < ENOUGH * sent:
                    self.played.problems.append(f"{name} received {frames} of {sent} frames of {place}")
        watcher = self.points[self.script.place].media
        if not any(received.counters for received in watcher.received.values()):
            self.played.problems.append("no picture could be decoded and read")

    async def close(self) -> None:
        """Freeze the minutes, end the session, lock it."""
        operator = self.points[self.script.operator_place].socket
        self.say("đọc lại và chốt biên bản, kết thúc phiên, khóa và ký số")
        await operator.ask("minutes_freeze")
        await operator.ask("close", lock=True)

    async def conclude(self, visit: str) -> None:
        """The officer sets the course of action and closes the visit."""
        officer = self.visitors[self.script.officer]
        self.say("ghi hướng xử lý, đóng lượt tiếp")
        await officer.post(f"/visits/{visit}/conclude", self.script.outcome)
        await officer.post(f"/visits/{visit}/close", {})

    async def wait_for_replay(self, closed: float) -> None:
        """Until the package is locked and every point can be replayed."""
        self.say("chờ khóa và dựng tệp xem lại")
        async with asyncio.timeout(90):
            while True:
                answer = (await self.records.get(f"/api/sessions/{self.played.session}/recording")).json()
                if answer["locked"] and len(answer["points"]) >= len(self.points):
                    break
                await asyncio.sleep(0.25)
        self.played.replayable_after_s = round(time.time() - closed, 2)
        if not answer["complete"]:
            self.played.problems.append("the record is not complete")

    async def check_record(self, start: float, end: float) -> None:
        """Download the package, verify it with the stand-alone verifier, count what was recorded."""
        data = (await self.records.get(f"/api/sessions/{self.played.session}/package")).content
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "package.zip"
            path.write_bytes(data)
            result = verifier.verify(str(path), self.keys)
        self.played.verified = result["result"] == "intact"
        if not self.played.verified:
            self.played.problems.append(f"the package does not verify: {result['result']} {result['problems']}")
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            recorded = camera_frames(package, start, end)
        for point in self.played.points:
            frames = point["recorded"] = recorded.get(point["participant"], 0)
            if frames < ENOUGH * point["sent"]:
                self.played.problems.append(f"{frames} of {point['sent']} frames of {point['place']} were recorded")
        if not self.played.case:
            raise DemoError("the visit has no case")
