"""Dated rules as data (domain 1.1): each with its source and how sure it is. Pure; the data is presets/rules.json.

What an administrator changes lies in the database and is laid over this by settings.rule.
"""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

RESUME_WINDOW = dt.timedelta(minutes=15)
"""How long a closed session may be resumed before it locks (design 6)."""

_DATA = Path(__file__).parent / "presets" / "rules.json"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: its value, where it comes from, and how sure that is (design, plan, found, memory, inference)."""

    value: Any
    source: str
    sure: str


@dataclass(frozen=True, slots=True)
class Profile:
    """The rules of one period; ``valid_to`` is exclusive, None at either end is open."""

    name: str
    valid_from: dt.date | None
    valid_to: dt.date | None
    rules: dict[str, Rule]

    def value(self, rule: str) -> Any:
        """The value of a rule. Raises KeyError for one that does not exist: our mistake."""
        return self.rules[rule].value

    def holds(self, on: dt.date) -> bool:
        """Whether the profile is in force on a day."""
        return (self.valid_from is None or self.valid_from <= on) and (self.valid_to is None or on < self.valid_to)


def _date(text: str | None) -> dt.date | None:
    return None if text is None else dt.date.fromisoformat(text)


@cache
def profiles() -> tuple[Profile, ...]:
    """All built-in profiles, oldest first. A later one repeats nothing: it changes what it names."""
    rules: dict[str, Rule] = {}
    found = []
    for entry in json.loads(_DATA.read_text("utf-8"))["profiles"]:
        rules = rules | {name: Rule(**rule) for name, rule in entry["rules"].items()}
        found.append(Profile(entry["name"], _date(entry["valid_from"]), _date(entry["valid_to"]), rules))
    return tuple(found)


def profile_on(on: dt.date) -> Profile:
    """The built-in profile that holds on a local day."""
    return next(profile for profile in profiles() if profile.holds(on))
