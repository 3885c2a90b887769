"""Positions and the movements of their cash (Plaid docs, Investments; OpenAPI, Holding, InvestmentTransaction)."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final

import msgspec
from msgspec import Raw

from caudal.model.changes import (
    BalanceKind,
    BalanceSeen,
    Holding,
    HoldingsSeen,
    SourceRef,
    Status,
    TransactionSeen,
    Unreadable,
)
from caudal.model.currencies import UNKNOWN
from caudal.model.errors import MoneyError
from caudal.model.money import EXACT, Money
from caudal.providers.plaid.accounts import Moment
from caudal.providers.plaid.normalise import Currencies, NoDecimals, Reading, instant, money_of, text_of
from caudal.providers.plaid.payloads import HoldingRecord, HoldingsAnswer, InvestmentTransaction, Security

_CASH: Final = "cash"
_UNSETTLED: Final = frozenset({"pending credit", "pending debit"})
"""Subtypes of cash movements that are expected, by their names alone: the docs say no more [?]."""
_SEVERAL: Final = "\u241f"
"""Between an asset's name and its number where several positions have it (as in matching/identity.py)."""


class _Position(msgspec.Struct, frozen=True):
    told: HoldingRecord
    security: Security
    currency: str


def read_holdings(
    answer: HoldingsAnswer,
    currencies: Currencies,
    accounts: Iterable[SourceRef],
    moment: Moment,
    reading: Reading,
    *,
    settled: bool,
) -> None:
    """What an answer tells of each of `accounts`, added to `reading`: its positions, and with `settled`
    the cash among them as the balance that its movements must add up to.

    An account one of whose positions can't be read tells none: what isn't among the told isn't held.
    """
    known = _securities(answer.securities, reading)
    positions: dict[SourceRef, list[_Position]] = {ref: [] for ref in accounts}
    for place, record in enumerate(answer.holdings):
        where = f"investments/holdings/get $.holdings[{place}]"
        try:
            told = _finite(_HOLDING.decode(record))
        except (msgspec.DecodeError, MoneyError) as error:
            reading.lack(Unreadable(where, str(error), text_of(record)))
            for ref in _meant(record, positions):
                positions.pop(ref)
            continue
        if told.account_id in positions:
            security = known.get(told.security_id) or Security(told.security_id)
            positions[told.account_id].append(_Position(told, security, _currency(told, currencies)))
    for ref, held in positions.items():
        reading.changes.append(HoldingsSeen(ref, moment.on, _holdings(held)))
        if settled:
            _read_cash(ref, held, moment, reading)


def read_movements(records: Sequence[Raw], currencies: Currencies, reading: Reading) -> list[str]:
    """What a page of /investments/transactions/get tells, added to `reading`; returns what names its records, in order.

    Every movement with an amount moves the account's cash. One without moves securities alone: the positions tell what
    came of it, and the record is kept in quarantine, for nothing else in the books can hold it.
    """
    names: list[str] = []
    for place, record in enumerate(records):
        name = raw = text_of(record)
        try:
            told = _MOVEMENT.decode(record)
            name = told.investment_transaction_id
            seen = _movement_seen(told, raw, currencies) if told.amount else None
        except (msgspec.DecodeError, MoneyError, ArithmeticError) as error:
            names.append(name)
            where = f"investments/transactions/get $.investment_transactions[{place}]"
            lacking = Unreadable(where, str(error) or "not an amount that can be held", raw)
            reading.lack(lacking, again=not isinstance(error, NoDecimals))
            continue
        names.append(name)
        if seen is not None:
            reading.changes.append(seen)
        else:
            # Rows shift between pulls: by its id rather than its place, it is quarantined once.
            where = f"investments/transactions/get {name}"
            why = "moves no cash: the positions tell what came of it"
            reading.unreadable.append(Unreadable(where, why, raw, told.account_id))
    return names


