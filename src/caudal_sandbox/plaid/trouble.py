"""What the sandbox's faults look like in Plaid: which error, in which place of which answer, to which Item."""

from typing import Final

from starlette.responses import Response

from caudal_sandbox.corruption import Weak
from caudal_sandbox.faults import Fault, Kind, Strike
from caudal_sandbox.plaid.emulator import Emulator
from caudal_sandbox.plaid.errors import KNOWN, PlaidError
from caudal_sandbox.plaid.items import Item
from caudal_sandbox.plaid.limits import code_of
from caudal_sandbox.plaid.webhooks import Forgery
from caudal_sandbox.playing import check_status

_LISTS: Final = ("added", "modified", "transactions", "investment_transactions")


def _places(field: str, *others: str) -> tuple[str, ...]:
    return (*(f"{each}/*/{field}" for each in _LISTS), *others)


WEAK: Final = Weak(
    places={
        # Outside the money, so that a ledger can still be right when the call is repeated; `where` reaches the rest.
        Kind.WRONG_TYPES: _places(
            "payment_channel",
            "accounts/*/official_name",
            "item/update_type",
            "institution/oauth",
            "request_id",
        ),
        Kind.ABSENT_OPTIONAL: _places(
            "merchant_name", "accounts/*/official_name", "accounts/*/holder_category"
        ),
        Kind.UNKNOWN_ENUM: _places("payment_channel", "accounts/*/subtype", "item/update_type"),
        Kind.UNKNOWN_FIELD: (*(f"{each}/*" for each in _LISTS), "accounts/*", "item", "institution"),
        Kind.BOTH_CURRENCIES_NULL: ("accounts/*/balances",),
    },
    currencies=("iso_currency_code", "unofficial_currency_code"),
)
"""Where answers are broken when a fault doesn't say."""

_STATUSES: Final = {500: "INTERNAL_SERVER_ERROR", 503: "PLANNED_MAINTENANCE"}

BEFALLING: Final = frozenset({Kind.MUTATION, Kind.LOGIN_REQUIRED, Kind.REISSUED_IDS})
"""What happens to an Item before it is asked (`befall`)."""


def check(fault: Fault) -> None:
    """Raises ValueError for a fault that Plaid couldn't have: a code it doesn't know, an impossible status."""
    code = str(fault.params.get("code", ""))
    if code and code not in KNOWN:
        raise ValueError(f"{fault.kind}: {code!r} is no error code of Plaid's")
    how = str(fault.params.get("how", ""))
    if how and how not in set(Forgery):
        raise ValueError(f"{fault.kind}: how is one of {', '.join(Forgery)}, not {how!r}")
    check_status(fault)


def refusal(strike: Strike, path: str) -> PlaidError | None:
    """The error that the strike answers with in place of anything else, if it is of that sort."""
    match strike.kind:
        case Kind.RATE_LIMITED:
            return PlaidError(strike.fault.word("code") or code_of(path))
        case Kind.SERVER_ERROR:
            return PlaidError(_STATUSES.get(strike.fault.number("status"), "INTERNAL_SERVER_ERROR"))
        case Kind.INSTITUTION_DOWN:
            return PlaidError(strike.fault.word("code") or "INSTITUTION_DOWN")
        case Kind.NOT_READY:
            return PlaidError("PRODUCT_NOT_READY")
        case _:
            return None


def adjusted(response: Response, strike: Strike) -> Response:
    """The error that the strike answers with, its head as the fault wants it."""
    if strike.kind is Kind.RATE_LIMITED and (seconds := strike.fault.number("retry_after")):
        response.headers["Retry-After"] = str(seconds)
    if strike.kind is Kind.SERVER_ERROR:
        response.status_code = strike.fault.number("status")
    return response


def befall(emulator: Emulator, item: Item | None, strike: Strike, *, between_pages: bool) -> bool:
    """Let the strike happen to the Item, before it is asked. False where it can't happen to this call."""
    if item is None:
        return False
    match strike.kind:
        case Kind.MUTATION:
            return between_pages and item.feed.touch()
        case Kind.LOGIN_REQUIRED:
            emulator.break_login(item, strike.fault.word("code") or "ITEM_LOGIN_REQUIRED")
            return True
        case Kind.REISSUED_IDS:
            item.reissue()
            return True
        case _:
            return False


class Loops:
    """Which Items are between two pages: a client that comes back with the very cursor it was sent on with."""

    def __init__(self) -> None:
        self._ahead: dict[str, str] = {}

    def within(self, item: Item | None, cursor: object) -> bool:
        """Whether this call asks for a further page."""
        return item is not None and bool(cursor) and self._ahead.get(item.item_id) == cursor

    def note(self, item: Item, *, next_cursor: str, has_more: bool) -> None:
        """A page was answered."""
        if has_more:
            self._ahead[item.item_id] = next_cursor
        else:
            self._ahead.pop(item.item_id, None)
