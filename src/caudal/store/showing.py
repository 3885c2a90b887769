"""The accounts a page shows: known ones, ones that another connection shows already, and new ones."""

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

import msgspec

from caudal.matching.accounts import SameAccount, Shown, same_accounts
from caudal.model.changes import AccountGone, AccountSeen, Change, SourceRef
from caudal.model.errors import ConflictError
from caudal.store.accounts import Likely, accounts_shown, raise_doubts
from caudal.store.accounts import names as account_names
from caudal.store.database import Transaction, json_rows
from caudal.store.ids import new_id
from caudal.store.spaces import free_name


class Route(msgspec.Struct, frozen=True):
    """The account a person chose for a source account; made under `name` if it isn't there yet."""

    account_id: UUID
    name: str


class PageTarget(msgspec.Struct, frozen=True):
    """Where a page belongs. `stream` names the cursor; `routes` books source accounts to chosen accounts. `routing`: by
    which word on where the connection's accounts belong; None in a space that it feeds, where the stream has no cursor of
    its own. `unwanted`: accounts that nothing is to be seen of from their beginning."""

    space_id: UUID
    connection_id: UUID
    run_id: UUID
    stream: str
    subject: str = ""
    routes: Mapping[SourceRef, Route] = {}
    routing: int | None = 0
    unwanted: frozenset[SourceRef] = frozenset()


class ShownHere(msgspec.Struct, frozen=True):
    """An account as the page's connection shows it. `account_id`: where it is booked; `home_id`: where it would be if no
    accounts were joined. `succeeds`: another connection to the same provider, which has ended, showed it too. `outlives`:
    so did one to any. `shown`: it did to the end, as far as was told. `elsewhere`: its account went to another space."""

    reference: str
    source_account_id: UUID
    account_id: UUID
    home_id: UUID
    name: str
    kind: str
    currency: str
    iban: str | None
    number: str | None
    institution: str | None
    mask: str | None
    persistent_id: str | None
    withdraws: bool = False
    lists: bool = False
    selected: bool = True
    succeeds: bool = False
    outlives: bool = False
    shown: bool = True
    elsewhere: bool = False


class Seen(msgspec.Struct, frozen=True):
    """What a page found of accounts: all that its connection shows, and how many its space has. `news`: it told of them
    what wasn't known."""

    accounts: Mapping[SourceRef, ShownHere]
    in_space: int
    news: bool


class _Bank(msgspec.Struct, frozen=True):
    provider: str
    bank: str


async def see_accounts(tx: Transaction, target: PageTarget, changes: Sequence[Change]) -> Seen:
    """The accounts that the connection shows, those of this page among them. New ones are booked where a person chose,
    where they are known to belong, else by themselves. Raises ConflictError for one to be booked elsewhere than it is."""
    scope = {"space_id": target.space_id, "connection_id": target.connection_id}
    known_before = {
        SourceRef(account.reference): account
        for account in await tx.all("source_accounts", ShownHere, **scope)
    }
    known = dict(known_before)
    anew = any(isinstance(change, AccountSeen) and change.ref not in known for change in changes)
    if anew:
        await tx.run("lock_names", space_id=target.space_id)
    there = await account_names(tx, target.space_id)
    names = {row.account_id: row.name for row in there}
    joined = {row.account_id: row.joined_into for row in there if row.joined_into}
    same, doubts = await _known_elsewhere(tx, target, changes, known) if anew else ({}, [])
    for change in changes:
        if isinstance(change, AccountSeen):
            before, route = known.get(change.ref), target.routes.get(change.ref)
            home_id = before.home_id if before else route.account_id if route else None
            home_id = home_id or same.get(change.ref) or new_id()
            account_id = before.account_id if before else joined.get(home_id, home_id)
            if before and route and joined.get(route.account_id, route.account_id) != account_id:
                raise ConflictError(
                    f"{change.name or change.ref} is booked to “{names[before.account_id]}” already; "
                    "an import can't move it to another account (`caudal join-accounts` makes one of two)"
                )
            if account_id not in names:
                names[account_id] = free_name(route.name if route else _name_of(change), names.values())
            known[change.ref] = ShownHere(
                reference=change.ref,
                source_account_id=before.source_account_id if before else new_id(),
                account_id=account_id,
                home_id=home_id,
                name=change.name,
                kind=change.kind,
                currency=change.currency,
                iban=change.iban,
                number=change.number,
                institution=change.institution,
                mask=change.mask,
                persistent_id=change.persistent_id,
                withdraws=change.withdraws,
                lists=change.lists,
                selected=before.selected if before else change.ref not in target.unwanted,
                succeeds=before.succeeds if before else change.ref in same,
                outlives=before.outlives if before else change.ref in same,
            )
    seen = sorted({change.ref for change in changes if isinstance(change, AccountSeen)})
    gone = [change.ref for change in changes if isinstance(change, AccountGone)]
    news = [ref for ref in seen if known[ref] != known_before.get(ref)]
    rows = {ref: msgspec.structs.asdict(known[ref]) for ref in seen}
    accounts = {row["account_id"]: {**row, "name": names[row["account_id"]]} for row in rows.values()}
    if seen:  # known ones too: of two connections that tell of one, the later waits here
        await tx.run("upsert_accounts", space_id=target.space_id, rows=json_rows(list(accounts.values())))
    if news:
        await tx.run("upsert_source_accounts", **scope, rows=json_rows([rows[ref] for ref in news]))
    if doubts:
        asked = [
            Likely(known[SourceRef(same.shown)].source_account_id, UUID(same.like), same.rule)
            for same in doubts
        ]
        await raise_doubts(tx, target.space_id, asked)
    if gone:
        await tx.run("mark_accounts_gone", **scope, references=gone)
    return Seen(known, len(names), bool(news or gone))


async def _known_elsewhere(
    tx: Transaction,
    target: PageTarget,
    changes: Iterable[Change],
    known: Mapping[SourceRef, ShownHere],
) -> tuple[dict[SourceRef, UUID], list[SameAccount]]:
    """Of accounts shown for the first time: those that another connection shows already, and where they belong; and
    those that may be, of which a person is to be asked. Each statement file is a connection of its own here."""
    scope = {"space_id": target.space_id, "connection_id": target.connection_id}
    rows = await accounts_shown(tx, target.space_id)
    bank = await tx.first("connection_bank", _Bank, **scope)
    if bank is None or not rows:
        return {}, []
    here = {change.ref for change in changes if isinstance(change, AccountSeen)}
    shown = [
        msgspec.structs.replace(row, connection=row.key)
        if row.provider == "file" and row.reference not in here
        else row
        for row in rows
    ]
    new = {
        change.ref: Shown(
            key=change.ref,
            account="",
            connection=str(target.connection_id),
            provider=bank.provider,
            kind=change.kind,
            currency=change.currency,
            name=change.name,
            iban=change.iban,
            number=change.number,
            mask=change.mask,
            persistent_id=change.persistent_id,
            bank=change.institution or bank.bank,
        )
        for change in changes
        if isinstance(change, AccountSeen) and change.ref not in known and change.ref not in target.routes
    }
    found = same_accounts(list(new.values()), shown)
    places = {row.key: row.place for row in rows}
    certain = {SourceRef(same.shown): places[same.like] for same in found if same.certain}
    return certain, [same for same in found if not same.certain]


def _name_of(account: AccountSeen) -> str:
    return account.name or account.iban or account.number or account.ref
