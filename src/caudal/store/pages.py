"""Writing one page: its observations, what follows from them, and its cursor, in the caller's transaction.

A page costs the same number of statements whatever its size: copied once into a temporary table, compared with
the latest versions of its chains, written by set statements (DESIGN §6). Applying it again changes nothing. What a page
tells none of is not written.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from uuid import UUID

import msgspec

from caudal.model.changes import (
    BalanceSeen,
    Change,
    Cursor,
    HoldingsSeen,
    Page,
    SourceRef,
    Status,
    TransactionGone,
    TransactionSeen,
)
from caudal.model.errors import NotFound, Revoked, Superseded
from caudal.store.beside import balance_rows, complete_rows, holding_rows, quarantine_rows, window_rows
from caudal.store.database import Transaction, json_rows
from caudal.store.incoming import copy_text, families
from caudal.store.showing import PageTarget, ShownHere, see_accounts


class PageCounts(msgspec.Struct, frozen=True):
    """What one page did: transactions `created`, `changed`, `gone`, of `seen` told; items in `quarantined`; what
    the person chose not to see is `left_out`. `quiet`: it told nothing that anything can follow from."""

    seen: int
    created: int
    changed: int
    gone: int
    quarantined: int
    left_out: int
    accounts: frozenset[UUID]
    """The accounts the page spoke of."""
    quiet: bool = False

    def and_then(self, more: "PageCounts") -> "PageCounts":
        """Both together."""
        return PageCounts(
            seen=self.seen + more.seen,
            created=self.created + more.created,
            changed=self.changed + more.changed,
            gone=self.gone + more.gone,
            quarantined=self.quarantined + more.quarantined,
            left_out=self.left_out + more.left_out,
            accounts=self.accounts | more.accounts,
            quiet=self.quiet and more.quiet,
        )


class _State(msgspec.Struct, frozen=True):
    state: str
    history_from: date | None
    version: int


class _Standing(msgspec.Struct, frozen=True):
    value: str = ""
    sweep: str = "none"
    rested_at: datetime | None = None


class _Rows(msgspec.Struct, frozen=True):
    rows: int


class _Swept(msgspec.Struct, frozen=True):
    account_id: UUID


class _Restated(msgspec.Struct, frozen=True):
    changed: int
    gone: int


class _Created(msgspec.Struct, frozen=True):
    created: int


class StagedPage(msgspec.Struct, frozen=True):
    """A page whose transactions are in the database's hands: copied, not yet compared. `alone`: its space has one
    account, or none. `balances`: the rows of those it told. `accounts_news`: it told of accounts what wasn't known.
    `two_ids`: some of its movements may go by either."""

    page: Page
    accounts: Mapping[SourceRef, ShownHere]
    told: int
    left_out: int
    families: bool
    sweep: str
    rested_at: datetime | None
    alone: bool
    balances: str
    accounts_news: bool
    two_ids: bool


async def stage_page(tx: Transaction, target: PageTarget, page: Page, after: Cursor) -> StagedPage:
    """The first half of writing a page: its accounts, and its transactions copied to the database.

    `after`: the cursor the page follows. Raises Revoked where the connection has ended, Superseded where another run has
    moved the cursor, or where its accounts belong was said anew; then nothing is written.
    """
    await tx.run("steer_planner")
    scope = {"space_id": target.space_id, "connection_id": target.connection_id}
    held = await tx.first("lock_connection", _State, **scope)
    if held is None:
        raise NotFound(f"connection {target.connection_id} is not in this space")
    if held.state == "revoked":
        raise Revoked(f"connection {target.connection_id} was revoked; nothing more is written to it")
    standing = await tx.first("standing_cursor", _Standing, **scope, stream=target.stream) or _Standing()
    if target.routing is not None and (standing.value, held.version) != (after, target.routing):
        raise Superseded(f"connection {target.connection_id}: another run has come further; this one ends")
    shown = await see_accounts(tx, target, page.changes)
    accounts = shown.accounts
    wanted = _wanted(page.changes, accounts, held.history_from)
    left_out, page = len(page.changes) - len(wanted), msgspec.structs.replace(page, changes=wanted)
    told = [change for change in wanted if isinstance(change, TransactionSeen | TransactionGone)]
    kin = families(told)
    ids = {
        ref: (str(account.source_account_id), str(account.account_id)) for ref, account in accounts.items()
    }
    await tx.copy("copy_incoming", copy_text(told, ids, kin))
    return StagedPage(
        page=page,
        accounts=accounts,
        told=len(told),
        left_out=left_out,
        families=bool(kin),
        sweep=standing.sweep,
        rested_at=standing.rested_at,
        alone=shown.in_space < 2,
        balances=balance_rows(wanted, accounts),
        accounts_news=shown.news,
        two_ids=any(type(change) is TransactionSeen and change.fallback_id for change in told),
    )


async def settle_page(tx: Transaction, target: PageTarget, staged: StagedPage) -> PageCounts:
    """The second half, the database's work: compare, write what is new, move the cursor. Same transaction, which then
    concludes what was told and writes its events."""
    page, accounts = staged.page, staged.accounts
    space = {"space_id": target.space_id}
    run = {**space, "run_id": target.run_id}
    scope = {**space, "connection_id": target.connection_id}
    if staged.two_ids:
        await tx.run("choose_ids", **space)
    told, touched = staged.told, {accounts[ref].account_id for ref in _refs(page)}
    if staged.sweep != "none":
        swept = await _sweep(tx, target, staged)
        told, touched = told + len(swept), touched | {row.account_id for row in swept}
    if complete := complete_rows(page, accounts):
        swept = await tx.all("sweep_windows", _Swept, **space, stream=target.stream, rows=complete)
        told, touched = told + len(swept), touched | {row.account_id for row in swept}
    news = await tx.run("resolve", **space) > 0
    restated = await write_news(tx, target, families=staged.families) if news else _Restated(0, 0)
    await _write_beside(tx, target, staged)
    value = page.next if target.routing is not None else ""
    await tx.run("move_cursor", **scope, stream=target.stream, value=value, at_rest=page.at_rest)
    # What an ended connection left pending, or told alone, is concluded with any page of one that outlives it.
    outlives = any(account.outlives for account in accounts.values())
    quiet = not (news or staged.accounts_news or staged.balances or outlives)
    if not quiet:
        await tx.run("mark_proof_due", **space, accounts=sorted(touched))
    unreadable = len(page.unreadable)
    counts = {
        "seen": told,
        "changed": restated.changed,
        "gone": restated.gone,
        "quarantined": unreadable,
        "left_out": staged.left_out,
    }
    done = await tx.first("count_page", _Created, **run, **counts)
    if done is None:
        raise NotFound(f"run {target.run_id} is not in this space")
    return PageCounts(
        seen=told,
        created=done.created,
        changed=restated.changed,
        gone=restated.gone,
        quarantined=unreadable,
        left_out=staged.left_out,
        accounts=frozenset(touched),
        quiet=quiet,
    )


async def write_news(tx: Transaction, target: PageTarget, *, families: bool = False) -> _Restated:
    """What of a page is new: its records, the transactions they found, and what they make of those that were known."""
    space = {"space_id": target.space_id}
    if families:
        await tx.run("unite_families")
    await tx.run("insert_observations", **space, run_id=target.run_id)
    await tx.run("insert_transactions", **space)
    await tx.run("insert_links", **space)
    [restated] = await tx.all("restate_transactions", _Restated, **space)
    return restated


async def _write_beside(tx: Transaction, target: PageTarget, staged: StagedPage) -> None:
    """What a page tells beside transactions and balances."""
    page, run = staged.page, {"space_id": target.space_id, "run_id": target.run_id}
    holdings, days = holding_rows(page.changes, staged.accounts)
    if days:
        await tx.run("insert_holdings", **run, rows=holdings or "[]", days=days)
    if windows := window_rows(page, staged.accounts):
        await tx.run("insert_coverage", **run, rows=windows)
    if rows := quarantine_rows(page.unreadable):
        scope = {"connection_id": target.connection_id, "subject": target.subject}
        await tx.run("insert_quarantine", **run, **scope, rows=rows)


async def settle_succession(tx: Transaction, target: PageTarget, staged: StagedPage) -> PageCounts | None:
    """Once what a page told is concluded: what a connection that has ended told, and this one, which tells of the same
    accounts from its bank's books, doesn't, is gone. None where nothing was. The same transaction."""
    starts = {window.ref: window.start for window in staged.page.windows if window.holds is not None}
    heirs = {
        ref: account
        for ref, account in staged.accounts.items()
        if account.succeeds and account.selected and (staged.page.at_rest or ref in starts)
    }
    if not heirs:
        return None
    space = {"space_id": target.space_id}
    rows: list[dict[str, object]] = [
        {"source_account_id": account.source_account_id, "start_on": starts.get(ref)}
        for ref, account in sorted(heirs.items())
    ]
    await tx.run("forget_incoming")
    swept = await tx.all("sweep_ended", _Swept, **space, rows=json_rows(rows))
    if not swept:
        return None
    await tx.run("forget_resolved")
    return await are_gone(tx, target, frozenset(row.account_id for row in swept), len(swept))


async def settle_balances(tx: Transaction, target: PageTarget, staged: StagedPage) -> None:
    """The balances a page told, each with what the ledger holds now: once the page's movements are concluded."""
    if staged.balances:
        run = {"space_id": target.space_id, "run_id": target.run_id}
        await tx.run("insert_balances", **run, rows=staged.balances)


