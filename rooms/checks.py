"""Tests of camera, microphone and speaker, kept per device and day."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Session

from rooms import access
from rooms.actor import Actor
from rooms.errors import Invalid
from rooms.ids import new_id
from rooms.localtime import local_date
from rooms.models import DeviceCheck

CAMERA = ("ok", "black", "frozen", "none", "skipped")
MICROPHONE = ("ok", "silent", "clipping", "none", "skipped")
SPEAKER = ("ok", "not_heard", "skipped")


def save_check(
    db: Session, actor: Actor, device: str, camera: str, microphone: str, speaker: str, now: dt.datetime, *,
    site_id: str | None = None, note: str = "",
) -> DeviceCheck:  # fmt: skip
    """Keep a result. ``camera`` ok|black|frozen|none|skipped, ``microphone`` ok|silent|clipping|none|skipped,
    ``speaker`` ok|not_heard|skipped. Passed: nothing failed. Raises Invalid check.value.
    """
    for field, value, known in (
        ("camera", camera, CAMERA),
        ("microphone", microphone, MICROPHONE),
        ("speaker", speaker, SPEAKER),
    ):
        if value not in known:
            raise Invalid("check.value", "This is no result of a device test.", field=field)
    if not 0 < len(device) <= 64:
        raise Invalid("check.value", "The device is not known.", field="device")
    if site_id is not None:
        access.load_site(db, actor, site_id, now=now)
    result = DeviceCheck(
        id=new_id(), device=device, site_id=site_id, user_id=actor.user_id, on=local_date(now), at=now, camera=camera,
        microphone=microphone, speaker=speaker, note=note[:500],
        passed=all(value in ("ok", "skipped") for value in (camera, microphone, speaker)),
    )  # fmt: skip
    db.add(result)
    db.flush()
    return result


def check_of(db: Session, device: str, on: dt.date) -> DeviceCheck | None:
    """The last check of a device on a day, None when there was none."""
    found = sa.select(DeviceCheck).where(DeviceCheck.device == device, DeviceCheck.on == on)
    return db.scalars(found.order_by(DeviceCheck.at.desc(), DeviceCheck.id).limit(1)).first()
