"""Who reads a page and at which point: the frame round it, the reader's sites, what a refusal reads like."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Annotated

from fastapi import Depends
from sqlalchemy.orm import Session
from starlette.datastructures import FormData
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse

from rooms import access, checks, sites
from rooms.access import Right
from rooms.actor import Actor
from rooms.errors import Forbidden, NotFound, RoomsError
from rooms.models import Device, Room, Site, User
from rooms.words import Role
from web import errors, i18n
from web.i18n import N_
from web.pages import formats, labels
from web.pages.contexts import CheckView, Chrome, Flash, Item, PointView

DESK_ROLES = (Role.SITE_OFFICER, Role.OPERATOR, Role.CLERK)
FILE_ROLES = (Role.SITE_OFFICER, Role.OPERATOR, Role.CLERK, Role.COMPETENT, Role.INSPECTOR, Role.RECORDS)
RANK = (
    Role.OPERATOR, Role.SITE_OFFICER, Role.CLERK, Role.COMPETENT, Role.RECORDS, Role.INSPECTOR, Role.ADMIN,
)  # fmt: skip
"""Which role stands under the reader's name when there are several."""

ITEMS: tuple[tuple[str, str, str, tuple[Role, ...]], ...] = (
    (N_("Hôm nay"), "/", "house", DESK_ROLES),
    (N_("Bảng điều hành"), "/board", "layout-dashboard", (Role.OPERATOR,)),
    (N_("Tiếp nhận"), "/desk", "user-plus", (Role.SITE_OFFICER,)),
    (N_("Lịch tiếp"), "/sittings", "calendar-days", tuple(Role)),
    (N_("Hồ sơ vụ việc"), "/cases", "folder-open", FILE_ROLES),
    (N_("Tra cứu"), "/search", "search", FILE_ROLES),
    (N_("Sổ tiếp công dân"), "/register", "book-open", (*DESK_ROLES, Role.RECORDS, Role.COMPETENT)),
    (N_("Quản trị"), "/admin", "settings", (Role.ADMIN,)),
)

MORE: tuple[tuple[str, str, str, tuple[Role, ...]], ...] = (
    (N_("Sổ đơn"), "/petitions", "inbox", (*DESK_ROLES, Role.RECORDS, Role.COMPETENT)),
    (N_("Quyền đã cấp và được cấp"), "/grants", "key", FILE_ROLES),
    (N_("Việc lưu giữ"), "/custody", "archive", (Role.RECORDS, Role.COMPETENT, Role.SITE_OFFICER)),
    (N_("Đối chiếu hằng đêm"), "/reconciliation", "list-checks", (Role.RECORDS, Role.ADMIN, Role.COMPETENT)),
    (N_("Phiên thử / tập huấn"), "/training", "presentation", (Role.SITE_OFFICER, Role.OPERATOR)),
)
"""Rarer pages, in the menu."""


async def form_of(request: Request) -> AsyncIterator[FormData]:
    """The posted form; its files are closed when the answer is made."""
    try:
        async with request.form(max_files=20, max_fields=2000) as form:
            yield form
    except ClientDisconnect as error:
        raise errors.Refusal("request.malformed") from error


FormDep = Annotated[FormData, Depends(form_of)]


def text_of(form: Mapping[str, object] | FormData, name: str, limit: int = 20_000) -> str:
    """A text field, trimmed; "" when it is missing or a file."""
    value = form.get(name, "")
    return value.replace("\r\n", "\n").replace("\0", "").strip()[:limit] if isinstance(value, str) else ""


def frame(db: Session, request: Request, actor: Actor, here: str, *, training: bool = False) -> Chrome:
    """The frame for ``actor``; ``here`` is the navigation's address of this page."""
    language = i18n.language_of(request)
    held = sorted(actor.memberships, key=lambda one: RANK.index(one.role))
    place = db.get(Site, held[0].site_id) if held else None
    role = formats.joined(
        [
            i18n.translate(labels.ROLE[held[0].role], language) if held else "",
            (place.short_name or place.name) if place else "",
        ]
    )
    items = [Item(label, url, icon, url == here) for label, url, icon, roles in ITEMS if actor.has_role(*roles)]
    if actor.grants and not actor.has_role(*FILE_ROLES):
        items.insert(0, Item(N_("Hồ sơ vụ việc"), "/cases", "folder-open", here == "/cases"))
    more = [Item(label, url, icon, url == here) for label, url, icon, roles in MORE if actor.has_role(*roles)]
    return Chrome(actor.user_id or "", actor.name, role, tuple(items), tuple(more), training=training)


def title_of(db: Session, actor: Actor) -> str:
    """The actor's own office, as printed on forms."""
    user = db.get(User, actor.user_id) if actor.user_id else None
    return user.title if user else ""


