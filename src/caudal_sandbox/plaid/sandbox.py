"""What only Plaid's sandbox has: Items without a page, webhooks on demand, broken logins, made-up transactions."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated, Final, Literal

import msgspec

from caudal_sandbox.economy.movements import EXPONENT
from caudal_sandbox.plaid.answers.endpoints import ItemRequest, Request
from caudal_sandbox.plaid.calls import Call, Route
from caudal_sandbox.plaid.emulator import Emulator
from caudal_sandbox.plaid.errors import PlaidError, described
from caudal_sandbox.plaid.institutions import InstitutionStatus, PlaidInstitution
from caudal_sandbox.plaid.items import DAYS_MAX, Item, Linked, Stage
from caudal_sandbox.plaid.link_requests import DAYS_REQUESTED, Days, Product, check_url
from caudal_sandbox.plaid.link_walk import denial
from caudal_sandbox.plaid.notices import (
    Notice,
    default_update,
    holdings_update,
    investment_transactions_update,
    liabilities_update,
    recurring_update,
    sync_updates,
)
from caudal_sandbox.plaid.records.accounts import AccountType, has_transactions, subtype_of, type_of
from caudal_sandbox.plaid.users import Admitted, Challenged, Denied, login

TRANSACTIONS_MAX: Final = 10
BACK_DAYS: Final = 14
"""How long ago a made-up transaction may have been (docs, Sandbox: create transactions)."""
DISCONNECTED_AFTER: Final = timedelta(days=7)
"""PENDING_DISCONNECT comes so long before the end."""

AMOUNT_MAX: Final = 10**12
"""Of one made-up transaction, without its sign. [?] Plaid's own bound isn't documented."""

DATES_OFF: Final = (
    "Transaction and posted dates must be within the last 14 days. "
    "The posted date cannot be before the transaction date."
)
TOO_MANY: Final = "The request contains too many transactions."
DYNAMIC_USER: Final = "user_transactions_dynamic"


class Window(Request, frozen=True, kw_only=True):
    """Which history the Item shall have."""

    start_date: date | None = None
    end_date: date | None = None
    days_requested: Days | None = None


class CreateOptions(Request, frozen=True, kw_only=True):
    """How the Item shall be. The last two belong to products that aren't here: taken, not used."""

    webhook: str | None = None
    override_username: str | None = None
    override_password: str | None = None
    transactions: Window | None = None
    statements: object = None
    income_verification: object = None


class PublicTokenCreate(Request, frozen=True, kw_only=True):
    """`/sandbox/public_token/create`"""

    institution_id: str
    initial_products: Annotated[list[Product], msgspec.Meta(min_length=1)]
    options: CreateOptions = CreateOptions()
    user_token: str | None = None
    user_id: str | None = None


class FireOptions(Request, frozen=True, kw_only=True):
    """What the webhook shall say."""

    new_transactions: Annotated[int, msgspec.Meta(ge=0)] = 0


Fired = Literal[
    "AUTHORIZATION_GRANTED",
    "DEFAULT_UPDATE",
    "ERROR",
    "LOGIN_REPAIRED",
    "NEW_ACCOUNTS_AVAILABLE",
    "PENDING_DISCONNECT",
    "PRODUCT_READY",
    "RECURRING_TRANSACTIONS_UPDATE",
    "SMS_MICRODEPOSITS_VERIFICATION",
    "SYNC_UPDATES_AVAILABLE",
    "USER_ACCOUNT_REVOKED",
    "USER_PERMISSION_REVOKED",
]


class FireWebhook(ItemRequest, frozen=True, kw_only=True):
    """`/sandbox/item/fire_webhook`"""

    webhook_code: Fired
    webhook_type: str | None = None
    options: FireOptions = FireOptions()


class MadeUp(msgspec.Struct, frozen=True):
    """A transaction to be made. `amount` in Plaid's sign: positive = out of the account."""

    date_transacted: date
    date_posted: date
    amount: Decimal
    description: Annotated[str, msgspec.Meta(min_length=1)]
    iso_currency_code: str | None = None
    account_id: str | None = None


class TransactionsCreate(ItemRequest, frozen=True, kw_only=True):
    """`/sandbox/transactions/create`"""

    transactions: list[MadeUp]


