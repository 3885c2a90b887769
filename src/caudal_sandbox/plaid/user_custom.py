"""``user_custom``: accounts and transactions written down in the password, as JSON.

Source: Plaid docs, Sandbox: create test data, "Custom user configuration object". Told here: `override_accounts` with
type, subtype, starting_balance, currency, meta (name, official_name, limit, mask) and transactions; `force_error`,
`mfa`. What the schema knows beyond that is refused, not left out in silence. Nothing is drawn at random: an account
without transactions has none.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Final

import msgspec
from msgspec.structs import replace

from caudal_sandbox.economy.accounts import Account, AccountKind, CardTerms, LoanTerms, Product
from caudal_sandbox.economy.calendars import months_after
from caudal_sandbox.economy.clearing import day_ends_at
from caudal_sandbox.economy.deeds import kind_of
from caudal_sandbox.economy.habits.scripted import Diary, Line
from caudal_sandbox.economy.history import effect
from caudal_sandbox.economy.holders import Holder, annuity_minor
from caudal_sandbox.economy.institutions import Institution, InstitutionKind
from caudal_sandbox.economy.lives import live
from caudal_sandbox.economy.movements import AccountId
from caudal_sandbox.plaid.challenges import (
    ROUNDS_MAX,
    Admitted,
    Challenged,
    Denied,
    Login,
    device,
    questions,
    selections,
)
from caudal_sandbox.plaid.guests import guest_name, open_account, person
from caudal_sandbox.plaid.institutions import PlaidInstitution
from caudal_sandbox.world import YEARS_MAX, World

USER: Final = "user_custom"

CONFIG_BYTES_MAX: Final = 55_000
ACCOUNTS_MAX: Final = 10
TRANSACTIONS_MAX: Final = 250
"""Of all accounts together."""

FORCED_ERRORS: Final = frozenset(
    {
        "INSTITUTION_NOT_RESPONDING",
        "INSTITUTION_NO_LONGER_SUPPORTED",
        "INVALID_CREDENTIALS",
        "INVALID_MFA",
        "ITEM_LOCKED",
        "ITEM_LOGIN_REQUIRED",
        "ITEM_NOT_SUPPORTED",
        "MFA_NOT_SUPPORTED",
        "NO_ACCOUNTS",
        "USER_INPUT_TIMEOUT",
        "USER_SETUP_REQUIRED",
    }
)
"""What `force_error` may name."""

PRODUCTS: Final[dict[tuple[str, str], Product]] = {
    ("depository", "checking"): Product.CHECKING,
    ("depository", "cash management"): Product.CASH_MANAGEMENT,
    ("depository", "savings"): Product.SAVINGS,
    ("depository", "money market"): Product.MONEY_MARKET,
    ("depository", "cd"): Product.CD,
    ("depository", "hsa"): Product.HSA,
    ("credit", "credit card"): Product.CREDIT_CARD,
    ("loan", "student"): Product.STUDENT_LOAN,
    ("loan", "consumer"): Product.PERSONAL_LOAN,
    ("loan", "auto"): Product.AUTO_LOAN,
    ("loan", "mortgage"): Product.MORTGAGE,
    ("investment", "brokerage"): Product.BROKERAGE,
    ("investment", "ira"): Product.IRA,
    ("investment", "401k"): Product.K401,
}
"""The account types and subtypes that the world knows."""

CURRENCIES: Final = frozenset({"USD", "CAD", "GBP", "EUR", "BRL", "MXN"})
"""All of two decimal places, as everything in the world."""

AMOUNT_MAX: Final = Decimal(10**12)

_OWED: Final = {AccountKind.CARD, AccountKind.LOAN}


class Meta(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the account is called, and how much may be owed on it."""

    name: str | None = None
    official_name: str | None = None
    limit: Decimal | None = None
    mask: str | None = None