def points_of(db: Session, actor: Actor, now: datetime) -> list[Site]:
    """The sites at which the actor works: those of the desk's roles, else of any; ended ones left out."""
    on = formats.local(now).date()
    found = [db.get(Site, one) for one in actor.sites_with(*DESK_ROLES) or actor.sites_with()]
    return [site for site in found if site is not None and (site.valid_to is None or site.valid_to > on)]


def point_of(db: Session, request: Request, actor: Actor, now: datetime) -> Site | None:
    """The point at which this browser works: the chosen one, its device's, else the first of the actor."""
    own = points_of(db, actor, now)
    by_id = {site.id: site for site in own}
    chosen = request.session.get("point", "") if "session" in request.scope else ""
    if chosen in by_id:
        return by_id[chosen]
    device = db.get(Device, str(request.scope.get("device", "")))
    room = db.get(Room, device.room_id) if device is not None and device.retired_at is None else None
    if room is not None and room.site_id in by_id:
        return by_id[room.site_id]
    return own[0] if own else None


CAMERA = {"ok": N_("Rõ hình"), "black": N_("Hình tối đen"), "frozen": N_("Hình đứng"), "none": N_("Không có camera")}
MICROPHONE = {
    "ok": N_("Nghe rõ"),
    "silent": N_("Không có tiếng"),
    "clipping": N_("Tiếng quá to, vỡ"),
    "none": N_("Không có micro"),
}
SPEAKER = {"ok": N_("Nghe rõ"), "not_heard": N_("Không nghe thấy")}


def point_view(db: Session, request: Request, site: Site, now: datetime, presence: str = "") -> PointView:
    """This point with today's device check; ``presence`` as in labels.PRESENCE, "" when it is not known."""
    language = i18n.language_of(request)
    found = checks.check_of(db, str(request.scope.get("device", "")), formats.local(now).date())
    views = []
    for label, words, value in (
        (N_("Camera"), CAMERA, found.camera if found else ""),
        (N_("Micro"), MICROPHONE, found.microphone if found else ""),
        (N_("Loa"), SPEAKER, found.speaker if found else ""),
    ):
        word = words.get(value, N_("Chưa thử hôm nay"))
        tone = "good" if value == "ok" else "bad" if value in words else "warn"
        views.append(CheckView(i18n.translate(label, language), i18n.translate(word, language), tone))
    line, tone = N_("Chưa thử hôm nay"), "warn"
    if found is not None:  # the note holds what the line test found wrong
        line, tone = (N_("Đường truyền yếu"), "warn") if found.note else (N_("Đường truyền tốt"), "good")
    views.append(CheckView(i18n.translate(N_("Đường truyền"), language), i18n.translate(line, language), tone))
    if presence:
        word, tone = labels.PRESENCE[presence], labels.PRESENCE_TONE[presence]
    elif found is not None and found.passed:
        word, tone = labels.PRESENCE["ready"], "good"
    else:
        word, tone = N_("Chưa kiểm tra"), "warn"
    return PointView(site.id, site.name, i18n.translate(word, language), tone, views, found.at if found else None)


def allowed(db: Session, actor: Actor, site_id: str, right: Right, now: datetime) -> bool:
    """Whether the actor holds ``right`` at a site."""
    try:
        access.load_site(db, actor, site_id, right, now=now)
    except (NotFound, Forbidden):
        return False
    return True


def site_options(db: Session, actor: Actor, now: datetime) -> dict[str, str]:
    """The sites the actor may read today, id to name as it is said, in the order of the tree."""
    return {row.site.id: formats.place(row.site.name) for row in sites.list_tree(db, actor, formats.local(now).date())}


