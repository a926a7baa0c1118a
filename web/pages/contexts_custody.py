"""What the templates of custody are given: extracts, copies, holds, retention, disposal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from web.pages.contexts import Context
from web.pages.contexts_prints import PaperHead


@dataclass(frozen=True)
class MadeRow:
    """An extract or delivery in a list. ``what``: moments or contents; ``order``: under which paper."""

    url: str
    what: str
    order: str
    word: str
    tone: str
    at: datetime
    by: str


@dataclass(frozen=True)
class HoldRow:
    """A hold. ``asked_by``: who wants it lifted; ``own``: that is the reader; ``may_lift``: the reader may confirm."""

    id: str
    basis: str
    reason: str
    at: datetime
    by: str
    lifted_at: datetime | None
    lifted_by: str
    asked_by: str
    lift_reason: str
    own: bool
    may_lift: bool


@dataclass(frozen=True)
class DisposalRow:
    """A disposal. ``word``, ``tone``: its state; ``certificate``: address of the certificate."""

    id: str
    basis: str
    reason: str
    word: str
    tone: str
    at: datetime
    by: str
    decided_by: str
    decision: str
    error: str
    certificate: str
    own: bool
    may_decide: bool
    may_withdraw: bool
    job_url: str = ""
    about: str = ""
    url: str = ""


@dataclass(frozen=True)
class RetentionView:
    """How long it is kept. ``until``: in words; ``sure``: how sure the figure is, in words."""

    name: str
    years: str
    until: str
    source: str
    sure: str
    reason: str
    key: str


@dataclass(frozen=True)
class CustodyPage(Context):
    """Lưu giữ, trích xuất, bàn giao of one record (``kind`` session) or file. ``obstacles``: why it may not be disposed
    of now, in words; ``gone_at``: it was disposed of."""

    template: ClassVar[str] = "pages/custody.html"
    kind: str
    object_id: str
    heading: str
    sub: str
    back_url: str
    extracts: Sequence[MadeRow]
    deliveries: Sequence[MadeRow]
    may_extract: bool
    may_deliver: bool
    may_keep: bool
    may_second: bool
    retention: RetentionView
    classes: Mapping[str, str]
    holds: Sequence[HoldRow]
    disposals: Sequence[DisposalRow]
    obstacles: Sequence[str]
    restricted: bool = False
    gone_at: datetime | None = None
    records: Sequence[tuple[str, str]] = ()
    form: Mapping[str, Any] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ClassRow:
    """A class of retention with its source."""

    name: str
    years: str
    source: str
    sure: str
    since: str


@dataclass(frozen=True)
class KeepingPage(Context):
    """Việc lưu giữ: what waits for a second person, what is held, the classes with their sources."""

    template: ClassVar[str] = "pages/keeping.html"
    disposals: Sequence[DisposalRow]
    holds: Sequence[tuple[str, str, HoldRow]]
    links: Sequence[tuple[str, str]]
    classes: Sequence[ClassRow]


@dataclass(frozen=True)
class ExtractForm(Context):
    """Trích xuất: moments, points, order. ``lanes``: name to words; ``span``: what the record holds, in words;
    ``own``: what points recorded by themselves, in words."""

    template: ClassVar[str] = "pages/extract_form.html"
    session: str
    heading: str
    back_url: str
    lanes: Mapping[str, str]
    chosen: Sequence[str]
    span: str
    restricted: bool
    form: Mapping[str, Any] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)
    own: Sequence[str] = ()


@dataclass(frozen=True)
class JobView:
    """Long work. ``percent`` 0..100; ``cancel_url``: where it is given up."""

    url: str
    percent: int
    word: str
    cancel_url: str


@dataclass(frozen=True)
class MediaRow:
    """A file of an extract: whose, the moments that it really holds, what was encoded again; ``from_point``: the point
    recorded it by itself."""

    url: str
    name: str
    kind: str
    start: str
    end: str
    reencoded: str
    sound: bool
    length: int
    sha256: str
    from_point: bool = False


@dataclass(frozen=True)
class ExtractPage(Context):
    """One extract: its order, its files to play, or how far it is."""

    template: ClassVar[str] = "pages/extract.html"
    heading: str
    sub: str
    back_url: str
    replay_url: str
    word: str
    tone: str
    order: Any
    ordered: str
    points: Sequence[str]
    reason: str
    files: Sequence[MediaRow]
    supplement: str
    error: str = ""
    job: JobView | None = None


@dataclass(frozen=True)
class ChoiceRow:
    """What may go into a copy."""

    name: str
    kind: str
    label: str
    detail: str
    on: bool


@dataclass(frozen=True)
class DeliveryForm(Context):
    """A citizen's copy (``choices``) or a hand-over package (``contents``: what goes in, in words). ``left_out``: what
    other points recorded by themselves, which no citizen's copy holds."""

    template: ClassVar[str] = "pages/delivery_form.html"
    copy: bool
    action: str
    heading: str
    sub: str
    back_url: str
    choices: Sequence[ChoiceRow]
    contents: Sequence[str]
    restricted: bool
    form: Mapping[str, Any] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)
    left_out: Sequence[str] = ()


@dataclass(frozen=True)
class DeliveryPage(Context):
    """One delivery: how far it is, the download, the act of handing over."""

    template: ClassVar[str] = "pages/delivery.html"
    id: str
    copy: bool
    heading: str
    sub: str
    back_url: str
    word: str
    tone: str
    order: Any
    contents: Sequence[str]
    length: int
    sha256: str
    sums_sha256: str
    discs: int
    restricted: bool
    receiver: str
    facts: Sequence[tuple[str, str]]
    ready: bool
    handed: bool
    signed_url: str = ""
    error: str = ""
    job: JobView | None = None
    form: Mapping[str, Any] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class HandoverPrint(PaperHead):
    """Biên bản bàn giao dữ liệu: who gave what to whom, with hashes, to be signed."""

    template: ClassVar[str] = "pages/handover_print.html"
    copy: bool = True
    begins: str = ""
    where: str = ""
    giver: str = ""
    giver_title: str = ""
    receiver: str = ""
    receiver_paper: str = ""
    order_line: str = ""
    purpose: str = ""
    medium: str = ""
    contents: Sequence[str] = ()
    length: str = ""
    sha256: str = ""
    sums_sha256: str = ""
    restricted: bool = False


@dataclass(frozen=True)
class CertificatePrint(PaperHead):
    """Biên bản tiêu hủy: what was destroyed, by whose word, with hashes and signature."""

    template: ClassVar[str] = "pages/certificate_print.html"
    about: str = ""
    basis: str = ""
    reason: str = ""
    proposed: str = ""
    approved: str = ""
    destroyed: str = ""
    total: str = ""
    rows: Sequence[tuple[str, str, str, str]] = ()
    sha256: str = ""
    key_id: str = ""
    json_url: str = ""
