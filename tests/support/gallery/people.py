"""Somebody's books, made up: what the gallery's pages show."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Final

from caudal.web.shell import Shell
from caudal.web.views.common import (
    AccountLine,
    Choice,
    Flow,
    Overview,
    Point,
    Proof,
    TransactionLine,
    TransactionsPage,
    Trouble,
)

NOW: Final = datetime(2026, 3, 31, 14, 5, tzinfo=UTC)
TODAY: Final = NOW.date()


def shell(here: str) -> Shell:
    """The frame, somewhere."""
    return Shell(here=here, base="", space="Ana & Rui", person="Ana Prado", asks=3)  # type: ignore[arg-type]


def _account(
    name: str, institution: str, balance: str, currency: str, detail: str, worth: str | None, **proof: object
) -> AccountLine:
    return AccountLine(
        name=name,
        institution=institution,
        href="/transactions",
        balance=Decimal(balance),
        currency=currency,
        detail=detail,
        worth=Decimal(worth) if worth else None,
        worth_currency="EUR" if worth else None,
        proof=Proof(currency=currency, **proof),  # type: ignore[arg-type]
    )


ACCOUNTS: Final = (
    _account(
        "Everyday", "Banco Litoral", "3482.17", "EUR", "··4410", None, verdict="proven", proven_to=TODAY
    ),
    _account(
        "Savings for the roof",
        "Banco Litoral",
        "18250.00",
        "EUR",
        "··9027",
        None,
        verdict="proven",
        proven_to=date(2026, 3, 28),
    ),
    _account(
        "Conta corrente",
        "Itapuã",
        "12904.66",
        "BRL",
        "··0081-3",
        "2071.88",
        verdict="off",
        off_by=Decimal("-89.90"),
        off_since=date(2026, 3, 12),
    ),
    _account(
        "Credit card",
        "Northgate Bank",
        "-642.35",
        "GBP",
        "··1177",
        "-764.90",
        verdict="proven",
        proven_to=date(2026, 3, 30),
    ),
    _account("Bitcoin wallet", "Bitcoin", "0.18450211", "BTC", "zpub…q7f2", "11842.06", verdict="unproven"),
)

_LINES: Final = (
    ("Mercado Azul", "Everyday", 0, "-54.20", "Groceries", True, False),
    ("Salary, Estaleiro Lda", "Everyday", 1, "2840.00", "Income", False, False),
    ("To Savings for the roof", "Everyday", 1, "-400.00", "", False, True),
    ("From Everyday", "Savings for the roof", 1, "400.00", "", False, True),
    ("Comboios do Norte", "Everyday", 3, "-23.60", "Travel", False, False),
    ("Padaria da Esquina e Filhos, Sociedade Unipessoal", "Everyday", 3, "-4.85", "Eating out", False, False),
    ("Rent March", "Everyday", 4, "-980.00", "Home", False, False),
    ("Kite & Anchor Books", "Credit card", 6, "-31.99", "Leisure", False, False),
    ("Refund Sol Energia", "Everyday", 6, "18.40", "Home", False, False),
)

LINES: Final = tuple(
    TransactionLine(
        name=name,
        account=account,
        href="/transactions",
        booked_on=TODAY - timedelta(days=ago),
        amount=Decimal(amount),
        currency="GBP" if account == "Credit card" else "EUR",
        category=category,
        pending=pending,
        transfer=transfer,
    )
    for name, account, ago, amount, category, pending, transfer in _LINES
)


def _history() -> tuple[Point, ...]:
    """Half a year of salary, rent and weeks of spending."""
    points, held = [], Decimal("27110.40")
    for ago in range(181, -1, -1):
        day = TODAY - timedelta(days=ago)
        if day.day == 30 or (day.month, day.day) == (2, 28):
            held += Decimal("2840.00")
        if day.day == 27:
            held -= Decimal("980.00")
        held -= Decimal((day.toordinal() * 7919) % 6700) / 100
        points.append(Point(day, held))
    return tuple(points)


HISTORY: Final = _history()

FLOWS: Final = tuple(
    Flow(month=date(year, month, 1), came_in=Decimal(came), went_out=Decimal(went))
    for year, month, came, went in (
        (2025, 10, "3105.20", "-2210.75"),
        (2025, 11, "2840.00", "-2688.10"),
        (2025, 12, "4260.00", "-3975.44"),
        (2026, 1, "2858.40", "-1996.02"),
        (2026, 2, "2840.00", "-2204.91"),
        (2026, 3, "2858.40", "-2494.64"),
    )
)

OVERVIEW: Final = Overview(
    currency="EUR",
    total=Decimal("34881.21"),
    proven=3,
    accounts=ACCOUNTS,
    history=HISTORY,
    flows=FLOWS,
    latest=LINES[:5],
    troubles=(Trouble(institution="Itapuã", since=NOW - timedelta(hours=26), href="/settings"),),
    now=NOW,
)

TRANSACTIONS: Final = TransactionsPage(
    lines=LINES,
    today=TODAY,
    accounts=(Choice("", "All accounts"), *(Choice(str(n), it.name) for n, it in enumerate(ACCOUNTS))),
    older="/transactions?before=9",
)
