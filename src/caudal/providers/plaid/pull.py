"""The order in which Plaid is asked, so that what is told holds together (Plaid docs, Transactions: sync; Items).

1. Who it is: at the first pull alone, /accounts/get, and /institutions/get_by_id for the bank's country.
2. /transactions/sync to the end of its loop, each answer a page. Whatever ends a loop half-way ends the pull: it must
   be at rest before anything else is told, or the engine couldn't tell what a loop pulled anew no longer tells. Where a
   record couldn't be read it begins again there (`standing`). A broker's login may have no loop at all.
3. What stood there: /item/get says when Plaid last went to the bank. If that is news, /accounts/get, and then sync
   once more: if it brings nothing, no movement came between the loop's end and the balances, so the balances count
   exactly what was told. If it brings something, that is told and the balances are asked for again.
4. Investments (`investing`). If 3 fails, 4 goes on; what failed is raised in the end.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import timedelta
from typing import Any, Final

import msgspec

from caudal.model.changes import (
    AccountGone,
    Cursor,
    Page,
    SourceRef,
    TransactionGone,
    TransactionSeen,
)
from caudal.model.errors import (
    CursorInvalid,
    Malformed,
    NotReady,
    ProviderError,
    RateLimited,
    Unavailable,
)
from caudal.providers.base import Access
from caudal.providers.http import Clock
from caudal.providers.plaid.accounts import balances_seen, invests
from caudal.providers.plaid.answers import Sync, SyncDecoder
from caudal.providers.plaid.client import PlaidClient
from caudal.providers.plaid.course import (
    ACCOUNTS,
    INVESTMENTS,
    TRANSACTIONS,
    Course,
    ProductOffError,
    digest,
    investments_at,
    told_at,
)
from caudal.providers.plaid.errors import PREPARING, PRODUCT_OFF, Refusal, error_for
from caudal.providers.plaid.investing import investment_pages
from caudal.providers.plaid.normalise import Reading
from caudal.providers.plaid.payloads import AccountsAnswer, Institution, ItemStatus
from caudal.providers.plaid.standing import Standing

PAGE_RECORDS_MAX: Final = 500
"""The most that Plaid gives. The fewer pages a loop has, the rarer is a change between two of them."""
ROUNDS_MAX: Final = 3
"""How often balances are asked for again because a movement came between. Then they are left for the next pull."""
HISTORY_COMING: Final = timedelta(seconds=10)
"""The rest of the history takes minutes (Plaid docs, Transactions); the engine backs off from here."""

_MUTATED: Final = "TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION"
_OPTIONS: Final = {"include_original_description": True, "personal_finance_category_version": "v2"}
_ACCOUNTS_READ: Final = "accounts"
_PASSING: Final = (RateLimited, Unavailable, NotReady, Malformed)
"""What keeps one question from being answered, and not the next."""


async def pull(
    client: PlaidClient, access: Access, cursor: Cursor, clock: Clock, countries: Sequence[str]
) -> AsyncGenerator[Page, None]:
    """The Item's pages after `cursor`; none at all where nothing is new.

    Raises the ProviderError family. NotReady in the end says that more history is on its way.
    """
    course = Course(client, access, Standing.read(cursor).resumed(), clock, countries)
    if not course.standing.known:
        yield await _introduction(course)
    loop = _Loop(course)
    if not await course.is_off(TRANSACTIONS):
        try:
            async with aclosing(loop.to_rest()) as pages:
                async for page in pages:
                    yield page
        except ProductOffError:
            yield await course.switch_off(TRANSACTIONS)
    failure: ProviderError | None = None
    for stage in (_balances(course, loop), investment_pages(course)):
        try:
            async with aclosing(stage) as pages:
                async for page in pages:
                    yield page
        except _PASSING as error:
            failure = failure or error
    if failure is not None:
        raise failure
    if course.paged:
        yield course.page(Reading(), more=False)
    if loop.history_coming:
        raise NotReady(
            "plaid: the rest of the history is being fetched from the bank", retry_after=HISTORY_COMING
        )


async def _introduction(course: Course) -> Page:
    """Whose accounts these are. Not at rest: if this is a pull from the beginning again, its end is yet to come."""
    answer = await course.get("accounts/get", {}, ACCOUNTS)
    item = answer.item
    reference = (item.institution_id if item else None) or course.access.institution
    institution = await _institution(course, reference) if reference else None
    course.standing = msgspec.structs.replace(
        course.standing,
        bank=(item.institution_name if item else None) or (institution.name if institution else None),
        countries=tuple(institution.country_codes) if institution else (),
    )
    reading = Reading()
    course.see(answer.accounts, "accounts/get", reading)
    return course.page(reading, at_rest=False)


async def _institution(course: Course, reference: str) -> Institution | None:
    """The bank, for its country. None where Plaid doesn't say now: the configured countries then stand for it."""
    try:
        return await course.client.institution(reference)
    except ProviderError:
        return None


