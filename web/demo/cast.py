"""Who plays in the demo: made-up people at the preset's points, passwords made anew each time, and the sitting."""

from __future__ import annotations

import datetime as dt
import secrets
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from rooms import people, sites, sittings
from rooms.actor import SYSTEM
from rooms.db import Database, migrate, open_database
from rooms.models import Membership, Site, Sitting, User
from rooms.words import ReceptionForm, Role, SittingState

PRESET = "Bắc Giang 2024"


@dataclass(frozen=True, slots=True)
class Part:
    """A part in the demo: log-in, name, place (short name of the site), roles, and what the part is for."""

    login: str
    name: str
    place: str
    roles: tuple[Role, ...]
    what: str


CAST = (
    Part("dieuhanh.tw", "Trần Thu Hà", "Trung ương", (Role.OPERATOR, Role.CLERK), "điều hành phiên ở Trung ương"),
    Part("tiepdan.tw", "Phạm Văn An", "Trung ương", (Role.SITE_OFFICER,), "người tiếp công dân ở Hà Nội"),
    Part("tiepdan.lucngan", "Hoàng Minh", "Lục Ngạn", (Role.SITE_OFFICER,), "người tiếp công dân ở Lục Ngạn"),
    Part(
        "dieuhanh.tinh", "Lê Thị Mai", "Tỉnh Bắc Giang", (Role.OPERATOR, Role.SITE_OFFICER), "điểm cầu tỉnh Bắc Giang"
    ),
    Part("thamquyen.tinh", "Nguyễn Văn Bình", "Tỉnh Bắc Giang", (Role.COMPETENT,), "người có thẩm quyền ở tỉnh"),
    Part("hoso.tinh", "Đỗ Quang Huy", "Tỉnh Bắc Giang", (Role.RECORDS,), "cán bộ hồ sơ: tra cứu và xem lại"),
    Part("hoso.tw", "Vũ Ngọc Lan", "Trung ương", (Role.RECORDS,), "cán bộ hồ sơ ở Trung ương"),
    Part("quantri", "Bùi Đức Thắng", "Trung ương", (Role.ADMIN,), "quản trị"),
)

INVITED = {"Tỉnh Bắc Giang": True, "Lục Ngạn": False}
"""Who is invited: the province hears every citizen (True), the district only sends its own."""


@dataclass(frozen=True, slots=True)
class Stage:
    """The prepared folder: passwords by log-in, site ids by short name, and the sitting that is open."""

    passwords: dict[str, str]
    sites: dict[str, str]
    sitting: str


def prepare(database_url: str, now: dt.datetime) -> Stage:
    """Load the preset, make or renew the people, open today's sitting. May be called again on the same folder."""
    database = open_database(database_url)
    try:
        migrate(database)
        return _prepare(database, now)
    finally:
        database.dispose()


def _prepare(database: Database, now: dt.datetime) -> Stage:
    with database.write() as db:
        if db.scalar(sa.select(sa.func.count()).select_from(Site)) == 0:
            sites.load_preset(db, PRESET, now)
        places = {site.short_name or site.name: site.id for site in db.scalars(sa.select(Site))}
        passwords = {}
        for part in CAST:
            password = passwords[part.login] = secrets.token_urlsafe(9)
            user = db.scalars(sa.select(User).where(User.login == part.login)).first()
            user = user or people.add_user(db, SYSTEM, part.login, part.name, now)
            people.set_password(db, SYSTEM, user.id, password, now)
            user.must_change_password = False
            held = set(db.scalars(sa.select(Membership.role).where(Membership.user_id == user.id)))
            for role in part.roles:
                if role not in held:
                    people.add_membership(db, SYSTEM, user.id, places[part.place], role, now)
        return Stage(passwords, places, _sitting(db, places, now))


def _sitting(db: sa.orm.Session, places: dict[str, str], now: dt.datetime) -> str:
    central = places["Trung ương"]
    same = sa.select(Sitting).where(Sitting.site_id == central, Sitting.state == SittingState.OPEN)
    sitting = db.scalars(same).first()
    if sitting is None:
        sitting = sittings.open_sitting(
            db, SYSTEM, central, now, form=ReceptionForm.REGULAR, chair_name="Nguyễn Văn Tâm",
            chair_title="Phó Trưởng ban", subject="Tiếp công dân trực tuyến",
        )  # fmt: skip
        for place, attends in INVITED.items():
            sittings.invite_site(db, SYSTEM, sitting.id, places[place], now, attends=attends)
    return sitting.id


def fonts() -> list[Path]:
    """The page's own letters, for the labels in the demo's pictures."""
    folder = Path(__file__).parents[1] / "static" / "vendor"
    found = sorted(folder.rglob("*600*.woff2"))
    return sorted(found, key=lambda path: "latin-ext" in path.name)