class CustomTransaction(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`amount` in Plaid's sign: positive = out of the account."""

    date_transacted: date
    date_posted: date
    amount: Decimal
    description: str
    currency: str | None = None


class CustomAccount(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`starting_balance`: what the account shows at the first login, owed = positive on a card or loan."""

    type: str
    subtype: str
    starting_balance: Decimal = Decimal(0)
    currency: str | None = None
    meta: Meta = Meta()
    transactions: tuple[CustomTransaction, ...] = ()


class Mfa(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The second factor to ask for: `type` is ``device``, ``questions`` or ``selections``."""

    type: str
    question_rounds: int = 1
    questions_per_round: int = 2
    selection_rounds: int = 1
    selections_per_question: int = 2


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The password of a custom user."""

    override_accounts: tuple[CustomAccount, ...] = ()
    version: int | str = 2
    force_error: str | None = None
    mfa: Mfa | None = None


class _Refused(Exception):
    """Where the configuration is wrong, how, and what to do."""


def login_custom(world: World, institution: PlaidInstitution, password: str) -> Login:
    """What the configuration in `password` leads to. What is wrong with it is INVALID_CREDENTIALS, as in Plaid's own
    sandbox, with the reason.
    """
    try:
        config = _read(password)
        if config.force_error is not None:
            return _forced(config.force_error)
        ask = None if config.mfa is None else _second_factor(config.mfa)
        admitted = _admit(world, institution, password, config)
        return admitted if ask is None else ask(admitted)
    except _Refused as error:
        return Denied("INVALID_CREDENTIALS", str(error))


def _read(password: str) -> Config:
    raw = password.encode()
    if len(raw) > CONFIG_BYTES_MAX:
        raise _Refused(f"the configuration is {len(raw)} bytes long, more than {CONFIG_BYTES_MAX}")
    try:
        config = msgspec.json.decode(raw, type=Config)
    except msgspec.MsgspecError as error:
        raise _Refused(f"the configuration can't be read: {error}") from None
    if config.version not in {2, "2"}:
        raise _Refused("version: only 2 is understood")
    count = sum(len(account.transactions) for account in config.override_accounts)
    if len(config.override_accounts) > ACCOUNTS_MAX or count > TRANSACTIONS_MAX:
        raise _Refused(f"more than {ACCOUNTS_MAX} accounts or {TRANSACTIONS_MAX} transactions")
    return config


def _forced(code: str) -> Denied:
    if code not in FORCED_ERRORS:
        raise _Refused(f"force_error: one of {', '.join(sorted(FORCED_ERRORS))}")
    return Denied(code)


def _second_factor(mfa: Mfa) -> Callable[[Admitted], Challenged]:
    counts = (mfa.question_rounds, mfa.questions_per_round, mfa.selection_rounds, mfa.selections_per_question)
    if not all(1 <= count <= ROUNDS_MAX for count in counts):
        raise _Refused(f"mfa: rounds, questions and selections are 1 to {ROUNDS_MAX} each")
    match mfa.type:
        case "device":
            return device
        case "questions":
            return partial(questions, mfa.question_rounds, mfa.questions_per_round)
        case "selections":
            each, choices = mfa.questions_per_round, mfa.selections_per_question
            return partial(selections, mfa.selection_rounds, each, choices)
        case _:
            raise _Refused("mfa.type: one of device, questions, selections")


def _admit(world: World, institution: PlaidInstitution, password: str, config: Config) -> Admitted:
    if not config.override_accounts:
        raise _Refused("override_accounts: name at least one; none are drawn at random here")
    name = guest_name(f"{USER}-{hashlib.sha256(password.encode()).hexdigest()[:16]}", institution)
    holder = world.holder(name) or _open(world, name, institution.bank, config.override_accounts)
    return Admitted(holder=holder, accounts=tuple(account.id for account in holder.accounts))


def _open(world: World, name: str, bank: Institution, customs: tuple[CustomAccount, ...]) -> Holder:
    """A guest who shows each starting balance at this instant: what has booked by now is taken off the opening."""
    diary: dict[date, list[Line]] = {}
    accounts: list[Account] = []
    for place, custom in enumerate(customs):
        account = _account(name, bank, custom, place=place, begins=world.begins)
        accounts.append(account)
        for number, transaction in enumerate(custom.transactions):
            line = _line(world, account, transaction, f"override_accounts[{place}].transactions[{number}]")
            diary.setdefault(transaction.date_transacted, []).append(line)
    guest = replace(person(name, bank), accounts=tuple(accounts))
    booked = _booked_by_now(world, guest, diary)
    opened = (replace(each, opening_minor=each.opening_minor - booked[each.id]) for each in accounts)
    return world.admit(replace(guest, accounts=tuple(opened)), lambda _: [Diary(diary)])


def _booked_by_now(world: World, guest: Holder, diary: dict[date, list[Line]]) -> Counter[AccountId]:
    booked: Counter[AccountId] = Counter()
    for day in live(guest, [Diary(diary)], world.seed, world.begins):
        for event in day.events:
            if event.at > world.now:
                return booked
            booked[event.movement.account] += effect(event)[0]
        if day_ends_at(guest.land, day.on) > world.now:
            return booked
    return booked


def _account(holder: str, bank: Institution, custom: CustomAccount, *, place: int, begins: date) -> Account:
    where = f"override_accounts[{place}]"
    product = PRODUCTS.get((custom.type, custom.subtype))
    if product is None:
        known = "; ".join(f"{kind}/{sort}" for kind, sort in PRODUCTS)
        raise _Refused(f"{where}: a type and subtype that the world doesn't know. It knows {known}")
    if bank.kind is InstitutionKind.BROKER and product.kind is not AccountKind.BROKERAGE:
        raise _Refused(f"{where}: a broker keeps investment accounts alone")
    meta, currency = custom.meta, custom.currency or bank.land.currency
    if currency not in CURRENCIES:
        raise _Refused(f"{where}.currency: one of {', '.join(sorted(CURRENCIES))}")
    if meta.mask is not None and not re.fullmatch(r"([A-Za-z0-9]{2,4})?", meta.mask):
        raise _Refused(f"{where}.meta.mask: empty, or 2 to 4 letters and digits")
    if meta.limit is not None and product.kind is not AccountKind.CARD:
        raise _Refused(f"{where}.meta.limit: only a credit card has a limit here")
    balance = _minor(custom.starting_balance, f"{where}.starting_balance")
    return open_account(
        holder,
        bank,
        f"custom-{place + 1}",
        product,
        -balance if product.kind in _OWED else balance,
        name=meta.name or product.replace("_", " ").title(),
        official_name=meta.official_name,
        currency=currency,
        mask=meta.mask,
        card=None if meta.limit is None else _card(_minor(meta.limit, f"{where}.meta.limit")),
        loan=_loan(balance, begins) if product.kind is AccountKind.LOAN else None,
    )


def _card(limit_minor: int) -> CardTerms:
    return CardTerms(limit_minor=limit_minor, close_day=20, due_days=25, monthly_rate_bp=125)


def _loan(owed_minor: int, begins: date) -> LoanTerms:
    """Ten years from a year before the world began: the schema says nothing of terms outside `liability`."""
    owed = max(0, owed_minor)
    return LoanTerms(owed, 40, annuity_minor(owed, 40, 120), 15, months_after(begins, -12))


def _line(world: World, account: Account, custom: CustomTransaction, where: str) -> Line:
    """Pending from the first minute of its date until it posts: at once where both are one day, else in the early
    morning of the day it posts. So what is dated today is there today, and what posts on a day to come is pending.
    """
    days = (custom.date_posted - custom.date_transacted).days
    if days < 0:
        raise _Refused(
            f"{where}: posted on {custom.date_posted}, before it was made on {custom.date_transacted}"
        )
    last = date(world.begins.year + YEARS_MAX, 1, 1)
    if not world.begins <= custom.date_transacted <= custom.date_posted <= last:
        raise _Refused(f"{where}: the world goes from {world.begins} to {last}; date it within")
    if custom.currency not in {None, account.currency}:
        raise _Refused(f"{where}.currency: {account.currency}, as its account")
    if not custom.description.strip():
        raise _Refused(f"{where}.description: say what it is")
    minor = -_minor(custom.amount, f"{where}.amount")
    return Line(
        account=account.id,
        minor=minor,
        text=custom.description,
        kind=kind_of(minor, None),
        minute=0,
        days=days,
        shows=True,
    )


def _minor(amount: Decimal, where: str) -> int:
    # The bounds first: within them nothing is too long to be exact, or to be reckoned with at all.
    if not amount.is_finite() or not -AMOUNT_MAX <= amount <= AMOUNT_MAX or amount != round(amount, 2):
        raise _Refused(f"{where}: at most two decimal places, and no more than {AMOUNT_MAX}")
    return int(amount.scaleb(2))
