"""Securities, holdings and investment transactions. Amounts: positive = cash goes out of the account (a purchase)."""

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from caudal_sandbox.economy.accounts import AccountKind
from caudal_sandbox.economy.markets import SECURITIES, Security
from caudal_sandbox.economy.movements import Kind, Movement, State, money
from caudal_sandbox.economy.view import AccountView, Position
from caudal_sandbox.plaid.ids import opaque
from caudal_sandbox.plaid.records.accounts import Shown

_CASH_NAMES: Final = {
    "USD": "U S Dollar",
    "GBP": "Pound Sterling",
    "BRL": "Brazilian Real",
    "MXN": "Mexican Peso",
}
_BY_SYMBOL: Final = {each.symbol: each for each in SECURITIES}
_FUND_WORDS: Final = ("ETF", "Tracker")


class SecurityRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Plaid's Security. Numbers that need a licence (ISIN, CUSIP) are null, as for most clients (contract §4.5)."""

    security_id: str
    name: str | None
    ticker_symbol: str | None
    type: str | None
    is_cash_equivalent: bool | None
    close_price: Decimal | None
    close_price_as_of: dt.date | None
    iso_currency_code: str | None
    isin: str | None = None
    cusip: str | None = None
    sedol: str | None = None
    institution_security_id: str | None = None
    institution_id: str | None = None
    proxy_security_id: str | None = None
    subtype: str | UnsetType | None = UNSET
    update_datetime: dt.datetime | None = None
    unofficial_currency_code: str | None = None
    market_identifier_code: str | None = None
    sector: str | None = None
    industry: str | None = None
    cfi_code: str | None = None
    figi: str | None = None
    option_contract: None = None
    fixed_income: None = None


class HoldingRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Plaid's Holding. `cost_basis`: what all of it cost, not one unit."""

    account_id: str
    security_id: str
    institution_price: Decimal
    institution_price_as_of: dt.date | None
    institution_value: Decimal
    cost_basis: Decimal | None
    quantity: Decimal
    iso_currency_code: str | None
    unofficial_currency_code: str | None = None
    institution_price_datetime: dt.datetime | None = None
    vested_quantity: Decimal | None = None
    vested_value: Decimal | None = None


class InvestmentTransactionRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Plaid's InvestmentTransaction. `quantity`: units in (positive) or out, but on `cash` rows `amount` once more
    (recorded sandbox bodies)."""

    investment_transaction_id: str
    account_id: str
    security_id: str | None
    date: dt.date
    name: str
    quantity: Decimal
    amount: Decimal
    price: Decimal
    fees: Decimal | None
    type: str
    subtype: str
    iso_currency_code: str | None
    unofficial_currency_code: str | None = None
    cancel_transaction_id: str | None = None
    transaction_datetime: dt.datetime | None = None


def security_id(symbol: str) -> str:
    """The id of a security: the same for everybody who holds it."""
    return opaque("security", symbol)


def cash_symbol(currency: str) -> str:
    """The ticker of a currency held as a position, as recorded: ``CUR:USD``."""
    return f"CUR:{currency}"


def holdings(shown: Shown) -> list[HoldingRecord]:
    """What an investment account holds: a row for each position, and one for its cash."""
    positions = shown.view.positions(shown.at)
    rows = [_holding(shown.account_id, position) for position in positions]
    cash = shown.view.booked(shown.at)
    if cash:
        rows.append(_cash_holding(shown, cash, _priced_on(shown, positions)))
    return rows


def securities(shown: Shown) -> list[SecurityRecord]:
    """The securities behind `holdings` and `investment_transactions` of an account, its cash among them."""
    positions = {each.security.symbol: each for each in shown.view.positions(shown.at)}
    currency, priced_on = shown.terms.currency, _priced_on(shown, list(positions.values()))
    records = [_cash(currency, priced_on)]
    seen = set()
    for movement in investment_movements(shown.view, until=shown.at):
        trade = movement.trade
        if trade is None or trade.symbol in seen:
            continue
        seen.add(trade.symbol)
        position = positions.get(trade.symbol)
        close = (position.price, position.priced_on) if position else (trade.price, movement.booked_on)
        records.append(_security(_BY_SYMBOL[trade.symbol], *close))
    return records


def investment_movements(
    view: AccountView, *, after: dt.datetime | None = None, until: dt.datetime | None = None
) -> Iterator[Movement]:
    """What booked on an investment account after one instant and up to another, oldest first; a movement that the
    bank changed later comes as it was changed."""
    if view.terms.kind is not AccountKind.BROKERAGE:
        return
    booked = {
        event.movement.id: event.movement
        for event in view.events(after, until)
        if event.state is State.BOOKED
    }
    yield from booked.values()


def investment_transaction(account_id: str, movement: Movement) -> InvestmentTransactionRecord:
    """One movement of an investment account."""
    amount = money(-movement.settled_minor)
    kind, subtype = _sort_of(movement)
    trade = movement.trade
    if kind == "cash":
        quantity, price = amount, Decimal(0 if trade else 1)
    else:
        quantity, price = (trade.quantity, trade.price) if trade else (Decimal(0), Decimal(0))
    return InvestmentTransactionRecord(
        investment_transaction_id=opaque("investment transaction", account_id, movement.id),
        account_id=account_id,
        security_id=security_id(trade.symbol if trade else cash_symbol(movement.currency)),
        date=movement.booked_on or movement.authorized_on,
        name=movement.text,
        quantity=quantity,
        amount=amount,
        price=price,
        fees=Decimal(0),
        type=kind,
        subtype=subtype,
        iso_currency_code=movement.currency,
    )


def _sort_of(movement: Movement) -> tuple[str, str]:
    """Plaid's (type, subtype)."""
    match movement.kind:
        case Kind.BUY:
            return "buy", "buy"
        case Kind.SELL:
            return "sell", "sell"
        case Kind.DIVIDEND:
            return "cash", "dividend"
        case Kind.INTEREST:
            return "cash", "interest"
        case Kind.FEE:
            return "fee", "account fee"
        case _:
            return "cash", "deposit" if movement.settled_minor > 0 else "withdrawal"


def _holding(account_id: str, position: Position) -> HoldingRecord:
    return HoldingRecord(
        account_id=account_id,
        security_id=security_id(position.security.symbol),
        institution_price=position.price,
        institution_price_as_of=position.priced_on,
        institution_value=position.value,
        cost_basis=position.cost,
        quantity=position.quantity,
        iso_currency_code=position.security.currency,
    )


def _cash_holding(shown: Shown, cash: Decimal, as_of: dt.date) -> HoldingRecord:
    return HoldingRecord(
        account_id=shown.account_id,
        security_id=security_id(cash_symbol(shown.terms.currency)),
        institution_price=Decimal(1),
        institution_price_as_of=as_of,
        institution_value=cash,
        cost_basis=cash,
        quantity=cash,
        iso_currency_code=shown.terms.currency,
    )


def _cash(currency: str, as_of: dt.date) -> SecurityRecord:
    symbol = cash_symbol(currency)
    return SecurityRecord(
        security_id=security_id(symbol),
        name=_CASH_NAMES.get(currency, currency),
        ticker_symbol=symbol,
        type="cash",
        is_cash_equivalent=True,
        close_price=Decimal(1),
        close_price_as_of=as_of,
        iso_currency_code=currency,
    )


def _security(security: Security, close_price: Decimal, as_of: dt.date | None) -> SecurityRecord:
    fund = any(word in security.name for word in _FUND_WORDS)
    return SecurityRecord(
        security_id=security_id(security.symbol),
        name=security.name,
        ticker_symbol=security.symbol,
        type="etf" if fund else "equity",
        is_cash_equivalent=False,
        close_price=close_price,
        close_price_as_of=as_of,
        iso_currency_code=security.currency,
        subtype="etf" if fund else "common stock",
    )


def _priced_on(shown: Shown, positions: list[Position]) -> dt.date:
    """The day of the last closes; without positions the bank's own day."""
    if positions:
        return positions[0].priced_on
    return shown.at.astimezone(shown.terms.institution.land.zone).date()
