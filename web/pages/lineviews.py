"""How good the line of each point of a session is, for the board: a word for officers, figures for technicians.

The same words as in the room (``static/js/lib/lines.js``), from the same figures (``quality.measured``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from web import i18n
from web.i18n import N_
from web.pages import formats
from web.pages.contexts_board import LineView

WORDS = {
    "good": (N_("đường truyền tốt"), "good"),
    "weak": (N_("đường truyền yếu"), "warn"),
    "sound_only": (N_("chỉ còn tiếng"), "warn"),
    "lost": (N_("mất kết nối"), "bad"),
}
"""Line word -> words and tone."""


def line_views(
    points: Iterable[tuple[str, str]], words: Mapping[str, str], lost: frozenset[str],
    figures: Iterable[Mapping[str, Any]], language: str,
) -> list[LineView]:  # fmt: skip
    """One view per connected point (participant, name) of which anything is known, in their order."""
    rows = {str(row.get("participant", "")): row for row in figures}
    found = []
    for participant, name in points:
        word = "lost" if participant in lost else words.get(participant, "")
        row = rows.get(participant, {}) if participant not in lost else {}
        if word not in WORDS and not row:
            continue
        text, tone = WORDS.get(word, ("", ""))
        said = i18n.translate(text, language) if text else ""
        found.append(LineView(name, said, tone, way_line(row.get("up"), language), way_line(row.get("down"), language)))
    return found


def way_line(way: Mapping[str, Any] | None, language: str) -> str:
    """The figures of one way in a line; "" when nothing was measured."""
    if not way:
        return ""

    def part(text: str, **values: str) -> str:
        return i18n.translate(text, language) % values

    parts = [
        f"{way['kbps']} kbit/s",
        part(N_("mất gói %(share)s %%"), share=_number(100 * way["loss"], language)),
        part(N_("khứ hồi %(ms)s ms"), ms=str(round(1000 * way["rtt_s"]))) if way["rtt_s"] else "",
        part(N_("dao động %(ms)s ms"), ms=str(round(1000 * way["jitter_s"]))),
        part(N_("điểm tiếng %(mos)s"), mos=_number(way["mos"], language)),
        part(N_("lớp %(layer)s"), layer=str(way["layer"])) if way.get("layer") else "",
        part(N_("hình đứng %(seconds)s giây"), seconds=_number(way["frozen_s"], language))
        if way.get("frozen_s")
        else "",
        part(N_("tiếng vá %(share)s %%"), share=_number(100 * way["concealed"], language))
        if way.get("concealed")
        else "",
    ]
    return formats.joined([one for one in parts if one])


def _number(value: float, language: str) -> str:
    text = f"{value:.1f}"
    return text if language == "en" else text.replace(".", ",")
