"""The order in which Belvo is asked (contract, §4).

1. The link and its consent: whether they still stand. 2. Its accounts, with what stood on each when Belvo was at the
bank. 3. For each its movements. 4. Where they were asked for, positions and their movements.

What Belvo holds is read, never the bank: banks count what they are asked. There is no feed of changes, so days are read
again, from time to time all of them, and what isn't in a window any more is gone. An empty list proves nothing: until
Belvo has been at the bank all are (contract, §10.1).
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Final

import msgspec
from msgspec import Raw

from caudal.model.changes import (
    AccountGone,
    Change,
    Cursor,
    Page,
    SourceRef,
    TransactionSeen,
    Unreadable,
    Window,
)
from caudal.model.currencies import EXPONENTS
from caudal.model.errors import (
    Malformed,
    NeedsUser,
    NotReady,
    ProviderError,
    RateLimited,
    Revoked,
    Unavailable,
)
from caudal.providers.base import Access
from caudal.providers.belvo import course
from caudal.providers.belvo.client import BelvoClient, link_of
from caudal.providers.belvo.course import Standing
from caudal.providers.belvo.errors import LINK_AGAIN
from caudal.providers.belvo.normalise import (
    Known,
    balances_seen,
    holdings_seen,
    investment_seen,
    investments_account,
    known_account,
    movements_seen,
)
from caudal.providers.belvo.payloads import (
    Account,
    Consent,
    Investment,
    InvestmentTransaction,
    Link,
    Transaction,
)
from caudal.providers.days import day_at
from caudal.providers.http import Clock
from caudal.providers.rows import UNREADABLE, read_all

OVERLAP: Final = timedelta(days=62)
"""Read again each time: a card's rows change until its bill is closed (contract, §4.4)."""
WHOLE_EVERY: Final = timedelta(days=7)
"""Older rows change too, and Belvo's own records cost no bank a call."""
HISTORY: Final = timedelta(days=360)
"""Of the days before a link was made, for so many a window may say that it holds everything: Open Finance tells 365, and
nothing says from which hour they count."""
ASKED_BACK: Final = timedelta(days=400)
PREPARING: Final = timedelta(seconds=30)
PREPARED_WITHIN: Final = timedelta(days=1)
"""[?] A history is there in minutes as a rule; a bank that was down is asked again within the day."""
SECOND_PERSON: Final = timedelta(minutes=10)
DOCUMENTS: Final = "documents"
"""Among the secrets: whose consent it is, which a consent is asked for by."""
PERSON: Final = "person"

_PASSING: Final = (RateLimited, Unavailable, NotReady, Malformed)
"""What keeps one question from being answered, and not the next."""
_COUNTRIES: Final = ("br", "mx", "co")


async def pull(
    client: BelvoClient, access: Access, cursor: Cursor, clock: Clock
) -> AsyncGenerator[Page, None]:
    """The connection's pages after `cursor`: its accounts, then a page for each."""
    now = clock.now()
    link = await client.link(link_of(access), access)
    await check(client, link, access, now)
    run = _Run(client, access, link, Standing.of(cursor, link.id), now)
    introduction, accounts = await run.introduction()
    yield introduction
    await run.expect_history()
    invested = "INVESTMENTS" in link.fetch_resources
    for place, known in enumerate(accounts, 1):
        yield await run.account(known, more=invested or place < len(accounts))
    if invested:
        yield await run.investments()
    if run.failure is not None:
        raise run.failure


async def check(client: BelvoClient, link: Link, access: Access, now: datetime) -> None:
    """Whether link and consent stand. Raises NeedsUser, Revoked, NotReady."""
    if link.status != "valid":
        raise NeedsUser(f"Belvo calls this link {link.status}", action=LINK_AGAIN)
    documents = msgspec.json.decode(access.secrets.get(DOCUMENTS, b"[]"), type=list[str])
    if not documents:
        return
    rows = await client.rows("/api/consents/", {"user_document": documents[0]}, access, operation="consents")
    told, _ = read_all(rows, Consent, "belvo consents")
    consent = next((each for each, _ in told if each.link_id == link.id), None)
    if consent is None:
        return
    if consent.status == "REJECTED":
        raise Revoked("the bank's consent was taken back, or never confirmed")
    if consent.status == "EXPIRED" or (consent.expired_at is not None and consent.expired_at <= now):
        raise NeedsUser("the bank's consent has ended", action=LINK_AGAIN)
    if consent.status is not None and consent.status.startswith("AWAITING"):
        raise NotReady("belvo: somebody has yet to authorise it at the bank", retry_after=SECOND_PERSON)


def country_of(institution: str) -> str:
    """The country that an institution's name says (``…_br_retail``)."""
    return next((part.upper() for part in institution.split("_") if part in _COUNTRIES), "BR")


