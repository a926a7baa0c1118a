"""What a replayed page shows at this moment: each point's counter against the clock of the page. ``media.clip`` draws
the counter, ``tests.support.replayable`` puts it there."""

from __future__ import annotations

from tests.browser.support import HERE

SCRIPT = (HERE / "replaying.js").read_text()
LOOK = f"() => ({SCRIPT}).look()"


def seek_script(rate: int, period: int) -> str:
    """A function of a moment that moves the page there and gives the milliseconds until every picture is right.
    ``rate``: pictures a second; the counter starts over after ``period`` of them."""
    return f"(at) => ({SCRIPT}).seek(at, {rate}, {period})"
