"""Papers handed in through a page: each file is taken or refused by itself, and the refusal names the file."""

from __future__ import annotations

import re

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from rooms import papers
from rooms.actor import Actor
from rooms.errors import Forbidden, Invalid, NotFound, RoomsError
from web import i18n
from web.errors import Refusal
from web.hub import Hub
from web.i18n import N_
from web.pages import formats
from web.pages.lists import paper_views
from web.pages.viewer import go, refusal


def title_of(name: str) -> str:
    """A paper's title from a file's name: no folder, no control characters, not too long."""
    last = re.split(r"[\\/]", name)[-1]
    return "".join(char for char in last if char.isprintable()).strip()[:150] or "scan"


def take(request: Request, hub: Hub, actor: Actor, form: FormData, kind: str, owner: str, back: str) -> Response:
    """Attach every file of the form. A script gets JSON (``papers``, ``refused``); a plain form goes back, with the
    first refusal shown as a page."""
    language = i18n.language_of(request)
    taken, refused = [], []
    for file in form.getlist("file"):
        if not isinstance(file, UploadFile) or not file.filename:
            continue
        title = title_of(file.filename)
        try:
            with hub.database.write() as db:
                paper = papers.attach(db, actor, hub.files, kind, owner, title, file.file, hub.now())
                taken += paper_views([paper])
        except (NotFound, Forbidden):
            raise
        except RoomsError as error:
            refused.append({"title": title, "code": error.code, "message": refusal(error, language)})
    if "application/json" in request.headers.get("accept", ""):
        shown = [
            {"id": one.id, "title": one.title, "url": one.url, "mime": one.mime,
             "meta": formats.joined([formats.size(one.length), formats.stamp(one.at)])}
            for one in taken
        ]  # fmt: skip
        return JSONResponse({"papers": shown, "refused": refused}, 415 if refused and not taken else 200)
    if refused:
        raise Refusal(refused[0]["code"], refused[0]["message"])
    if not taken:
        raise Invalid("paper.empty", i18n.translate(N_("Chưa chọn tệp nào."), language))
    return go(f"{back}{'&' if '?' in back else '?'}done=uploaded")
