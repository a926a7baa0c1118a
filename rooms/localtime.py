"""Local days. Việt Nam has had one zone without daylight saving since 1975, so no zone data is needed."""

from __future__ import annotations

import datetime as dt

LOCAL = dt.timezone(dt.timedelta(hours=7), "+07")


def local_date(now: dt.datetime) -> dt.date:
    """The local day of a moment."""
    return now.astimezone(LOCAL).date()


def day_bounds(day: dt.date) -> tuple[dt.datetime, dt.datetime]:
    """First moment of a local day and of the next one."""
    start = dt.datetime.combine(day, dt.time(), LOCAL)
    return start, start + dt.timedelta(days=1)
