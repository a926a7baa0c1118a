"""How dates, times, spans, sizes and names are written on the screens (ui.md). Local time is that of Viet Nam, which
has had no summer time since 1975, so a fixed offset is right for every date the hub stores."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime, timedelta, timezone

from rooms.fold import sort_key as sort_key
from web.i18n import N_, translate

LOCAL = timezone(timedelta(hours=7), "ICT")

WEEKDAYS = (
    N_("Thứ Hai"), N_("Thứ Ba"), N_("Thứ Tư"), N_("Thứ Năm"), N_("Thứ Sáu"), N_("Thứ Bảy"), N_("Chủ nhật"),
)  # fmt: skip


def local(moment: datetime) -> datetime:
    """``moment`` (aware; a naive one is taken as UTC) on the clock of the wall."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)  # noqa: UP017
    return moment.astimezone(LOCAL)


def day(moment: datetime | date | None) -> str:
    """22/11/2026; nothing for nothing."""
    if moment is None:
        return ""
    if isinstance(moment, datetime):
        moment = local(moment).date()
    return f"{moment.day:02d}/{moment.month:02d}/{moment.year}"


def clock(moment: datetime | None) -> str:
    """14:05; nothing for nothing."""
    return "" if moment is None else f"{local(moment):%H:%M}"


def stamp(moment: datetime | None) -> str:
    """22/11/2026 14:05; nothing for nothing."""
    return "" if moment is None else f"{day(moment)} {clock(moment)}"


def weekday(moment: datetime | date, language: str) -> str:
    """Name of the day of the week."""
    if isinstance(moment, datetime):
        moment = local(moment).date()
    return translate(WEEKDAYS[moment.weekday()], language)


def span(seconds: float | None, language: str) -> str:
    """1 giờ 05 phút, 24 phút, 40 giây; nothing for nothing."""
    if seconds is None:
        return ""
    total = max(0, int(seconds))
    hours, minutes = total // 3600, total // 60 % 60
    if hours:
        return translate(N_("%(hours)d giờ %(minutes)02d phút"), language) % {"hours": hours, "minutes": minutes}
    if total >= 60:
        return translate(N_("%(minutes)d phút"), language) % {"minutes": minutes}
    return translate(N_("%(seconds)d giây"), language) % {"seconds": total}


def timecode(seconds: float | None) -> str:
    """12:41 or 1:02:03, a place on a session's time line."""
    if seconds is None:
        return ""
    total = max(0, int(seconds))
    if total >= 3600:
        return f"{total // 3600}:{total // 60 % 60:02d}:{total % 60:02d}"
    return f"{total // 60:02d}:{total % 60:02d}"


def size(octets: int | None) -> str:
    """1,4 MB with a decimal comma; nothing for nothing."""
    if octets is None:
        return ""
    if octets < 1000:
        return f"{octets} B"
    divisor, unit = (1e3, "kB") if octets < 1e6 else (1e6, "MB") if octets < 1e9 else (1e9, "GB")
    value = octets / divisor
    return f"{value:.1f}".replace(".", ",").removesuffix(",0") + f" {unit}"


_OFFICE = re.compile(r"\b(Trụ sở|Ban) [Tt]iếp công dân ")


def place(name: str) -> str:
    """A place as it is said: "Điểm cầu huyện Lục Ngạn" for "Điểm cầu Trụ sở Tiếp công dân huyện Lục Ngạn"."""
    return _OFFICE.sub("", name)


def short_place(name: str) -> str:
    """The same where space is scarce and everything in the list is such a place: "huyện Lục Ngạn"."""
    said = place(name).removeprefix("Điểm cầu ")
    return said[:1].upper() + said[1:] if said else name


def joined(parts: Iterable[str], mark: str = " · ") -> str:
    """The parts that are there, with a mark between."""
    return mark.join(part for part in parts if part)


def parse_day(text: str) -> date | None:
    """A date as people write it (22/11/2026) or as a date field sends it (2026-11-22). None when it is neither."""
    for pattern in ("%Y-%m-%d", "%d/%m/%Y", "%d-%m-%Y", "%d.%m.%Y"):
        try:
            return datetime.strptime(text.strip(), pattern).date()
        except ValueError:
            continue
    return None


def day_start(day_: date) -> datetime:
    """The first moment of a local day."""
    return datetime(day_.year, day_.month, day_.day, tzinfo=LOCAL)
