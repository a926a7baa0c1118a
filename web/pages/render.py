"""Templates: one Jinja2 environment per language, and the answer a page gives.

Every template has a dataclass in ``web.pages.contexts*`` that names it; its fields are what the template may use beside
the globals set here. Templates escape by default; nothing in them is marked safe.
"""

from __future__ import annotations

import functools
from dataclasses import fields
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from web import i18n
from web.i18n import N_
from web.pages import formats, labels
from web.pages.contexts import Chrome, Context, ErrorPage, Flash

TEMPLATES = Path(__file__).parents[1] / "templates"


@functools.cache
def environment(language: str) -> jinja2.Environment:
    """The templates in one language."""
    env = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.install_gettext_translations(i18n.translations(language), newstyle=True)  # type: ignore[attr-defined]
    env.filters.update(
        day=formats.day,
        clock=formats.clock,
        stamp=formats.stamp,
        weekday=functools.partial(formats.weekday, language=language),
        span=functools.partial(formats.span, language=language),
        timecode=formats.timecode,
        size=formats.size,
        place=formats.place,
        short_place=formats.short_place,
    )
    env.globals.update(icon=icon, labels=labels, N_=N_)
    return env


def icon(name: str, kind: str = "") -> Markup:
    """An icon of the sprite. It always stands beside a word, so readers skip it."""
    return Markup(
        '<svg class="icon {}" aria-hidden="true"><use href="/static/vendor/lucide/sprite.svg#{}"/></svg>'
    ).format(kind, name)


def csrf_of(request: Request) -> str:
    """This browser's token against forged forms; empty where the protection is not mounted (tests of one page)."""
    make = request.scope.get("csrftoken")
    return str(make()) if make else ""


def page(
    request: Request, context: Context, *, chrome: Chrome | None = None, flash: Flash | None = None, status: int = 200
) -> HTMLResponse:
    """Render ``context`` in the reader's language. Pages hold personal data, so no cache keeps them."""
    language = i18n.language_of(request)
    token = csrf_of(request)
    values: dict[str, Any] = {field.name: getattr(context, field.name) for field in fields(context)}
    hidden = Markup('<input type="hidden" name="csrftoken" value="{}">').format(token)
    html = (
        environment(language)
        .get_template(context.template)
        .render(
            values,
            language=language,
            path=request.url.path,
            csrf=token,
            csrf_field=lambda: hidden,
            chrome=chrome,
            flash=flash,
            script_messages=i18n.script_catalogue(language),
        )
    )
    return HTMLResponse(html, status_code=status, headers={"cache-control": "no-store"})


ADVICE: dict[int, tuple[str, str]] = {
    403: (
        N_("Nội dung đã nhập vẫn còn trong trang trước; bản nháp đã lưu vẫn còn."),
        N_("Quay lại trang trước, tải lại rồi gửi lại. Nếu cần quyền, hãy đề nghị người quản trị."),
    ),
    404: ("", N_("Kiểm tra lại địa chỉ, hoặc tìm trong Tra cứu. Nếu cần quyền xem, hãy đề nghị người quản trị.")),
    409: (
        N_("Thay đổi của người kia được giữ; nội dung bạn vừa gửi chưa được lưu."),
        N_("Quay lại trang trước và tải lại để xem nội dung mới nhất."),
    ),
    413: (N_("Những tệp khác và bản nháp vẫn còn."), N_("Chọn tệp nhỏ hơn, hoặc quét ở độ phân giải thấp hơn.")),
    415: (N_("Những tệp khác và bản nháp vẫn còn."), N_("Chọn tệp PDF, JPEG hoặc PNG khác.")),
    500: (
        N_("Những gì đã lưu vẫn còn."),
        N_("Hãy thử lại. Nếu vẫn lỗi, báo người quản trị kèm giờ xảy ra."),
    ),
    503: (
        N_("Những gì đã lưu vẫn còn. Phiên đang diễn ra vẫn tiếp tục và vẫn được ghi."),
        N_("Trang sẽ tự tải lại sau ít giây."),
    ),
}
"""What was kept and what to do, by status."""


def render_error(request: Request, status: int, code: str, heading: str, text: str) -> HTMLResponse:
    """The page for a refused request: what happened (translated already), what was kept, what to do."""
    language = i18n.language_of(request)
    kept, advice = ADVICE.get(status) or ADVICE[500 if status >= 500 else 403]
    context = ErrorPage(
        status=status,
        code=code,
        heading=heading,
        text=text,
        kept=i18n.translate(kept, language),
        advice=i18n.translate(advice, language),
        retry=status == 503 and request.method == "GET",
    )
    return page(request, context, status=status)
