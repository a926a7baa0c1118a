"""Dated rules as data (domain 1.1): each with its source and how sure it is. Pure."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

RESUME_WINDOW = dt.timedelta(minutes=15)
"""How long a closed session may be resumed before it locks (design 6)."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: its value, where it comes from, and how sure that is (law, plan, found, memory, ours)."""

    value: Any
    source: str
    sure: str


@dataclass(frozen=True, slots=True)
class Profile:
    """The rules of one period; ``valid_to`` is exclusive."""

    name: str
    valid_from: dt.date | None
    valid_to: dt.date | None
    rules: dict[str, Rule]

    def value(self, rule: str) -> Any:
        """The value of a rule. Raises KeyError for one that does not exist: our mistake."""
        return self.rules[rule].value


def profile_on(on: dt.date) -> Profile:
    """The built-in profile that holds on a local day."""
    raise NotImplementedError
