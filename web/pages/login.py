"""Log-in, log-out, language, own password."""

from __future__ import annotations

from urllib.parse import urlsplit

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from rooms import people
from rooms.errors import LoginRefused, RoomsError
from rooms.models import User
from web import auth, i18n
from web.deps import ActorDep, HubDep, OptionalActorDep
from web.pages.contexts import AccountPage, LoginPage
from web.pages.render import page
from web.pages.viewer import FormDep, flash_of, frame, go, refusal, refusals, text_of

router = APIRouter()

LANGUAGE_SECONDS = 400 * 86400
MIN_PASSWORD = 12


def own_path(address: str) -> str:
    """``address`` if it is a path of this hub, else the front page: a form must not send people elsewhere."""
    parts = urlsplit(address)
    plain = address.startswith("/") and not address.startswith(("//", "/\\")) and not parts.netloc
    return address if plain and "\n" not in address and "\r" not in address else "/"


@router.get("/login")
def login_page(request: Request, actor: OptionalActorDep, next: str = "") -> Response:
    """The log-in form; who is logged in already goes on."""
    if actor is not None:
        return go(own_path(next))
    return page(request, LoginPage(next_url=own_path(next)), flash=flash_of(request))


@router.post("/login")
def log_in(request: Request, hub: HubDep, form: FormDep) -> Response:
    """Check name and password; a refusal keeps the name."""
    login, next_url = text_of(form, "login", 64), own_path(text_of(form, "next", 500))
    password = form.get("password", "")
    try:
        user = auth.log_in(hub, request, login, password if isinstance(password, str) else "")
    except LoginRefused as refused:
        context = LoginPage(login, next_url, refusal(refused, i18n.language_of(request)))
        return page(request, context, status=429 if refused.code == "login.slow_down" else 401)
    return go("/account?must=1" if user.must_change_password else next_url)


@router.post("/logout")
def log_out(request: Request) -> Response:
    """End the log-in of this browser."""
    auth.log_out(request)
    return go("/login?done=logged-out")


@router.post("/language")
def choose_language(request: Request, hub: HubDep, form: FormDep) -> RedirectResponse:
    """Remember the language in this browser and return to the page."""
    answer = go(own_path(text_of(form, "back", 500)))
    language = text_of(form, "language", 8)
    if language in i18n.LANGUAGES:
        answer.set_cookie(
            i18n.COOKIE, language, max_age=LANGUAGE_SECONDS, samesite="lax", httponly=True,
            secure=hub.config.secure_cookies,
        )  # fmt: skip
    return answer


@router.post("/point")
def choose_point(request: Request, actor: ActorDep, form: FormDep) -> RedirectResponse:
    """Work at another of the own points; an id that is not the actor's has no effect."""
    request.session["point"] = text_of(form, "point", 24)
    return go("/")


@router.get("/account")
def account(request: Request, hub: HubDep, actor: ActorDep) -> Response:
    """Form for the own password."""
    with hub.database.read() as db:
        user = db.get(User, actor.user_id)
        context = AccountPage(must_change=bool(user and user.must_change_password))
        return page(request, context, chrome=frame(db, request, actor, "/account"), flash=flash_of(request))


@router.post("/account")
def change_password(request: Request, hub: HubDep, actor: ActorDep, form: FormDep) -> Response:
    """Set the own password; the present one is asked again, and other browsers are logged out."""
    language = i18n.language_of(request)
    current, password, again = (str(form.get(name, "")) for name in ("current", "password", "again"))
    errors: dict[str, str] = {}
    if len(password) < MIN_PASSWORD:
        errors["password"] = i18n.translate(i18n.N_("Mật khẩu cần ít nhất 12 ký tự."), language)
    elif password != again:
        errors["again"] = i18n.translate(i18n.N_("Hai lần nhập không giống nhau."), language)
    try:
        if not errors and people.log_in(hub.database, actor.login, current, hub.now()) is None:
            errors["current"] = i18n.translate(i18n.N_("Mật khẩu hiện tại không đúng."), language)
        if not errors:
            with hub.database.write() as db:
                people.set_password(db, actor, str(actor.user_id), password, hub.now())
    except RoomsError as error:
        errors = refusals(error, language, "password")
    if not errors:
        request.session.clear()
        return go("/login?done=password")
    with hub.database.read() as db:
        return page(request, AccountPage(errors=errors), chrome=frame(db, request, actor, "/account"), status=422)
