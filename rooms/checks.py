"""Tests of camera, microphone and speaker, kept per device and day."""

from __future__ import annotations

import datetime as dt

from sqlalchemy.orm import Session

from rooms.actor import Actor
from rooms.models import DeviceCheck


def save_check(
    db: Session, actor: Actor, device: str, camera: str, microphone: str, speaker: str, now: dt.datetime, *,
    site_id: str | None = None, note: str = "",
) -> DeviceCheck:  # fmt: skip
    """Keep a result. ``camera`` ok|black|frozen|none|skipped, ``microphone`` ok|silent|clipping|none|skipped,
    ``speaker`` ok|not_heard|skipped. Passed: nothing failed. Raises Invalid check.value.
    """
    raise NotImplementedError


def check_of(db: Session, device: str, on: dt.date) -> DeviceCheck | None:
    """The last check of a device on a day, None when there was none."""
    raise NotImplementedError