class _Run:
    """A pull under way."""

    def __init__(
        self, client: BelvoClient, access: Access, link: Link, standing: Standing, now: datetime
    ) -> None:
        self._client = client
        self._access = access
        self._link = link
        self._country = country_of(link.institution)
        self._now = now
        self._today = now.date()  # the latest it may be at a bank west of Greenwich
        self.standing = standing
        self.failure: ProviderError | None = None

    async def introduction(self) -> tuple[Page, list[Known]]:
        """Which accounts there are, and which are no more. Raises NotReady before any is told."""
        rows = await self._rows("/api/accounts/", {}, "accounts")
        if not rows:
            raise self._unprepared("no account yet")
        read, bad = read_all(rows, Account, "belvo accounts")
        accounts: list[Known] = []
        for told, raw in read:
            try:
                accounts.append(known_account(told, raw, self._link.institution, self._country))
            except ValueError as error:
                bad.append(Unreadable("belvo accounts", str(error), raw))
        changes: list[Change] = [each.seen for each in accounts]
        gone = self.standing.accounts.keys() - {each.seen.ref for each in accounts}
        if not bad:  # else the one that seems to be missing may be one that can't be read
            changes += [AccountGone(ref) for ref in sorted(gone)]
            self.standing = self.standing.without(set(gone))
        for each in accounts:
            known = self.standing.accounts.get(each.seen.ref, course.Known())
            self.standing = self.standing.knowing(each.seen.ref, known)
        more = bool(accounts) or "INVESTMENTS" in self._link.fetch_resources
        return Page(changes, self.standing.cursor(), more, unreadable=bad), accounts

    async def expect_history(self) -> None:
        """Raises NotReady while no movement of the link is told: until then no balance proves anything."""
        if self.standing.told:
            return
        query = {"link": self._link.id}
        if await self._client.any_of("/api/transactions/", query, self._access):
            self.standing = msgspec.structs.replace(self.standing, told=True)
        elif self._now - self._link.created_at < PREPARED_WITHIN:
            raise self._unprepared("no movement yet")

    async def account(self, known: Known, *, more: bool) -> Page:
        """What there is of one account: its movements, then what stands on it."""
        ref = known.seen.ref
        before = self.standing.accounts.get(ref, course.Known())
        whole = before.whole is None or self._today - before.whole >= WHOLE_EVERY
        start = self._first if whole or before.until is None else before.until - OVERLAP
        asked = self._first - ASKED_BACK if start == self._first else start
        query = {"account": known.told.id, "value_date__gte": asked.isoformat(), "omit": "account"}
        try:
            rows = await self._rows("/api/transactions/", query, "transactions")
        except _PASSING as error:
            self.failure = self.failure or error
            return Page([], self.standing.cursor(), more)
        read, unreadable = read_all(rows, Transaction, "belvo transactions", ref)
        movements, bad = movements_seen(read, known, self._today)
        unreadable += bad
        if before.succeeds:
            movements = self._its_own(movements)
        changes: list[Change] = [*movements]
        for figure in balances_seen(known):
            if isinstance(figure, Unreadable):
                unreadable.append(figure)
            else:
                changes.append(figure)
        if movements and not unreadable:
            done = course.Known(self._today, self._today if whole else before.whole, before.succeeds)
            self.standing = self.standing.knowing(ref, done)
        windows = self._windows(ref, start, movements, whole=not unreadable)
        return Page(changes, self.standing.cursor(), more, windows, unreadable)

    async def investments(self) -> Page:
        """The login's positions, and what was put into them and taken out. All of it each time: there is no filter by
        day."""
        try:
            held = await self._rows("/api/br/investments/", {}, "investments")
            moved = await self._rows("/api/br/investment-transactions/", {}, "investment-transactions")
        except _PASSING as error:
            self.failure = self.failure or error
            return Page([], self.standing.cursor(), more=False)
        read, unreadable = read_all(held, Investment, "belvo investments")
        currencies = {each.currency for each, _ in read if each.currency in EXPONENTS} or {"BRL"}
        seen = investments_account(self._link.institution_user_id, min(currencies), self._link.institution)
        ref = seen.ref
        told, bad = read_all(moved, InvestmentTransaction, "belvo investment-transactions", ref)
        movements = []
        for each, raw in told:
            try:
                movements.append(investment_seen(ref, each, raw))
            except UNREADABLE as error:
                bad.append(Unreadable("belvo investment-transactions", str(error), raw, ref))
        before = self.standing.invested
        if before.succeeds:
            movements = self._its_own(movements)
        changes: list[Change] = [seen, *movements] if held or moved else []
        if (held or moved) and not unreadable:
            changes.append(holdings_seen(ref, [each for each, _ in read], self._today))
            done = course.Known(whole=self._today, succeeds=before.succeeds)
            self.standing = msgspec.structs.replace(self.standing, invested=done)
        windows = self._windows(ref, self._first, movements, whole=not bad)
        return Page(changes, self.standing.cursor(), more=False, windows=windows, unreadable=unreadable + bad)

    @property
    def _first(self) -> date:
        """The first day that this link surely tells."""
        return day_at(self._link.created_at, self._country) - HISTORY

    def _its_own(self, movements: Sequence[TransactionSeen]) -> list[TransactionSeen]:
        """Of a link that succeeds another: what is before the days it tells wholly was told by that one, maybe by other
        ids, and no window would show that they are one."""
        return [each for each in movements if each.booked_on >= self._first]

    def _windows(
        self, ref: SourceRef, start: date, movements: Sequence[TransactionSeen], *, whole: bool
    ) -> list[Window]:
        """The days that are told; where every record could be read, with all they hold."""
        if not movements:
            return []
        end = max(self._today, *(each.booked_on for each in movements))
        return [Window(ref, start, end, frozenset(each.id for each in movements) if whole else None)]

    async def _rows(self, path: str, query: Mapping[str, str], operation: str) -> list[Raw]:
        return await self._client.rows(
            path, {"link": self._link.id, **query}, self._access, operation=operation
        )

    def _unprepared(self, what: str) -> ProviderError:
        if self._now - self._link.created_at < PREPARED_WITHIN or self.standing.accounts:
            return NotReady(f"belvo: {what}: Belvo is at the bank", retry_after=PREPARING)
        return Unavailable(f"belvo: {what}, a day after the link was made")
