"""The page for people: which bank, for how long, and the bank's own question; then back to where the token says
(contract §2; what the addresses carry was seen in integrations, and is not in the description [?])."""

import re
from collections.abc import Mapping
from html import escape
from typing import Final
from urllib.parse import urlencode

from caudal_sandbox.belvo.emulator import Emulator, bank_of
from caudal_sandbox.belvo.errors import BelvoError
from caudal_sandbox.belvo.institutions import BANKS
from caudal_sandbox.belvo.names import cpf_of

PATH: Final = "/widget/"
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{3,256}")
_PERSONAL: Final = re.compile(r"\d{11}|\d{14}")


def page(emulator: Emulator, query: Mapping[str, str]) -> str:
    """The form. Raises authentication_failed for a token that is over."""
    visitor = emulator.visitor(query.get("access_token", ""))
    hidden = "".join(
        f'<input type=hidden name={name} value="{escape(query.get(name, ""))}">'
        for name in ("access_token", "external_id", "access_mode")
    )
    banks = "".join(
        f"<option value={bank.name}>{escape(bank.title)}</option>"
        for bank in BANKS.values()
        if not bank.legacy
    )
    days = "".join(f"<option value={days}>{days} dias</option>" for days in (366, 275, 183, 92))
    return (
        "<!doctype html><title>Belvo (sandbox)</title>"
        f"<p>{escape(visitor.person)}: conectar uma conta.</p><form method=post>{hidden}"
        f"<select name=institution>{banks}</select>"
        f"<select name=days><option value=0>Indeterminado</option>{days}</select>"
        "<button name=answer value=allow>Autorizar</button><button name=answer value=wait>Outra pessoa autoriza</button>"
        "<button name=answer value=deny>Cancelar</button></form>"
    )


def submitted(emulator: Emulator, form: Mapping[str, str]) -> str:
    """Where the person is sent. Raises authentication_failed."""
    access = form.get("access_token", "")
    visitor = emulator.visitor(access)
    if form.get("answer") == "deny":
        return _with(visitor.callbacks["exit"], {"last_encountered_error": "", "step": "consent"})
    try:
        bank = bank_of(form.get("institution", ""), legacy_too=False)
        link = emulator.authorised(
            access,
            bank,
            external_id=_external(form.get("external_id", "")),
            mode=form.get("access_mode") or "recurrent",
            days=int(form.get("days") or 0) or visitor.days,
        )
    except BelvoError as error:
        return _with(visitor.callbacks["event"], {"error": error.code, "error_message": error.words})
    if form.get("answer") == "wait" and link.consent is not None:
        link.consent.status = "AWAITING_AUTHORISATION"
    return _with(visitor.callbacks["success"], {"link": link.id, "institution": bank.name})


def who(emulator: Emulator, person: str) -> tuple[str, str]:
    """(CPF, name) of somebody here, by their handle: who runs a sandbox asks for it. Raises KeyError."""
    holder = emulator.world.holder(person)
    if holder is None:
        raise KeyError(f"nobody here is called {person}")
    return cpf_of(holder.name), holder.full_name


def _external(asked: str) -> str | None:
    """As it is kept: what names a person is dropped in silence."""
    return asked if _NAME.fullmatch(asked) and not _PERSONAL.fullmatch(asked) else None


def _with(url: str, query: Mapping[str, str]) -> str:
    return f"{url}{'&' if '?' in url else '?'}{urlencode(query)}"
