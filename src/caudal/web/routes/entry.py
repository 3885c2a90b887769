"""Coming in and going out: the first owner, the invited, signing in by password, code or passkey, proving it again."""

from typing import Final, cast, get_args

import msgspec
from starlette.responses import JSONResponse, Response

from caudal.hub.identity import login, members, passkeys, people, sessions
from caudal.hub.identity.login import Half, NotAdmitted, TooManyTries
from caudal.hub.identity.people import Newcomer
from caudal.hub.identity.roles import Role, Scope, scopes_of
from caudal.model.errors import ConflictError, NotFound
from caudal.store.members import OpenInvitation
from caudal.web import cookies
from caudal.web.forms import Form, Wrong
from caudal.web.pages import Theme
from caudal.web.refusals import refusal
from caudal.web.routing import Declared, Entry, action, page
from caudal.web.visits import HERE, Guest, Member, own_path

_TOKEN_MAX: Final = 256


@page("/", Entry.PERSON)
async def begin(visit: Member) -> Response:
    """To the books of theirs that come first."""
    if not visit.memberships:
        return await visit.show("no_space.html", errors={})
    first = visit.memberships[0]
    base = f"{HERE}{first.space_id}"
    sees = Scope.TRANSACTIONS_READ in scopes_of(Role(first.role), strong=visit.session.strong)
    return visit.go(base if sees else f"{base}/settings")


@action("/spaces", Entry.PERSON)
async def found_space(visit: Member) -> Response:
    """New books."""
    form = await visit.form()
    name = form.required("name", longest=100)
    space = await members.found_space(visit.installation, visit.person_id, name)
    return visit.go(f"{HERE}{space.space_id}")


@page("/welcome", Entry.GUEST)
async def welcome(visit: Guest) -> Response:
    """Where the first owner comes in; the address brings the token after its ``#``."""
    return await _newcomer(visit, "/welcome", {})


@action("/welcome", Entry.GUEST)
async def become_first_owner(visit: Guest) -> Response:
    """Somebody comes in, first of all."""
    form = await visit.form()
    try:
        pair = await people.claim(
            visit.installation, visit.hasher, _token(form), _introduced(visit, form), visit.client
        )
    except NotFound:
        return await _newcomer(visit, "/welcome", _kept(form), {"token": "entry.token_wrong"})
    except (Wrong, ConflictError) as error:
        return await _newcomer(visit, "/welcome", _kept(form), _errors(visit, error))
    if not await members.spaces_of(visit.installation, pair.person_id):
        name = form.text("books", longest=100) or visit.say("entry.first_books")
        await members.found_space(visit.installation, pair.person_id, name)
    return visit.signed_in(pair, "/")


@page("/join", Entry.GUEST)
async def invited(visit: Guest) -> Response:
    """Where an invitation is shown; the address brings it after its ``#``."""
    return await visit.show("entry_invited.html")


@action("/join/invitation", Entry.GUEST)
async def read_invitation(visit: Guest) -> Response:
    """What an invitation is to."""
    form = await visit.form()
    try:
        found = await members.invitation(visit.installation, _token(form))
    except (NotFound, Wrong):
        return await visit.show("entry_no_invitation.html", status=404)
    kept = {"token": _token(form), "email": found.email}
    return await _newcomer(visit, "/join", kept, invitation=found)


@action("/join", Entry.GUEST)
async def join(visit: Guest) -> Response:
    """Somebody who was invited comes in."""
    form = await visit.form()
    try:
        found = await members.invitation(visit.installation, _token(form))
    except (NotFound, Wrong):
        return await visit.show("entry_no_invitation.html", status=404)
    try:
        pair = await people.join(
            visit.installation, visit.hasher, _token(form), _introduced(visit, form), visit.client
        )
    except (Wrong, ConflictError) as error:
        return await _newcomer(visit, "/join", _kept(form), _errors(visit, error), invitation=found)
    return visit.signed_in(pair, "/")


@action("/join/accept", Entry.PERSON)
async def accept(visit: Member) -> Response:
    """Somebody who is here already enters another space."""
    form = await visit.form()
    space = await members.accept(visit.installation, visit.person_id, _token(form))
    return visit.go(f"{HERE}{space.space_id}")


@page("/sign-in", Entry.GUEST)
async def sign_in(visit: Guest) -> Response:
    """Where people show who they are."""
    return await _sign_in(visit)


@action("/sign-in", Entry.GUEST)
async def enter(visit: Guest) -> Response:
    """E-mail and password."""
    form = await visit.form()
    shown = (form.text("email", longest=320), form.raw("password"))
    to = own_path(form.text("to", longest=2_000))
    try:
        done = await login.by_password(visit.installation, visit.hasher, shown, visit.client)
    except NotAdmitted:
        return await _sign_in(visit, form, {"password": "entry.wrong"})
    except TooManyTries:
        return await _sign_in(visit, form, {"password": "entry.too_many"}, 429)
    if isinstance(done, Half):
        return await visit.show("entry_code.html", token=done.token, half=done, to=to, errors={})
    return visit.signed_in(done, to)


