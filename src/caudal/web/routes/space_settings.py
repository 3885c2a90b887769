"""Settings of a space: what it is called, who is in it, which programs, and what was done."""

from typing import Final, cast, get_args
from urllib.parse import urlencode

from starlette.responses import Response

from caudal.hub import audit, rates, spaces
from caudal.hub.identity import keys, members, people
from caudal.hub.identity.keys import Wish
from caudal.hub.identity.roles import KEY_SCOPES, Role, Scope
from caudal.model.errors import ConflictError
from caudal.web.forms import Wrong
from caudal.web.languages import Language
from caudal.web.refusals import refusal
from caudal.web.routing import Declared, Entry, action, page
from caudal.web.visits import InSpace

AUDIT_KINDS: Final = (
    "connection",
    "credential",
    "file",
    "key",
    "keys",
    "link",
    "member",
    "space",
    "transaction",
)
"""What acts begin with."""
_FILTER_MAX: Final = 100
_ENTRIES: Final = 100
_KEY_DAYS_MAX: Final = 365
_PERSONS: Final = (Role.OWNER, Role.ADMIN, Role.MEMBER, Role.VIEWER, Role.AUDITOR)


@page("/s/{space}/settings", Entry.HERE)
async def settings(visit: InSpace) -> Response:
    """What there is to set, of one's own and of the space."""
    return await _settings(visit)


@action("/s/{space}/settings/you", Entry.HERE)
async def you(visit: InSpace) -> Response:
    """One's own name and language."""
    form = await visit.form()
    try:
        language = form.choice("language", get_args(Language))
        name = form.required("name", longest=100)
        await people.rename(visit.installation, visit.person_id, name, language[:2])
    except Wrong as wrong:
        return await _settings(visit, dict(wrong.errors))
    return visit.go("/settings", said="settings.saved")


@action("/s/{space}/settings/space", Scope.SPACE_MANAGE)
async def space(visit: InSpace) -> Response:
    """What the space is called, and the currency that it is valued in."""
    form = await visit.form()
    try:
        name = form.required("space", longest=100)
        currency = form.text("currency", longest=12).upper()
        if currency:
            await rates.set_currency(visit.installation, visit.space, currency)
    except Wrong as wrong:
        return await _settings(visit, dict(wrong.errors))
    except ConflictError as error:
        return await _settings(visit, {"currency": "=" + refusal(error, visit.language)})
    if name != visit.space.name:
        await spaces.rename(visit.installation, visit.space, name)
    return visit.go("/settings", said="settings.saved")


@page("/s/{space}/settings/members", Scope.MEMBERS_READ)
async def who(visit: InSpace) -> Response:
    """Who is in, and who is asked in."""
    return await _members(visit)


@action("/s/{space}/settings/members/invite", Scope.MEMBERS_MANAGE, proved=True)
async def invite(visit: InSpace) -> Response:
    """Somebody is asked in: the link is shown once, for whoever invites to hand on."""
    form = await visit.form()
    try:
        email = form.required("email", longest=320)
        role = Role(form.choice("role", [each.value for each in _PERSONS]))
        made = await members.invite(visit.installation, visit.space, visit.caller, email, role)
    except Wrong as wrong:
        return await _members(visit, dict(wrong.errors))
    except ConflictError as error:
        return await _members(visit, {"email": "=" + refusal(error, visit.language)})
    base = visit.installation.settings.public_url.rstrip("/") or str(visit.request.base_url).rstrip("/")
    return await _members(visit, link=f"{base}/join#{made.token}")


@action("/s/{space}/settings/members/withdraw", Scope.MEMBERS_MANAGE)
async def withdraw(visit: InSpace) -> Response:
    """An invitation is void."""
    form = await visit.form()
    await members.withdraw(visit.installation, visit.space, form.id("invitation"))
    return visit.go("/settings/members", said="settings.withdrawn")


@action("/s/{space}/settings/members/role", Scope.MEMBERS_MANAGE, proved=True)
async def change_role(visit: InSpace) -> Response:
    """Somebody in another role, or out."""
    form = await visit.form()
    person = form.id("person")
    role = form.choice("role", ["", *(each.value for each in _PERSONS)])
    if role:
        await members.change(visit.installation, visit.space, visit.caller, person, Role(role))
        return visit.go("/settings/members", said="settings.role_changed")
    await members.remove(visit.installation, visit.space, visit.caller, person)
    return visit.go("/settings/members", said="settings.removed")


@action("/s/{space}/settings/members/leave", Entry.HERE)
async def leave(visit: InSpace) -> Response:
    """Out, by oneself."""
    await members.remove(visit.installation, visit.space, visit.caller, visit.person_id)
    return visit.out("/")