def _movement_seen(told: InvestmentTransaction, raw: str, currencies: Currencies) -> TransactionSeen:
    return TransactionSeen(
        told.account_id,
        told.investment_transaction_id,
        Status.PENDING if told.subtype in _UNSETTLED else Status.BOOKED,
        money_of(told, currencies),
        told.date,
        told.name or "",
        occurred_at=instant(told.transaction_datetime),
        raw=raw,
    )


def _securities(records: Sequence[Raw], reading: Reading) -> Mapping[str, Security]:
    known = {}
    for place, record in enumerate(records):
        try:
            security = _SECURITY.decode(record)
        except msgspec.DecodeError as error:
            where = f"investments/holdings/get $.securities[{place}]"
            reading.lack(Unreadable(where, str(error), text_of(record)))
        else:
            known[security.security_id] = security
    return known


def _finite(told: HoldingRecord) -> HoldingRecord:
    """A JSON text may read "NaN" where a number is due."""
    for figure in (told.quantity, told.institution_price, told.institution_value, told.cost_basis):
        if figure is not None and not figure.is_finite():
            raise MoneyError(f"{figure} is not a quantity")
    return told


def _meant(record: Raw, accounts: Iterable[SourceRef]) -> list[SourceRef]:
    """The accounts a record that can't be read may be of: its own, or any if it doesn't say."""
    try:
        ref = _WHOSE.decode(record).account_id
    except msgspec.DecodeError:
        return list(accounts)
    return [account for account in accounts if account == ref]


def _currency(told: HoldingRecord, currencies: Currencies) -> str:
    return told.iso_currency_code or told.unofficial_currency_code or currencies.get(told.account_id, UNKNOWN)


def _holdings(positions: Sequence[_Position]) -> tuple[Holding, ...]:
    names = _names([position.security for position in positions])
    return tuple(
        Holding(
            name,
            position.told.quantity,
            position.currency,
            name=position.security.name or "",
            kind=position.security.type or "",
            price=position.told.institution_price,
            value=position.told.institution_value,
            cost=position.told.cost_basis,
        )
        for name, position in zip(names, positions, strict=True)
    )


def _names(securities: Sequence[Security]) -> list[str]:
    """How each is named within the account: by its ticker, its ISIN, or Plaid's id, the first that is its alone."""
    tickers = Counter(security.ticker_symbol for security in securities)
    isins = Counter(security.isin for security in securities)
    names, seen = [], Counter[str]()
    for security in securities:
        if security.ticker_symbol and tickers[security.ticker_symbol] == 1:
            name = security.ticker_symbol
        elif security.isin and isins[security.isin] == 1:
            name = security.isin
        else:
            name = security.security_id
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name}{_SEVERAL}{seen[name]}")
    return names


def _read_cash(ref: SourceRef, positions: Sequence[_Position], moment: Moment, reading: Reading) -> None:
    """The cash of each currency, where it is told in that currency: at another price than 1 it has been converted."""
    sums: dict[str, Decimal] = {}
    for position in positions:
        told = position.told
        if position.security.type == _CASH and told.institution_price in {None, Decimal(1)}:
            sums[position.currency] = EXACT.add(sums.get(position.currency, Decimal(0)), told.quantity)
    for currency, amount in sums.items():
        try:
            money = Money(amount, currency)
        except MoneyError as error:
            why = f"a balance that can't be held: {error}"
            where = f"investments/holdings/get {ref} cash"
            reading.unreadable.append(Unreadable(where, why, f"{amount} {currency}", ref))
        else:
            reading.changes.append(
                BalanceSeen(ref, BalanceKind.BOOKED, money, moment.on, firm=False, at=moment.at)
            )


class _Whose(msgspec.Struct):
    account_id: str


_HOLDING: Final = msgspec.json.Decoder(HoldingRecord)
_SECURITY: Final = msgspec.json.Decoder(Security)
_MOVEMENT: Final = msgspec.json.Decoder(InvestmentTransaction)
_WHOSE: Final = msgspec.json.Decoder(_Whose)