class _Loop:
    """/transactions/sync, to the end of what it holds."""

    def __init__(self, course: Course) -> None:
        self._course = course
        self._removed: dict[tuple[SourceRef, str], TransactionGone] = {}
        self.history_coming = False

    async def to_rest(self) -> AsyncGenerator[Page, None]:
        """A loop's pages. One that was under way, and left something unread behind it, is followed by the one that tells
        that again: all that stands is told by one pull."""
        course = self._course
        left_unread = course.standing.unread is not None
        async with aclosing(self.pages()) as pages:
            async for page in pages:
                yield page
        if left_unread and course.standing.unread is not None:
            course.standing = course.standing.resumed()
            async with aclosing(self.pages()) as pages:
                async for page in pages:
                    yield page

    async def pages(self, answer: Sync | None = None) -> AsyncGenerator[Page, None]:
        """A loop's pages, from `answer` where its first has come already. None where there is nothing to say."""
        course = self._course
        answer = answer or await self.ask()
        while answer.head.has_more:
            yield await self._page(answer)
            answer = await self.ask()
        standing = course.standing
        if standing.looping or not (answer.tells_nothing and answer.head.next_cursor == standing.next):
            yield await self._page(answer)
        self._removed.clear()

    async def ask(self) -> Sync:
        """The answer after where we stand. Raises CursorInvalid where Plaid calls us back, NotReady where it has
        nothing yet."""
        standing = self._course.standing
        fields: dict[str, Any] = {"count": PAGE_RECORDS_MAX, "options": _OPTIONS}
        if standing.next:
            fields["cursor"] = standing.next
        answer = await self._course.ask("transactions/sync", fields, _SYNC)
        if isinstance(answer, Refusal):
            raise _called_back(answer, standing) or await self._refused(answer)
        if answer.head.has_more and answer.head.next_cursor == standing.next:
            raise Malformed(
                "plaid transactions/sync: answer", "has more, after the very cursor it was asked from"
            )
        if answer.head.transactions_update_status == "NOT_READY" and answer.tells_nothing:
            raise NotReady("plaid transactions/sync: no transactions are there yet", retry_after=PREPARING)
        self.history_coming = answer.head.transactions_update_status in {
            "NOT_READY",
            "INITIAL_UPDATE_COMPLETE",
        }
        return answer

    async def _refused(self, refusal: Refusal) -> Exception:
        """What a refusal means. A login that was linked for transactions and doesn't give them now needs its person; one
        that never was (a broker's) goes on without."""
        if refusal.error.error_code in PRODUCT_OFF:
            item = (await self._course.item()).item
            if TRANSACTIONS not in (item.products or ()):
                return ProductOffError()
        return error_for(refusal)

    async def _page(self, answer: Sync) -> Page:
        course, reading = self._course, Reading()
        course.see(answer.accounts, "transactions/sync", reading)
        answer.read(course.currencies, reading)
        self._let_removal_win(reading)
        await course.name_strangers(reading)
        course.standing = course.standing.after_page(
            answer.head.next_cursor, more=answer.head.has_more, unread=reading.unread, broken=reading.broken
        )
        return course.page(reading)

    def _let_removal_win(self, reading: Reading) -> None:
        """A record removed on one page of a loop and told on a later one stays removed: across pages and lists Plaid
        promises no order, and ids don't come back."""
        revenants = []
        if self._removed:
            told = ((c.ref, c.id) for c in reading.changes if isinstance(c, TransactionSeen))
            revenants = [self._removed[key] for key in told if key in self._removed]
        gone = [change for change in reading.changes if type(change) is TransactionGone]
        self._removed |= {(change.ref, change.id): change for change in gone}
        reading.changes += revenants