async def restart(tx: Transaction, target: PageTarget, cursor: Cursor) -> None:
    """Have the stream pulled anew from `cursor` ('' = its beginning). What was told since it last rested (from the
    beginning: of the days told again) and is not told again by the next page at rest is then gone.
    """
    scope = {"space_id": target.space_id, "connection_id": target.connection_id, "stream": target.stream}
    value = cursor if target.routing is not None else ""
    await tx.run("lock_connection", **scope)
    await tx.run("restart_cursor", **scope, value=value, sweep="loop" if cursor else "all")
    await tx.run("forget_told_again", **scope)


async def are_gone(tx: Transaction, target: PageTarget, touched: frozenset[UUID], told: int) -> PageCounts:
    """What joined the incoming as gone is written. `told`: how many."""
    space = {"space_id": target.space_id}
    await tx.run("resolve", **space)
    await tx.run("insert_observations", **space, run_id=target.run_id)
    await tx.run("insert_links", **space)
    [restated] = await tx.all("restate_transactions", _Restated, **space)
    await tx.run("mark_proof_due", **space, accounts=sorted(touched))
    counts = {"seen": told, "changed": restated.changed, "gone": restated.gone}
    await tx.run("amend_run", **space, run_id=target.run_id, merged=0, **counts)
    return PageCounts(created=0, quarantined=0, left_out=0, accounts=touched, quiet=False, **counts)


