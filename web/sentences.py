"""What people read for each error code: Vietnamese (the msgid), translated like every other text of the screens.

Codes come from three places: ``web`` (this package), ``rooms.errors`` and ``signaling.errors``. A code without a line
here falls back to its last part, then to the error's own English sentence.
"""

from __future__ import annotations

from web.i18n import N_

SENTENCES: dict[str, str] = {
    "login.needed": N_("Bạn cần đăng nhập để tiếp tục."),
    "login.wrong": N_("Tên đăng nhập hoặc mật khẩu không đúng."),
    "login.inactive": N_("Tài khoản này đã ngừng hoạt động. Hãy liên hệ người quản trị."),
    "reach.busy": N_("Đang có quá nhiều lượt kiểm tra đường truyền. Hãy đợi 20 giây rồi thử lại."),
    "login.slow_down": N_("Đăng nhập sai quá nhiều lần. Hãy đợi ít phút rồi thử lại."),
    "csrf.failed": N_("Trang đã mở quá lâu hoặc biểu mẫu không hợp lệ. Hãy tải lại trang rồi gửi lại."),
    "forbidden": N_("Bạn không có quyền làm việc này."),
    "not_found": N_("Không có mục này, hoặc mục này không mở cho bạn."),
    "conflict": N_("Người khác vừa thay đổi nội dung này. Hãy tải lại trang."),
    "request.foreign_origin": N_("Yêu cầu đến từ một trang khác nên không được nhận."),
    "request.too_large": N_("Nội dung gửi lên quá lớn."),
    "request.malformed": N_("Nội dung gửi lên không đọc được."),
    "request.method": N_("Địa chỉ này không nhận thao tác vừa gửi."),
    "request.type": N_("Kiểu nội dung gửi lên không được nhận ở đây."),
    "request.not_acceptable": N_("Hai bên không có định dạng hình, tiếng chung."),
    "request.range": N_("Đoạn tệp được yêu cầu không có."),
    "request.no_condition": N_("Thiếu If-Match: hãy gửi kèm ETag đã nhận."),
    "request.other_condition": N_("Nội dung này thuộc một kết nối khác."),
    "request.restart": N_("Muốn nối lại thì hãy gửi lời chào (offer) mới."),
    "ticket.unknown": N_("Liên kết truy cập không còn hiệu lực. Hãy mở lại trang."),
    "ticket.used": N_("Liên kết truy cập đã được dùng. Hãy mở lại trang."),
    "ticket.expired": N_("Liên kết truy cập đã hết hạn. Hãy mở lại trang."),
    "paper.too_large": N_("Tệp quá lớn."),
    "paper.wrong_type": N_("Chỉ nhận tệp PDF, JPEG hoặc PNG; nội dung tệp này không phải loại đó."),
    "storage.full": N_("Ổ đĩa của máy chủ đã đầy; nội dung chưa được lưu. Hãy báo người quản trị."),
    "storage.failed": N_("Chưa lưu được nội dung. Hãy thử lại, hoặc báo người quản trị."),
    "database.busy": N_("Máy chủ đang bận. Hãy thử lại sau ít giây."),
    "db.away": N_("Cơ sở dữ liệu tạm thời không phản hồi. Nội dung chưa được lưu; hãy thử lại sau ít giây."),
    "relay.away": N_("Máy chủ truyền hình tạm thời không phản hồi. Hãy thử lại sau ít giây."),
    "relay.none": N_("Chưa có máy chủ truyền hình nào sẵn sàng. Hãy báo người quản trị."),
    "internal": N_("Máy chủ gặp lỗi ngoài dự kiến. Sự việc đã được ghi lại; hãy thử lại."),
    "ticket.refused": N_("Liên kết truy cập đã hết hạn hoặc đã được dùng. Hãy mở lại trang."),
    "invalid": N_("Giá trị này không được nhận."),
    "too_large": N_("Nội dung quá lớn."),
    "message.too_long": N_("Nội dung gửi đi quá dài."),
    "message.malformed": N_("Máy chủ không đọc được yêu cầu của trang."),
    "message.unknown": N_("Máy chủ không biết yêu cầu này. Hãy tải lại trang."),
    "protocol.version": N_("Trang đã cũ. Hãy tải lại trang."),
    "protocol.hello_first": N_("Trang chưa tự giới thiệu với máy chủ. Hãy tải lại trang."),
    "flood": N_("Trang gửi quá nhiều yêu cầu trong thời gian ngắn."),
    "session.unknown": N_("Không có phiên này, hoặc phiên không mở cho bạn."),
    "session.over": N_("Phiên đã kết thúc."),
    "session.wrong_state": N_("Việc này không hợp với trạng thái hiện tại của phiên."),
    "session.not_reopenable": N_("Đã quá thời hạn tiếp tục phiên này."),
    "session.restricted": N_("Phiên đã chuyển sang tố cáo và không còn được ghi."),
    "session.exists": N_("Lượt tiếp này đã có phiên."),
    "right.missing": N_("Bạn không có quyền làm việc này."),
    "right.buttons": N_("Chỉ người đang điều hành phiên làm được việc này."),
    "participant.unknown": N_("Không có người tham dự này trong phiên."),
    "participant.wrong_state": N_("Việc này không hợp với trạng thái của người tham dự."),
    "participant.removed": N_("Bạn đã rời phiên theo quyết định của người điều hành."),
    "participant.not_admitted": N_("Bạn chưa được mời vào phiên."),
    "participant.cannot_send": N_("Bạn không được gửi loại hình hoặc tiếng này."),
    "people.invalid": N_("Danh sách người có mặt chưa hợp lệ."),
    "person.unknown": N_("Không có người này tại điểm cầu."),
    "notice.not_read": N_("Hãy đọc thông báo về việc ghi hình trước."),
    "record.reason_needed": N_("Có người không đồng ý ghi: hãy ghi quyết định của người chủ trì và lý do."),
    "record.no_change": N_("Việc ghi đã ở chế độ này."),
    "record.storage": N_("Chưa bắt đầu ghi được: ổ đĩa của máy chủ đã đầy."),
    "reason.too_long": N_("Lý do quá dài."),
    "sidetalk.too_few": N_("Hội ý cần ít nhất hai người tham dự đang có mặt."),
    "ring.unknown": N_("Không có cuộc gọi nào đến điểm cầu này."),
    "ring.already": N_("Điểm cầu này đang được gọi."),
    "site.unknown": N_("Không có điểm cầu này, hoặc điểm cầu không mở cho bạn."),
    "minutes.not_writer": N_("Người khác đang giữ quyền ghi biên bản."),
    "minutes.other_writer": N_("Người khác đang giữ quyền ghi biên bản."),
    "minutes.frozen": N_("Biên bản đã chốt."),
    "minutes.changed": N_("Người khác vừa sửa mục này."),
    "text.too_long": N_("Nội dung quá dài."),
    "visit.unknown": N_("Không có lượt tiếp này, hoặc lượt tiếp không mở cho bạn."),
    "relay.timeout": N_("Máy chủ truyền hình không trả lời kịp. Hãy thử lại."),
    "sdp.refused": N_(
        "Máy chủ truyền hình không nhận lời mời kết nối của thiết bị. Hãy tải lại trang hoặc báo người quản trị."
    ),
    "sdp.malformed": N_(
        "Không đọc được lời mời kết nối của thiết bị. Hãy tải lại trang, hoặc cập nhật trình duyệt, bộ mã hóa."
    ),
    "sdp.too_long": N_("Lời mời kết nối của thiết bị quá dài. Hãy tắt bớt camera, màn hình chia sẻ rồi thử lại."),
    "sdp.no_bundle": N_(
        "Thiết bị cần gửi hình và tiếng trên cùng một kết nối (BUNDLE, rtcp-mux). Hãy đổi thiết lập của bộ mã hóa."
    ),
    "sdp.no_common_codec": N_("Thiết bị và máy chủ không có định dạng hình, tiếng chung."),
    "unknown_peer": N_(
        "Kết nối với máy chủ truyền hình đã hết; trang đang mở lại. Nếu quá 10 giây, hãy tải lại trang."
    ),
    "relay_full": N_("Máy chủ truyền hình đã hết chỗ. Hãy thử lại sau ít phút, hoặc báo người quản trị."),
    "relay_error": N_("Máy chủ truyền hình chưa làm được việc này. Hãy thử lại; nếu vẫn lỗi, hãy báo người quản trị."),
    "reason.needed": N_("Hãy ghi lý do; lý do được ghi vào nhật ký phiên."),
    "owner.moved": N_("Phiên vừa chuyển sang máy chủ khác. Hãy thử lại sau một giây."),
    "recording.tracks_open": N_("Bản ghi chưa đóng xong. Hãy thử lại sau ít giây."),
}
