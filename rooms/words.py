"""The fixed words of the domain: states, kinds, roles. Values are stored; the Vietnamese terms stand beside them."""

from __future__ import annotations

from enum import StrEnum


class SiteKind(StrEnum):
    """Levels of reception points (cấp)."""

    CENTRAL = "central"  # trung ương
    PROVINCE = "province"  # tỉnh, thành phố
    DISTRICT = "district"  # huyện, until 2025-06-30
    COMMUNE = "commune"  # xã, phường, đặc khu
    AGENCY = "agency"  # sở, ngành


class DeviceKind(StrEnum):
    """What an enrolled device is."""

    DESK = "desk"  # máy tại bàn tiếp
    ROOM_KIT = "room_kit"  # bộ thiết bị phòng
    DOCUMENT_CAMERA = "document_camera"  # camera tài liệu
    PHONE = "phone"  # điện thoại của phòng


class Role(StrEnum):
    """Role of a user at a site."""

    SITE_OFFICER = "site_officer"  # người tiếp công dân
    OPERATOR = "operator"  # người điều hành phiên
    CLERK = "clerk"  # thư ký
    COMPETENT = "competent"  # người có thẩm quyền
    INSPECTOR = "inspector"  # thanh tra: reads by grant only
    RECORDS = "records"  # cán bộ hồ sơ
    ADMIN = "admin"  # quản trị: sites, devices, people; no files


class ReceptionForm(StrEnum):
    """Form of reception (domain 1.3)."""

    REGULAR = "regular"  # thường xuyên
    PERIODIC = "periodic"  # định kỳ
    AD_HOC = "ad_hoc"  # đột xuất


class ReceiverRole(StrEnum):
    """Who received, for the report 01/TCD (domain 4.2)."""

    OFFICER = "officer"  # cán bộ tiếp thường xuyên
    HEAD = "head"  # thủ trưởng
    DELEGATED = "delegated"  # ủy quyền


class SittingState(StrEnum):
    """A sitting (buổi tiếp)."""

    PLANNED = "planned"
    OPEN = "open"
    CLOSED = "closed"


class PetitionKind(StrEnum):
    """What a visit or petition is about (domain 2.2)."""

    COMPLAINT = "complaint"  # khiếu nại
    DENUNCIATION = "denunciation"  # tố cáo
    PROPOSAL = "proposal"  # kiến nghị
    FEEDBACK = "feedback"  # phản ánh
    MIXED = "mixed"  # nhiều nội dung


class VisitState(StrEnum):
    """A visit (lượt tiếp)."""

    DRAFT = "draft"  # đang nhập
    REGISTERED = "registered"  # đã vào sổ
    QUEUED = "queued"  # đang chờ trực tuyến
    IN_SESSION = "in_session"  # đang trong phiên
    CONCLUDED = "concluded"  # đã kết luận
    CLOSED = "closed"  # đã đóng
    REFUSED = "refused"  # từ chối tiếp
    NO_SHOW = "no_show"  # công dân không đến


class PersonRole(StrEnum):
    """Capacity of a person received."""

    CITIZEN = "citizen"  # công dân
    REPRESENTATIVE = "representative"  # người đại diện
    AUTHORISED = "authorised"  # người được ủy quyền
    LAWYER = "lawyer"  # luật sư
    LEGAL_AID = "legal_aid"  # trợ giúp viên pháp lý
    INTERPRETER = "interpreter"  # người phiên dịch
    COMPANION = "companion"  # người đi cùng


class Outcome(StrEnum):
    """Course of action at the end of a visit (hướng xử lý, domain 1.5)."""

    ACCEPT = "accept"  # thụ lý để giải quyết
    RETURN_GUIDE = "return_guide"  # trả lại đơn và hướng dẫn
    TRANSFER = "transfer"  # chuyển đơn đến cơ quan có thẩm quyền
    GUIDE = "guide"  # hướng dẫn, giải thích
    SETTLED_NOW = "settled_now"  # giải quyết ngay
    ASSIGN = "assign"  # giao đơn vị kiểm tra, đề xuất
    REMIND = "remind"  # ra văn bản đôn đốc
    SUPPLEMENT = "supplement"  # yêu cầu bổ sung thông tin
    FILE = "file"  # lưu đơn


class MatterStatus(StrEnum):
    """Where the matter stood when the citizen came (domain 1.5)."""

    UNKNOWN = "unknown"
    UNSETTLED = "unsettled"  # chưa giải quyết
    NO_DECISION = "no_decision"  # chưa có quyết định giải quyết
    DECIDED = "decided"  # đã có quyết định giải quyết
    JUDGED = "judged"  # đã có bản án của tòa