async def _balances(course: Course, loop: _Loop) -> AsyncGenerator[Page, None]:
    """The accounts and what stands on them, if Plaid has been at the bank since they were last told."""
    rounds = 0
    while True:
        rounds += 1
        answer = await course.item()
        updated = told_at(answer.status, course.standing)
        if updated is not None and updated.isoformat() == course.standing.told:
            return
        accounts = await course.get("accounts/get", {}, ACCOUNTS)
        news = False
        if TRANSACTIONS not in course.standing.off:
            check = await loop.ask()
            news = not check.tells_nothing
            async with aclosing(loop.pages(check)) as pages:
                async for page in pages:
                    yield page
        if not news or rounds == ROUNDS_MAX:
            break
    mark = updated.isoformat() if updated else digest(accounts.accounts)
    if mark != course.standing.told:
        # While a movement is unread a balance counts what the ledger can't hold yet.
        yield _told(
            course, accounts, answer.status, mark, settled=not news and course.standing.unread is None
        )


def _told(
    course: Course, answer: AccountsAnswer, status: ItemStatus | None, mark: str, *, settled: bool
) -> Page:
    """The accounts' page. What is not settled, or has an account in it that can't be read, is asked for again."""
    reading = _accounts(course, answer, status, settled=settled)
    wait = reading.unread and course.standing.patient(_ACCOUNTS_READ)
    course.standing = course.standing.noting(_ACCOUNTS_READ, unread=reading.unread)
    if settled and not wait:
        course.standing = msgspec.structs.replace(course.standing, told=mark)
    return course.page(reading)


def _accounts(course: Course, answer: AccountsAnswer, status: ItemStatus | None, *, settled: bool) -> Reading:
    reading, before = Reading(), course.standing.accounts.keys()
    accounts = course.see(answer.accounts, "accounts/get", reading)
    reading.unread = bool(reading.unreadable)
    if not reading.unread:  # else the account that seems to be missing may be the one that can't be read
        gone = sorted(before - {account.account_id for account in accounts})
        reading.changes += [AccountGone(ref) for ref in gone]
        course.forget(gone)
    moment = course.moment(told_at(status, course.standing))
    movements = TRANSACTIONS not in course.standing.off
    elsewhere = investments_at(status) is not None and INVESTMENTS not in course.standing.off
    for account in accounts:
        if not (elsewhere and invests(account)):  # `investing` tells those with their positions
            for told in balances_seen(account, moment, settled=settled, movements=movements):
                reading.add(told)
    return reading


def _called_back(refusal: Refusal, standing: Standing) -> CursorInvalid | None:
    """Where to pull again from, if that is what Plaid says.

    A cursor of another Item's stream, or one forgotten, has no code of its own: INVALID_FIELD, and a message that
    speaks of the cursor.
    """
    error = refusal.error
    if error.error_code == _MUTATED:
        return CursorInvalid(str(refusal), restart=standing.called_back)
    if (
        error.error_code == "INVALID_FIELD"
        and standing.next
        and "cursor" in (error.error_message or "").lower()
    ):
        return CursorInvalid(str(refusal), restart="")
    return None


_SYNC: Final = SyncDecoder()
