"""What the templates of files are given: links and their trace, grants, looks, petitions, minutes, training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, ClassVar

from web.pages.contexts import Context, PaperView, RowView


@dataclass(frozen=True)
class PendingView:
    """A link, or its end, that waits for a second person. ``ending``: it is to be taken out; ``own``: the reader asked
    for it and so cannot confirm it, but may take it back; ``joining``: a file is joined or taken apart; ``case_id``:
    the file whose link it is; ``other``: the other file of a move or joining, in words."""

    id: str
    what: str
    reason: str
    by: str
    at: datetime | None
    ending: bool
    own: bool
    may_confirm: bool
    may_reject: bool = False
    joining: bool = False
    case_id: str = ""
    other: str = ""


@dataclass(frozen=True)
class HeldLink:
    """Something that belongs to the file now. ``locked``: taking it out needs a second person."""

    id: str
    what: str
    locked: bool


@dataclass(frozen=True)
class FileRights:
    """What the reader may do with a file beyond reading: change its links, join it, give rights, see who looked."""

    link: bool = False
    merge: bool = False
    grant: bool = False
    looks: bool = False
    custody: bool = False


@dataclass(frozen=True)
class GrantRow:
    """A right on one object. ``state``: in words; ``live``: neither expired nor revoked; ``where``: the object, where
    the list speaks of several."""

    id: str
    who: str
    right: str
    reason: str
    until: datetime
    by: str
    at: datetime
    word: str
    tone: str
    live: bool
    where: str = ""
    url: str = ""


@dataclass(frozen=True)
class GrantsPage(Context):
    """Quyền truy cập of one object, or (without ``kind``) what the reader gave and holds; ``places``: sites and
    sittings on which the reader may give rights."""

    template: ClassVar[str] = "pages/grants.html"
    kind: str
    object_id: str
    heading: str
    back_url: str
    rows: Sequence[GrantRow]
    may_grant: bool
    places: Mapping[str, str] = field(default_factory=dict)
    users: Mapping[str, str] = field(default_factory=dict)
    rights: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, Any] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class LookRow:
    """An entry of the audit log in words. ``look``: somebody saw or took it with them."""

    at: datetime
    who: str
    what: str
    about: str
    reason: str
    look: bool


@dataclass(frozen=True)
class LooksPage(Context):
    """Ai đã xem: the entries about a file or a session, newest first."""

    template: ClassVar[str] = "pages/looks.html"
    heading: str
    back_url: str
    rows: Sequence[LookRow]
    only_looks: bool
    path_here: str


@dataclass(frozen=True)
class PetitionRow:
    """A row of the book of petitions."""

    number: str
    received: date
    petitioner: str
    kind: str
    source: str
    content: str
    file: str
    url: str


@dataclass(frozen=True)
class PetitionsPage(Context):
    """Sổ đơn of one point over a time. ``may_add``: the reader may enter petitions here."""

    template: ClassVar[str] = "pages/petitions.html"
    rows: Sequence[PetitionRow]
    site_id: str
    site_name: str
    body: str
    sites: Mapping[str, str]
    since: date
    until: date
    source: str
    may_add: bool
    form: Mapping[str, Any] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SectionForm:
    """A section of TCD_20 to be written; ``version`` is the one that is edited."""

    key: str
    title: str
    text: str
    version: int
    rows: int
    error: str = ""


@dataclass(frozen=True)
class LineForm:
    """A line of the minutes. ``history``: what it said before; ``struck``: struck out."""

    id: str
    time: str
    speaker: str
    text: str
    struck: bool
    history: Sequence[str] = ()


@dataclass(frozen=True)
class MinutesPage(Context):
    """Biên bản written at the desk. ``writer``: who writes, where that is somebody else."""

    template: ClassVar[str] = "pages/minutes_edit.html"
    visit: Any
    heading: str
    who: str
    sections: Sequence[SectionForm]
    lines: Sequence[LineForm]
    frozen: bool
    frozen_at: datetime | None
    may_write: bool
    writer: str = ""
    online: bool = False
    form: Mapping[str, Any] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SignatureRow:
    """How one party signed. ``word``: in words; unsigned is a state, not a fault."""

    party: str
    name: str
    word: str
    tone: str
    at: datetime | None
    note: str = ""
    paper_url: str = ""


@dataclass(frozen=True)
class SignedPage(Context):
    """Ký biên bản, tài liệu bổ sung of a session. ``locked``: what comes now is a signed supplement."""

    template: ClassVar[str] = "pages/signed.html"
    session: str
    heading: str
    back_url: str
    locked: bool
    frozen: bool
    minutes_url: str
    signatures: Sequence[SignatureRow]
    papers: Sequence[PaperView]
    supplements: Sequence[RowView]
    kinds: Mapping[str, str]
    may_add: bool
    max_upload: int
    form: Mapping[str, Any] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class TrainingPage(Context):
    """Phiên thử / tập huấn: test visits and sittings, apart from all others. ``own_sites``: where a test sitting may
    be opened; ``may_receive``: a test visit may be begun at ``point``."""

    template: ClassVar[str] = "pages/training.html"
    point: str
    visits: Sequence[RowView]
    sittings: Sequence[RowView]
    sessions: Sequence[RowView]
    cases: Sequence[RowView]
    may_receive: bool
    own_sites: Mapping[str, str]
    all_sites: Mapping[str, str]
