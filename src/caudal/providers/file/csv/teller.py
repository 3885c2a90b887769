"""From rows to entries: one account's movements, and what closes its statement."""

import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Final

from caudal.model.changes import Unreadable
from caudal.providers.file.csv.account import account_of
from caudal.providers.file.csv.balances import Balances
from caudal.providers.file.csv.columns import CREDIT_WORDS, DEBIT_WORDS
from caudal.providers.file.csv.evidence import Evidence
from caudal.providers.file.csv.plan import Plan
from caudal.providers.file.csv.values import Amounts, Dates, currency_of, folded, unquoted
from caudal.providers.file.records import Entry, StatementClosed, Told

_CURRENCIES_MAX: Final = 1000
_WORD_MAX: Final = 64

_PENDING: Final = frozenset({
    "pending", "pendente", "pendiente", "en attente", "vorgemerkt", "in behandeling", "authorised",
    "authorized", "processing", "in progress", "em processamento", "in sospeso",
})  # fmt: skip
_VOID: Final = frozenset({
    "declined", "failed", "reverted", "cancelled", "canceled", "rejected", "denied", "voided", "expired",
    "cancelado", "cancelada", "rechazado", "rechazada", "recusado", "recusada", "negada", "estornado",
    "abgelehnt", "storniert", "annule", "refuse", "rifiutato", "annullato", "failure",
})  # fmt: skip
_NOTHING: Final = frozenset({"", "-", "–", "—"})
"""How banks leave one of two columns blank."""

_OPENING: Final = re.compile(
    r"(?i)\s*(?:(?:opening|beginning|starting|previous) balance\b.*|balance brought forward"
    r"|saldo (?:anterior|inicial)"
    r"|anfangs(?:saldo|bestand)|alter kontostand|solde (?:initial|précédent|antérieur)|beginsaldo"
    r"|saldo iniziale)\s*"
)
_CLOSING: Final = re.compile(
    r"(?i)\s*(?:(?:closing|ending|final|current) balance\b.*|balance carried forward|s ?a ?l ?d ?o"
    r"|saldo (?:final|actual|atual|do dia|em conta|finale)|end(?:saldo|bestand)|neuer kontostand|solde final"
    r"|eindsaldo)\s*"
)
_SUMMARY: Final = re.compile(
    r"(?i)\s*(?:(?:grand |sub)?totals?|total\w*|suma|summe|somme|sous-total|saldo|s a l d o|balance|solde"
    r"|kontostand|(?:opening|closing|beginning|ending) balance)\b"
)


class _UnclearError(Exception):
    """Why a row's movement can't be read."""