async def forget_page(tx: Transaction) -> None:
    """What a part of a page told has been written, and its events: room for the part that belongs to another space."""
    await tx.run("empty_page_tables")


async def know_the_ledger(tx: Transaction, written: int) -> None:
    """Have the database make statistics, if it knows of fewer transactions than the `written` of one run alone.

    Without them it looks single rows up along whole spaces, until autovacuum comes by: for a first sync, too late.
    """
    known = await tx.first("rows_known", _Rows)
    if known is not None and known.rows < written:
        await tx.run("make_statistics")


async def _sweep(tx: Transaction, target: PageTarget, staged: StagedPage) -> list[_Swept]:
    """A page of a stream that is pulled anew: note what it tells; at its end add what isn't told any more, as gone."""
    scope = {"space_id": target.space_id, "connection_id": target.connection_id, "stream": target.stream}
    await tx.run("note_told_again", **scope)
    if not staged.page.at_rest:
        return []
    gone = await tx.all("sweep", _Swept, **scope, rested_at=staged.rested_at, sweep=staged.sweep)
    await tx.run("forget_told_again", **scope)
    return gone


def _wanted(
    changes: Sequence[Change], accounts: Mapping[SourceRef, ShownHere], history_from: date | None
) -> Sequence[Change]:
    """What of it the person wants to see: of the accounts they chose, from the day they chose. What is gone, is gone."""
    unselected = {ref for ref, account in accounts.items() if not account.selected}
    if not unselected and history_from is None:
        return changes
    first = history_from or date.min
    return [
        change
        for change in changes
        if not (isinstance(change, TransactionSeen | BalanceSeen | HoldingsSeen) and change.ref in unselected)
        and not (
            isinstance(change, TransactionSeen)
            and change.booked_on < first
            and change.status is Status.BOOKED
        )
    ]


def _refs(page: Page) -> set[SourceRef]:
    return {change.ref for change in page.changes} | {window.ref for window in page.windows}
