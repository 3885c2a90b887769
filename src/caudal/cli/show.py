"""How things look on a terminal: money right-aligned, verdicts in words, nothing cut that a person needs."""

import sys
from datetime import date
from decimal import Decimal
from typing import Final
from uuid import UUID

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from caudal.model.currencies import EXPONENTS, UNKNOWN

_WIDTH_UNSEEN: Final = 140
"""Columns where nobody is looking at a terminal: wide enough that a table isn't folded in a log or a pipe."""

console = Console(width=None if sys.stdout.isatty() else _WIDTH_UNSEEN)
errors = Console(stderr=True)


def money(amount: Decimal, currency: str | None) -> str:
    """``-1,234.50 EUR``: at least the currency's decimal places, all that were told, thousands set off."""
    told = amount.as_tuple().exponent
    places = EXPONENTS[currency] if currency in EXPONENTS and currency != UNKNOWN else 2
    digits = max(-told if isinstance(told, int) else 0, min(places, 2))
    text = f"{amount:,.{digits}f}"
    return text if currency in (None, UNKNOWN) else f"{text} {currency}"


def coloured(amount: Decimal, currency: str | None) -> str:
    """Money out in plain, money in in green."""
    text = money(amount, currency)
    return f"[green]{text}[/green]" if amount > 0 else text


def day(value: date | None) -> str:
    """An ISO day, or a dash."""
    return value.isoformat() if value else "–"


def verdict(
    name: str, proven_to: date | None, off_by: Decimal | None, off_since: date | None, currency: str
) -> str:
    """The proof in words: ``proven to 2026-03-31``, ``off by 12.00 EUR since 2026-03-02``, ``no evidence``."""
    if name == "proven":
        return f"[green]✓ proven to {day(proven_to)}[/green]" if proven_to else "[green]✓ proven[/green]"
    if name == "off" and off_by is not None:
        since = f" since {day(off_since)}" if off_since else ""
        return f"[bold red]✗ off by {money(off_by, currency)}{since}[/bold red]"
    return "[dim]no evidence[/dim]"


def text(value: str) -> str:
    """What a bank wrote, on one line, never taken for markup or terminal control."""
    return escape("".join(c if c.isprintable() else " " for c in value))


def table(*columns: str, title: str | None = None, right: frozenset[str] = frozenset()) -> Table:
    """An empty table; columns named in `right` are right-aligned."""
    made = Table(title=title, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for column in columns:
        made.add_column(
            column, justify="right" if column in right else "left", overflow="fold", no_wrap=column in right
        )
    return made


def findings(found: str) -> str:
    """What spoke for a match, each with its weight."""
    told = msgspec.json.decode(found, type=list[tuple[str, int]])
    return ", ".join(f"{text(what)} {weight:+d}" for what, weight in told)


def counts(found: str) -> str:
    """What was counted, by name."""
    told = msgspec.json.decode(found, type=dict[str, int])
    return ", ".join(f"{text(what)} {count}" for what, count in told.items())


def noted(decision: UUID) -> None:
    """That a person's word was kept, and how to take it back."""
    console.print(f"noted as {decision} (`caudal undo` takes it back)")


def as_json(value: object) -> str:
    """For programs: one line of JSON; amounts as strings, days in ISO 8601."""
    return msgspec.json.encode(value).decode()