@action("/sign-in/code", Entry.GUEST)
async def show_code(visit: Guest) -> Response:
    """The second factor."""
    form = await visit.form()
    token, to = form.raw("token")[:_TOKEN_MAX], own_path(form.text("to", longest=2_000))
    try:
        pair = await login.by_code(visit.installation, token, form.text("code", longest=100), visit.client)
    except (NotAdmitted, TooManyTries) as error:
        key = "entry.code_wrong" if isinstance(error, NotAdmitted) else "entry.too_many"
        half = Half(token, totp=True, passkey=False)
        return await visit.show(
            "entry_code.html", token=token, half=half, to=to, errors={"code": key}, status=422
        )
    return visit.signed_in(pair, to)


@action("/sign-in/passkey/options", Entry.GUEST)
async def passkey_options(visit: Guest) -> Response:
    """What a browser is to be given to show a passkey."""
    token, options = await passkeys.challenge(visit.installation)
    return JSONResponse(msgspec.json.decode(options), headers={"Caudal-Token": token})


@action("/sign-in/passkey", Entry.GUEST)
async def show_passkey(visit: Guest) -> Response:
    """A passkey."""
    form = await visit.form()
    token, to = form.raw("token")[:_TOKEN_MAX], own_path(form.text("to", longest=2_000))
    try:
        pair = await passkeys.enter(visit.installation, token, form.raw("credential"), visit.client)
    except NotAdmitted:
        return await _sign_in(visit, form, {"passkey": "entry.passkey_wrong"})
    return visit.signed_in(pair, to)


@action("/sign-out", Entry.PERSON)
async def sign_out(visit: Member) -> Response:
    """Out, here."""
    await sessions.end(visit.installation, visit.person_id, visit.session.session_id)
    return _out(visit)


@action("/sign-out/everywhere", Entry.PERSON)
async def sign_out_everywhere(visit: Member) -> Response:
    """Out, everywhere."""
    await sessions.end_all(visit.installation, visit.person_id)
    return _out(visit)


@page("/prove", Entry.PERSON)
async def ask_proof(visit: Member) -> Response:
    """Before something that would let others in: who are you again?"""
    return await visit.show("entry_prove.html", to=own_path(visit.query.get("to", "")), errors={})


@action("/prove", Entry.PERSON)
async def prove(visit: Member) -> Response:
    """The password once more."""
    form = await visit.form()
    to = own_path(form.text("to", longest=2_000))
    of = (visit.person_id, visit.session.session_id)
    try:
        await login.prove(visit.installation, visit.hasher, of, form.raw("password"), visit.client)
    except (NotAdmitted, TooManyTries) as error:
        key = "entry.wrong_password" if isinstance(error, NotAdmitted) else "entry.too_many"
        return await visit.show("entry_prove.html", to=to, errors={"password": key}, status=422)
    return visit.go(to)


@action("/theme", Entry.GUEST)
async def choose_theme(visit: Guest) -> Response:
    """How pages look in this browser, and whether single keys do something there."""
    form = await visit.form()
    chosen = cast("Theme", form.choice("theme", get_args(Theme)))
    answer = visit.go(own_path(form.text("to", longest=2_000)))
    cookies.keep_theme(answer, chosen)
    cookies.keep_keys(answer, wanted=form.text("keys") == "on")
    return answer


async def _sign_in(
    visit: Guest, form: Form | None = None, errors: dict[str, str] | None = None, status: int = 422
) -> Response:
    email = form.text("email", longest=320) if form else ""
    to = own_path(form.text("to", longest=2_000) if form else visit.query.get("to", ""))
    host = visit.request.url.hostname or ""
    safe = visit.request.url.scheme == "https" or host in ("localhost", "127.0.0.1", "::1")
    behind = visit.installation.settings.api.behind_proxy
    return await visit.show(
        "entry_sign_in.html",
        email=email,
        to=to,
        safe=safe or behind,
        passkeys=bool(visit.installation.settings.public_url),
        nobody=not await people.anybody(visit.installation),
        errors=errors or {},
        status=status if errors else 200,
    )


async def _newcomer(
    visit: Guest,
    to: str,
    kept: dict[str, str],
    errors: dict[str, str] | None = None,
    invitation: OpenInvitation | None = None,
) -> Response:
    return await visit.show(
        "entry_newcomer.html",
        to=to,
        kept={"token": "", "email": "", "name": "", "books": "", **kept},
        errors=errors or {},
        invitation=invitation,
        status=422 if errors else 200,
    )


def _introduced(visit: Guest, form: Form) -> Newcomer:
    return Newcomer(
        form.required("email", longest=320),
        form.required("name", longest=100),
        form.raw("password"),
        visit.language[:2],
    )


def _token(form: Form) -> str:
    return form.required("token", longest=_TOKEN_MAX)


def _kept(form: Form) -> dict[str, str]:
    return {name: form.raw(name)[:400] for name in ("token", "email", "name", "books")}


def _errors(visit: Guest, error: Wrong | ConflictError) -> dict[str, str]:
    if isinstance(error, Wrong):
        return dict(error.errors)
    text = str(error)
    field = "password" if "password" in text else "email" if "e-mail" in text else "name"
    return {field: "=" + refusal(error, visit.language)}


def _out(visit: Member) -> Response:
    answer = visit.go("/sign-in", said="entry.signed_out")
    cookies.forget(answer)
    return answer


ROUTES: Final[tuple[Declared, ...]] = (
    begin,
    found_space,
    welcome,
    become_first_owner,
    invited,
    read_invitation,
    join,
    accept,
    sign_in,
    enter,
    show_code,
    passkey_options,
    show_passkey,
    sign_out,
    sign_out_everywhere,
    ask_proof,
    prove,
    choose_theme,
)
