"""Words of custody: states, obstacles, classes of retention, orders; and the form of an order that pages share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy.orm import Session
from starlette.datastructures import FormData

from rooms import jobs, takes
from rooms.errors import RoomsError
from rooms.models import Job, Order, Participant, Site
from rooms.orders import OrderForm
from rooms.retention import RetentionClass
from rooms.words import JobState
from web import errors, i18n
from web.hub import Hub
from web.i18n import N_
from web.pages import casefile, formats
from web.pages.contexts_custody import JobView
from web.pages.viewer import refusal, text_of

Row = TypeVar("Row")

STATE = {
    "making": (N_("Đang lập"), "info"),
    "ready": (N_("Đã có"), "good"),
    "handed": (N_("Đã bàn giao"), "good"),
    "failed": (N_("Không lập được"), "bad"),
    "cancelled": (N_("Đã hủy bỏ"), "off"),
}
DISPOSAL = {
    "proposed": (N_("Chờ người thứ hai duyệt"), "warn"),
    "withdrawn": (N_("Đã rút"), "off"),
    "refused": (N_("Không được duyệt"), "off"),
    "approved": (N_("Đã duyệt, chờ thực hiện"), "warn"),
    "stopped": (N_("Đã dừng, phải giữ lại"), "info"),
    "running": (N_("Đang tiêu hủy"), "bad"),
    "done": (N_("Đã tiêu hủy"), "off"),
}
OBSTACLE = {
    "case_open": N_("Thuộc hồ sơ còn đang theo dõi hoặc mới giải quyết, chưa kết thúc."),
    "pending_link": N_("Có đề nghị nối, gỡ hoặc ghép đang chờ người thứ hai."),
    "held": N_("Đang được giữ lại, không tiêu hủy."),
    "not_over": N_("Chưa hết thời hạn bảo quản, đến hết %(day)s."),
    "permanent": N_("Bảo quản vĩnh viễn."),
    "not_locked": N_("Có phiên chưa khóa bản ghi."),
    "nothing": N_("Không còn bản ghi nào để tiêu hủy."),
    "going": N_("Đã có đề nghị tiêu hủy."),
    "busy": N_("Đang lập trích xuất, bản sao hoặc bản xem lại."),
}
RETENTION = {
    "reception": N_("Hồ sơ, bản ghi tiếp công dân"),
    "inspection_serious": N_("Hồ sơ thanh tra vụ việc nghiêm trọng"),
    "inspection_other": N_("Hồ sơ thanh tra vụ việc khác"),
    "correspondence": N_("Công văn trao đổi"),
    "permanent": N_("Bảo quản vĩnh viễn theo quyết định"),
}
SURE = {
    "found": N_("đã đọc ở trang công khai, chưa đối chiếu văn bản gốc"),
    "memory": N_("ghi theo hiểu biết, chưa kiểm tra"),
    "low": N_("mức tạm dùng, chưa kiểm tra; hãy đối chiếu văn bản trước khi áp dụng"),
    "design": N_("do cơ quan quyết định"),
    "set here": N_("do cơ quan quyết định"),
}
LANE = {
    "point": N_("hình và tiếng"), "screen": N_("màn hình chia sẻ"), "document": N_("camera tài liệu"),
    "take": N_("ghi tại điểm cầu"),
}  # fmt: skip
MEDIUM = {"usb": N_("USB"), "dvd": N_("Đĩa DVD"), "other": N_("Phương tiện khác")}
PROGRESS = {
    "cutting": N_("Đang cắt từ bản ghi gốc"), "signing": N_("Đang ký số"), "muxing": N_("Đang lập tệp xem lại"),
    "hashing": N_("Đang tính mã băm"), "packing": N_("Đang đóng gói"), "listing": N_("Đang lập danh mục"),
    "destroying": N_("Đang tiêu hủy"),
}  # fmt: skip


def say(text: str, language: str, **values: object) -> str:
    """A text in the reader's language."""
    return i18n.translate(text, language) % values if values else i18n.translate(text, language)


def order_of(form: Mapping[str, Any] | FormData, language: str) -> tuple[OrderForm, dict[str, str]]:
    """The order as typed, and what is wrong with its day."""
    typed = text_of(form, "dated", 10)
    day = formats.parse_day(typed) if typed else None
    wrong = {}
    if typed and day is None:
        wrong["dated"] = say(N_("Ngày không hợp lệ, ví dụ 30/11/2026."), language)
    order = OrderForm(
        issuer=text_of(form, "issuer", 200), issuer_title=text_of(form, "issuer_title", 200),
        number=text_of(form, "number", 100), dated=day, purpose=text_of(form, "purpose", 2000),
    )  # fmt: skip
    return order, wrong


