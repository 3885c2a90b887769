"""What TrueLayer answers, as far as we read it (Data API v1 and authentication server, published OpenAPI files).

Unknown fields pass, enumerations are texts, numbers may be texts (the files and their examples disagree). Records are
left raw and read each on its own, so that one that can't be read costs only itself.
"""

from decimal import Decimal
from typing import Annotated

import msgspec
from msgspec import Meta, Raw

from caudal.model.changes import SourceRef

Id = Annotated[str, Meta(min_length=1)]
Ref = Annotated[SourceRef, Meta(min_length=1)]


class _Unshown(msgspec.Struct):
    """Holds a token: never in a repr."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        return [("", repr(self))]


class Results(msgspec.Struct):
    """Every answer of Data v1: a list, also of one. There is no paging."""

    results: list[Raw]
    status: str = "Succeeded"


class Availability(msgspec.Struct):
    """How a bank is."""

    recommended_status: str = ""


class OfferedBank(msgspec.Struct):
    """One of GET /api/providers. `country`: in small letters, the United Kingdom's is ``uk``."""

    provider_id: Annotated[str, Meta(min_length=1)]
    country: str
    display_name: str = ""
    availability: Availability | None = None


class TrueLayerError(msgspec.Struct, frozen=True):
    """The body of a refusal, by the data API and the authentication server alike."""

    error: Id
    error_description: str | None = None


class Problem(msgspec.Struct, frozen=True):
    """A refusal of /connections/extend (RFC 9457)."""

    title: str
    status: int
    type: str = ""
    trace_id: str = ""


class TokenAnswer(_Unshown):
    """Tokens. A `refresh_token` that is there takes the place of the one before."""

    access_token: Id
    expires_in: int
    refresh_token: str | None = None


class LinkAnswer(msgspec.Struct):
    """A page to send the person to (/v1/reauthuri)."""

    result: Id


class Extended(_Unshown):
    """What has to be done for a consent to last longer; where nothing, the new tokens."""

    action_needed: str
    access_token: str = ""
    expires_in: int = 0
    refresh_token: str | None = None
    user_input_link: str | None = None


class Bank(msgspec.Struct, frozen=True):
    """The bank behind a connection."""

    provider_id: Id
    display_name: str | None = None


class Me(msgspec.Struct, frozen=True):
    """What a connection is."""

    credentials_id: Id
    provider: Bank | None = None
    scopes: list[str] = []
    consent_expires_at: str | None = None


class Number(msgspec.Struct, frozen=True):
    """What names an account at its bank."""

    iban: str | None = None
    number: str | None = None
    sort_code: str | None = None


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """A current or savings account."""

    account_id: Ref
    account_type: str = ""
    display_name: str = ""
    currency: str = ""
    account_number: Number = Number()


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """A credit or charge card."""

    account_id: Ref
    card_network: str | None = None
    currency: str | None = None
    display_name: str | None = None
    partial_card_number: str | None = None


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """Of an account, or of a card: then `current` is what is owed."""

    current: Decimal
    currency: str | None = None
    available: Decimal | None = None
    overdraft: Decimal | None = None
    credit_limit: Decimal | None = None
    update_timestamp: str | None = None


class TransactionMeta(msgspec.Struct, frozen=True, gc=False):
    """What only some banks tell of a movement."""

    provider_reference: str | None = None
    provider_merchant_name: str | None = None
    counter_party_preferred_name: str | None = None
    debtor_account_name: str | None = None


class Transaction(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A movement, settled or pending. `transaction_id` may change between two requests: it is not read."""

    timestamp: Id
    amount: Decimal
    currency: str = ""
    description: str = ""
    transaction_type: str = ""
    transaction_category: str = ""
    normalised_provider_transaction_id: str | None = None
    provider_transaction_id: str | None = None
    merchant_name: str | None = None
    meta: TransactionMeta | None = None


class Event(msgspec.Struct, frozen=True):
    """A signed webhook (Data v3)."""

    type: str = ""
    event_id: str | None = None
    connection_id: str | None = None
    failure_reason: str | None = None
