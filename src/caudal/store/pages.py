"""Writing one page: its observations, what follows from them, and its cursor, in the caller's transaction.

A page costs the same number of statements whatever its size: copied once into a temporary table, compared with
the latest versions of its chains, written by set statements (DESIGN §6). Applying it again changes nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
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
    Unreadable,
)
from caudal.model.errors import NotFound, Revoked, Superseded
from caudal.store.database import Transaction, json_rows, storable
from caudal.store.incoming import copy_text, families
from caudal.store.showing import PageTarget, ShownHere, see_accounts


class PageCounts(msgspec.Struct, frozen=True):
    """What one page did: transactions `created`, `changed`, `gone`, of `seen` told; items in `quarantined`; what
    the person chose not to see is `left_out`."""

    seen: int
    created: int
    changed: int
    gone: int
    quarantined: int
    left_out: int
    accounts: frozenset[UUID]
    """The accounts the page spoke of."""

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
        )


class _State(msgspec.Struct, frozen=True):
    state: str
    history_from: date | None


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
    account, or none."""

    page: Page
    accounts: Mapping[SourceRef, ShownHere]
    told: int
    left_out: int
    families: bool
    sweep: str
    rested_at: datetime | None
    alone: bool


async def stage_page(tx: Transaction, target: PageTarget, page: Page, after: Cursor) -> StagedPage:
    """The first half of writing a page: its accounts, and its transactions copied to the database.

    `after`: the cursor the page follows. Raises Revoked where the connection has ended, Superseded where another run has
    moved the cursor; then nothing is written.
    """
    await tx.run("steer_planner")
    scope = {"space_id": target.space_id, "connection_id": target.connection_id}
    held = await tx.first("lock_connection", _State, **scope)
    if held is None:
        raise NotFound(f"connection {target.connection_id} is not in this space")
    if held.state == "revoked":
        raise Revoked(f"connection {target.connection_id} was revoked; nothing more is written to it")
    standing = await tx.first("standing_cursor", _Standing, **scope, stream=target.stream) or _Standing()
    if standing.value != after:
        raise Superseded(f"connection {target.connection_id}: another run has come further; this one ends")
    accounts, count = await see_accounts(tx, target, page.changes)
    wanted = _wanted(page.changes, accounts, held.history_from)
    left_out, page = len(page.changes) - len(wanted), msgspec.structs.replace(page, changes=wanted)
    told = [change for change in wanted if isinstance(change, TransactionSeen | TransactionGone)]
    kin = families(told)
    ids = {
        ref: (str(account.source_account_id), str(account.account_id)) for ref, account in accounts.items()
    }
    await tx.copy("copy_incoming", copy_text(told, ids, kin))
    return StagedPage(
        page, accounts, len(told), left_out, bool(kin), standing.sweep, standing.rested_at, count < 2
    )


async def settle_page(tx: Transaction, target: PageTarget, staged: StagedPage) -> PageCounts:
    """The second half, the database's work: compare, write what is new, move the cursor. Same transaction, which then
    concludes what was told and writes its events."""
    page, accounts = staged.page, staged.accounts
    space = {"space_id": target.space_id}
    run = {**space, "run_id": target.run_id}
    scope = {**space, "connection_id": target.connection_id}
    await tx.run("choose_ids", **space)
    told, touched = staged.told, {accounts[ref].account_id for ref in _refs(page)}
    if staged.sweep != "none":
        swept = await _sweep(tx, target, staged)
        told, touched = told + len(swept), touched | {row.account_id for row in swept}
    if complete := _complete_rows(page, accounts):
        swept = await tx.all("sweep_windows", _Swept, **space, stream=target.stream, rows=complete)
        told, touched = told + len(swept), touched | {row.account_id for row in swept}
    await tx.run("resolve", **space)
    if staged.families:
        await tx.run("unite_families")
    await tx.run("insert_observations", **run)
    await tx.run("insert_transactions", **space)
    await tx.run("insert_links", **space)
    [restated] = await tx.all("restate_transactions", _Restated, **space)
    holdings, days = _holding_rows(page.changes, accounts)
    await tx.run("insert_holdings", **run, rows=holdings, days=days)
    await tx.run("insert_coverage", **run, rows=_window_rows(page, accounts))
    rows = _quarantine_rows(page.unreadable)
    await tx.run("insert_quarantine", **scope, run_id=target.run_id, subject=target.subject, rows=rows)
    await tx.run("move_cursor", **scope, stream=target.stream, value=page.next, at_rest=page.at_rest)
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
    )


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
    touched = frozenset(row.account_id for row in swept)
    await tx.run("forget_resolved")
    await tx.run("resolve", **space)
    await tx.run("insert_observations", **space, run_id=target.run_id)
    await tx.run("insert_links", **space)
    [restated] = await tx.all("restate_transactions", _Restated, **space)
    await tx.run("mark_proof_due", **space, accounts=sorted(touched))
    counts = {"seen": len(swept), "changed": restated.changed, "gone": restated.gone}
    await tx.run("amend_run", **space, run_id=target.run_id, merged=0, **counts)
    return PageCounts(created=0, quarantined=0, left_out=0, accounts=touched, **counts)