def public_token_create(emulator: Emulator, call: Call[PublicTokenCreate]) -> dict[str, object]:
    """An Item on every account of a test user, as if a person had walked through Link."""
    asked = call.asked
    bank = emulator.catalogue.get(asked.institution_id)
    if bank is None:
        raise PlaidError("INVALID_INSTITUTION")
    if unsupported := sorted(set(asked.initial_products) - set(bank.products)):
        raise PlaidError(
            "INVALID_PRODUCT", f"the institution does not support these products: {', '.join(unsupported)}"
        )
    options = asked.options
    if options.webhook:
        check_url("options.webhook", options.webhook)
    username = options.override_username or "user_good"
    admitted = _let_in(emulator, bank, username, options.override_password or "pass_good")
    item = emulator.items.open(
        client_id=call.client_id,
        institution=bank,
        login=admitted,
        username=username,
        accounts=admitted.accounts,
        products=asked.initial_products,
        webhook=options.webhook or "",
        days_requested=_days(emulator, bank, options.transactions),
    )
    return {"public_token": emulator.tokens.public(item.item_id, client_id=call.client_id).token}


def reset_login(emulator: Emulator, call: Call[ItemRequest]) -> dict[str, object]:
    """From now on the bank wants the person again; the ERROR webhook says so."""
    emulator.break_login(call.of_item, "ITEM_LOGIN_REQUIRED")
    return {"reset_login": True}


def fire_webhook(emulator: Emulator, call: Call[FireWebhook]) -> dict[str, object]:
    """Send a webhook, and nothing else: no data comes of it. Raises SANDBOX_WEBHOOK_INVALID for an Item without a URL,
    SANDBOX_PRODUCT_NOT_ENABLED where it is about a product the Item doesn't have."""
    item, asked = call.of_item, call.asked
    if not item.webhook:
        raise PlaidError("SANDBOX_WEBHOOK_INVALID")
    emulator.notify(item, [_fired(emulator, item, asked)])
    return {"webhook_fired": True}


def transactions_create(emulator: Emulator, call: Call[TransactionsCreate]) -> dict[str, object]:
    """Book made-up transactions at the bank, and let Plaid go there. All of them or, where one is wrong, none."""
    item, made_up = call.of_item, call.asked.transactions
    if item.username != DYNAMIC_USER:
        raise _off(f"This endpoint can only be used with Items of the test user {DYNAMIC_USER}.")
    if not made_up:
        raise _off("The request contains no transactions.")
    if len(made_up) > TRANSACTIONS_MAX:
        raise _off(TOO_MANY)
    item.must_work()
    today = emulator.world.now.astimezone(item.institution.bank.land.zone).date()
    bookings = [(_account(emulator, item, each), _checked(each, today)) for each in made_up]
    for account, each in bookings:
        emulator.world.book(
            account.world_id,
            -int(each.amount.scaleb(-EXPONENT)),
            each.description,
            on=each.date_posted,
            authorized_on=each.date_transacted,
        )
    emulator.notify(item, item.update(emulator))
    return {}


def _let_in(emulator: Emulator, bank: PlaidInstitution, username: str, password: str) -> Admitted:
    if bank.status is InstitutionStatus.UNSUPPORTED:
        raise PlaidError("INSTITUTION_NO_LONGER_SUPPORTED")
    match login(emulator.world, bank, username, password):
        case Admitted() as admitted:
            return admitted
        case Denied() as denied:
            raise denial(denied)
        case Challenged():
            # [?] There is nobody to ask here; what Plaid answers isn't documented.
            raise PlaidError("MFA_NOT_SUPPORTED")


def _days(emulator: Emulator, bank: PlaidInstitution, window: Window | None) -> int:
    """How far back. `end_date` bounds nothing: whatever came after it would come with the next update."""
    if window is None:
        return DAYS_REQUESTED
    first, last = window.start_date, window.end_date
    today = emulator.world.now.astimezone(bank.bank.land.zone).date()
    if first is not None and first > (last or today):
        raise PlaidError("INVALID_FIELD", "options.transactions: start_date must be before end_date")
    if first is not None:
        return min(max((today - first).days, 1), DAYS_MAX)
    return window.days_requested or DAYS_REQUESTED


def _account(emulator: Emulator, item: Item, made_up: MadeUp) -> Linked:
    """The account named, which must be one with transactions and no student loan; else the first checking account."""
    linked = item.accounts if made_up.account_id is None else [item.linked(made_up.account_id)]
    for each in linked:
        terms = emulator.world.account(each.world_id).terms
        named = made_up.account_id is not None and type_of(terms) is not AccountType.LOAN
        if has_transactions(terms) and (named or subtype_of(terms) == "checking"):
            if made_up.iso_currency_code not in {None, terms.currency}:
                raise _off(f"iso_currency_code: the account is kept in {terms.currency}.")
            return each
    raise PlaidError("INVALID_ACCOUNT_ID")


