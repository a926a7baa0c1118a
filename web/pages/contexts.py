"""What each template is given: one dataclass per template, with the meaning of every field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Item:
    """An entry of the navigation. ``label`` is a message id."""

    label: str
    url: str
    icon: str
    here: bool = False


@dataclass(frozen=True)
class Chrome:
    """The frame round a page of somebody who is logged in. ``role``: office and place in words, translated already.
    ``training``: the page belongs to the training space."""

    user: str
    name: str
    role: str
    items: tuple[Item, ...]
    more: tuple[Item, ...] = ()
    training: bool = False


@dataclass(frozen=True)
class Flash:
    """A sentence about what has just been done. ``tone``: good, warn, bad or empty."""

    text: str
    tone: str = "good"


@dataclass(frozen=True)
class Context:
    """Base of all contexts; ``template`` is the file."""

    template: ClassVar[str] = ""


@dataclass(frozen=True)
class LoginPage(Context):
    """Log-in. ``error``: why it was refused, translated. ``next_url``: where to go afterwards."""

    template: ClassVar[str] = "pages/login.html"
    login: str = ""
    next_url: str = ""
    error: str = ""


@dataclass(frozen=True)
class ErrorPage(Context):
    """What happened, what was kept, what to do; all translated. ``retry``: offer to load the page again."""

    template: ClassVar[str] = "pages/error.html"
    status: int = 404
    heading: str = ""
    text: str = ""
    kept: str = ""
    advice: str = ""
    retry: bool = False
    code: str = ""
