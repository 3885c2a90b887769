"""Linking by Belvo (contract, §2): in Brazil through its hosted widget, which must be told whose accounts they are; and
the logins of 2023, where the operator offers them.

What came of the widget is found by the name we gave the link (`external_id`), never taken from the browser. That name is
the connection's: a consent that is renewed makes another link, of the same name.
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from secrets import token_hex
from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from caudal.model.errors import ConfigError
from caudal.providers.base import (
    Abandoned,
    AccountFound,
    Ask,
    Conclude,
    Fields,
    Found,
    InstitutionFound,
    LinkAnswer,
    Linked,
    LinkRequest,
    LinkStep,
    Mended,
    Poll,
    Visit,
    Waiting,
)
from caudal.providers.belvo.client import LINK, BelvoClient, BelvoConfig, link_of, read
from caudal.providers.belvo.errors import error_for, refusal_of
from caudal.providers.belvo.normalise import known_account
from caudal.providers.belvo.payloads import Account, Bank, Link, WidgetToken
from caudal.providers.belvo.pull import DOCUMENTS, PERSON, country_of
from caudal.providers.http import Clock
from caudal.providers.rows import read_all
from caudal.providers.written import link_state, of_link

TOKEN_LASTS: Final = timedelta(minutes=10)
"""[?] Belvo's pages say ten minutes, the token of its example twenty."""
SCOPES: Final = (
    "read_institutions,write_links,read_consents,write_consents,write_consent_callback,delete_consents"
)
PERMISSIONS: Final = ("REGISTER", "ACCOUNTS", "CREDIT_CARDS", "CREDIT_OPERATIONS")
_CPF, _CNPJ = 11, 14
_WHO: Final = {
    "document": "CPF; for a firm's accounts CPF and CNPJ, with a space between",
    "name": "name as the bank has it; for a firm's accounts the person's / the firm's",
}
_TOKEN: Final = {"token": "the token that the bank has sent or shows"}
_RETRY: Final = frozenset({"login_error", "session_expired"})


