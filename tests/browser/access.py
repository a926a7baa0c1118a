"""Whether a page can be used by everybody: axe's findings, and the keyboard alone."""

from __future__ import annotations

from typing import Any

from tests.browser.story import Person
from tests.browser.support import HERE

AXE = (HERE / "vendor" / "axe.min.js").read_text()
MOST_TABS = 80
SCRIPT = (HERE / "access.js").read_text()


async def findings(person: Person) -> list[Any]:
    """What axe calls serious or critical on the page as it stands."""
    if not await person.page.evaluate("() => Boolean(window.axe)"):
        await person.page.evaluate(AXE)
    found: list[Any] = await person.page.evaluate(f"() => {SCRIPT}.findings()")
    return found


async def focused(person: Person) -> dict[str, Any] | None:
    """What has the focus: label, id, hook (data-testid), whether it is marked and seen; None for nothing."""
    found: dict[str, Any] | None = await person.page.evaluate(f"() => {SCRIPT}.focused()")
    return found


async def tab_to(person: Person, words: str) -> None:
    """Press Tab until what has the focus is called so (label, id or hook). What is passed must be seen and marked."""
    passed = []
    for _ in range(MOST_TABS):
        await person.page.keyboard.press("Tab")
        one = await focused(person)
        if one is None:
            continue
        passed.append(one["label"] or one["hook"] or one["id"])
        assert one["marked"] and one["seen"], one
        if one["label"].startswith(words) or words in (one["id"], one["hook"]):
            return
    raise AssertionError(f"no way to {words} by Tab; passed {passed}")
