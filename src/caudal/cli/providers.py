"""`caudal providers`: whom one can link with, what each can do, and how far that has been tried."""

from datetime import timedelta

import click
import msgspec

from caudal.cli import show
from caudal.cli.options import as_json_option, with_installation
from caudal.hub import institutions as hub_institutions
from caudal.hub.installation import Installation
from caudal.hub.providers import held
from caudal.model.errors import ProviderError
from caudal.providers import registry
from caudal.providers.base import Capability, Declaration, Pace
from caudal.store.institutions import OfferedRow, Wanted

_HEADS = ("provider", "for", "does", "pulled", "verified against", "can't be verified here")


@click.command()
@click.option("--markdown", is_flag=True, help="The table as the README has it.")
@as_json_option
def providers(*, markdown: bool, as_json: bool) -> None:
    """List the providers one can link with: what each can do, and what that has been held against."""
    declared = registry.declarations()
    if as_json:
        click.echo(show.as_json([_told(each) for each in declared]))
    elif markdown:
        click.echo(as_markdown(declared))
    else:
        table = show.table(*_HEADS)
        for each in declared:
            table.add_row(*map(show.text, _cells(each)))
        show.console.print(table)


@click.command()
@click.argument("words", nargs=-1)
@click.option("--country", metavar="CC", help="There alone: two letters, such as BR.")
@click.option("--provider", help="Through this provider alone.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 500))
@click.option(
    "--fetch", is_flag=True, help="Have the providers tell theirs now; else a worker does, once a day."
)
@as_json_option
def institutions(
    words: tuple[str, ...],
    country: str | None,
    provider: str | None,
    limit: int,
    *,
    fetch: bool,
    as_json: bool,
) -> None:
    """List the institutions that can be linked, those whose names hold every one of WORDS."""

    async def work(opened: Installation) -> list[OfferedRow]:
        async with held(opened.settings) as providers:
            live = await providers.set_up()
            if fetch:
                came = await hub_institutions.fetch(opened, live, rest=timedelta(0))
                for name, error in came.items():
                    if isinstance(error, ProviderError):
                        click.echo(f"{name}: can't be had now: {error}", err=True)
        wanted = [name for name in live if provider in (None, name)]
        text, where = " ".join(words), country and country.upper()
        asked = Wanted(providers=wanted, text=text, country=where, limit=limit)
        return await hub_institutions.find(opened, asked)

    found = with_installation(work)
    if as_json:
        click.echo(show.as_json(found))
        return
    rows = show.table("institution", "countries", "through", "reference", "")
    for each in found:
        notes = [
            *(() if each.working else ("in trouble",)),
            *(("a broker",) if each.investments_only else ()),
        ]
        rows.add_row(
            show.text(each.name),
            " ".join(each.countries),
            each.provider,
            show.text(each.reference),
            ", ".join(notes),
        )
    show.console.print(rows)


def as_markdown(declared: list[Declaration]) -> str:
    """A row for each provider."""
    rows = [_HEADS, tuple("---" for _ in _HEADS), *map(_cells, declared)]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows)


def _cells(declared: Declaration) -> tuple[str, ...]:
    return (
        f"{declared.title} (`{declared.name}`)"
        if declared.title.lower() != declared.name
        else declared.title,
        declared.what,
        ", ".join(_abilities(declared)),
        _pace(declared.pace),
        "; ".join(declared.verified),
        "; ".join(declared.unverified) or "–",
    )


def _abilities(declared: Declaration) -> list[str]:
    """In the order in which `Capability` lists them."""
    return [each.value for each in Capability if each in declared.capabilities]


def _pace(pace: Pace) -> str:
    minutes = int(pace.every.total_seconds()) // 60
    every = f"every {minutes // 60} h" if minutes % 60 == 0 else f"every {minutes} min"
    return every if pace.unattended_per_day is None else f"{every}, {pace.unattended_per_day} × a day at most"


def _told(declared: Declaration) -> dict[str, object]:
    return {
        "name": declared.name,
        "title": declared.title,
        "what": declared.what,
        "capabilities": _abilities(declared),
        "pace": msgspec.to_builtins(
            {
                "every_seconds": int(declared.pace.every.total_seconds()),
                "unattended_per_day": declared.pace.unattended_per_day,
            }
        ),
        "verified": declared.verified,
        "unverified": declared.unverified,
    }
