"""Which account a file is about, as the file itself names it."""

import re
from collections.abc import Sequence
from typing import Final

from caudal.model.changes import AccountKind
from caudal.model.iban import iban_in
from caudal.providers.file.csv.evidence import Evidence
from caudal.providers.file.csv.plan import Plan
from caudal.providers.file.csv.values import currency_of, unquoted
from caudal.providers.file.records import FileAccount
from caudal.providers.file.text import HEAD_BYTES


def account_of(plan: Plan, evidence: Evidence, cell: str | None) -> FileAccount:
    """The account as the file names it: by its column, else in the lines before the header."""
    number = unquoted(cell) if cell else _preamble_account(plan.head)
    mapping = plan.mapping
    institution = mapping.institution or (plan.profile.institution if plan.profile else None)
    return FileAccount(
        id=number or None,
        iban=iban_in(number or ""),
        institution=institution,
        currency=_statement_currency(plan, evidence),
        kind=mapping.kind or AccountKind.OTHER,
        name=mapping.name or (plan.layout.name if plan.layout else ""),
    )


def _statement_currency(plan: Plan, evidence: Evidence) -> str | None:
    """The one currency of the file: as mapped, from its column, from the header, from the amounts' symbol."""
    mapping = plan.mapping
    if mapping.fixed_currency:
        return mapping.fixed_currency
    if evidence.currencies:
        return evidence.currencies[0] if len(evidence.currencies) == 1 else None
    for column in (mapping.amount, mapping.credit, mapping.debit, mapping.balance):
        if unit := _unit_of(plan.names, plan.at(column)):
            return unit
    if evidence.symbol == "$" and evidence.order == "mdy":
        return "USD"
    return currency_of(evidence.symbol)


def _unit_of(names: Sequence[str], at: int) -> str | None:
    """The currency in a money column's name: ``Betrag (EUR)`` → EUR, ``Valor (R$)`` → BRL."""
    if not 0 <= at < len(names):
        return None
    words = re.findall(r"[^\s()\[\]/,;:]+", names[at][:200])
    return next((code for word in words[1:] if (code := _unit(word))), None)


def _unit(word: str) -> str | None:
    return currency_of(word) if not word.isalpha() or word.isupper() else None


def _preamble_account(head: str) -> str | None:
    """The account number that the lines before the header name, None if none or several."""
    found = dict.fromkeys(unquoted(m[1]).strip(" -.,;") for m in _ACCOUNT.finditer(head[:HEAD_BYTES]))
    return next(iter(found)) if len(found) == 1 else None


_ACCOUNT: Final = re.compile(
    r"(?i)(?:account|acct|konto|kontonummer|iban|conta|cuenta|compte|rekening|conto|rachunek)[^0-9\n]{0,24}?"
    r"[\s:;,\"'=#.]((?:[A-Z]{2}[0-9]{2}|[0-9X*]{3})[0-9A-Z*./ -]{2,36}[0-9X])"
)