class _State(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a link stands. `external`: its name; `before`, `person`: the link that is mended and whose it is; `link`: the
    one that was made; `session`: its login waits for a token; `form`: the fields of its login."""

    external: str
    institution: str = ""
    documents: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    before: str = ""
    person: str = ""
    link: str = ""
    session: str = ""
    form: tuple[str, ...] = ()
    until: datetime | None = None

    def __repr__(self) -> str:
        return "_State(…)"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        return [("", repr(self))]


class Linking:
    """The steps of every link."""

    def __init__(self, client: BelvoClient, config: BelvoConfig, clock: Clock) -> None:
        self._client = client
        self._config = config
        self._clock = clock

    async def begin(self, request: LinkRequest) -> LinkStep:
        """Who it is; where that is known already, the widget; at an institution of 2023 its login."""
        relink = request.relink
        state = _State(token_hex(12), (relink.institution if relink else request.institution) or "")
        if relink is not None:
            kept = {name: relink.secrets.get(name, b"[]") for name in (DOCUMENTS, "names")}
            state = msgspec.structs.replace(
                state,
                external=relink.reference,
                before=link_of(relink),
                person=relink.secrets.get(PERSON, b"").decode(),
                documents=tuple(msgspec.json.decode(kept[DOCUMENTS], type=list[str])),
                names=tuple(msgspec.json.decode(kept["names"], type=list[str])),
            )
        if self._config.legacy and state.institution:
            bank = await self._bank(state.institution)
            if bank.integration_type == "credentials":
                return _login(bank, state)
        if state.documents:
            return await self._widget(state)
        return Ask(_WHO, link_state(state), frozenset({"document"}))

    async def go_on(self, answer: LinkAnswer) -> LinkStep:
        """The next step."""
        state = of_link(answer.state, _State)
        match answer:
            case Fields(values=values) if state.session:
                return await self._token_given(state, values)
            case Fields(values=values) if state.form:
                return await self._logged_in(state, values)
            case Fields(values=values):
                return await self._identified(state, values)
            case Poll():
                return await self._looked(state)
            case Conclude():
                return await self._concluded(state)

    # The widget

    async def _identified(self, state: _State, values: Mapping[str, str]) -> LinkStep:
        documents = tuple(re.sub(r"[^0-9A-Za-z]", "", each) for each in values.get("document", "").split())
        names = tuple(each.strip() for each in values.get("name", "").split("/") if each.strip())
        kinds = [len(each) for each in documents]
        if kinds not in ([_CPF], [_CPF, _CNPJ]) or len(names) != len(kinds):
            why = "a CPF has 11 digits, a CNPJ 14 characters; give a name for each"
            return Ask(_WHO, link_state(state), frozenset({"document"}), why=why)
        return await self._widget(msgspec.structs.replace(state, documents=documents, names=names))

    async def _widget(self, state: _State) -> Visit:
        """A page for this person, opened once."""
        told = await self._client.ask("POST /api/token/", WidgetToken, body=self._asked(state))
        query = {
            "access_token": told.access,
            "external_id": state.external,
            "access_mode": "recurrent",
            **({"institutions": state.institution} if state.institution else {}),
        }
        until = self._clock.now() + TOKEN_LASTS
        state = msgspec.structs.replace(state, until=until)
        url = f"{self._config.widget_url}?{urlencode(query)}"
        return Visit(url, link_state(state), until, session=state.external)

    def _asked(self, state: _State) -> dict[str, Any]:
        """What the widget is to do and show. Raises ConfigError where Belvo wants to know what nobody has told us."""
        config = self._config
        lacking = [
            name
            for name in ("company", "company_icon", "company_logo", "terms_url", "purpose")
            if not getattr(config, name)
        ]
        if lacking:
            told = ", ".join(f"CAUDAL_BELVO_{name.upper()}" for name in lacking)
            raise ConfigError(f"Belvo's widget has to show who asks and why: set {told}")
        landing = config.landing_url or config.terms_url
        people = zip(state.documents, state.names, strict=True)
        extra = ["INVESTMENTS", "INVESTMENT_TRANSACTIONS"] if config.investments else []
        return {
            "id": config.secret_id,
            "password": config.secret_password,
            "scopes": SCOPES,
            "stale_in": "365d",
            "fetch_resources": ["ACCOUNTS", "TRANSACTIONS", *extra],
            "widget": {
                "openfinance_feature": "consent_link_creation",
                "callback_urls": {"success": landing, "exit": landing, "event": landing},
                "branding": {
                    "company_icon": config.company_icon,
                    "company_logo": config.company_logo,
                    "company_name": config.company,
                    "company_terms_url": config.terms_url,
                },
                "theme": [],
                "consent": {
                    "purpose": config.purpose,
                    "terms_and_conditions_url": config.terms_url,
                    "permissions": PERMISSIONS,
                    "identification_info": [
                        {"type": "CPF" if len(number) == _CPF else "CNPJ", "number": number, "name": name}
                        for number, name in people
                    ],
                },
            },
        }

    async def _looked(self, state: _State) -> LinkStep:
        """Whether a link of that name is there by now."""
        rows = await self._client.rows("/api/links/", {"external_id": state.external}, operation="links")
        found = [link for link, _ in read_all(rows, Link, "belvo links")[0] if link.id != state.before]
        found = [link for link in found if link.status == "valid" and link.external_id == state.external]
        if found:
            return await self._made(state, max(found, key=lambda link: link.created_at))
        if state.until is not None and self._clock.now() >= state.until:
            return Abandoned("nobody came through Belvo's page in time: start again")
        return Waiting(link_state(state))

    async def _made(self, state: _State, link: Link) -> LinkStep:
        """A link is there: conclude it, or put it in the place of the one that is mended."""
        if not state.before:
            return await self._found(
                msgspec.structs.replace(state, link=link.id, institution=link.institution)
            )
        if link.id != state.before:
            same = link.institution_user_id == state.person and link.institution == state.institution
            await self._client.delete(state.before if same else link.id)
            if not same:
                return Abandoned(
                    "this is another login than the one to be mended: link it as a connection of its own"
                )
        return Mended({LINK: link.id.encode()})

    async def _found(self, state: _State) -> LinkStep:
        rows = await self._client.rows("/api/accounts/", {"link": state.link}, operation="accounts")
        if not rows:
            return Waiting(link_state(state))
        bank = await self._bank(state.institution)
        country = country_of(state.institution)
        accounts = []
        for told, raw in read_all(rows, Account, "belvo accounts")[0]:
            seen = known_account(told, raw, bank.display_name, country).seen
            accounts.append(AccountFound(seen.ref, seen.name, seen.mask, seen.kind.value))
        return Found(_institution(bank), tuple(accounts), link_state(state))

    async def _concluded(self, state: _State) -> LinkStep:
        link = await self._client.link(state.link)
        kept = {
            LINK: link.id.encode(),
            PERSON: link.institution_user_id.encode(),
            DOCUMENTS: msgspec.json.encode(state.documents),
            "names": msgspec.json.encode(state.names),
        }
        return Linked(state.external, _institution(await self._bank(link.institution)), kept)

    async def _bank(self, name: str) -> Bank:
        rows = await self._client.rows("/api/institutions/", {"name": name}, operation="institutions")
        told, _ = read_all(rows, Bank, "belvo institutions")
        return told[0][0] if told else Bank(name, name)

    # The logins of 2023

    async def _logged_in(self, state: _State, values: Mapping[str, str]) -> LinkStep:
        said = {name: values[name] for name in state.form if values.get(name)}
        if state.before:
            call, body = f"PUT /api/links/{state.before}/", {**said}
            body.pop("username", None)
            return await self._sent(state, call, body)
        made = {"institution": state.institution, "external_id": state.external, "access_mode": "recurrent"}
        return await self._sent(state, "POST /api/links/", {**said, **made})

    async def _token_given(self, state: _State, values: Mapping[str, str]) -> LinkStep:
        body = {"session": state.session, "link": state.link, "token": values.get("token", "")}
        return await self._sent(state, "PATCH /api/links/", body)

    async def _sent(self, state: _State, call: str, body: Mapping[str, object]) -> LinkStep:
        """A login, or the token it waited for: what the bank says to it."""
        answer = await self._client.send(call, operation="links/login", body=body)
        refusal = refusal_of(answer)
        if answer.status == 428 and refusal is not None:
            waits = msgspec.structs.replace(state, session=refusal.session, link=refusal.link)
            return Ask(_TOKEN, link_state(waits), frozenset(_TOKEN))
        if refusal is not None and refusal.code in _RETRY:
            bank = await self._bank(state.institution)
            again = msgspec.structs.replace(state, session="", link="")
            why = (
                "the bank refused this login" if refusal.code == "login_error" else "the token came too late"
            )
            return _login(bank, again, why)
        if answer.status not in {200, 201}:
            raise error_for(answer, "belvo links/login")
        return await self._made(state, read(answer, Link, "belvo links/login"))


def _login(bank: Bank, state: _State, why: str = "") -> Ask:
    """The form of the bank's login: all of it is secret."""
    fields = {field.name: field.label or field.name for field in bank.form_fields}
    asked = msgspec.structs.replace(state, form=tuple(fields))
    return Ask(fields, link_state(asked), frozenset(fields), why=why)


def _institution(bank: Bank) -> InstitutionFound:
    return InstitutionFound(
        bank.name, bank.display_name or bank.name, bank.country_codes[0] if bank.country_codes else None
    )
