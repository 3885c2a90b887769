"""The order in which Pluggy is asked, so that what is told holds together (contract §5.1, §5.5, §5.6).

1. The item: whether it works, and when it was last at the bank (`lastUpdatedAt`). If nothing is newer, nothing is read.
2. For each account its movements. Pluggy tells no change of a row, so days are read again: the last RECENT days each time
   the bank was visited, everything every FULL_EVERY; and at once everything where a row was made since (`createdAtFrom`)
   that lies before those days: late rows, and those of a statement that were deleted and made anew. What the days no
   longer hold is gone, by a window.
3. The item again. If it moved meanwhile, what was read may lack a row: it is read anew.
4. Investments and loans, as they stand.

Times are Pluggy's own, never our clock's: a page says the same when it is pulled again.
"""

from collections.abc import AsyncGenerator, Iterable
from datetime import date, datetime, timedelta
from typing import Final

import msgspec

from caudal.model.changes import (
    AccountGone,
    AccountKind,
    AccountSeen,
    Change,
    Cursor,
    Page,
    SourceRef,
    Unreadable,
    Window,
)
from caudal.model.errors import ProviderError
from caudal.providers.base import Access
from caudal.providers.pluggy.client import PluggyClient
from caudal.providers.pluggy.errors import error_of, preparing
from caudal.providers.pluggy.normalise import (
    Known,
    account_seen,
    balances_seen,
    contradicts,
    day_of,
    holdings_seen,
    known_accounts,
    loan_seen,
    transaction_seen,
)
from caudal.providers.pluggy.payloads import Investment, Item, Loan, Transaction
from caudal.providers.pluggy.standing import Read, Standing
from caudal.providers.rows import UNREADABLE, read_all

RECENT: Final = timedelta(days=45)
"""A card's cycle and more: its rows may be made anew when its statement closes."""
OVERLAP: Final = timedelta(days=1)
"""How much earlier than the last visit made rows are asked for: clocks, and rows on their way. So the visit after the
first reads everything once more."""
FULL_EVERY: Final = timedelta(days=7)
HISTORY: Final = timedelta(days=360)
"""Pluggy fetches 365 days at first. Whether it keeps what is older nobody says: that it isn't told is no evidence."""
CHUNK: Final = 5_000
"""Movements of a page."""

_RUNNING: Final = frozenset({"UPDATING", "MERGING"})
_WAITING: Final = frozenset({"WAITING_USER_INPUT", "WAITING_USER_ACTION"})


async def pull(client: PluggyClient, access: Access, cursor: Cursor) -> AsyncGenerator[Page, None]:
    """The item's pages after `cursor`; none where the bank wasn't visited since. Raises the ProviderError family; in the
    end what kept the last visit from succeeding, if anything did."""
    course = _Course(client, access, Standing.read(cursor))
    item = await course.item()
    at = moment(item)
    if course.standing.done != at:
        known, unreadable = known_accounts(
            await client.rows("/accounts", {"itemId": item.id}, "accounts"), item
        )
        if not course.standing.accounts:
            yield Page([account_seen(each) for each in known], course.standing.cursor(), more=True)
        for each in known:
            read = course.standing.accounts.get(each.ref)
            if read is None or read.at != at:
                async for page in course.account(each, item, at):
                    yield page
        yield await course.rest(known, unreadable, item, at)
    if item.status == "OUTDATED":
        raise failure_of(item)


def moment(item: Item) -> datetime:
    """When Pluggy was last at the bank. Raises what an item that can't be read means (contract §3.3)."""
    if item.status in _RUNNING:
        raise preparing("pluggy item")
    if item.status in _WAITING:
        raise error_of("USER_INPUT_TIMEOUT", "pluggy item: the bank waits for its person")
    if item.status not in {"UPDATED", "OUTDATED"}:
        raise failure_of(item)
    if item.last_updated_at is None:
        raise failure_of(item) if item.error else preparing("pluggy item")
    return item.last_updated_at


def failure_of(item: Item) -> ProviderError:
    """What ended the item's last execution. A status that says nothing else is the bank's trouble."""
    if item.error is not None:
        return error_of(item.error.code, "pluggy item")
    code = "INVALID_CREDENTIALS" if item.status == "LOGIN_ERROR" else "UNEXPECTED_ERROR"
    return error_of(code, f"pluggy item: {item.status}")


