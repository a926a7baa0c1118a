"""The words an officer reads for the fixed values of ``rooms.words``. Vietnamese is the source language; templates
translate what they show. Chips carry a tone besides: good, warn, bad, info, off, plain."""

from __future__ import annotations

from web.i18n import N_

ROLE = {
    "site_officer": N_("Người tiếp công dân"),
    "operator": N_("Người điều hành phiên"),
    "clerk": N_("Thư ký"),
    "competent": N_("Người có thẩm quyền"),
    "inspector": N_("Thanh tra"),
    "records": N_("Cán bộ hồ sơ"),
    "admin": N_("Quản trị"),
}
SITE_KIND = {
    "central": N_("Trung ương"),
    "province": N_("Tỉnh, thành phố"),
    "district": N_("Huyện, thị xã, thành phố"),
    "commune": N_("Xã, phường, đặc khu"),
    "agency": N_("Sở, ngành"),
}
DEVICE_KIND = {
    "desk": N_("Máy tại bàn tiếp"),
    "room_kit": N_("Bộ thiết bị phòng"),
    "document_camera": N_("Camera tài liệu"),
    "phone": N_("Điện thoại của phòng"),
}
FORM = {"regular": N_("Thường xuyên"), "periodic": N_("Định kỳ"), "ad_hoc": N_("Đột xuất")}
RECEIVER = {
    "officer": N_("Cán bộ tiếp công dân"),
    "head": N_("Thủ trưởng tiếp"),
    "delegated": N_("Ủy quyền tiếp"),
}
SITTING_STATE = {"planned": N_("Sắp diễn ra"), "open": N_("Đang diễn ra"), "closed": N_("Đã kết thúc")}
SITTING_TONE = {"planned": "info", "open": "good", "closed": "off"}
KIND = {
    "complaint": N_("Khiếu nại"),
    "denunciation": N_("Tố cáo"),
    "proposal": N_("Kiến nghị"),
    "feedback": N_("Phản ánh"),
    "mixed": N_("Nhiều nội dung"),
}
VISIT_STATE = {
    "draft": N_("Đang nhập"),
    "registered": N_("Đã vào sổ"),
    "queued": N_("Đang chờ trực tuyến"),
    "in_session": N_("Đang trong phiên"),
    "concluded": N_("Đã kết luận"),
    "closed": N_("Đã đóng"),
    "refused": N_("Từ chối tiếp"),
    "no_show": N_("Công dân không đến"),
}
VISIT_TONE = {
    "draft": "off", "registered": "info", "queued": "warn", "in_session": "good", "concluded": "good",
    "closed": "plain", "refused": "bad", "no_show": "off",
}  # fmt: skip
PERSON_ROLE = {
    "citizen": N_("Công dân"),
    "representative": N_("Người đại diện"),
    "authorised": N_("Người được ủy quyền"),
    "lawyer": N_("Luật sư"),
    "legal_aid": N_("Trợ giúp viên pháp lý"),
    "interpreter": N_("Người phiên dịch"),
    "companion": N_("Người đi cùng"),
}
OUTCOME = {
    "accept": N_("Thụ lý để giải quyết"),
    "return_guide": N_("Trả lại đơn và hướng dẫn"),
    "transfer": N_("Chuyển đơn đến cơ quan có thẩm quyền"),
    "guide": N_("Hướng dẫn, giải thích"),
    "settled_now": N_("Giải quyết ngay"),
    "assign": N_("Giao đơn vị kiểm tra, đề xuất"),
    "remind": N_("Ra văn bản đôn đốc"),
    "supplement": N_("Yêu cầu bổ sung thông tin"),
    "file": N_("Lưu đơn"),
}
MATTER_STATUS = {
    "unknown": N_("Chưa rõ"),
    "unsettled": N_("Chưa giải quyết"),
    "no_decision": N_("Chưa có quyết định giải quyết"),
    "decided": N_("Đã có quyết định giải quyết"),
    "judged": N_("Đã có bản án của tòa"),
}
FIELD = {
    "land": N_("Đất đai, nhà cửa"),
    "policy": N_("Chế độ chính sách"),
    "civil_service": N_("Công chức, công vụ"),
    "administrative_other": N_("Hành chính khác"),
    "corruption": N_("Tham nhũng"),
    "judicial": N_("Tư pháp"),
    "party": N_("Đảng, đoàn thể"),
    "other": N_("Khác"),
}
SOURCE = {
    "reception": N_("Nộp trực tiếp"),
    "post": N_("Bưu chính"),
    "handed": N_("Trao tay"),
    "other_body": N_("Cơ quan khác chuyển đến"),
}
SUBJECT = {"person": N_("Cá nhân"), "group": N_("Tập thể"), "body": N_("Cơ quan, tổ chức")}
CASE_STATE = {
    "open": N_("Đang theo dõi"),
    "settled": N_("Đã giải quyết"),
    "closed": N_("Đã kết thúc"),
    "merged": N_("Đã ghép vào hồ sơ khác"),
}
CASE_TONE = {"open": "info", "settled": "good", "closed": "plain", "merged": "off"}
SESSION_STATE = {
    "planned": N_("Chưa mở"),
    "open": N_("Đang chuẩn bị"),
    "running": N_("Đang diễn ra"),
    "suspended": N_("Đang tạm dừng"),
    "closed": N_("Đã kết thúc"),
    "locked": N_("Đã khóa và ký số"),
}
SESSION_TONE = {
    "planned": "off", "open": "info", "running": "good", "suspended": "warn", "closed": "plain", "locked": "good",
}  # fmt: skip
RECORD = {"off": N_("KHÔNG GHI HÌNH"), "sound": N_("CHỈ GHI ÂM"), "full": N_("ĐANG GHI HÌNH")}
RECORD_PAST = {"off": N_("Không ghi hình"), "sound": N_("Chỉ ghi âm"), "full": N_("Có ghi hình")}
REFUSAL = {
    "1": N_("Không đủ năng lực hành vi, say rượu hoặc dùng chất kích thích (Điều 9, khoản 1)"),
    "2": N_("Đe dọa, xúc phạm hoặc vi phạm nội quy nơi tiếp công dân (Điều 9, khoản 2)"),
    "3": N_("Vụ việc đã giải quyết đúng, đã thông báo bằng văn bản nhưng vẫn kéo dài (Điều 9, khoản 3)"),
    "4": N_("Trường hợp khác theo quy định của pháp luật (Điều 9, khoản 4)"),
}
PRESENCE = {
    "ready": N_("Sẵn sàng"),
    "in_session": N_("Trong phiên"),
    "waiting": N_("Đang chờ"),
    "ringing": N_("Đang gọi"),
    "offline": N_("Ngoại tuyến"),
}
PRESENCE_TONE = {"ready": "good", "in_session": "info", "waiting": "warn", "ringing": "warn", "offline": "off"}
