"""What a file's rows prove together, found in one pass: date order, decimal mark, currencies, accounts."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import BinaryIO, Final

import msgspec

from caudal.model.errors import Malformed
from caudal.providers.file.csv.dialect import rows
from caudal.providers.file.csv.mapping import date_order
from caudal.providers.file.csv.plan import Plan
from caudal.providers.file.csv.values import (
    DateOrder,
    currency_of,
    date_order_of,
    decimal_mark_of,
    folded,
    is_numeric_date,
    looks_like_date,
    read_date,
    symbol_in,
)
from caudal.settings import FileBounds

ACCOUNTS_MAX: Final = 32
"""Accounts one file may hold: each is read in a pass of its own, so this bounds the work."""

_DATE_MAX: Final = 64
_CURRENCIES_MAX: Final = 256
_SYMBOL_ROWS: Final = 200
_UNDECIDED_DATES_MAX: Final = 100_000
_THREE_DECIMALS: Final = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})
_ENGLISH: Final = frozenset({
    "date", "amount", "description", "balance", "credit", "debit", "transaction", "posted", "type",
    "currency",
})  # fmt: skip


class Evidence(msgspec.Struct, frozen=True):
    """What the first pass over the file settled."""

    order: DateOrder
    decimal: str
    currencies: tuple[str, ...]
    """Those of the currency column, as ISO codes, in order of appearance."""
    accounts: tuple[str, ...]
    """Cells of the account column in order of appearance; () where there is no such column."""
    symbol: str
    """The currency symbol written with the amounts, '' if none."""


def survey(stream: BinaryIO, plan: Plan, bounds: FileBounds) -> Evidence:
    """One pass over the file for what its rows prove together; stops as soon as nothing is left to settle."""
    mapping = plan.mapping
    order = date_order(mapping.date_format) if mapping.date_format else None
    decimal: str = mapping.decimal or ""
    dates = [at for at in (plan.at(mapping.date), plan.at(mapping.value_date)) if at >= 0]
    money_columns = (mapping.amount, mapping.debit, mapping.credit, mapping.balance)
    money = [at for at in map(plan.at, money_columns) if at >= 0]
    doubts, cast = _Doubts(), _Cast(plan)
    symbols: set[str] = set()
    looked = 0
    found = rows(stream, plan.dialect, bounds)
    for line, _, cells in found:
        if line <= plan.data_line or not cells:
            continue
        cast.add(cells)
        if not order:
            order = doubts.order(cells, dates)
        if not decimal:
            decimal = doubts.decimal(cells, money)
        if looked < _SYMBOL_ROWS:
            looked += 1
            symbols.update(symbol_in(cells[at]) for at in money if at < len(cells) and cells[at].strip())
        elif order and decimal:
            break
    cast.add_all(found)
    codes = cast.currencies()
    symbol = next(iter(symbols)) if len(symbols) == 1 else "$" if "$" in symbols else ""
    order = order or doubts.usual_order(plan, codes, symbol)
    return Evidence(order, decimal or doubts.usual_decimal(plan, codes), codes, tuple(cast.accounts), symbol)


class _Cast:
    """The accounts and currencies that take part, in order of appearance. Only the whole file can tell."""

    def __init__(self, plan: Plan) -> None:
        mapping = plan.mapping
        self._plan = plan
        self._currency_at = -1 if mapping.fixed_currency else plan.at(mapping.currency)
        self._account_at = plan.at(mapping.account)
        self._date_at = plan.at(mapping.date)
        self._currencies: dict[str, None] = {}
        self.accounts: dict[str, None] = {}

    def add_all(self, found: Iterator[tuple[int, str, list[str]]]) -> None:
        """Every row that is left, if there is anything to look for."""
        most = max(self._currency_at, self._account_at)
        if most < 0:
            return
        currency_at, account_at = self._currency_at, self._account_at
        currencies, accounts = self._currencies, self.accounts
        for _, _, cells in found:
            if len(cells) <= most:
                continue
            if (currency_at >= 0 and cells[currency_at] not in currencies) or (
                account_at >= 0 and cells[account_at] not in accounts
            ):
                self.add(cells)

    def add(self, cells: Sequence[str]) -> None:
        """One row, if it is dated: a footer or a repeated header is no account."""
        if max(self._currency_at, self._account_at, self._date_at) >= len(cells):
            return
        if not looks_like_date(cells[self._date_at]):
            return
        if self._currency_at >= 0 and len(self._currencies) < _CURRENCIES_MAX:
            self._currencies[cells[self._currency_at]] = None
        if self._account_at >= 0:
            self.accounts[cells[self._account_at]] = None
            if len(self.accounts) > ACCOUNTS_MAX:
                name = self._plan.names[self._account_at] if self._plan.names else str(self._account_at + 1)
                why = f"names more than {ACCOUNTS_MAX} accounts: split the file, or map another column"
                raise Malformed(f"line {self._plan.data_line + 1}", f"column “{name.strip()}” {why}")

    def currencies(self) -> tuple[str, ...]:
        """As ISO codes."""
        return tuple(dict.fromkeys(code for cell in self._currencies if (code := currency_of(cell))))


class _Doubts:
    """Dates and amounts that could be read in two ways, until one settles it for all."""

    def __init__(self) -> None:
        self._dates: list[str] = []
        self._seen: set[str] = set()
        self._thousands: dict[str, int] = {}

    def order(self, cells: Sequence[str], dates: Sequence[int]) -> DateOrder | None:
        for at in dates:
            text = cells[at] if at < len(cells) else ""
            if text in self._seen or len(text) > _DATE_MAX:
                continue
            if proven := date_order_of(text):
                return proven
            if at == dates[0] and is_numeric_date(text) and len(self._dates) < _UNDECIDED_DATES_MAX:
                self._dates.append(text)
            if len(self._seen) < _UNDECIDED_DATES_MAX:
                self._seen.add(text)
        return None

    def decimal(self, cells: Sequence[str], money: Sequence[int]) -> str:
        for at in money:
            mark, certain = decimal_mark_of(cells[at]) if at < len(cells) else ("", False)
            if certain:
                return mark
            if mark:
                self._thousands[mark] = self._thousands.get(mark, 0) + 1
        return ""

    def usual_order(self, plan: Plan, currencies: tuple[str, ...], symbol: str) -> DateOrder:
        """Where no date proves the order: one that sorts the days, else day first unless American."""
        if not self._dates or any("." in text for text in self._dates[:1]):
            return "dmy"
        customary: tuple[DateOrder, ...] = ("dmy", "mdy")
        sorted_as = [order for order in customary if self._is_sorted(order)]
        if len(sorted_as) == 1:
            return sorted_as[0]
        if plan.dialect.delimiter == ";" or not _is_english(plan.names):
            return "dmy"
        american = (
            set(currencies) == {"USD"}
            or plan.mapping.fixed_currency == "USD"
            or symbol in {"$", "US$", "USD"}
        )
        return "mdy" if american else "dmy"

    def usual_decimal(self, plan: Plan, currencies: tuple[str, ...]) -> str:
        """Where no amount proves the mark: three digits behind a lone one are thousands, or fils."""
        if self._thousands:
            mark = max(self._thousands, key=lambda mark: self._thousands[mark])
            three = (set(currencies) or {plan.mapping.fixed_currency or ""}) <= _THREE_DECIMALS
            return ("," if mark == "." else ".") if three else mark
        return "," if plan.dialect.delimiter == ";" else "."

    def _is_sorted(self, order: DateOrder) -> bool:
        days = [day for text in self._dates if (day := read_date(text, order))]
        if len(set(days)) < 3 or len(days) < len(self._dates):
            return False
        return all(a <= b for a, b in pairwise(days)) or all(a >= b for a, b in pairwise(days))


def _is_english(names: Sequence[str]) -> bool:
    return bool(_ENGLISH & {word for name in names for word in folded(name).split()})