async def settle_balances(tx: Transaction, target: PageTarget, staged: StagedPage) -> None:
    """The balances a page told, each with what the ledger holds now: once the page's movements are concluded."""
    run = {"space_id": target.space_id, "run_id": target.run_id}
    await tx.run("insert_balances", **run, rows=_balance_rows(staged.page.changes, staged.accounts))


async def restart(tx: Transaction, target: PageTarget, cursor: Cursor) -> None:
    """Have the stream pulled anew from `cursor` ('' = its beginning). What was told since it last rested (from the
    beginning: of the days told again) and is not told again by the next page at rest is then gone.
    """
    scope = {"space_id": target.space_id, "connection_id": target.connection_id, "stream": target.stream}
    await tx.run("lock_connection", **scope)
    await tx.run("restart_cursor", **scope, value=cursor, sweep="loop" if cursor else "all")
    await tx.run("forget_told_again", **scope)


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


def _balance_rows(changes: Iterable[Change], accounts: Mapping[SourceRef, ShownHere]) -> str:
    return json_rows(
        [
            {
                "source_account_id": accounts[change.ref].source_account_id,
                "account_id": accounts[change.ref].account_id,
                "kind": change.kind,
                "as_of": change.on,
                "amount": change.money.amount,
                "currency": change.money.currency,
                "firm": change.firm,
                "told_at": change.at,
            }
            for change in changes
            if isinstance(change, BalanceSeen)
        ]
    )


def _holding_rows(changes: Iterable[Change], accounts: Mapping[SourceRef, ShownHere]) -> tuple[str, str]:
    """The positions told, and the (account, day) pairs they were told of: the last word on each."""
    told = {(change.ref, change.on): change for change in changes if isinstance(change, HoldingsSeen)}
    days = [{"source_account_id": accounts[ref].source_account_id, "as_of": on} for ref, on in told]
    rows = {
        (ref, on, holding.asset): {
            "source_account_id": accounts[ref].source_account_id,
            "as_of": on,
            **msgspec.structs.asdict(holding),
        }
        for (ref, on), change in told.items()
        for holding in change.holdings
    }
    return json_rows(list(rows.values())), json_rows(days)


def _quarantine_rows(items: Iterable[Unreadable]) -> str:
    return json_rows(
        [
            {"place": storable(item.where), "why": storable(item.why), "raw": storable(item.raw)}
            for item in items
        ]
    )


def _complete_rows(page: Page, accounts: Mapping[SourceRef, ShownHere]) -> str:
    """The windows whose absences count, of accounts that are kept; '' where there is none."""
    rows = [
        {
            "source_account_id": accounts[window.ref].source_account_id,
            "account_id": accounts[window.ref].account_id,
            "start_on": window.start,
            "end_on": window.end,
            "ids": dict.fromkeys(sorted(window.holds), 1),
        }
        for window in page.windows
        if window.holds is not None and accounts[window.ref].selected
    ]
    return json_rows(rows) if rows else ""


def _window_rows(page: Page, accounts: Mapping[SourceRef, ShownHere]) -> str:
    return json_rows(
        [
            {
                "source_account_id": accounts[window.ref].source_account_id,
                "start_on": window.start,
                "end_on": window.end,
            }
            for window in page.windows
        ]
    )
