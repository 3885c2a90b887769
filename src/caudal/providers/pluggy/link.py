"""Linking by Pluggy (contract §3): through its widget, or where an institution is named and our plan has it by its API,
with every field, code and page that the bank wants.

The widget's page gets a connect token (30 min, good for one item); what came of it is found by the name we gave the link
(`clientUserId`), never taken from the browser.
"""

from collections.abc import Mapping
from datetime import timedelta
from secrets import token_hex
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from caudal.model.errors import NotReady, Refused, Unavailable
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
from caudal.providers.http import Clock
from caudal.providers.pluggy.client import PluggyClient, PluggyConfig
from caudal.providers.pluggy.errors import error_of
from caudal.providers.pluggy.normalise import account_seen, known_accounts
from caudal.providers.pluggy.payloads import AccessToken, Connector, Credential, Item, Page, UserAction
from caudal.providers.written import link_state, of_link

TOKEN_LASTS: Final = timedelta(minutes=30)
POLL: Final = timedelta(seconds=3)
POLLS_MAX: Final = 40
"""A login takes seconds to a minute; after two minutes the person is told to come again."""

_RUNNING: Final = frozenset({"UPDATING", "MERGING"})
_WAITING: Final = frozenset({"WAITING_USER_INPUT", "WAITING_USER_ACTION"})


