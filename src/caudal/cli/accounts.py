"""`caudal join-accounts`, `part-accounts`, `keep-accounts-apart`: a person's word on which accounts are one. Each is
kept, and `caudal undo` takes it back."""

from collections.abc import Sequence

import click

from caudal.cli import show
from caudal.cli.options import space_option, with_space
from caudal.hub import accounts as hub
from caudal.store.accounts import AccountDecision, AccountQuestion


@click.command("join-accounts")
@click.argument("keep")
@click.argument("drop")
@space_option
def join_accounts(keep: str, drop: str, space: str | None) -> None:
    """Say that two accounts (names or ids) are one, to be found as KEEP: what both tell is one ledger, each movement
    once."""
    show.noted(with_space(space, lambda opened, chosen: hub.join(opened, chosen, keep, drop)))


@click.command("part-accounts")
@click.argument("account")
@click.argument("source")
@space_option
def part_accounts(account: str, source: str, space: str | None) -> None:
    """Say that SOURCE, of those that tell of ACCOUNT, is an account by itself (its id, name, number or last digits)."""
    show.noted(with_space(space, lambda opened, chosen: hub.part(opened, chosen, account, source)))


@click.command("keep-accounts-apart")
@click.argument("one")
@click.argument("other")
@space_option
def keep_accounts_apart(one: str, other: str, space: str | None) -> None:
    """Say that two accounts that may be one are two; it isn't asked again."""
    show.noted(with_space(space, lambda opened, chosen: hub.keep_apart(opened, chosen, one, other)))


def show_questions(questions: Sequence[AccountQuestion]) -> None:
    """Accounts that may be one, as a table."""
    if not questions:
        return
    title = "may be one account (`caudal join-accounts`, or `keep-accounts-apart`)"
    rows = show.table(title, "and", "because", "found")
    for row in questions:
        because = _RULES.get(row.rule, row.rule)
        rows.add_row(show.text(row.account), show.text(row.other_account), because, show.counts(row.found))
    show.console.print(rows)


def show_decisions(said: Sequence[AccountDecision]) -> None:
    """What was said of accounts, as a table."""
    if not said:
        return
    rows = show.table("decision on accounts", "kind", "account", "and", "said by")
    for row in said:
        rows.add_row(
            str(row.decision_id), row.kind, show.text(row.account), show.text(row.other), row.said_by
        )
    show.console.print(rows)


_RULES = {
    "iban": "the same IBAN, which several fit",
    "persistent_id": "the provider's own name for it, which several fit",
    "number": "the same number at the same bank, which several fit",
    "number_in_iban": "the number that the IBAN is made of, which several fit",
    "number_alone": "the same number, the bank untold",
    "number_ends_iban": "the IBAN ends with the number",
    "last_digits_and_bank": "the same last digits at the same bank, which several fit",
    "last_digits_and_name": "the same last digits and name",
    "last_digits": "the same last digits",
    "same_movements": "they tell the same movements",
    "replaced": "one is shown no longer, and the other tells its movements",
}
