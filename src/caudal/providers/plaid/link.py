"""Linking a bank, and mending a link, on Plaid's own page (Plaid docs, Link: Hosted Link, Update mode).

The person is sent to a page at Plaid; what came of it is asked for by its token. No front end of ours is needed, and
behind NAT no webhook either. Until the public token is exchanged nothing is concluded: it lapses after 30 minutes.
"""

import logging
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, Final

import msgspec

from caudal.model.errors import ProviderError, Refused
from caudal.providers.base import (
    Abandoned,
    AccountFound,
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
from caudal.providers.http import Clock, redact
from caudal.providers.plaid.accounts import kind_of
from caudal.providers.plaid.client import CREDENTIAL, PlaidClient
from caudal.providers.plaid.config import PlaidConfig
from caudal.providers.plaid.errors import Refusal, error_for
from caudal.providers.plaid.payloads import (
    Exchanged,
    ItemAdded,
    LinkSession,
    LinkTokenAnswer,
    LinkTokenCreated,
)
from caudal.providers.written import link_state, of_link

_LOG: Final = logging.getLogger("caudal.providers.plaid")

POLL_SECONDS: Final = 5
"""Plaid docs, Hosted Link: without webhooks."""
_GRACE: Final = timedelta(minutes=30)
"""A person who came in time may still be at it: as long as the page lives by default."""

_LANGUAGES: Final = frozenset(
    {"da", "de", "en", "es", "et", "fr", "hi", "it", "lt", "lv", "nl", "no", "pl", "pt", "ro", "sv", "vi"}
)
"""Plaid's OpenAPI, /link/token/create."""
_PRODUCTS: Final = ("transactions",)
"""Every institution shown must have them all, so no more than the ledger can't do without."""
_BROKERS_PRODUCTS: Final = ("investments",)
"""Most brokers haven't transactions, and would never be shown."""
_CONSENTED: Final = ("investments", "liabilities")
"""Asked for now, so that no second visit is needed; made and billed only when first used (ours: where there is an
investment account). As `required_if_supported_products` they would be billed for every login that has them."""

_EXPIRED: Final = Abandoned("the time for linking ran out: start again")
_CLOSED: Final = Abandoned("the bank's page was closed before it was done: start again")


class _State(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a link stands: polled by `link_token`, or `found` and to be concluded."""

    link_token: str = ""
    relink: bool = False
    public_token: str = ""
    found: InstitutionFound | None = None

    def __repr__(self) -> str:
        return "_State(…)"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        return [("", repr(self))]


class Linking:
    """Plaid's Link, by its server's side."""

    def __init__(self, client: PlaidClient, config: PlaidConfig, clock: Clock) -> None:
        self._client = client
        self._config = config
        self._clock = clock

    async def begin(self, request: LinkRequest) -> LinkStep:
        """A page to send the person to: for a new link, or to mend `request.relink` (update mode)."""
        fields = self._common(request) | (
            _mending(request) if request.relink else await self._linking_anew(request)
        )
        created = await self._client.get("link/token/create", fields, _CREATED, access=request.relink)
        if created.hosted_link_url is None:
            raise Refused("plaid link/token/create: no page in the answer: is Hosted Link enabled at Plaid?")
        return Visit(
            created.hosted_link_url,
            link_state(_State(created.link_token, relink=request.relink is not None)),
            created.expiration,
            POLL_SECONDS,
            session=created.link_token,
        )

    async def go_on(self, answer: LinkAnswer) -> LinkStep:
        """What came of it so far; on Conclude, the connection."""
        match answer:
            case Poll(state=state):
                return await self._poll(of_link(state, _State))
            case Conclude(state=state):
                return await self._conclude(of_link(state, _State))
            case Fields():
                raise Refused("plaid: its own page asks for all it needs; there are no fields to fill in")

    def _common(self, request: LinkRequest) -> dict[str, Any]:
        page = {"completion_redirect_uri": request.return_url} if request.return_url else {}
        return {
            "client_name": self._config.client_name,
            "language": request.language if request.language in _LANGUAGES else "en",
            "country_codes": self._config.country_codes,
            "user": {"client_user_id": request.user},
            "hosted_link": page,
        }

    async def _linking_anew(self, request: LinkRequest) -> dict[str, Any]:
        fields = self._products(request)
        if request.webhook_url:
            fields["webhook"] = request.webhook_url
        if request.institution and (number := await self._routing_number(request.institution)):
            fields["institution_data"] = {"routing_number": number}
        return fields

    def _products(self, request: LinkRequest) -> dict[str, Any]:
        """What is asked for, and what consent is asked for besides; Plaid takes no product in both."""
        if request.investments_only:
            consented = [product for product in _CONSENTED if product not in _BROKERS_PRODUCTS]
            return {"products": _BROKERS_PRODUCTS, "additional_consented_products": consented}
        return {
            "products": _PRODUCTS,
            "additional_consented_products": _CONSENTED,
            "transactions": {"days_requested": self._config.days_requested},
        }

    async def _routing_number(self, institution: str) -> str | None:
        """The one way to have Link begin with a bank: its routing number (US). Without, the person looks for it."""
        try:
            numbers = (await self._client.institution(institution)).routing_numbers
        except ProviderError:
            return None
        return numbers[0] if numbers else None

    async def _poll(self, state: _State) -> LinkStep:
        if not state.link_token:
            raise Refused("plaid: this link waits for its conclusion; there is nothing to poll for")
        answer = await self._client.ask("link/token/get", {"link_token": state.link_token}, _TOKEN)
        if isinstance(answer, Refusal):
            if answer.error.error_code == "INVALID_LINK_TOKEN":
                return _EXPIRED
            raise error_for(answer)
        sessions = answer.link_sessions or []
        if state.relink and any(_succeeded(session) for session in sessions):
            return Mended()
        added = [item for session in sessions for item in _added(session) if item.public_token]
        if added:
            return await self._found(added)
        return self._undone(answer, sessions, state)

    def _undone(self, answer: LinkTokenAnswer, sessions: Sequence[LinkSession], state: _State) -> LinkStep:
        """No success: whether it may still come."""
        under_way = any(session.finished_at is None for session in sessions)
        if answer.expiration is not None:
            grace = _GRACE if under_way else timedelta(0)
            if self._clock.now() > answer.expiration + grace:
                return _EXPIRED
        if under_way or not sessions:
            return Waiting(link_state(state))
        exits = [left for session in sessions if (left := session.exit or session.on_exit)]
        error = exits[-1].error if exits else None
        if error is None:
            return _CLOSED
        return Abandoned(
            redact(error.display_message or f"the bank could not be linked ({error.error_code})")
        )

    async def _found(self, added: Sequence[ItemAdded]) -> Found:
        """The first login of the session. More are not asked for (`enable_multi_item_link`): they lapse."""
        if len(added) > 1:
            _LOG.warning(
                "plaid: a link brought %d logins where one was asked for; taking the first", len(added)
            )
        item = added[0]
        chosen = item.institution
        reference = (chosen.institution_id if chosen else None) or ""
        institution = InstitutionFound(
            reference, (chosen.name if chosen else None) or reference, await self._country(reference)
        )
        accounts = tuple(
            AccountFound(
                account.id, account.name or "", account.mask, kind_of(account.type, account.subtype).value
            )
            for account in item.accounts
        )
        state = _State(public_token=item.public_token or "", found=institution)
        return Found(institution, accounts, link_state(state))

    async def _country(self, reference: str) -> str | None:
        """Where the bank is, if Plaid knows it in one country alone; None also where it doesn't say now."""
        try:
            countries = (await self._client.institution(reference)).country_codes if reference else []
        except ProviderError:
            return None
        return countries[0] if len(countries) == 1 else None

    async def _conclude(self, state: _State) -> LinkStep:
        """Exchange the public token. Once: a second exchange of the same token is refused."""
        if state.found is None:
            raise Refused("plaid: nothing is found yet that a link could be concluded with: poll first")
        answer = await self._client.ask(
            "item/public_token/exchange", {"public_token": state.public_token}, _EXCHANGED, repeatable=False
        )
        if isinstance(answer, Refusal):
            if answer.error.error_code == "INVALID_PUBLIC_TOKEN":
                return _EXPIRED
            raise error_for(answer)
        return Linked(answer.item_id, state.found, {CREDENTIAL: answer.access_token.encode()})


def _mending(request: LinkRequest) -> dict[str, Any]:
    """Update mode: for the Item whose access token goes along. Products and webhook stay what they were."""
    fields: dict[str, Any] = {"additional_consented_products": _CONSENTED}
    return fields | ({"update": {"account_selection_enabled": True}} if request.choose_accounts else {})


def _added(session: LinkSession) -> Iterable[ItemAdded]:
    """The logins a session brought, by its results or their deprecated twin."""
    if session.results is not None and session.results.item_add_results:
        return session.results.item_add_results
    if (success := session.on_success) is None:
        return ()
    metadata = success.metadata
    accounts = (metadata.accounts if metadata else None) or []
    return (ItemAdded(success.public_token, accounts, metadata.institution if metadata else None),)


def _succeeded(session: LinkSession) -> bool:
    """Whether a session in update mode mended its Item. It need bring no token: then it is one that was finished and
    not left."""
    left = session.exit or session.on_exit
    return bool(list(_added(session))) or (session.finished_at is not None and left is None)


_CREATED: Final = msgspec.json.Decoder(LinkTokenCreated)
_TOKEN: Final = msgspec.json.Decoder(LinkTokenAnswer)
_EXCHANGED: Final = msgspec.json.Decoder(Exchanged)