def _checked(made_up: MadeUp, today: date) -> MadeUp:
    first = today - timedelta(days=BACK_DAYS)
    if not first <= made_up.date_transacted <= made_up.date_posted <= today:
        raise _off(DATES_OFF)
    if not made_up.amount.is_finite() or abs(made_up.amount) > AMOUNT_MAX:
        raise _off(f"amount: at most {AMOUNT_MAX}.")
    minor = made_up.amount.scaleb(-EXPONENT)
    if minor != minor.to_integral_value() or not minor:
        raise _off("amount: an amount of cents other than nothing.")
    return made_up


def _off(message: str) -> PlaidError:
    """What this endpoint says for the person as well (documented samples)."""
    return PlaidError("INVALID_FIELD", message, display=message, status=400)


def _fired(emulator: Emulator, item: Item, asked: FireWebhook) -> Notice:
    match asked.webhook_code:
        case "DEFAULT_UPDATE":
            return _default_update(item, asked)
        case "SYNC_UPDATES_AVAILABLE":
            _must_have(item, "transactions")
            return sync_updates(historical=item.stage is Stage.HISTORICAL)
        case "RECURRING_TRANSACTIONS_UPDATE":
            _must_have(item, "transactions")
            return recurring_update([each.account_id for each in item.accounts])
        case "ERROR" if asked.webhook_type in {None, "ITEM"}:
            error = described(PlaidError(item.error or "ITEM_LOGIN_REQUIRED"))
            return Notice("ITEM", "ERROR", {"error": error})
        case "PENDING_DISCONNECT":
            told = {
                "reason": "INSTITUTION_TOKEN_EXPIRATION",
                "disconnect_time": emulator.world.now + DISCONNECTED_AFTER,
            }
            return Notice("ITEM", "PENDING_DISCONNECT", told)
        case "USER_PERMISSION_REVOKED" as code:
            return Notice("ITEM", code, {"error": described(PlaidError(code))})
        case "USER_ACCOUNT_REVOKED" as code:
            return Notice("ITEM", code, {"account_id": item.accounts[0].account_id})
        case "NEW_ACCOUNTS_AVAILABLE" as code:
            return Notice("ITEM", code, {"error": None})
        case "LOGIN_REPAIRED" as code:
            return Notice("ITEM", code, {})
        case _:
            raise PlaidError(
                "SANDBOX_PRODUCT_NOT_ENABLED", f"{asked.webhook_code}: no Item here has its product"
            )


def _default_update(item: Item, asked: FireWebhook) -> Notice:
    """The one code of several types; without one it is about transactions."""
    match asked.webhook_type:
        case None | "TRANSACTIONS":
            _must_have(item, "transactions")
            return default_update(asked.options.new_transactions)
        case "HOLDINGS":
            _must_have(item, "investments")
            return holdings_update(0, 0)
        case "INVESTMENTS_TRANSACTIONS":
            _must_have(item, "investments")
            return investment_transactions_update(0)
        case "LIABILITIES":
            _must_have(item, "liabilities")
            return liabilities_update({})
        case "AUTH":
            _must_have(item, "auth")
            return Notice(
                "AUTH",
                "DEFAULT_UPDATE",
                {"error": None, "account_ids_with_new_auth": [], "account_ids_with_updated_auth": {}},
            )
        case "IDENTITY":
            _must_have(item, "identity")
            return Notice(
                "IDENTITY", "DEFAULT_UPDATE", {"error": None, "account_ids_with_updated_identity": {}}
            )
        case _:
            raise PlaidError("INVALID_FIELD", "webhook_type: no type of that name has a DEFAULT_UPDATE")


def _must_have(item: Item, product: str) -> None:
    if product not in item.products:
        raise PlaidError("SANDBOX_PRODUCT_NOT_ENABLED", f"The {product} product is not enabled on this item")


ROUTES: Final = (
    Route("/sandbox/public_token/create", PublicTokenCreate, "client", public_token_create),
    Route("/sandbox/item/fire_webhook", FireWebhook, "item", fire_webhook),
    Route("/sandbox/item/reset_login", ItemRequest, "item", reset_login),
    Route("/sandbox/transactions/create", TransactionsCreate, "item", transactions_create),
)
