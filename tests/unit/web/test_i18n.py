"""Every text of the screens has its English; every icon that is named is in the sprite."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po

from web import i18n
from web.pages import labels

BLANK = re.compile(r"%\(\w+\)\d*[sd]|\{\w+\}")
SPRITE = i18n.WEB / "static" / "vendor" / "lucide" / "sprite.svg"


def messages() -> dict[str | tuple[str, ...], str]:
    """All messages of Python, templates and JavaScript with the file that has them."""
    found: dict[str | tuple[str, ...], str] = {}
    kinds = (("*.py", "python", {}), ("*.html", "jinja2.ext:babel_extract", {"extensions": "jinja2.ext.i18n"}),
             ("*.js", "javascript", {}))  # fmt: skip
    for pattern, method, options in kinds:
        for path in sorted(i18n.WEB.rglob(pattern)):
            for _, message, _, _ in extract_from_file(method, str(path), i18n.KEYWORDS, options=options):
                found.setdefault(message, str(path.relative_to(i18n.WEB)))
    return found


def catalogue() -> dict[str | tuple[str, ...], tuple[str, ...]]:
    path = i18n.WEB / "locale" / "en" / "LC_MESSAGES" / "messages.po"
    with path.open("rb") as source:
        entries = [entry for entry in read_po(source, locale="en") if entry.id]
    return {
        entry.id if isinstance(entry.id, str) else tuple(entry.id): (
            (entry.string,) if isinstance(entry.string, str) else tuple(entry.string)
        )
        for entry in entries
    }


def test_every_message_has_an_english_text() -> None:
    known = catalogue()
    missing = [f"{path}: {message}" for message, path in messages().items() if not all(known.get(message, ("",)))]
    assert not missing, "\n".join(missing)


def test_translations_keep_the_blanks() -> None:
    for message, texts in catalogue().items():
        wanted = set(BLANK.findall(message if isinstance(message, str) else message[0]))
        for text in texts:
            assert set(BLANK.findall(text)) == wanted, message


def test_pages_in_vietnamese_carry_no_catalogue_and_in_english_that_of_the_scripts() -> None:
    assert i18n.script_catalogue("vi") == {}
    assert i18n.script_catalogue("en")["Đóng"] == "Close" if "Đóng" in i18n.script_messages() else True
    assert set(i18n.script_catalogue("en")) == i18n.script_messages()


def test_an_unknown_language_shows_vietnamese() -> None:
    assert i18n.translate("Đăng nhập", "fr") == "Đăng nhập"


@pytest.mark.parametrize("folder", ["templates", "static/js", "pages"])
def test_every_icon_is_in_the_sprite(folder: str) -> None:
    symbols = set(re.findall(r'<symbol id="([^"]+)"', SPRITE.read_text()))
    named: dict[str, Path] = {}
    for path in sorted((i18n.WEB / folder).rglob("*.*")):
        if path.suffix in (".html", ".js"):
            for name in re.findall(r"""icon\(\s*["']([a-z0-9-]+)["']""", path.read_text()):
                named[name] = path
    assert not {name: str(path) for name, path in named.items() if name not in symbols}


def test_templates_have_nothing_inline() -> None:
    for path in sorted((i18n.WEB / "templates").rglob("*.html")):
        text = path.read_text()
        assert not re.search(r"""\s(style|on[a-z]+)=["']""", text), path
        assert "<style" not in text and "|safe" not in text.replace(" ", ""), path
        for tag in re.findall(r"<script[^>]*>", text):
            assert "src=" in tag or 'type="application/json"' in tag, f"{path}: {tag}"


def test_a_button_and_the_state_it_leads_to_read_differently() -> None:
    assert [i18n.translate(word, "en") for word in ("Tạm dừng", "Đang tạm dừng", "Phiên tạm dừng")] == [
        "Pause", "Paused", "Session paused",
    ]  # fmt: skip
    assert labels.SESSION_STATE["suspended"] == "Đang tạm dừng"
