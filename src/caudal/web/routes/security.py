"""How somebody shows who they are, and where they are signed in: the password, codes, passkeys, sessions."""

from base64 import b64encode
from typing import Final

import msgspec
from starlette.responses import JSONResponse, Response

from caudal.hub.identity import login, passkeys, sessions
from caudal.hub.identity.login import NotAdmitted
from caudal.model.errors import ConflictError
from caudal.web.refusals import refusal
from caudal.web.routing import Declared, Entry, action, page
from caudal.web.visits import InSpace

_HERE: Final = "/settings/security"
_TOKEN_MAX: Final = 256


@page("/s/{space}/settings/security", Entry.HERE)
async def security(visit: InSpace) -> Response:
    """What there is, and what is missing."""
    return await _shown(visit)


@action("/s/{space}/settings/security/password", Entry.HERE, proved=True)
async def change_password(visit: InSpace) -> Response:
    """Another password; everywhere else one is signed out."""
    form = await visit.form()
    of = (visit.person_id, visit.session.session_id)
    try:
        await login.change_password(visit.installation, visit.hasher, of, form.raw("new_password"))
    except ConflictError as error:
        return await _shown(visit, {"new_password": "=" + refusal(error, visit.language)})
    return visit.go(_HERE, said="security.password_changed")


@action("/s/{space}/settings/security/codes", Entry.HERE, proved=True)
async def offer_codes(visit: InSpace) -> Response:
    """One-time codes: what an app is set up with."""
    seed, uri, picture = await login.offer_totp(visit.installation, visit.person_id)
    return await _offered(visit, seed, uri, picture)


@action("/s/{space}/settings/security/codes/confirm", Entry.HERE, proved=True)
async def confirm_codes(visit: InSpace) -> Response:
    """A code of the app's: from now on they are asked for."""
    form = await visit.form()
    of = (visit.person_id, visit.session.session_id)
    try:
        codes = await login.confirm_totp(visit.installation, of, form.text("code", longest=20))
    except NotAdmitted:
        return await _shown(visit, {"codes": "security.code_wrong"})
    return await visit.show("security_recovery.html", here="settings", codes=codes)


@action("/s/{space}/settings/security/codes/drop", Entry.HERE, proved=True)
async def drop_codes(visit: InSpace) -> Response:
    """No one-time codes any more."""
    await login.drop_totp(visit.installation, visit.person_id)
    return visit.go(_HERE, said="security.codes_dropped")


@action("/s/{space}/settings/security/recovery", Entry.HERE, proved=True)
async def fresh_recovery(visit: InSpace) -> Response:
    """New recovery codes in place of those before."""
    codes = await login.fresh_recovery_codes(visit.installation, visit.person_id)
    return await visit.show("security_recovery.html", here="settings", codes=codes)


@action("/s/{space}/settings/security/passkeys/options", Entry.HERE, proved=True)
async def passkey_options(visit: InSpace) -> Response:
    """What a browser is to be given to make one."""
    token, options = await passkeys.ask(visit.installation, visit.person_id)
    return JSONResponse(msgspec.json.decode(options), headers={"Caudal-Token": token})


@action("/s/{space}/settings/security/passkeys", Entry.HERE, proved=True)
async def keep_passkey(visit: InSpace) -> Response:
    """One more passkey; recovery codes come with the first second factor."""
    form = await visit.form()
    of = (visit.person_id, visit.session.session_id)
    name = form.text("name", longest=100) or visit.say("security.a_passkey")
    try:
        await passkeys.keep(
            visit.installation, of, form.raw("token")[:_TOKEN_MAX], form.raw("credential"), name
        )
    except ConflictError as error:
        return await _shown(visit, {"passkeys": "=" + refusal(error, visit.language)})
    if visit.person.codes_left:
        return visit.go(_HERE, said="security.passkey_kept")
    codes = await login.fresh_recovery_codes(visit.installation, visit.person_id)
    return await visit.show("security_recovery.html", here="settings", codes=codes)


@action("/s/{space}/settings/security/passkeys/drop", Entry.HERE, proved=True)
async def drop_passkey(visit: InSpace) -> Response:
    """It opens nothing any more."""
    form = await visit.form()
    try:
        credential = bytes.fromhex(form.required("passkey", longest=2_048))
    except ValueError:
        raise ConflictError("that is no passkey of yours", says="passkey_unknown") from None
    await passkeys.drop(visit.installation, visit.person_id, credential)
    return visit.go(_HERE, said="security.passkey_dropped")


@action("/s/{space}/settings/security/sessions/end", Entry.HERE)
async def end_session(visit: InSpace) -> Response:
    """Out, in another browser."""
    form = await visit.form()
    await sessions.end(visit.installation, visit.person_id, form.id("session"))
    return visit.go(_HERE, said="security.session_ended")


async def _shown(visit: InSpace, errors: dict[str, str] | None = None) -> Response:
    there = await sessions.listed(visit.installation, visit.person_id)
    keys = await passkeys.listed(visit.installation, visit.person_id)
    return await visit.show(
        "security.html",
        here="settings",
        status=422 if errors else 200,
        person=visit.person,
        sessions_there=there,
        this=visit.session.session_id,
        passkeys_there=[(key.credential_id.hex(), key) for key in keys],
        passkeys_can=bool(visit.installation.settings.public_url),
        needed="needed" in visit.query,
        strong=visit.session.strong,
        now=visit.now,
        errors=errors or {},
    )


async def _offered(visit: InSpace, seed: str, uri: str, picture: str) -> Response:
    image = f"data:image/svg+xml;base64,{b64encode(picture.encode()).decode()}"
    groups = " ".join(seed[at : at + 4] for at in range(0, len(seed), 4))
    return await visit.show("security_codes.html", here="settings", seed=groups, uri=uri, image=image)


ROUTES: Final[tuple[Declared, ...]] = (
    security,
    change_password,
    offer_codes,
    confirm_codes,
    drop_codes,
    fresh_recovery,
    passkey_options,
    keep_passkey,
    drop_passkey,
    end_session,
)