SENTENCES: dict[str, str] = {
    "visit.kind_missing": N_("Chọn loại việc."),
    "visit.person_missing": N_("Ghi họ tên, hoặc chọn Không cung cấp."),
    "visit.content_missing": N_("Ghi nội dung tóm tắt."),
    "visit.changed": N_("Đồng nghiệp vừa sửa lượt tiếp này. Nội dung mới nhất đã được tải; hãy xem lại rồi gửi lại."),
    "visit.draft_too_large": N_("Bản nháp quá dài; hãy rút gọn rồi gửi phần chi tiết thành tệp."),
    "visit.wrong_state": N_("Lượt tiếp đang ở bước khác nên chưa làm được việc này."),
    "visit.denunciation_offline": N_("Tố cáo được tiếp trực tiếp, không qua trực tuyến."),
    "visit.notice_missing": N_("Từ chối theo khoản 3 cần số, ngày Thông báo từ chối đã ký trước khi đóng."),
    "visit.bad_ground": N_("Chọn căn cứ từ chối."),
    "session.exists": N_("Lượt tiếp này đã có phiên đang mở."),
    "session.wrong_state": N_("Phiên đang ở bước khác nên chưa làm được việc này."),
    "sitting.wrong_state": N_("Buổi tiếp đã kết thúc hoặc còn phiên đang diễn ra."),
    "case.already_linked": N_("Đã gắn với một hồ sơ khác; hãy gỡ ra trước."),
    "case.same_person": N_("Cần một người khác xác nhận."),
    "case.reason_missing": N_("Ghi lý do."),
    "case.title_missing": N_("Ghi tên vụ việc."),
    "case.restricted": N_("Tố cáo có hồ sơ riêng, không để chung với hồ sơ khác."),
    "case.pending": N_("Việc nối này đã kết thúc hoặc đang chờ người thứ hai xác nhận."),
    "case.merge": N_("Hai hồ sơ này không ghép được với nhau."),
    "case.wrong_state": N_("Hồ sơ này đã ghép vào hồ sơ khác; hãy làm ở hồ sơ kia."),
    "case_link.wrong_state": N_("Việc này đã được xác nhận rồi."),
    "grant.reason_missing": N_("Ghi lý do cấp quyền."),
    "grant.expired": N_("Ngày hết hạn phải ở phía trước."),
    "grant.right": N_("Quyền này không cấp riêng lẻ được."),
    "minutes.changed": N_("Đồng nghiệp vừa sửa mục này. Nội dung của bạn còn ở đây; xem bản mới rồi lưu lại."),
    "minutes.other_writer": N_("Người khác đang ghi biên bản. Bấm Nhận quyền ghi nếu cần ghi tiếp."),
    "minutes.text_missing": N_("Dòng này còn trống."),
    "minutes.text_too_long": N_("Nội dung quá dài, tối đa 20.000 ký tự."),
    "minutes.wrong_state": N_("Biên bản đã chốt."),
    "petition.content_missing": N_("Ghi nội dung đơn."),
    "vault.reason_missing": N_("Ghi lý do mở danh tính."),
    "vault.key_missing": N_("Không đọc được khóa của kho danh tính. Hãy báo người quản trị."),
    "paper.empty": N_("Tệp rỗng."),
    "paper.too_large": N_("Tệp quá lớn."),
    "user.login_taken": N_("Tên đăng nhập này đã có người dùng."),
    "user.bad_login": N_("Tên đăng nhập gồm chữ thường không dấu, số, dấu chấm; từ 2 ký tự."),
    "user.name_missing": N_("Ghi họ và tên."),
    "password.too_short": N_("Mật khẩu quá ngắn."),
    "site.dates": N_("Ngày không hợp lệ."),
    "site.parent": N_("Điểm cầu cấp trên không hợp lệ vào ngày này."),
    "site.name_missing": N_("Ghi tên điểm cầu."),
    "minutes.frozen": N_("Biên bản đã chốt."),
    "custody.reason_missing": N_("Ghi lý do."),
    "custody.same_person": N_("Cần một người khác xác nhận."),
    "order.incomplete": N_("Ghi đủ ai ra văn bản, số, ngày và mục đích."),
    "order.future": N_("Ngày văn bản còn ở phía trước."),
    "extract.no_lane": N_("Chọn ít nhất một điểm cầu."),
    "extract.span": N_("Lúc kết thúc phải sau lúc bắt đầu."),
    "extract.outside": N_("Các điểm cầu này không được ghi vào lúc đó."),
    "extract.wrong_state": N_("Trích xuất này đã xong hoặc đã dừng."),
    "delivery.nothing": N_("Chọn những gì cần giao."),
    "delivery.not_citizens": N_("Có mục không thuộc công dân này nên không giao được."),
    "delivery.incomplete": N_("Ghi đủ người giao, người nhận, nơi bàn giao và phương tiện."),
    "delivery.wrong_state": N_("Bản sao này chưa lập xong, đã bàn giao hoặc đã dừng."),
    "hold.wrong_state": N_("Việc giữ lại này đã được bỏ hoặc đang chờ xác nhận."),
    "hold.too_late": N_("Bản ghi đang hoặc đã bị tiêu hủy."),
    "retention.unknown": N_("Chọn nhóm thời hạn bảo quản."),
    "disposal.wrong_state": N_("Đề nghị tiêu hủy này đã được quyết định."),
    "disposal.case_open": N_("Không tiêu hủy được: hồ sơ còn đang theo dõi."),
    "disposal.pending_link": N_("Không tiêu hủy được: có đề nghị nối, gỡ hoặc ghép đang chờ."),
    "disposal.held": N_("Không tiêu hủy được: đang được giữ lại."),
    "disposal.not_over": N_("Không tiêu hủy được: chưa hết thời hạn bảo quản."),
    "disposal.permanent": N_("Không tiêu hủy được: bảo quản vĩnh viễn."),
    "disposal.not_locked": N_("Không tiêu hủy được: có phiên chưa khóa bản ghi."),
    "disposal.nothing": N_("Không còn bản ghi nào để tiêu hủy."),
    "disposal.going": N_("Đã có đề nghị tiêu hủy."),
    "disposal.busy": N_("Không tiêu hủy được: đang lập trích xuất, bản sao hoặc bản xem lại."),
}
"""Refusals of use cases that pages show beside a form; the rest has its sentence in ``web.errors``."""


