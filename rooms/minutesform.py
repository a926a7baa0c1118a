"""The form TCD_20 "Biên bản tiếp công dân" (domain 3.2): its sections and what they hold beforehand.

The text is that of a Vietnamese document, so it stands here in Vietnamese whatever the user's language is.
"""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Session

from rooms.localtime import LOCAL
from rooms.models import Attendee, Participant, Petition, ReceptionSession, Site, Sitting, User, Visit, VisitPerson

SECTIONS: dict[str, str] = {
    "opening": "Thời gian, địa điểm",
    "receivers": "Người tiếp công dân, thành phần tham dự",
    "persons": "Công dân được tiếp",
    "content": "Nội dung trình bày",
    "demand": "Yêu cầu, đề nghị",
    "evidence": "Thông tin, tài liệu, bằng chứng cung cấp",
    "opinions": "Ý kiến của thành phần tham dự",
    "conclusion": "Kết luận của người chủ trì",
    "citizen_opinion": "Ý kiến của công dân",
    "closing": "Kết thúc",
}
"""Keys of the sections in their order, with their titles."""

_ROLES = {
    "citizen": "công dân",
    "representative": "người đại diện",
    "authorised": "người được ủy quyền",
    "lawyer": "luật sư",
    "legal_aid": "trợ giúp viên pháp lý",
    "interpreter": "người phiên dịch",
    "companion": "người đi cùng",
}


def hour_text(moment: dt.datetime) -> str:
    """ "08 giờ 05 phút, ngày 23 tháng 11 năm 2026", local time."""
    local = moment.astimezone(LOCAL)
    return f"{local:%H} giờ {local:%M} phút, ngày {local:%d} tháng {local:%m} năm {local:%Y}"


def prefilled(db: Session, session: ReceptionSession | None, visit: Visit | None, now: dt.datetime) -> dict[str, str]:
    """Texts of the sections as far as the hub knows them."""
    start = (session.opened_at if session is not None else None) or (visit.started_at if visit is not None else now)
    site_id = visit.site_id if visit is not None else session.site_id if session is not None else None
    site = db.get(Site, site_id) if site_id else None
    texts = {"opening": _opening(start, site, session), "receivers": _receivers(db, session, visit)}
    if visit is not None:
        texts |= {
            "persons": "\n".join(_person(number, row) for number, row in enumerate(visit.persons, start=1)),
            "content": visit.content,
            "demand": visit.demand,
            "evidence": _petitions(db, visit),
        }
    texts["closing"] = (
        "Biên bản đã được đọc lại cho những người có tên trên cùng nghe, công nhận đúng và ký xác nhận; "
        "lập thành 02 bản, giao cho công dân 01 bản."
    )
    return texts


def _opening(start: dt.datetime, site: Site | None, session: ReceptionSession | None) -> str:
    place = ", ".join(filter(None, (site.name, site.address))) if site is not None else ""
    lines = [f"Vào hồi {hour_text(start)}."]
    if place:
        lines.append(f"Tại: {place}.")
    points = [point.name for point in session.participants] if session is not None else []
    if points:
        lines.append("Hình thức: tiếp công dân trực tuyến. Các điểm cầu: " + "; ".join(points) + ".")
    return "\n".join(lines)


def _receivers(db: Session, session: ReceptionSession | None, visit: Visit | None) -> str:
    lines = []
    sitting_id = (visit.sitting_id if visit is not None else None) or (session.sitting_id if session else None)
    sitting = db.get(Sitting, sitting_id) if sitting_id else None
    chair = (session.chair if session is not None else "") or (sitting.chair_name if sitting is not None else "")
    if chair:
        title = sitting.chair_title if sitting is not None and sitting.chair_name == chair else ""
        lines.append(f"Chủ trì: {chair}{f' - {title}' if title else ''}")
    if visit is not None and visit.officer_name:
        officer = db.get(User, visit.officer_id) if visit.officer_id else None
        title = officer.title if officer is not None else ""
        lines.append(f"Người tiếp công dân: {visit.officer_name}{f' - {title}' if title else ''}")
    if sitting is not None:
        found = sa.select(Attendee).where(Attendee.sitting_id == sitting.id).order_by(Attendee.came_at, Attendee.id)
        lines += [" - ".join(filter(None, (a.name, a.title, a.body))) for a in db.scalars(found)]
    if session is not None:
        lines += [_point(point) for point in session.participants if point.people]
    return "\n".join(lines)


def _point(point: Participant) -> str:
    people = [" - ".join(filter(None, (p.name, p.title or p.capacity))) for p in point.people]
    return f"{point.name}: " + "; ".join(people)


def _person(number: int, row: VisitPerson) -> str:
    parts = [f"{number}. {row.name} ({_ROLES[row.role.value]})"]
    if row.identity_number:
        issued = f", cấp {row.identity_issued}" if row.identity_issued else ""
        parts.append(f"giấy tờ số {row.identity_number}{issued}")
    parts += [f"địa chỉ: {row.address}"] if row.address else []
    parts += [f"điện thoại: {row.phone}"] if row.phone else []
    return "; ".join(parts)


def _petitions(db: Session, visit: Visit) -> str:
    found = sa.select(Petition).where(Petition.visit_id == visit.id).order_by(Petition.created_at)
    return "\n".join(f"- Đơn: {petition.content}" for petition in db.scalars(found))
