"""The endpoints of Link: a token to begin with, and what has come of it (docs, Link: API)."""

from datetime import datetime
from typing import Final
from urllib.parse import urljoin

import msgspec
from msgspec import UNSET, UnsetType

from caudal_sandbox.plaid.calls import Call, Route
from caudal_sandbox.plaid.emulator import Emulator
from caudal_sandbox.plaid.errors import PlaidError, described
from caudal_sandbox.plaid.items import Item
from caudal_sandbox.plaid.link_requests import LinkTokenCreate, check
from caudal_sandbox.plaid.link_state import Added, LinkEvent, Session, Step
from caudal_sandbox.plaid.link_tokens import TOLD_FOR
from caudal_sandbox.plaid.link_walk import exit_status
from caudal_sandbox.plaid.records.accounts import account_record

PAGES: Final = "/hosted-link/"
"""Where the hosted pages are."""


class LinkTokenGet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`/link/token/get`"""

    link_token: str


class LinkTokenMade(msgspec.Struct, frozen=True):
    """A token to begin a session with. `hosted_link_url` only where Link is hosted."""

    link_token: str
    expiration: datetime
    hosted_link_url: str | UnsetType = UNSET


class Bank(msgspec.Struct, frozen=True):
    """An institution as sessions tell of it."""

    institution_id: str
    name: str


class LinkedAccount(msgspec.Struct, frozen=True):
    """An account as sessions tell of it."""

    id: str
    name: str
    mask: str | None
    type: str
    subtype: str | None
    verification_status: str | None = None
    class_type: str | None = None


class ItemAdded(msgspec.Struct, frozen=True):
    """One Item that a session added."""

    public_token: str
    accounts: list[LinkedAccount]
    institution: Bank


class Results(msgspec.Struct, frozen=True):
    """What a session brought. Of other products there is never anything here."""

    item_add_results: list[ItemAdded]
    cra_item_add_results: tuple[()] = ()
    cra_update_results: tuple[()] = ()
    bank_income_results: tuple[()] = ()
    payroll_income_results: tuple[()] = ()
    document_income_results: None = None


class SuccessMetadata(msgspec.Struct, frozen=True):
    """What `onSuccess` is told."""

    institution: Bank
    accounts: list[LinkedAccount]
    link_session_id: str
    transfer_status: None = None


class Success(msgspec.Struct, frozen=True):
    """`on_success`: the older way to tell of the last Item."""

    public_token: str
    metadata: SuccessMetadata


class ExitMetadata(msgspec.Struct, frozen=True):
    """What `onExit` is told."""

    institution: Bank | None
    status: str
    link_session_id: str
    request_id: str


class Exit(msgspec.Struct, frozen=True):
    """`exit`, and its older twin `on_exit`. `error` null: the person just closed it."""

    error: dict[str, object] | None
    metadata: ExitMetadata


class SessionTold(msgspec.Struct, frozen=True):
    """A session as `/link/token/get` tells of it."""

    link_session_id: str
    started_at: datetime
    finished_at: datetime | None
    events: list[LinkEvent]
    results: Results | None
    on_success: Success | None
    on_exit: Exit | None
    exit: Exit | None


class TokenMetadata(msgspec.Struct, frozen=True):
    """What was asked for."""

    client_name: str
    country_codes: list[str]
    initial_products: list[str]
    language: str
    redirect_uri: str | None
    webhook: str | None
    account_filters: dict[str, object] | UnsetType = UNSET
    institution_data: dict[str, object] | UnsetType = UNSET


class LinkTokenTold(msgspec.Struct, frozen=True):
    """A token, and the sessions begun with it."""

    link_token: str
    created_at: datetime
    expiration: datetime
    link_sessions: list[SessionTold]
    metadata: TokenMetadata


def create(emulator: Emulator, call: Call[LinkTokenCreate]) -> LinkTokenMade:
    """A link token; in update mode for an Item of this client."""
    wanted, item = call.asked, None
    check(wanted)
    if wanted.access_token is not None:
        item = emulator.items.by_token(wanted.access_token)
        if item.client_id != call.client_id:
            raise PlaidError("INVALID_ACCESS_TOKEN")
    made = emulator.tokens.link(wanted, client_id=call.client_id, item_id=item.item_id if item else None)
    url = urljoin(call.origin, PAGES + made.page) if made.page else UNSET
    return LinkTokenMade(made.token, made.expires_at, url)


def get(emulator: Emulator, call: Call[LinkTokenGet]) -> LinkTokenTold:
    """What became of a token: of sessions that ended more than six hours ago nothing is told any more."""
    token = emulator.tokens.of_link(call.asked.link_token, client_id=call.client_id)
    since = emulator.clock() - TOLD_FOR
    return LinkTokenTold(
        link_token=token.token,
        created_at=token.created_at,
        expiration=token.expires_at,
        link_sessions=[
            _session(emulator, each)
            for each in token.sessions
            if each.finished_at is None or each.finished_at > since
        ],
        metadata=_metadata(token.wanted),
    )


def linked_accounts(emulator: Emulator, item: Item) -> list[LinkedAccount]:
    """The accounts of an Item as sessions tell of them."""
    records = [account_record(each) for each in item.shown(emulator.world)]
    return [LinkedAccount(each.account_id, each.name, each.mask, each.type, each.subtype) for each in records]


def _metadata(wanted: LinkTokenCreate) -> TokenMetadata:
    filters, bank = wanted.account_filters, wanted.institution_data
    return TokenMetadata(
        client_name=wanted.client_name,
        country_codes=list(wanted.country_codes),
        initial_products=list(wanted.products or ()),
        language=wanted.language,
        redirect_uri=wanted.redirect_uri,
        webhook=wanted.webhook,
        account_filters=UNSET if filters is None else _given(filters),
        institution_data=UNSET if bank is None else _given(bank),
    )


def _given(asked: msgspec.Struct) -> dict[str, object]:
    """Only what was said, one level below too."""
    told = {name: value for name, value in msgspec.to_builtins(asked).items() if value is not None}
    return {
        name: {key: each for key, each in value.items() if each is not None}
        if isinstance(value, dict)
        else value
        for name, value in told.items()
    }


def _session(emulator: Emulator, session: Session) -> SessionTold:
    added = [each for each in (_item_added(emulator, every) for every in session.added) if each is not None]
    last = _item_added(emulator, session.repaired) if session.repaired else (added[-1] if added else None)
    left = _exit(session) if session.step is Step.LEFT else None
    return SessionTold(
        link_session_id=session.session_id,
        started_at=session.started_at,
        finished_at=session.finished_at,
        events=session.events[::-1],  # the latest first, as the documentation shows them
        results=Results(added) if added or session.step is Step.DONE else None,
        on_success=_success(session, last) if last and session.step is Step.DONE else None,
        on_exit=left,
        exit=left,
    )


def _item_added(emulator: Emulator, added: Added) -> ItemAdded | None:
    """None once the Item has been removed: nothing is told of it any more."""
    try:
        item = emulator.items.by_id(added.item_id)
    except PlaidError:
        return None
    bank = Bank(item.institution.institution_id, item.institution.name)
    return ItemAdded(added.public_token, linked_accounts(emulator, item), bank)


def _success(session: Session, last: ItemAdded) -> Success:
    return Success(last.public_token, SuccessMetadata(last.institution, last.accounts, session.session_id))


def _exit(session: Session) -> Exit:
    bank = session.institution
    return Exit(
        described(session.left_because) if session.left_because else None,
        ExitMetadata(
            institution=Bank(bank.institution_id, bank.name) if bank else None,
            status=exit_status(session),
            link_session_id=session.session_id,
            request_id=session.events[-1].event_metadata["request_id"],
        ),
    )


ROUTES: Final = (
    Route("/link/token/create", LinkTokenCreate, "client", create),
    Route("/link/token/get", LinkTokenGet, "client", get),
)