def refusal(error: RoomsError, language: str) -> str:
    """What a person reads for a refused use case."""
    if error.code in SENTENCES:
        return i18n.translate(SENTENCES[error.code], language)
    return errors.sentence(error.code, error.message, language)


def refusals(error: RoomsError, language: str, field: str = "") -> dict[str, str]:
    """The same as a form's errors; the use case names the field, ``field`` is where it belongs otherwise."""
    return {str(error.values.get("field") or field): refusal(error, language)}


def go(url: str) -> RedirectResponse:
    """On to another page after a form was taken."""
    return RedirectResponse(url, 303)


DONE: dict[str, str] = {
    "registered": N_("Đã vào sổ."),
    "saved": N_("Đã lưu."),
    "concluded": N_("Đã ghi kết luận."),
    "closed": N_("Đã đóng lượt tiếp."),
    "refused": N_("Đã ghi từ chối tiếp."),
    "no-show": N_("Đã ghi công dân không đến."),
    "denunciation": N_("Đã chuyển sang tố cáo. Danh tính được cất riêng; tiếp trực tiếp tại đây."),
    "linked": N_("Đã nối vào hồ sơ."),
    "unlinked": N_("Đã gỡ khỏi hồ sơ; dấu vết còn ở cả hai nơi."),
    "pending": N_("Đã ghi đề nghị; cần người thứ hai xác nhận."),
    "rejected": N_("Đề nghị đã được rút hoặc không được đồng ý; mọi thứ như trước."),
    "moved": N_("Đã chuyển sang hồ sơ này; dấu vết còn ở cả hai nơi."),
    "merged": N_("Đã ghép hồ sơ. Có thể gỡ ghép từ hồ sơ được ghép."),
    "unmerged": N_("Đã gỡ ghép; hồ sơ trở lại như trước."),
    "granted": N_("Đã cấp quyền."),
    "revoked": N_("Đã thu hồi quyền; quyền hết ngay."),
    "petition": N_("Đã vào sổ đơn."),
    "taken": N_("Bạn đang giữ quyền ghi biên bản."),
    "frozen": N_("Đã chốt biên bản. Bây giờ in để ký."),
    "key": N_("Đã tạo khóa mới. Hãy công bố khóa này ngoài hệ thống."),
    "supplemented": N_("Đã nhận tài liệu bổ sung và ký số."),
    "signed": N_("Đã ghi việc ký."),
    "unqueued": N_("Đã rời danh sách chờ, tiếp tại bàn."),
    "uploaded": N_("Đã nhận tệp."),
    "discarded": N_("Đã bỏ bản nháp."),
    "invited": N_("Đã mời điểm cầu."),
    "opened": N_("Đã mở buổi tiếp."),
    "planned": N_("Đã xếp lịch."),
    "password": N_("Đã đổi mật khẩu."),
    "added": N_("Đã thêm."),
    "ended": N_("Đã kết thúc."),
    "device": N_("Máy này đã được gắn với phòng."),
    "classed": N_("Đã đổi nhóm thời hạn bảo quản."),
    "held": N_("Đã giữ lại; không tiêu hủy cho đến khi hai người bỏ giữ."),
    "lifted": N_("Đã bỏ giữ."),
    "kept": N_("Vẫn giữ lại."),
    "approved": N_("Đã duyệt; hệ thống đang tiêu hủy và sẽ lập biên bản."),
    "not-approved": N_("Không duyệt tiêu hủy; bản ghi được giữ."),
    "withdrawn": N_("Đã rút đề nghị."),
    "cancelled": N_("Đã dừng."),
    "handed": N_("Đã ghi việc bàn giao."),
    "logged-out": N_("Đã đăng xuất."),
}


def flash_of(request: Request) -> Flash | None:
    """What the page before has done, named in the address (``?done=saved``); unknown words say nothing."""
    text = DONE.get(request.query_params.get("done", ""))
    return Flash(i18n.translate(text, i18n.language_of(request))) if text else None
