"""The two languages of the screens. Vietnamese is the source: a message's id is its Vietnamese text; English is the
catalogue ``locale/en/LC_MESSAGES/messages.po``, compiled in memory when the process starts. A test holds that every
message in templates, Python and JavaScript has an English text.
"""

from __future__ import annotations

import functools
import io
from gettext import GNUTranslations, NullTranslations
from pathlib import Path

from babel.messages.extract import extract_from_file
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from starlette.requests import HTTPConnection

WEB = Path(__file__).parent
LANGUAGES = {"vi": "Tiếng Việt", "en": "English"}
SOURCE = "vi"
COOKIE = "language"

KEYWORDS: dict[str, tuple[int, ...] | None] = {"_": None, "gettext": None, "N_": None, "ngettext": (1, 2)}
"""Functions whose text arguments are messages, in all three languages of code."""


def N_(message: str) -> str:
    """Marks a text for extraction where it is written, to be translated where it is shown."""
    return message


@functools.cache
def translations(language: str) -> NullTranslations:
    """The catalogue of ``language``; the source language and unknown ones give the messages as they are written."""
    path = WEB / "locale" / language / "LC_MESSAGES" / "messages.po"
    if language == SOURCE or language not in LANGUAGES or not path.exists():
        return NullTranslations()
    with path.open("rb") as source:
        catalogue = read_po(source, locale=language)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return GNUTranslations(compiled)


def translate(message: str, language: str) -> str:
    """``message`` in ``language``; the Vietnamese text when it has no translation."""
    return translations(language).gettext(message) if message else ""


def language_of(connection: HTTPConnection) -> str:
    """The language this browser chose (cookie), else the hub's own."""
    chosen = connection.cookies.get(COOKIE, "")
    if chosen in LANGUAGES:
        return chosen
    hub = getattr(connection.app.state, "hub", None) if "app" in connection.scope else None
    return str(hub.config.language) if hub is not None else SOURCE


def script_messages() -> set[str]:
    """The messages our own JavaScript shows, read from its sources."""
    found: set[str] = set()
    for path in sorted((WEB / "static" / "js").rglob("*.js")):
        for _line, message, _comments, _context in extract_from_file("javascript", str(path), KEYWORDS):
            found.update([message] if isinstance(message, str) else message)
    return found


@functools.cache
def script_catalogue(language: str) -> dict[str, str]:
    """What a page hands to ``lib/i18n.js``: message to translation, empty in the source language."""
    if language == SOURCE:
        return {}
    return {message: translate(message, language) for message in sorted(script_messages())}
