"""Who sees whom in the list of people."""

from __future__ import annotations

from signaling.commands import Add, Connect
from signaling.views import Labels, view
from tests.support.room_bench import Bench, running


def seen(room: Bench, viewer: str) -> dict[str, str]:
    """Participants in the viewer's list, with their names."""
    labels = Labels(names={"a": "Điểm cầu A", "lookout": "Người theo dõi"})
    return {one.participant: one.name for one in view(room.state, viewer, labels, room.now).participants}


def test_who_only_looks_on_is_in_everybodys_list() -> None:
    room = running("a", "b")
    room.do(Add("lookout", "viewer", admitted=True))
    room.do(Connect("lookout", "dev-lookout"))
    room.do(Add("player", "viewer", kind="whep", admitted=True, receives=("a",)))
    room.do(Connect("player", "dev-player"))
    for who in ("op", "a", "b", "lookout", "player"):
        assert {"lookout", "player", "a", "b", "op"} <= set(seen(room, who)), who
    assert seen(room, "a")["lookout"] == "Người theo dõi"


def test_who_waits_to_look_on_sees_nobody_and_only_operators_see_it() -> None:
    room = running("a")
    room.do(Add("lookout", "viewer"))
    room.do(Connect("lookout", "dev-lookout"))
    assert set(seen(room, "lookout")) == {"lookout"}
    assert "lookout" in seen(room, "op") and "lookout" not in seen(room, "a")