@page("/s/{space}/settings/keys", Scope.KEYS_MANAGE)
async def programs(visit: InSpace) -> Response:
    """Which programs may ask."""
    return await _keys(visit)


@action("/s/{space}/settings/keys", Scope.KEYS_MANAGE, proved=True)
async def make_key(visit: InSpace) -> Response:
    """A key for a program, shown once."""
    form = await visit.form()
    try:
        name = form.required("name", longest=100)
        days = form.amount("days")
        scopes = frozenset(scope for scope in KEY_SCOPES if scope.value in form.all("scope"))
        if not scopes:
            return await _keys(visit, {"scope": "settings.no_scope"})
        lasts = _KEY_DAYS_MAX if days is None else max(1, min(int(days), _KEY_DAYS_MAX))
        wish = Wish(name, Role.MEMBER, scopes, days=lasts)
        made = await keys.make(visit.installation, visit.space, visit.person_id, wish)
    except Wrong as wrong:
        return await _keys(visit, dict(wrong.errors))
    except ConflictError as error:
        return await _keys(visit, {"name": "=" + refusal(error, visit.language)})
    return await _keys(visit, made=made.text)


@action("/s/{space}/settings/keys/revoke", Scope.KEYS_MANAGE)
async def revoke_key(visit: InSpace) -> Response:
    """It opens nothing any more."""
    form = await visit.form()
    await keys.revoke(visit.installation, visit.space, form.required("key", longest=100))
    return visit.go("/settings/keys", said="settings.revoked")


@page("/s/{space}/settings/audit", Scope.AUDIT_READ)
async def trail(visit: InSpace) -> Response:
    """What was done, by whom; and, where that is asked, that nothing of it was changed since."""
    text, kind, by = (visit.query.get(name, "")[:_FILTER_MAX] for name in ("upto", "kind", "by"))
    upto = int(text) if text.isascii() and text.isdigit() and len(text) < 18 else None
    found = await audit.latest(
        visit.installation, visit.space, _ENTRIES, upto=upto, kind=kind, actor=f"person:{by}" if by else ""
    )
    there = {str(each.person_id): each.name for each in await members.listed(visit.installation, visit.space)}
    path = f"{visit.base}/settings/audit"
    checked = "check" in visit.query
    return await visit.show(
        "settings_audit.html",
        here="settings",
        path=path,
        kind=kind,
        by=by,
        kinds=[{"value": each, "text": visit.say("settings.audit_kind." + each)} for each in AUDIT_KINDS],
        people=[{"value": person_id, "text": name} for person_id, name in there.items()],
        entries=[(each, there.get(each.actor.partition(":")[2], each.actor)) for each in found.entries],
        older=None
        if found.upto is None
        else f"{path}?{urlencode({'upto': found.upto, 'kind': kind, 'by': by})}",
        checked=checked,
        broken=await audit.first_broken(visit.installation, visit.space.space_id) if checked else None,
    )


async def _settings(visit: InSpace, errors: dict[str, str] | None = None) -> Response:
    spoken = cast("Language", visit.person.language)
    return await visit.show(
        "settings.html",
        here="settings",
        person=visit.person,
        spoken=spoken,
        currency=await rates.currency_of(visit.installation, visit.space) or "",
        errors=errors or {},
        status=422 if errors else 200,
    )


async def _members(visit: InSpace, errors: dict[str, str] | None = None, link: str = "") -> Response:
    manages = visit.may(Scope.MEMBERS_MANAGE)
    return await visit.show(
        "settings_members.html",
        here="settings",
        members=await members.listed(visit.installation, visit.space),
        invitations=await members.invitations(visit.installation, visit.space) if manages else [],
        roles=[each.value for each in _PERSONS],
        me=visit.person_id,
        link=link,
        errors=errors or {},
        status=422 if errors else 200,
    )


async def _keys(visit: InSpace, errors: dict[str, str] | None = None, made: str = "") -> Response:
    return await visit.show(
        "settings_keys.html",
        here="settings",
        keys=await keys.listed(visit.installation, visit.space),
        scopes=sorted(scope.value for scope in KEY_SCOPES),
        made=made,
        url=visit.installation.settings.public_url.rstrip("/") or str(visit.request.base_url).rstrip("/"),
        space_id=visit.space.space_id,
        now=visit.now,
        errors=errors or {},
        status=422 if errors else 200,
    )


ROUTES: Final[tuple[Declared, ...]] = (
    settings,
    you,
    space,
    who,
    invite,
    withdraw,
    change_role,
    leave,
    programs,
    make_key,
    revoke_key,
    trail,
)
