"""What the templates of the administrator's pages are given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import ClassVar

from web.pages.contexts import Context, RowView


@dataclass(frozen=True)
class SiteRow:
    """A site in the tree; ``rooms``: names and number of devices, in words."""

    id: str
    name: str
    depth: int
    kind: str
    address: str
    rooms: str
    since: date


@dataclass(frozen=True)
class AdminSitesPage(Context):
    """Sites, rooms, this device. ``options``: site id to name; ``rooms``: room id to name."""

    template: ClassVar[str] = "pages/admin_sites.html"
    on: date
    sites: Sequence[SiteRow]
    options: Mapping[str, str]
    rooms: Mapping[str, str]
    device_name: str = ""
    form: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RoleView:
    """A role that somebody holds; ``id`` is the membership's."""

    id: str
    role: str
    site: str


@dataclass(frozen=True)
class PersonRow:
    """A user with roles."""

    id: str
    name: str
    login: str
    title: str
    active: bool
    roles: Sequence[RoleView]


@dataclass(frozen=True)
class SecretView:
    """A password that was just made; shown once, never stored."""

    login: str
    password: str


@dataclass(frozen=True)
class AdminPeoplePage(Context):
    """Users and roles."""

    template: ClassVar[str] = "pages/admin_people.html"
    people: Sequence[PersonRow]
    user_options: Mapping[str, str]
    site_options: Mapping[str, str]
    secret: SecretView | None = None
    form: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class DutyRow:
    """Who is on duty at a site today."""

    name: str
    duty: str
    substitute: str


@dataclass(frozen=True)
class AdminDutyPage(Context):
    """Duty roster."""

    template: ClassVar[str] = "pages/admin_duty.html"
    on: date
    rows: Sequence[DutyRow]
    options: Mapping[str, str]
    user_options: Mapping[str, str]
    form: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class TileView:
    """One figure."""

    label: str
    value: str
    word: str = ""
    tone: str = "plain"


@dataclass(frozen=True)
class RelayRow:
    """A relay as the hub last saw it."""

    name: str
    addresses: str
    seen: datetime | None
    word: str
    tone: str


@dataclass(frozen=True)
class AdminHealthPage(Context):
    """Relays, jobs, disk, audit."""

    template: ClassVar[str] = "pages/admin_health.html"
    now: datetime
    tiles: Sequence[TileView]
    relays: Sequence[RelayRow]
    jobs: Sequence[RowView]
    audit: Sequence[RowView]


@dataclass(frozen=True)
class RuleView:
    """A rule with its source; ``sure`` is a message id."""

    name: str
    value: str
    source: str
    sure: str
    tone: str


@dataclass(frozen=True)
class ProfileView:
    """The rules of one period."""

    name: str
    current: bool
    rules: Sequence[RuleView]


@dataclass(frozen=True)
class AdminRulesPage(Context):
    """Dated rules with their sources."""

    template: ClassVar[str] = "pages/admin_rules.html"
    profiles: Sequence[ProfileView]
