"""The two receptions of the demo. Everything in them is made up."""

from __future__ import annotations

from web.demo.reception import Script

LOCAL = Script(
    name="Công dân ở Lục Ngạn, Trung ương và tỉnh cùng tiếp",
    visit={
        "people_count": "1",
        "name-0": "Nguyễn Thị Mẫu",
        "address-0": "Thôn Ví Dụ, huyện Lục Ngạn",
        "kind": "complaint",
        "content": "Khiếu nại quyết định bồi thường khi thu hồi 320 m² đất làm đường; đề nghị chi trả đợt 2.",
        "field": "land",
        "first_time": "1",
    },
    officer="tiepdan.lucngan",
    operator="dieuhanh.tw",
    others=(("dieuhanh.tinh", "Tỉnh Bắc Giang"),),
    place="Lục Ngạn",
    operator_place="Trung ương",
    lines=(
        ("Công dân", "Trình bày quá trình thu hồi 320 m² đất, chưa nhận đủ tiền bồi thường."),
        ("Tỉnh Bắc Giang", "Đã chi trả đợt 1; đợt 2 đang thẩm định."),
        ("Chủ trì", "Giao tỉnh chỉ đạo chi trả đợt 2 và trả lời công dân trong 10 ngày."),
    ),
    bookmark="Công dân nộp bản sao giấy chứng nhận",
    outcome={"outcome": "assign", "outcome_text": "Giao tỉnh chỉ đạo chi trả đợt 2, trả lời công dân trong 10 ngày."},
)

CENTRAL = Script(
    name="Công dân ở Hà Nội, tỉnh trả lời",
    visit={
        "people_count": "1",
        "name-0": "Trần Văn Thử",
        "address-0": "Xã Mẫu, tỉnh Bắc Giang",
        "kind": "feedback",
        "content": "Phản ánh việc chậm cấp giấy chứng nhận quyền sử dụng đất.",
        "field": "land",
        "first_time": "1",
    },
    officer="tiepdan.tw",
    operator="dieuhanh.tw",
    others=(("dieuhanh.tinh", "Tỉnh Bắc Giang"),),
    place="Hà Nội",
    operator_place="Trung ương",
    lines=(
        ("Công dân", "Hồ sơ đã nộp mười tháng, chưa có kết quả."),
        ("Tỉnh Bắc Giang", "Hồ sơ đang ở bước đo đạc lại, xong trong tháng này."),
    ),
    bookmark="Tỉnh hẹn ngày trả kết quả",
    outcome={"outcome": "settled_now", "outcome_text": "Tỉnh đã trả lời và hẹn ngày trả kết quả."},
)