def under_order(
    hub: Hub, form: FormData, language: str, field: str, ask: Callable[[Session, OrderForm, str], Row],
    wrong: Mapping[str, str] | None = None,
) -> tuple[Row | None, dict[str, str]]:  # fmt: skip
    """Record the order of a form and what is asked for under it; the row of that, or what is wrong by field.

    ``wrong``: what the page found already; ``field``: beside which a refusal stands that names none.
    """
    order, found = order_of(form, language)
    found |= wrong or {}
    if found:
        return None, found
    try:
        with hub.database.write() as db:
            return ask(db, order, text_of(form, "reason", 2000)), {}
    except RoomsError as error:
        return None, refused(error, language, field)


def refused(error: RoomsError, language: str, field: str) -> dict[str, str]:
    """A refusal beside its field; what belongs to no form is raised again."""
    if error.code in ("not_found", "forbidden") or error.code.startswith(("storage.", "database.")):
        raise error
    return {str(error.values.get("field") or field): refusal(error, language)}


def refusal_of(code: str, language: str) -> str:
    """Why the worker gave up, in words."""
    return errors.sentence(code, "", language) if code else ""


def order_line(order: Order | None, language: str) -> str:
    """Văn bản số 12/QĐ ngày 30/11/2026."""
    if order is None:
        return ""
    text = N_("Văn bản số %(number)s ngày %(day)s của %(issuer)s")
    return say(text, language, number=order.number, day=formats.day(order.dated), issuer=order.issuer)


def years_of(cls: RetentionClass, language: str) -> str:
    """20 năm, or vĩnh viễn."""
    return say(N_("vĩnh viễn"), language) if cls.years is None else say(N_("%(n)d năm"), language, n=cls.years)


def point_name(db: Session, participant_id: str) -> str:
    """A point as people call it."""
    row = db.get(Participant, participant_id)
    site = db.get(Site, row.site_id) if row is not None and row.site_id else None
    return (site.short_name or site.name) if site is not None else row.name if row is not None else ""


def lane_name(db: Session, name: str, language: str) -> str:
    """Lục Ngạn: hình và tiếng."""
    participant, _, kind = name.partition(":")
    return f"{point_name(db, participant)}: {say(LANE.get(kind, kind), language)}"


def own_recordings(
    db: Session, session_id: str, language: str, wanted: Callable[[Participant], bool] = lambda point: True
) -> list[str]:
    """What points (the wanted ones) recorded by themselves: Lục Ngạn, ghi tại điểm cầu 14:05:09 – 14:07:00."""
    found = []
    for take in takes.of_session(db, session_id):
        point = db.get(Participant, take.participant_id)
        if take.first_utc is None or take.last_utc is None or point is None or not wanted(point):
            continue
        span = f"{wall(take.first_utc)} – {wall(take.last_utc)}"
        found.append(f"{point_name(db, point.id)}, {say(LANE['take'], language)} {span}")
    return found


def wall(utc: float) -> str:
    """14:05:09 on the clock of the wall."""
    return f"{formats.local(datetime.fromtimestamp(utc, formats.LOCAL)):%H:%M:%S}"


def span_of(start: float, end: float) -> str:
    """22/11/2026 14:05:09 – 14:07:00."""
    return f"{formats.day(datetime.fromtimestamp(start, formats.LOCAL))} {wall(start)} – {wall(end)}"


def job_view(db: Session, kind: str, key: str, cancel_url: str, language: str) -> JobView | None:
    """How far the work is; None when it is over."""
    job = jobs.newest(db, kind, key)
    if job is None or job.state not in (JobState.QUEUED, JobState.RUNNING):
        return None
    return JobView(f"/custody/jobs/{kind}/{key}", round(job.progress * 100), job_word(job, language), cancel_url)


def job_word(job: Job, language: str) -> str:
    """What it does now."""
    if job.state is JobState.QUEUED:
        return say(N_("Đang chờ đến lượt"), language)
    return say(PROGRESS.get(job.note, N_("Đang làm")), language)


def by(db: Session, user_id: str | None) -> str:
    """Whose name."""
    return casefile.name_of(db, user_id)
