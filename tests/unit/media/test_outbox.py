"""Reports survive what they have to survive."""

import threading
from pathlib import Path

from media.messages import PeerUp
from media.outbox import UNCLEAN_GAP, Outbox, report_of

UP = PeerUp(peer="p", leg="publish")


class Box:
    """An outbox that can be waited for."""

    def __init__(self, path: Path) -> None:
        self.written = threading.Event()
        self.outbox = Outbox(path, self.written.set)

    def add(self) -> int:
        self.written.clear()
        number = self.outbox.add("s", 1, 2.0, UP)
        assert self.written.wait(5)
        return number

    def numbers(self, after: int = 0) -> list[int]:
        return [number for number, _ in self.outbox.after(after)]


def test_it_works(tmp_path: Path) -> None:
    box = Box(tmp_path / "o.db")
    assert [box.add(), box.add()] == [1, 2]
    report = report_of(box.outbox.after(1)[0][1])
    assert (report.number, report.session, report.body) == (2, "s", UP)
    box.outbox.ack(1)
    assert box.numbers() == [2]
    box.outbox.close(5)


def test_reports_and_numbers_survive_a_restart(tmp_path: Path) -> None:
    first = Box(tmp_path / "o.db")
    first.add(), first.add(), first.add()
    first.outbox.ack(1)
    first.outbox.close(5)
    second = Box(tmp_path / "o.db")
    assert second.numbers() == [2, 3]
    second.outbox.ack(3)
    second.outbox.close(5)
    third = Box(tmp_path / "o.db")
    assert third.numbers() == [] and third.add() == 4
    third.outbox.close(5)


def test_numbers_never_repeat_after_a_kill(tmp_path: Path) -> None:
    killed = Box(tmp_path / "o.db")
    killed.add()
    again = Box(tmp_path / "o.db")  # the first one never closed
    assert again.numbers() == [1]
    assert again.add() == 2 + UNCLEAN_GAP
    again.outbox.close(5)
    killed.outbox.close(5)


def test_a_hub_that_knows_more_moves_the_numbers_on(tmp_path: Path) -> None:
    box = Box(tmp_path / "o.db")
    box.outbox.ack(41)
    assert box.add() == 42
    box.outbox.close(5)


def test_a_disk_that_refuses_does_not_hold_reports_back(tmp_path: Path) -> None:
    box = Box(tmp_path / "o.db")
    box.add()
    box.outbox._path = tmp_path / "missing" / "o.db"
    assert box.add() == 2
    assert box.numbers() == [1, 2]
    box.outbox.close(5)