class Field(StrEnum):
    """Field of the matter (lĩnh vực, domain 2.2)."""

    LAND = "land"  # đất đai, nhà cửa
    POLICY = "policy"  # chế độ chính sách
    CIVIL_SERVICE = "civil_service"  # công chức, công vụ
    ADMINISTRATIVE_OTHER = "administrative_other"  # hành chính khác
    CORRUPTION = "corruption"  # tham nhũng
    JUDICIAL = "judicial"  # tư pháp
    PARTY = "party"  # Đảng, đoàn thể
    OTHER = "other"  # khác


class PetitionSource(StrEnum):
    """How a petition came (domain 1.5)."""

    RECEPTION = "reception"  # trực tiếp
    POST = "post"  # bưu chính
    HANDED = "handed"  # trao tay
    OTHER_BODY = "other_body"  # cơ quan khác


class SubjectKind(StrEnum):
    """Who petitions."""

    PERSON = "person"  # cá nhân
    GROUP = "group"  # tập thể
    BODY = "body"  # cơ quan, tổ chức


class CaseState(StrEnum):
    """A matter's file."""

    OPEN = "open"  # đang theo dõi
    SETTLED = "settled"  # đã giải quyết
    CLOSED = "closed"  # đã kết thúc
    MERGED = "merged"  # đã ghép vào hồ sơ khác


class LinkPending(StrEnum):
    """What a case link waits for: nothing, or a second person."""

    NONE = "none"
    LINK = "link"
    UNLINK = "unlink"


class SessionState(StrEnum):
    """A session (phiên tiếp)."""

    PLANNED = "planned"
    OPEN = "open"
    RUNNING = "running"
    SUSPENDED = "suspended"
    CLOSED = "closed"
    LOCKED = "locked"


class RecordMode(StrEnum):
    """What is recorded; the same words as on the link to the relay."""

    OFF = "off"
    SOUND = "sound"
    FULL = "full"


class ParticipantRole(StrEnum):
    """What a participant is in a session."""

    OPERATOR = "operator"
    POINT = "point"
    GUEST = "guest"
    VIEWER = "viewer"


class ParticipantState(StrEnum):
    """Where a participant stands."""

    INVITED = "invited"
    RINGING = "ringing"
    WAITING = "waiting"
    ADMITTED = "admitted"
    JOINED = "joined"
    LOST = "lost"
    LEFT = "left"
    REMOVED = "removed"


class MinutesState(StrEnum):
    """Minutes (biên bản)."""

    DRAFT = "draft"
    FROZEN = "frozen"


class LineKind(StrEnum):
    """A line of the minutes, or a bookmark on the time line."""

    LINE = "line"
    BOOKMARK = "bookmark"


class TrackState(StrEnum):
    """A recorded track's journal."""

    WRITING = "writing"
    CLOSED = "closed"
    RECOVERED = "recovered"  # its writer died; closed at the last whole block
    MISSING = "missing"


class TakeState(StrEnum):
    """A recording made at a point without the hub."""

    RECEIVING = "receiving"  # its device is handing it in
    FILED = "filed"  # all that will come is there; it goes into the package, or into a supplement


class JobState(StrEnum):
    """A job of the worker."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class TicketKind(StrEnum):
    """What a ticket opens."""

    PAGE = "page"
    HUB = "hub"
    WHIP = "whip"
    WHEP = "whep"


class ExtractState(StrEnum):
    """An extract (trích xuất) of a locked record."""

    MAKING = "making"
    READY = "ready"
    FAILED = "failed"
    CANCELLED = "cancelled"


class DeliveryKind(StrEnum):
    """What leaves the house, and for whom."""

    COPY = "copy"  # bản sao giao cho công dân
    HANDOVER = "handover"  # gói bàn giao hồ sơ


class DeliveryState(StrEnum):
    """A copy or hand-over."""

    MAKING = "making"
    READY = "ready"
    HANDED = "handed"  # đã bàn giao
    FAILED = "failed"
    CANCELLED = "cancelled"


class Medium(StrEnum):
    """What a copy was handed over on."""

    USB = "usb"
    DVD = "dvd"
    OTHER = "other"


class DisposalState(StrEnum):
    """The disposal of a record (tiêu hủy)."""

    PROPOSED = "proposed"  # đã đề nghị
    WITHDRAWN = "withdrawn"  # người đề nghị rút
    REFUSED = "refused"  # không được duyệt
    APPROVED = "approved"  # đã duyệt
    STOPPED = "stopped"  # dừng: có lý do phải giữ
    RUNNING = "running"  # đang hủy
    DONE = "done"  # đã hủy