class _Course:
    """One pull."""

    def __init__(self, client: PluggyClient, access: Access, standing: Standing) -> None:
        self.standing = standing
        self._client = client
        self._access = access
        self._whole = True

    async def item(self) -> Item:
        """As it stands now."""
        return await self._client.item(self._access.reference, self._access.institution)

    async def account(self, known: Known, item: Item, at: datetime) -> AsyncGenerator[Page, None]:
        """An account, its movements, and then what stood there: in one page, unless there are very many."""
        read = self.standing.accounts.get(known.ref)
        start = None if read is None else await self._first_day(known, read, at)
        reading = _Reading(known, day_of(at))
        reading.changes.append(account_seen(known))
        query = {"accountId": known.ref, **({} if start is None else {"dateFrom": start.isoformat()})}
        async for rows in self._client.transactions(query, item.id):
            reading.take(rows)
            if len(reading.changes) >= CHUNK:
                yield Page(reading.changes, self.standing.cursor(), more=True, unreadable=reading.unreadable)
                reading.changes, reading.unreadable = [], []
        if moment(await self.item()) != at:
            raise preparing("pluggy transactions: the bank was visited while they were read")
        windows = [] if reading.broken or is_stale(item, known) else reading.windows(start, read)
        if not is_stale(item, known) and not reading.broken:
            reading.tell(balances_seen(known, at))
        if not reading.broken:
            self.standing = self.standing.at(known.ref, reading.read(read, at, full=start is None))
        self._whole = self._whole and not reading.broken
        yield Page(
            reading.changes, self.standing.cursor(), more=True, windows=windows, unreadable=reading.unreadable
        )

    async def _first_day(self, known: Known, read: Read, at: datetime) -> date | None:
        """From which day on to read; None: everything."""
        if at - read.full >= FULL_EVERY:
            return None
        start = day_of(read.at) - RECENT
        since = (read.at - OVERLAP).isoformat().replace("+00:00", "Z")
        query = {"accountId": known.ref, "createdAtFrom": since}
        async for rows in self._client.transactions(query, self._access.reference):
            made, unreadable = read_all(rows, Transaction, "pluggy transactions")
            if unreadable or any(day_of(each.date) < start for each, _ in made):
                return None
        return start

    async def rest(self, known: list[Known], unreadable: list[Unreadable], item: Item, at: datetime) -> Page:
        """Investments, loans, and the accounts that are no more."""
        changes: list[Change] = []
        others: list[SourceRef] = []
        for told in [
            *await self._investments(item, at, unreadable),
            *await self._loans(item, at, unreadable),
        ]:
            if isinstance(told, Unreadable):
                unreadable.append(told)
                continue
            changes.append(told)
            if isinstance(told, AccountSeen):
                others.append(told.ref)
        whole = self._whole and not unreadable
        if whole:
            shown = {*(each.ref for each in known), *others}
            told_before = [*self.standing.accounts, *self.standing.others]
            changes += [AccountGone(ref) for ref in told_before if ref not in shown]
            accounts = {ref: read for ref, read in self.standing.accounts.items() if ref in shown}
            self.standing = Standing(accounts, at, tuple(others))
        return Page(changes, self.standing.cursor(), more=False, unreadable=unreadable)

    async def _investments(
        self, item: Item, at: datetime, unreadable: list[Unreadable]
    ) -> list[Change | Unreadable]:
        """One account for each currency: Pluggy knows none that they lie on."""
        if "INVESTMENTS" not in (item.products or ()):
            return []
        rows = await self._client.rows("/investments", {"itemId": item.id}, "investments")
        read, bad = read_all(rows, Investment, "pluggy investments")
        unreadable += bad
        told: list[Change | Unreadable] = []
        bank = item.connector.name if item.connector else None
        for currency in sorted({each.currency_code for each, _ in read}):
            ref = SourceRef(f"{item.id}:investments:{currency}")
            mine = [each for each in read if each[0].currency_code == currency]
            told.append(AccountSeen(ref, AccountKind.INVESTMENT, currency, "Investimentos", institution=bank))
            if not bad:
                told += holdings_seen(mine, ref, at)
        return told

    async def _loans(
        self, item: Item, at: datetime, unreadable: list[Unreadable]
    ) -> list[Change | Unreadable]:
        if "LOANS" not in (item.products or ()):
            return []
        rows = await self._client.rows("/loans", {"itemId": item.id}, absent="LOAN_NOT_FOUND")
        read, bad = read_all(rows, Loan, "pluggy loans")
        unreadable += bad
        bank = item.connector.name if item.connector else ""
        return [change for loan, _ in read for change in loan_seen(loan, bank, at)]


class _Reading:
    """One account's rows as they come. `broken`: one of them couldn't be read, so that nothing is known to be missing."""

    def __init__(self, known: Known, today: date) -> None:
        self.changes: list[Change] = []
        self.unreadable: list[Unreadable] = []
        self.broken = False
        self._known = known
        self._today = today
        self._ids: set[str] = set()
        self._days: set[date] = set()
        self._warned = False

    def take(self, rows: list[msgspec.Raw]) -> None:
        """What these tell."""
        read, bad = read_all(rows, Transaction, "pluggy transactions")
        for told, raw in read:
            try:
                seen = transaction_seen(self._known, told, raw, self._today)
            except UNREADABLE as error:
                bad.append(Unreadable("pluggy transactions", str(error), raw, self._known.ref))
                continue
            self.changes.append(seen)
            self._ids.add(seen.id)
            self._days.add(seen.booked_on)
            if not self._warned and contradicts(self._known, told, seen.money):
                self._warned = True
                why = "booked by its sign, though its type says the other direction: does this account turn its signs?"
                self.unreadable.append(Unreadable("pluggy transactions", why, raw, self._known.ref))
        self.unreadable += bad
        self.broken = self.broken or bool(bad)

    def tell(self, told: Iterable[Change | Unreadable]) -> None:
        """Balances."""
        for each in told:
            if isinstance(each, Unreadable):
                self.unreadable.append(each)
            else:
                self.changes.append(each)

    def windows(self, start: date | None, read: Read | None) -> list[Window]:
        """The days that are told wholly. A list without any row proves nothing."""
        if not self._days:
            return []
        first, last = min(self._days), max(self._days)
        if start is None:
            known = read.since if read and read.since else first
            start = min(first, max(known, self._today - HISTORY))
        end = max(self._today, last, read.until if read and read.until else last)
        return [Window(self._known.ref, start, end, frozenset(self._ids))]

    def read(self, before: Read | None, at: datetime, *, full: bool) -> Read:
        """How far the account is read now."""
        days = self._days | {day for day in (before and before.since, before and before.until) if day}
        last_full = at if full or before is None else before.full
        return Read(at, last_full, min(days, default=None), max(days, default=None))


def is_stale(item: Item, known: Known) -> bool:
    """Whether the last visit left this account as it was (a partial success): its rows and its balance may be of
    different days."""
    detail = item.status_detail
    if detail is None:
        return False
    of_kind = detail.credit_cards if known.told.type == "CREDIT" else detail.accounts
    return any(each is not None and each.is_updated is False for each in (of_kind, detail.transactions))
