"""What an administrator changes while the hub runs: settings, and rules laid over the built-in profile."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from rooms import audit
from rooms.actor import Actor
from rooms.errors import Forbidden, Invalid
from rooms.localtime import local_date
from rooms.models import RuleProfile, Setting
from rooms.policy import profile_on
from rooms.words import Role


def get(db: Session, key: str, default: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A setting, or ``default``."""
    row = db.get(Setting, key)
    return dict(row.value) if row is not None else dict(default or {})


def put(db: Session, actor: Actor, key: str, value: Mapping[str, Any], now: dt.datetime) -> None:
    """Change a setting. Raises Forbidden."""
    _need_admin(actor)
    row = db.get(Setting, key)
    if row is None:
        row = Setting(key=key)
        db.add(row)
    row.value, row.updated_at, row.updated_by = dict(value), now, actor.user_id
    audit.log(db, actor, "setting.changed", "setting", key[:24], now)


def rule(db: Session, name: str, now: dt.datetime) -> Any:
    """The value of a rule as it holds now: the newest change of an administrator, else the built-in profile.

    Raises KeyError for a rule that does not exist.
    """
    on = local_date(now)
    value = profile_on(on).value(name)
    for row in db.scalars(_in_force(on)):
        if name in row.rules:
            return row.rules[name]["value"]
    return value


def _in_force(on: dt.date) -> sa.Select[RuleProfile]:
    return (
        sa.select(RuleProfile)
        .where(
            sa.or_(RuleProfile.valid_from.is_(None), RuleProfile.valid_from <= on),
            sa.or_(RuleProfile.valid_to.is_(None), RuleProfile.valid_to > on),
        )
        .order_by(RuleProfile.updated_at.desc(), RuleProfile.id)
    )


def set_rule(
    db: Session, actor: Actor, name: str, value: Any, source: str, now: dt.datetime, *,
    valid_from: dt.date | None = None, valid_to: dt.date | None = None,
) -> RuleProfile:  # fmt: skip
    """Change a rule for a period (from today on when none is given), naming the decision it rests on.

    Raises Forbidden, Invalid (rule.unknown, rule.value, rule.source_missing).
    """
    _need_admin(actor)
    on = local_date(now)
    built_in = profile_on(on).rules.get(name)
    if built_in is None:
        raise Invalid("rule.unknown", "There is no such rule.")
    if type(value) is not type(built_in.value):
        raise Invalid("rule.value", "The value of this rule is of another kind.", field="value")
    if not source.strip():
        raise Invalid("rule.source_missing", "Please name the decision that this rests on.", field="source")
    row = RuleProfile(name=name, valid_from=valid_from or on, valid_to=valid_to, updated_at=now)
    row.rules = {name: {"value": value, "source": source.strip(), "sure": "set here"}}
    row.updated_by = actor.user_id
    db.add(row)
    db.flush()
    audit.log(db, actor, "rule.changed", "rule", name[:24], now, reason=source.strip())
    return row


def _need_admin(actor: Actor) -> None:
    if not actor.has_role(Role.ADMIN):
        raise Forbidden()