class _State(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a link stands. `user`: its own name at Pluggy. `relink`: of an item that is there; `before`: when that was
    last at the bank. `widget`: the person is at Pluggy's page."""

    user: str
    connector: str = ""
    item: str = ""
    relink: bool = False
    before: str = ""
    widget: bool = False
    url: str = ""


class Linking:
    """The steps of every link."""

    def __init__(self, client: PluggyClient, config: PluggyConfig, clock: Clock) -> None:
        self._client = client
        self._config = config
        self._clock = clock

    async def begin(self, request: LinkRequest) -> LinkStep:
        """The form of the institution that was chosen, else Pluggy's own page."""
        if request.webhook_url and self._config.webhook_secret:
            await self._register(request.webhook_url)
        state = _State(f"{request.user}.{token_hex(8)}", request.institution or "")
        if request.relink is not None:
            item = await self._client.item(request.relink.reference)
            bank = str(item.connector.id) if item.connector else ""
            before = str(item.last_updated_at or "")
            user = item.client_user_id or state.user
            state = _State(user, bank, item.id, relink=True, before=before)
        if not state.connector:
            return await self._widget(state)
        connector = await self._connector(state.connector)
        if not connector.credentials:
            return await self._widget(state)
        return _form(connector.credentials, state)

    async def go_on(self, answer: LinkAnswer) -> LinkStep:
        """The next step."""
        state = of_link(answer.state, _State)
        match answer:
            case Fields(values=values):
                return await self._filled_in(state, values)
            case Poll():
                return await self._polled(state)
            case Conclude():
                item = await self._client.item(state.item)
                return Linked(item.id, _institution(item), {})

    async def _filled_in(self, state: _State, values: Mapping[str, str]) -> LinkStep:
        said = {name: value for name, value in values.items() if value}
        item = await self._client.item(state.item) if state.item else None
        if item is not None and item.status == "WAITING_USER_INPUT":
            await self._client.ask(
                f"POST /items/{_path(state.item)}/mfa", Item, operation="items/mfa", body=said
            )
        elif item is None or item.status not in {*_RUNNING, *_WAITING}:
            sent = await self._send(state, said)
            if not isinstance(sent, Item):
                return sent
            state = msgspec.structs.replace(state, item=sent.id)
        for _ in range(POLLS_MAX):
            step = await self._looked(state)
            if not isinstance(step, Waiting):
                return step
            await self._clock.sleep(POLL)
        raise NotReady("pluggy: the bank takes long to answer; try again", retry_after=POLL)

    async def _send(self, state: _State, said: Mapping[str, str]) -> Item | LinkStep:
        """What the person filled in; the widget where our plan has no other way, the form again where it isn't right."""
        body: dict[str, Any] = {"parameters": said}
        call, operation = f"PATCH /items/{_path(state.item)}", "items/update"
        if not state.item:
            body |= {"connectorId": int(state.connector), "clientUserId": state.user}
            call, operation = "POST /items", "items"
        answer, refusal = await self._client.refusal(call, operation, body)
        if refusal is None:
            return self._client.read(answer, Item, operation)
        if refusal.code_description in _WIDGET_ONLY:
            return await self._widget(state)
        if refusal.code_description in _FILLED_IN_WRONG:
            connector = await self._connector(state.connector)
            return _form(connector.credentials or [], state, why="that isn't filled in as the bank wants it")
        return self._client.read(answer, Item, operation)

    async def _polled(self, state: _State) -> LinkStep:
        if not state.item:
            mine = await self._client.ask(
                "GET /v2/items", Page, operation="items", query={"clientUserId": state.user}
            )
            if not mine.results:
                return Waiting(link_state(state))
            item = msgspec.json.decode(mine.results[0], type=Item)
            if item.client_user_id != state.user:
                raise Refused("pluggy: told of an item that is another link's")
            state = msgspec.structs.replace(state, item=item.id)
        return await self._looked(state)

    async def _looked(self, state: _State) -> LinkStep:
        """What the item wants, or what came of it."""
        item = await self._client.item(state.item)
        if item.status in _RUNNING:
            return Waiting(link_state(state))
        if item.status in _WAITING:
            return Waiting(link_state(state)) if state.widget else self._wanted(state, item)
        if state.widget and state.relink and str(item.last_updated_at or "") == state.before:
            return Waiting(link_state(state))
        if item.error is not None or item.status == "LOGIN_ERROR":
            return await self._failed(state, item)
        if state.relink:
            return Mended()
        rows = await self._client.rows("/accounts", {"itemId": item.id}, "accounts")
        known, _ = known_accounts(rows, item)
        seen = [(each.kind, account_seen(each)) for each in known]
        accounts = tuple(AccountFound(told.ref, told.name, told.mask, kind.value) for kind, told in seen)
        return Found(_institution(item), accounts, link_state(state))

    def _wanted(self, state: _State, item: Item) -> LinkStep:
        """A code, a choice, something to be done, or the bank's own page: its address may stand in either place [?]."""
        wanted, action = item.parameter, item.user_action
        url = _address(wanted.data if wanted else None) or _address_in(action)
        if url:
            if state.url == url:
                return Waiting(link_state(state))
            told = (wanted and wanted.expires_at) or (action and action.expires_at)
            seen = msgspec.structs.replace(state, url=url)
            return Visit(url, link_state(seen), told or self._clock.now() + TOKEN_LASTS, session=state.user)
        if wanted is not None:
            return _form([wanted], state, why=wanted.instructions or wanted.assistive_text or "")
        said = action.instructions if action else "do what the bank asks for"
        return Ask({"done": "press Enter once that is done"}, link_state(state), why=said)

    async def _failed(self, state: _State, item: Item) -> LinkStep:
        """The form again for what its person may mend here and now."""
        code = item.error.code if item.error else "INVALID_CREDENTIALS"
        said = (item.error and (item.error.provider_message or item.error.message)) or code
        error = error_of(code, "pluggy")
        if code in _AGAIN and state.connector and not state.widget:
            connector = await self._connector(state.connector)
            return _form(connector.credentials or [], state, why=said)
        if isinstance(error, Unavailable):
            raise error
        return Abandoned(said)

    async def _widget(self, state: _State) -> LinkStep:
        body: dict[str, Any] = {"options": {"clientUserId": state.user}}
        if state.item:
            body["itemId"] = state.item
        made = await self._client.ask("POST /connect_token", AccessToken, body=body)
        url = f"{self._config.connect_url}?{urlencode({'connect_token': made.access_token})}"
        held = link_state(msgspec.structs.replace(state, widget=True))
        return Visit(url, held, self._clock.now() + TOKEN_LASTS, session=state.user)

    async def _connector(self, ident: str) -> Connector:
        return await self._client.ask(
            f"GET /connectors/{_path(ident)}", Connector, operation="connectors/get"
        )

    async def _register(self, url: str) -> None:
        """Have every event of our application sent to us, with the header that shows it. One webhook is enough for all:
        an item's own would come without it (contract §6)."""
        heads = {self._config.webhook_header: self._config.webhook_secret}
        rows = await self._client.rows("/webhooks", {}, "webhooks")
        there = [msgspec.json.decode(row, type=_Registered) for row in rows]
        mine = [each for each in there if (each.url, each.event) == (url, "all")]
        if not mine:
            await self._client.ask(
                "POST /webhooks", _Registered, body={"url": url, "event": "all", "headers": heads}
            )
        elif mine[0].disabled_at is not None or {*heads.items()} - {*(mine[0].headers or {}).items()}:
            path = f"PATCH /webhooks/{_path(mine[0].id)}"
            await self._client.ask(
                path, _Registered, operation="webhooks", body={"headers": heads, "enabled": True}
            )


class _Registered(msgspec.Struct, rename="camel"):
    id: str
    url: str
    event: str
    headers: dict[str, str] | None = None
    disabled_at: str | None = None


_WIDGET_ONLY: Final = frozenset(
    {
        "CREATE_ITEMS_API_FREE_DISABLED",
        "CLIENT_HAS_ITEM_UPDATES_DISABLED",
        "SANDBOX_CLIENT_ITEM_UPDATE_NOT_ALLOWED",
    }
)
_FILLED_IN_WRONG: Final = frozenset(
    {"CONNECTOR_VALIDATION_ERROR", "CONNECTOR_REQUIRED_PARAMETER_VALIDATION_ERROR", "PARAMETERS_NOT_PROVIDED"}
)
_AGAIN: Final = frozenset({"INVALID_CREDENTIALS", "INVALID_CREDENTIALS_MFA", "USER_INPUT_TIMEOUT"})


def _form(fields: list[Credential], state: _State, why: str = "") -> Ask:
    asked = {each.name: _label(each) for each in fields}
    secret = frozenset(each.name for each in fields if each.type == "password" or each.mfa)
    return Ask(asked, link_state(state), secret, why)


def _label(field: Credential) -> str:
    """What to ask: the choices of a choice, the picture of a code as the address that it is."""
    choices = ", ".join(f"{each.value}: {each.label}" for each in field.options or ())
    picture = (
        f"the code that this picture shows: {field.data}" if field.type == "image" and field.data else ""
    )
    said = " ".join(
        each for each in (field.label or field.name, picture, f"({choices})" if choices else "") if each
    )
    return f"{said} (may be left empty)" if field.optional else said


def _address(said: object) -> str:
    """An address of a page, if that is one."""
    return said if isinstance(said, str) and urlsplit(said).scheme in {"https", "http"} else ""


def _address_in(action: UserAction | None) -> str:
    return next(
        (found for each in ((action and action.attributes) or {}).values() if (found := _address(each))), ""
    )


def _institution(item: Item) -> InstitutionFound:
    connector = item.connector
    if connector is None:
        return InstitutionFound("", "", "BR")
    return InstitutionFound(str(connector.id), connector.name, connector.country or "BR")


def _path(ident: str) -> str:
    return quote(ident, safe="")
