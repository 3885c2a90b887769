"""`caudal status`: how it goes, calmly; what needs somebody stands out."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

import click
import msgspec

from caudal.cli import show
from caudal.cli.options import as_json_option, with_installation
from caudal.hub import spaces
from caudal.hub import status as hub_status
from caudal.hub.installation import Installation
from caudal.hub.status import ConnectionStatus, ProviderStatus, Status
from caudal.sync.budgets import BudgetLeft

_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
_SILENT_SECONDS: Final = 15
"""A worker not heard of for longer is given up by the others (worker.silent_seconds_max)."""


@click.command()
@click.option("--space", help="Only this space (name or id).")
@as_json_option
def status(space: str | None, *, as_json: bool) -> None:
    """Show how it goes: every connection, how the providers answer, what waits and who works."""

    async def work(opened: Installation) -> Status:
        chosen = await spaces.chosen(opened.store, space) if space else None
        return await hub_status.status(opened, chosen)

    told = with_installation(work)
    if as_json:
        click.echo(show.as_json({"well": told.well, **msgspec.structs.asdict(told)}))
        return
    if told.connections:
        _show_connections(told.connections)
    else:
        show.console.print("no connections yet: `caudal link` makes one")
    if told.providers:
        _show_providers(told.providers, told.hours)
    for line in _engine(told):
        show.console.print(line)


def _show_connections(connections: Iterable[ConnectionStatus]) -> None:
    rows = show.table(
        "", "connection", "through", "last good", "next", "runs", "p95", right=frozenset({"runs", "p95"})
    )
    for each in connections:
        notes = "".join(f"\n[yellow]{show.text(note)}[/yellow]" for note in _notes(each))
        rows.add_row(
            _mark(each),
            show.text(each.label) + notes,
            show.text(each.provider),
            _last_good(each),
            _next(each),
            _rate(each.runs.good, each.runs.count, each.runs.good_percent),
            _ms(each.run_p95_ms),
        )
    show.console.print(rows)


def _mark(each: ConnectionStatus) -> str:
    if each.state == "needs_user" or each.freshness == "stale":
        return "[bold red]✗[/bold red]"
    return (
        "[green]✓[/green]" if each.state == "active" and each.freshness == "fresh" else "[yellow]…[/yellow]"
    )


def _notes(each: ConnectionStatus) -> Iterator[str]:
    """What a person should know of it, and what to do."""
    if each.state != "active":
        yield (
            f"{each.state.replace('_', ' ')}: {each.reason}" if each.reason else each.state.replace("_", " ")
        )
    if each.freshness == "paused":
        yield "paused: `caudal resume` lets it go on"
    if each.action:
        yield each.action
    if each.failures:
        errors = f" ({_counts(each.runs.errors)})" if each.runs.errors else ""
        yield f"failed {each.failures} times in a row{errors}"
    if each.backfilling:
        yield "its history is still coming"


def _last_good(each: ConnectionStatus) -> str:
    """When; and whether that is too long ago to be called what the bank has."""
    when = "never" if each.lag_seconds is None else f"{_span(each.lag_seconds)} ago"
    return f"[bold red]{when}, stale[/bold red]" if each.freshness == "stale" else when


def _next(each: ConnectionStatus) -> str:
    if each.due_at is None:
        return "–"
    seconds = int((max(each.due_at, each.held_until or each.due_at) - datetime.now(UTC)).total_seconds())
    when = "now" if seconds <= 0 else f"in {_span(seconds)}"
    return f"{when} (held)" if each.held_until else when


def _show_providers(providers: Iterable[ProviderStatus], hours: int) -> None:
    right = frozenset({"calls", "p50", "p95"})
    rows = show.table(
        "provider", "calls", "p50", "p95", "errors", "budget left", title=f"\nlast {hours} h", right=right
    )
    for each in providers:
        calls = each.all.calls
        rows.add_row(
            show.text(each.provider),
            _rate(calls.good, calls.count, calls.good_percent),
            _ms(calls.p50_ms),
            _ms(calls.p95_ms),
            show.text(_counts(calls.errors)),
            show.text(_budgets(each.budgets)),
        )
    show.console.print(rows)


def _engine(told: Status) -> Iterator[str]:
    """Webhooks, jobs and workers, a line each."""
    inbox = told.inbox
    yield f"\nwebhooks: {inbox.waiting} waiting{_dead(inbox.dead, 'caudal webhooks list --state dead')}"
    for queue in told.queues:
        waited = f", the oldest for {_span(int(queue.oldest_seconds))}" if queue.oldest_seconds >= 1 else ""
        counts = f"{queue.waiting} waiting{waited}, {queue.running} running{_dead(queue.dead)}"
        yield f"jobs ({show.text(queue.queue)}): {counts}"
    working = [each for each in told.workers if each.silent_seconds <= _SILENT_SECONDS]
    silent = len(told.workers) - len(working)
    yield f"workers: {len(working)}" + (f", {silent} not heard of any more" if silent else "")


def _dead(count: int, look: str = "") -> str:
    if not count:
        return ""
    return f", [bold red]{count} dead[/bold red]" + (f" (`{look}`)" if look else "")


def _budgets(left: Iterable[BudgetLeft]) -> str:
    """``transactions/sync 48/50, …``: what is full is left out."""
    now = datetime.now(UTC)
    parts = []
    for each in left:
        held = f", held for {_span(int((each.held_until - now).total_seconds()))}" if each.held_until else ""
        if held or (each.left is not None and each.left != each.per_minute):
            figure = "" if each.left is None else f" {each.left}/{each.per_minute}"
            parts.append(f"{each.operation}{figure}{held}")
    return ", ".join(parts) or "all"


def _rate(good: int, count: int, percent: Decimal | None) -> str:
    return "–" if percent is None else f"{good}/{count} ({percent} %)"


def _counts(errors: Mapping[str, int]) -> str:
    return ", ".join(f"{name} ×{count}" for name, count in errors.items())


def _ms(value: int | None) -> str:
    if value is None:
        return "–"
    return f"{value} ms" if value < 1000 else f"{value / 1000:.1f} s"


def _span(seconds: int) -> str:
    """``41 min``: in the largest unit that says something."""
    size, unit = next(((size, unit) for size, unit in _UNITS if seconds >= size), _UNITS[-1])
    return f"{max(seconds, 0) // size} {unit}"
