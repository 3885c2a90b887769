"""From records as TrueLayer tells them to the model's changes. Every line has its reason in MAPPING.md."""

import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Final, NamedTuple, TypeVar

from caudal.matching.identity import Census, Content, Identifier
from caudal.model.changes import (
    AccountKind,
    AccountSeen,
    BalanceKind,
    BalanceSeen,
    SourceRef,
    Status,
    TransactionSeen,
    Unreadable,
)
from caudal.model.currencies import EXPONENTS, UNKNOWN
from caudal.model.errors import MoneyError
from caudal.model.money import EXACT, Money
from caudal.providers.days import day_at
from caudal.providers.truelayer.payloads import Account, Balance, Card, Transaction
from caudal.providers.truelayer.signs import Sign

_KINDS: Final = {
    "TRANSACTION": AccountKind.CHECKING,
    "BUSINESS_TRANSACTION": AccountKind.CHECKING,
    "SAVINGS": AccountKind.SAVINGS,
    "BUSINESS_SAVINGS": AccountKind.SAVINGS,
}
_FRACTION: Final = re.compile(r"(\.\d{6})\d+")
_COUNTRY: Final = re.compile(r"(?!ob-)([a-z]{2})-")
_MASK: Final = re.compile(r"\d{2,6}\Z")

T = TypeVar("T")


class Read(NamedTuple):
    """A record that could be read, with its text and where it stood."""

    told: Transaction
    raw: str
    where: str
    status: Status


def country_of(bank: str | None) -> str:
    """The country a provider id begins with (``fr-…``); most are British, and don't say."""
    found = _COUNTRY.match(bank or "")
    return country_code(found[1]) if found else "GB"


def country_code(told: str) -> str:
    """ISO 3166-1 alpha-2 for TrueLayer's word for a country: in small letters, and ``uk``."""
    code = told.upper()
    return "GB" if code == "UK" else code


def account_seen(told: Account, bank: str | None) -> AccountSeen:
    """A current or savings account."""
    number = told.account_number
    digits = "".join(re.findall(r"\d", number.sort_code or "")) + (number.number or "")
    return AccountSeen(
        told.account_id,
        _KINDS.get(told.account_type, AccountKind.OTHER),
        told.currency if told.currency in EXPONENTS else UNKNOWN,
        name=told.display_name,
        iban=number.iban or None,
        number=digits or None,
        institution=bank,
        mask=(number.number or number.iban or "")[-4:] or None,
        lists=True,
    )


def card_seen(told: Card, bank: str | None) -> AccountSeen:
    """A credit or charge card."""
    digits = _MASK.search(told.partial_card_number or "")
    return AccountSeen(
        told.account_id,
        AccountKind.CARD,
        told.currency if told.currency in EXPONENTS else UNKNOWN,
        name=told.display_name or told.card_network or "",
        institution=bank,
        mask=digits[0][-4:] if digits else None,
        lists=True,
    )


def balances_seen(
    told: Balance, raw: str, seen: AccountSeen, earliest: date, card_sign: Sign
) -> Iterable[BalanceSeen | Unreadable]:
    """What stands on the account, by our signs: of a card what is owed is negative."""
    at = instant_of(told.update_timestamp)
    on = earliest if at is None else min(earliest, at.date())
    for kind, amount in _figures(told, seen, card_sign):
        try:
            money = Money(amount, told.currency or seen.currency)
        except (MoneyError, ArithmeticError) as error:
            why = f"a balance that can't be held: {str(error) or 'not a number'}"
            yield Unreadable(f"balance {seen.ref} {kind}", why, raw, seen.ref)
        else:
            yield BalanceSeen(seen.ref, kind, money, on, firm=False, at=at)


def _figures(told: Balance, seen: AccountSeen, card_sign: Sign) -> Iterable[tuple[BalanceKind, Decimal]]:
    card = seen.kind is AccountKind.CARD
    yield (
        BalanceKind.BOOKED,
        EXACT.minus(told.current) if card and card_sign is Sign.OWED else told.current,
    )
    limit = told.credit_limit if card else told.overdraft
    if told.available is not None:
        own = told.available if card or limit is None else EXACT.subtract(told.available, limit)
        yield BalanceKind.AVAILABLE, own
    if limit is not None:
        yield BalanceKind.LIMIT, limit


def movements_seen(
    settled: Sequence[Read], pending: Sequence[Read], seen: AccountSeen, country: str, sign: Sign
) -> tuple[list[TransactionSeen], list[Unreadable]]:
    """The account's movements, each with an id that deserves the name. Pending ones come first: where the bank tells one
    both ways, the settled record is the last word.

    They are named together, the settled first, so that one that settles in the same words keeps its id.
    """
    placed: list[_Placed] = []
    bad: list[Unreadable] = []
    for read in (*settled, *pending):
        try:
            placed.append(_placed(read, seen, country, sign))
        except (MoneyError, ArithmeticError, ValueError) as error:
            bad.append(Unreadable(read.where, str(error) or "not a number", read.raw, seen.ref))
    census = Census()
    for place, each in enumerate(placed):
        census.note(each.provider_id, each.content, place)
    names = Identifier(census.close())
    told = [_seen(seen.ref, names, each) for each in placed]
    return sorted(told, key=lambda each: each.status is Status.BOOKED), bad


class _Placed(NamedTuple):
    """A movement with what names it: the bank's id, '' where it has none, and what it says."""

    read: Read
    provider_id: str
    content: Content
    money: Money
    on: date


def _placed(read: Read, seen: AccountSeen, country: str, sign: Sign) -> _Placed:
    told = read.told
    amount = EXACT.minus(told.amount) if sign is Sign.OWED else told.amount
    money = Money(amount, told.currency or seen.currency)
    on = day_of(told.timestamp, country)
    texts = (told.description, _counterparty(told), _reference(told))
    content = Content.of(on, money.amount, money.currency, *texts)
    named = told.normalised_provider_transaction_id or told.provider_transaction_id or ""
    return _Placed(read, named, content, money, on)


def _seen(ref: SourceRef, names: Identifier, placed: _Placed) -> TransactionSeen:
    read, told = placed.read, placed.read.told
    identity = names.identify(placed.provider_id, placed.content)
    return TransactionSeen(
        ref,
        identity.id,
        read.status,
        placed.money,
        placed.on,
        told.description,
        _counterparty(told),
        _reference(told),
        occurred_at=_real_instant(told.timestamp),
        raw=read.raw,
        rule=identity.rule,
        fallback_id=identity.fallback_id,
    )


def _counterparty(told: Transaction) -> str:
    meta = told.meta
    named = meta and (
        meta.counter_party_preferred_name or meta.debtor_account_name or meta.provider_merchant_name
    )
    return told.merchant_name or named or ""


def _reference(told: Transaction) -> str:
    return (told.meta and told.meta.provider_reference) or ""


def instant_of(told: str | None) -> datetime | None:
    """An aware instant, of however many digits (seven are common); None where there is none."""
    if not told:
        return None
    try:
        read = datetime.fromisoformat(_FRACTION.sub(r"\1", told))
    except ValueError:
        return None
    return read if read.tzinfo is not None else None


def day_of(told: str, country: str) -> date:
    """The bank's day. At midnight, or without a zone, it is the date as written. Raises ValueError."""
    at = _real_instant(told)
    return date.fromisoformat(told[:10]) if at is None else day_at(at, country)


def _real_instant(told: str) -> datetime | None:
    """Midnight stands for "the date alone", with ``Z``, with ``+00:00``, with none."""
    at = instant_of(told)
    return None if at is None or at.time() == time() else at
