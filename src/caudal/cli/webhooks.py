"""`caudal webhooks`: what providers told, what it led to, and to have it worked off again."""

from uuid import UUID

import click

from caudal.cli import show as shown
from caudal.cli.options import as_json_option, with_installation
from caudal.hub import webhooks as hub_webhooks
from caudal.hub.installation import Installation
from caudal.hub.webhooks import Webhook
from caudal.store.inbox import Shown, State


@click.group()
def webhooks() -> None:
    """The inbox: what came, what it led to, what failed."""


@webhooks.command("list")
@click.option(
    "--state", type=click.Choice(["new", "done", "dead"]), help="Those that wait, are done, or failed."
)
@click.option("--provider", help="Those of one provider.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True)
@as_json_option
def list_(state: State | None, provider: str | None, limit: int, *, as_json: bool) -> None:
    """List webhooks, the latest first."""

    async def work(opened: Installation) -> list[Shown]:
        return await hub_webhooks.listed(opened, state, provider, limit)

    found = with_installation(work)
    if as_json:
        click.echo(shown.as_json(found))
        return
    rows = shown.table("id", "came", "provider", "state", "tries", "led to", right=frozenset({"tries"}))
    for each in found:
        error = f"[red]{shown.text(each.error)}[/red]" if each.error else ""
        rows.add_row(
            str(each.inbox_id),
            f"{each.received_at:%Y-%m-%d %H:%M:%S}",
            shown.text(each.provider),
            each.state,
            str(each.attempts),
            error or shown.text(each.outcome),
        )
    shown.console.print(rows)


@webhooks.command()
@click.argument("inbox_id", metavar="ID", type=click.UUID)
@as_json_option
def show(inbox_id: UUID, *, as_json: bool) -> None:
    """Show one webhook with what it said; tokens are left out."""

    async def work(opened: Installation) -> Webhook:
        return await hub_webhooks.show(opened, inbox_id)

    found = with_installation(work)
    if as_json:
        click.echo(shown.as_json(found))
        return
    rows = shown.table("", "")
    for what, told in (
        ("id", str(found.inbox_id)),
        ("provider", found.provider),
        ("came", f"{found.received_at:%Y-%m-%d %H:%M:%S %Z}"),
        ("state", f"{found.state}, tried {found.attempts} times"),
        ("led to", found.outcome or "–"),
        ("error", found.error or "–"),
        ("said", found.body),
    ):
        rows.add_row(what, shown.text(told))
    shown.console.print(rows)


@webhooks.command()
@click.argument("ids", nargs=-1, metavar="[ID]...", type=click.UUID)
@click.option("--dead", is_flag=True, help="Every one that failed for good.")
@as_json_option
def replay(ids: tuple[UUID, ...], *, dead: bool, as_json: bool) -> None:
    """Have webhooks worked off once more. It does no harm: they only say what to look at."""
    if bool(ids) == dead:
        raise click.UsageError("name the webhooks to replay, or say --dead")

    async def work(opened: Installation) -> list[UUID]:
        return await hub_webhooks.replay(opened, None if dead else ids)

    again = with_installation(work)
    if as_json:
        click.echo(shown.as_json(again))
        return
    shown.console.print(f"{len(again)} to be worked off again")