class Teller:
    """Tells one account's rows as entries, and remembers what closes the statement."""

    def __init__(self, plan: Plan, evidence: Evidence, account: str | None, cut_row: str) -> None:
        mapping = plan.mapping
        self._names = plan.names
        self._width = plan.width
        self._cut_row = cut_row
        self._date_of = Dates(evidence.order)
        self._amount_of = Amounts(evidence.decimal, mapping.thousands)
        self._date_at = plan.at(mapping.date)
        self._value_at = plan.at(mapping.value_date)
        self._amount_at = plan.at(mapping.amount)
        self._debit_at = plan.at(mapping.debit)
        self._credit_at = plan.at(mapping.credit)
        self._direction_at = plan.at(mapping.direction)
        self._fee_at = plan.at(mapping.fee)
        self._balance_at = plan.at(mapping.balance)
        self._currency_at = -1 if mapping.fixed_currency else plan.at(mapping.currency)
        self._status_at = plan.at(mapping.status)
        self._texts = tuple(at for at in map(plan.at, mapping.description) if at >= 0)
        self._party_at = plan.at(mapping.counterparty)
        self._reference_at = plan.at(mapping.reference)
        self._id_at = plan.at(mapping.id)
        self._code_at = plan.at(mapping.code)
        self._inverted = mapping.sign == "inverted"
        self._debit_words = frozenset(map(folded, mapping.debit_words)) or DEBIT_WORDS
        self._credit_words = frozenset(map(folded, mapping.credit_words)) or CREDIT_WORDS
        self._pending = _PENDING | frozenset(map(folded, mapping.pending))
        self._void = _VOID | frozenset(map(folded, mapping.void))
        self._currencies: dict[str, str | None] = {}
        self._debits_negative: bool | None = None
        self._short_widths: set[int] = set()
        self._unreadable = 0
        self._last_day: date | None = None
        self._balances = Balances()
        self.account = account_of(plan, evidence, account)
        self._mixed = len(evidence.currencies) > 1
        self._movement = self._strategy()

    def tell(self, line: int, raw: str, cells: list[str]) -> Entry | Unreadable | None:
        """One row as an entry; Unreadable if it should be one and can't; None for what is no movement at all.

        No movement: notes, totals and repeated headers (no date, or no figure where amounts stand), balances.
        """
        if len(cells) != self._width:
            try:
                cells = self._fitted(raw, cells)
            except _UnclearError as why:
                return self._fail(line, raw, why)
        booked_on = self._date_of(cells[self._date_at])
        if booked_on is None:
            return self._undated(line, raw, cells)
        try:
            amount = self._movement(cells)
            if amount is None:
                return self._without_amount(line, raw, cells, booked_on)
            return self._entry(line, raw, cells, booked_on, amount)
        except _UnclearError as why:
            return self._fail(line, raw, why)

    def closed(self) -> StatementClosed:
        """What ends the statement. Its ends are as of the export, so they are not firm."""
        opening, closing = self._balances.ends() if not self._mixed else (None, None)
        return StatementClosed(
            opening=opening,
            closing=closing,
            firm=False,
            complete=self._balances.unbroken and not self._unreadable and not self._mixed,
            newest_first=self._balances.newest_first,
        )

    def _entry(
        self, line: int, raw: str, cells: list[str], booked_on: date, amount: Decimal
    ) -> Entry | Unreadable | None:
        pending = self._is_pending(cells[self._status_at]) if self._status_at >= 0 else False
        currency = self._currency(cells[self._currency_at]) if self._currency_at >= 0 else None
        texts = self._texts
        if len(texts) == 1:
            description = cells[texts[0]].strip()
        else:
            description = " ".join([text for at in texts if (text := cells[at].strip())])
        party = cells[self._party_at].strip() if self._party_at >= 0 else ""
        if "  " in raw or "\n" in raw:
            description, party = " ".join(description.split()), " ".join(party.split())
        balance: Decimal | None = None
        if self._balance_at >= 0:
            balance = self._balance(cells, booked_on, amount)
        elif description[:1] in "sSoObBpPaAcCeEfFnN" and self._is_balance_row(description, booked_on, amount):
            return None
        last = self._last_day
        if booked_on != last:
            if last is not None:
                self._balances.dated(booked_on, last)
            self._last_day = booked_on
        return Entry(
            booked_on,
            amount,
            line,
            currency,
            unquoted(cells[self._id_at]) if self._id_at >= 0 else "",
            description,
            party,
            unquoted(cells[self._reference_at]) if self._reference_at >= 0 else "",
            pending,
            self._date_of(cells[self._value_at]) if self._value_at >= 0 else None,
            balance,
            cells[self._code_at].strip() if self._code_at >= 0 else "",
            raw,
        )

    def _strategy(self) -> Callable[[list[str]], Decimal | None]:
        """How this file tells a movement."""
        if self._amount_at < 0:
            tell = self._from_pair
        elif self._direction_at >= 0:
            tell = self._from_direction
        else:
            tell = self._from_amount
        return self._adjusted(tell) if self._fee_at >= 0 or self._inverted else tell

    def _from_amount(self, cells: list[str]) -> Decimal | None:
        text = cells[self._amount_at]
        amount = self._amount_of(text)
        if amount is None and text.strip():
            raise _UnclearError(f"{self._name(self._amount_at)} is not an amount")
        return amount

    def _from_direction(self, cells: list[str]) -> Decimal | None:
        amount = self._from_amount(cells)
        if amount is None:
            return None
        word = cells[self._direction_at].strip()
        name = folded(word) or word
        if name in self._debit_words or name == "-":
            return -abs(amount)
        if name in self._credit_words or name == "+":
            if amount < 0:
                raise _UnclearError(f"a negative amount that {self._name(self._direction_at)} says came in")
            return amount
        raise _UnclearError(f"{self._name(self._direction_at)} says neither in nor out")

    def _from_pair(self, cells: list[str]) -> Decimal | None:
        debit = self._one_of_pair(cells, self._debit_at)
        credit = self._one_of_pair(cells, self._credit_at)
        if debit and credit:
            raise _UnclearError("has both a debit and a credit")
        if debit:
            if self._debits_negative is None:
                self._debits_negative = debit < 0
            elif self._debits_negative != (debit < 0):
                raise _UnclearError("the debit's sign is not that of the debits before it")
            return -abs(debit)
        if credit and credit < 0:
            raise _UnclearError("the credit is negative: a reversal, or only this bank's way?")
        return debit if credit is None else credit

    def _one_of_pair(self, cells: list[str], at: int) -> Decimal | None:
        text = cells[at] if at >= 0 else ""
        if text in _NOTHING:
            return None
        amount = self._amount_of(text)
        if amount is None and text.strip() not in _NOTHING:
            raise _UnclearError(f"{self._name(at)} is not an amount")
        return amount

    def _adjusted(self, tell: Callable[[list[str]], Decimal | None]) -> Callable[[list[str]], Decimal | None]:
        """The movement after the fee, seen from the account."""

        def adjusted(cells: list[str]) -> Decimal | None:
            amount = tell(cells)
            if amount is None:
                return None
            fee = self._one_of_pair(cells, self._fee_at)
            if fee:
                amount -= fee
            return -amount if self._inverted else amount

        return adjusted

    def _balance(self, cells: list[str], booked_on: date, amount: Decimal) -> Decimal | None:
        balance = self._amount_of(cells[self._balance_at])
        if balance is None:
            return None
        if self._inverted:
            balance = -balance
        self._balances.add(booked_on, amount, balance)
        return balance

    def _without_amount(self, line: int, raw: str, cells: list[str], booked_on: date) -> Unreadable | None:
        """A dated row without an amount: a balance carried forward, or a movement that lost its amount."""
        balance = self._amount_of(cells[self._balance_at]) if self._balance_at >= 0 else None
        description = " ".join([cells[at].strip() for at in self._texts])
        if balance is not None:
            if self._inverted:
                balance = -balance
            if _OPENING.fullmatch(description) or _CLOSING.fullmatch(description):
                self._balances.add(booked_on, Decimal(0), balance)
                return None
        return self._fail(line, raw, _UnclearError("has a date and no amount"))

    def _is_balance_row(self, description: str, booked_on: date, amount: Decimal) -> bool:
        """Whether the row tells a balance in the amount's column (Banco do Brasil's “Saldo Anterior”)."""
        if _OPENING.fullmatch(description):
            self._balances.opening = self._balances.opening or Told(amount, booked_on)
            return True
        if _CLOSING.fullmatch(description):
            self._balances.closing = Told(amount, booked_on)
            return True
        return False

    def _undated(self, line: int, raw: str, cells: list[str]) -> Unreadable | None:
        money = (self._amount_at, self._debit_at, self._credit_at)
        figures = any(at >= 0 and any(map(str.isdigit, cells[at])) for at in money)
        name = self._names[self._date_at] if self._names else ""
        if not figures or (name and folded(cells[self._date_at]) == folded(name)):
            return None
        if any(_SUMMARY.match(cell) for cell in cells):
            self._told_without_day(cells)
            return None
        return self._fail(line, raw, _UnclearError(f"{self._name(self._date_at)} is not a date"))

    def _told_without_day(self, cells: list[str]) -> None:
        """A closing balance in the amount's column, on a row without a day (Banco do Brasil: 00/00/0000)."""
        description = next((cells[at] for at in self._texts if cells[at].strip()), "")
        if self._balance_at < 0 and self._amount_at >= 0 and _CLOSING.fullmatch(description):
            amount = self._amount_of(cells[self._amount_at])
            if amount is not None:
                self._balances.closing = Told(amount, None)

    def _fitted(self, raw: str, cells: list[str]) -> list[str]:
        """The row at full width. Missing cells are blank; extra ones must be, or the columns have shifted."""
        lacking = self._width - len(cells)
        if lacking < 0:
            if any(cell.strip() for cell in cells[self._width :]):
                raise _UnclearError(f"has {len(cells)} cells where there are {self._width} columns")
            return cells[: self._width]
        if len(cells) not in self._short_widths:
            dated = self._date_at < len(cells) and cells[self._date_at][:1].isdigit()
            if dated and self._cut_row and raw.startswith(self._cut_row):
                raise _UnclearError("ends before its last column: the file was cut")
            self._short_widths.add(len(cells))
        return cells + [""] * lacking

    def _currency(self, cell: str) -> str | None:
        """None for the statement's own currency."""
        if cell in self._currencies:
            return self._currencies[cell]
        code = currency_of(cell)
        if code is None and cell.strip():
            raise _UnclearError(f"{self._name(self._currency_at)} is not a currency")
        if code == self.account.currency:
            code = None
        if len(self._currencies) < _CURRENCIES_MAX and len(cell) <= _WORD_MAX:
            self._currencies[cell] = code
        return code

    def _is_pending(self, cell: str) -> bool:
        word = folded(cell)
        if word in self._void:
            raise _UnclearError(f"{word}: not a movement")
        return word in self._pending

    def _fail(self, line: int, raw: str, why: _UnclearError) -> Unreadable:
        self._unreadable += 1
        return Unreadable(where=f"line {line}", why=str(why), raw=raw)

    def _name(self, at: int) -> str:
        return f"column “{self._names[at].strip()}”" if at < len(self._names) else f"column {at + 1}"
