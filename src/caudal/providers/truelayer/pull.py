"""The order in which TrueLayer is asked (Data API v1; contract, §3, §4).

1. /me: whose consent, for what, until when. 2. /accounts and /cards: bank and card issuer often have but one of them.
3. For each: the balance, then the movements, then what is pending. So the movements told count all that the balance does
(a movement booked between the two calls shows as one too many until the next pull).

There is no feed of changes: what isn't in a window any more is gone, so each page tells what its window holds. One
account or feature that fails doesn't keep the others from being told; what failed is raised in the end.
"""

from collections.abc import AsyncGenerator, Sequence
from datetime import date, timedelta
from typing import Final, Literal, NamedTuple
from urllib.parse import quote

import msgspec

from caudal.model.changes import (
    AccountGone,
    AccountSeen,
    BalanceKind,
    BalanceSeen,
    Change,
    Cursor,
    Page,
    SourceRef,
    Status,
    Unreadable,
    Window,
)
from caudal.model.errors import (
    Malformed,
    NeedsUser,
    NotReady,
    ProviderError,
    RateLimited,
    Unavailable,
)
from caudal.providers.base import Access
from caudal.providers.days import day_at
from caudal.providers.http import Clock
from caudal.providers.rows import read_all
from caudal.providers.truelayer.client import TrueLayerClient
from caudal.providers.truelayer.config import TrueLayerConfig
from caudal.providers.truelayer.course import Known, Standing
from caudal.providers.truelayer.errors import FEATURE_OFF, LINK_AGAIN, Refusal, error_for
from caudal.providers.truelayer.normalise import (
    Read,
    account_seen,
    balances_seen,
    card_seen,
    country_of,
    instant_of,
    movements_seen,
)
from caudal.providers.truelayer.payloads import Account, Balance, Card, Me, Results, Transaction
from caudal.providers.truelayer.signs import Sign, sampled, told_of
from caudal.providers.truelayer.tokens import LINKED, Tokens

OVERLAP: Final = timedelta(days=30)
"""Read again each time: late postings come up to two weeks late (contract, §4.5), and what pends may be older."""
UNATTENDED: Final = timedelta(days=89)
"""Older history needs the person at the bank (sca_exceeded beyond 90 days)."""
OFF_FOR: Final = timedelta(days=30)
TRIES_MAX: Final = 3
"""Windows tried for one account in one pull: the bank bears four calls a day."""
_MONTH: Final = timedelta(days=30)

_SHRINK: Final = frozenset({"invalid_date_range", "connector_timeout", "provider_timeout"})
_PASSING: Final = (RateLimited, Unavailable, NotReady, Malformed)
"""What keeps one question from being answered, and not the next."""

_Kind = Literal["accounts", "cards"]


class _AccountGoneError(Exception):
    """The bank doesn't know the account any more."""


class _Settled(NamedTuple):
    """Settled movements from `start`, having asked for those from `asked` on."""

    reads: list[Read]
    bad: list[Unreadable]
    asked: date
    start: date


async def pull(
    client: TrueLayerClient, access: Access, cursor: Cursor, clock: Clock, config: TrueLayerConfig
) -> AsyncGenerator[Page, None]:
    """The connection's pages after `cursor`: its accounts, then a page for each.

    Raises the ProviderError family; NeedsUser with its day where the consent is over.
    """
    course = _Course(client, access, Standing.read(cursor), clock, config)
    await course.identify()
    introduction, accounts = await course.introduction()
    yield introduction
    for place, (kind, seen) in enumerate(accounts):
        yield await course.account(kind, seen, more=place + 1 < len(accounts))
    if course.failure is not None:
        raise course.failure


class _Course:
    """A pull under way."""

    def __init__(
        self,
        client: TrueLayerClient,
        access: Access,
        standing: Standing,
        clock: Clock,
        config: TrueLayerConfig,
    ) -> None:
        self._tokens = Tokens(client, access, clock)
        self._config = config
        self._clock = clock
        self._linked = access.secrets.get(LINKED, b"").decode("ascii", "replace")
        self._bank_id = access.institution
        self._bank: str | None = None
        self._scopes: frozenset[str] = frozenset()
        self.standing = standing
        self.failure: ProviderError | None = None

    @property
    def _country(self) -> str:
        return country_of(self._bank_id)

    @property
    def _today(self) -> date:
        """The bank's day, or UTC's where that is earlier: by which of them a range may not end later isn't told [?]."""
        now = self._clock.now()
        return min(day_at(now, self._country), now.date())

    async def identify(self) -> None:
        """Whose consent this is. Raises NeedsUser where it is over."""
        answer = await self._tokens.ask("me", "me")
        if isinstance(answer, Refusal):
            raise error_for(answer)
        told, bad = read_all(answer.results, Me, "truelayer me")
        if not told:
            raise Malformed("truelayer me: answer", bad[0].why if bad else "nobody in it")
        me = told[0][0]
        ends = instant_of(me.consent_expires_at)
        if ends is not None and ends <= self._clock.now():
            raise NeedsUser(f"the bank's consent ended on {ends:%Y-%m-%d}", action=LINK_AGAIN)
        if me.provider is not None:
            self._bank_id, self._bank = me.provider.provider_id, me.provider.display_name
        self._scopes = frozenset(me.scopes)

    async def introduction(self) -> tuple[Page, list[tuple[_Kind, AccountSeen]]]:
        """Which accounts there are, and which are no more."""
        accounts = await self._listed("accounts")
        cards = await self._listed("cards")
        if accounts is None and cards is None:
            raise self.failure or NeedsUser("the bank shows neither accounts nor cards", action=LINK_AGAIN)
        told, bad = read_all(accounts or (), Account, "truelayer accounts")
        told_cards, bad_cards = read_all(cards or (), Card, "truelayer cards")
        seen: list[tuple[_Kind, AccountSeen]] = [
            ("accounts", account_seen(each, self._bank)) for each, _ in told
        ]
        seen += [("cards", card_seen(each, self._bank)) for each, _ in told_cards]
        changes: list[Change] = [each for _, each in seen]
        bad += bad_cards
        there = {each.ref for _, each in seen}
        for cards_too, listed in ((False, accounts), (True, cards)):
            gone = self.standing.of(cards=cards_too) - there
            if gone and listed is None:
                what = "cards" if cards_too else "accounts"
                told_why = f"the bank shows the connection's {what} no more"
                self.failure = self.failure or NeedsUser(told_why, action=LINK_AGAIN)
            elif not bad:  # else the one that seems to be missing may be one that can't be read
                changes += [AccountGone(ref) for ref in sorted(gone)]
                self.standing = self.standing.without(gone)
        for kind, each in seen:
            known = self.standing.accounts.get(each.ref, Known())
            self.standing = self.standing.knowing(
                each.ref, msgspec.structs.replace(known, card=kind == "cards")
            )
        return Page(changes, self.standing.cursor(), bool(seen), unreadable=bad), seen

    async def account(self, kind: _Kind, seen: AccountSeen, *, more: bool) -> Page:
        """What there is of one account."""
        path = f"{kind}/{quote(seen.ref, safe='')}"
        try:
            balance = await self._asked(f"{path}/balance", "balance", "balance")
            settled = await self._settled(path, seen)
            pending = await self._asked(f"{path}/transactions/pending", "pending", "transactions")
        except _AccountGoneError:
            self.standing = self.standing.without({seen.ref})
            return Page([AccountGone(seen.ref)], self.standing.cursor(), more)
        waiting, unread = _reads(pending, f"{path}/transactions/pending", Status.PENDING, seen.ref)
        if settled is not None:
            unread += settled.bad
        sign = self._sign(kind, seen.ref, [*(settled.reads if settled else ()), *waiting])
        movements, bad = movements_seen(settled.reads if settled else (), waiting, seen, self._country, sign)
        changes: list[Change] = [*movements]
        unread += bad
        windows: list[Window] = []
        if settled is not None:
            whole = not unread and (pending is not None or self._is_off(f"{path}/transactions/pending"))
            holds = frozenset(each.id for each in movements)
            windows.append(Window(seen.ref, settled.start, self._today, holds if whole else None))
            self._read_to(seen.ref, settled.asked, whole=whole)
        self._add_balance(balance, seen, path, changes, unread)
        return Page(changes, self.standing.cursor(), more, windows, unread)

    async def _listed(self, kind: _Kind) -> Sequence[msgspec.Raw] | None:
        """The records of /accounts or /cards, none where the bank hasn't this kind; None where it doesn't say."""
        if self._scopes and kind not in self._scopes:
            return None
        answer = await self._asked(kind, kind, kind)
        return None if answer is None else answer.results

    async def _settled(self, path: str, seen: AccountSeen) -> _Settled | None:
        """Settled movements, as far back as is wanted and given; None where the bank doesn't give them now."""
        path = f"{path}/transactions"
        if self._off(path, "transactions"):
            return None
        known = self.standing.accounts.get(seen.ref, Known())
        starts = self._starts(known)
        today = self._today
        for number, start in enumerate(starts, 1):
            query = {"from": start.isoformat(), "to": today.isoformat()}
            answer = await self._tried(path, "transactions", query)
            if isinstance(answer, Results):
                reads, bad = _reads(answer, path, Status.BOOKED, seen.ref)
                return _Settled(reads, bad, start, self._told_from(start, reads))
            if answer is None:
                return None
            narrower = answer.code in _SHRINK or answer.code == "sca_exceeded"
            if number == len(starts) or not narrower:
                self._judged(path, answer)
                return None
        return None

    def _read_to(self, ref: SourceRef, asked: date, *, whole: bool) -> None:
        """Days that weren't read wholly are read again the next time: from the first of them on."""
        known = self.standing.accounts.get(ref, Known())
        until = self._today if whole else asked + OVERLAP
        self.standing = self.standing.knowing(
            ref, msgspec.structs.replace(known, until=until, deep=self._linked)
        )

    def _starts(self, known: Known) -> list[date]:
        """Where windows begin, the widest first. All of it where the person has just been at the bank."""
        today, nearest = self._today, self._today - UNATTENDED
        if known.until is not None and known.deep == self._linked:
            start = known.until - OVERLAP
            return [start] if start >= nearest else [start, nearest]
        wide = [today - months * _MONTH for months in self._config.history_months]
        return [*[start for start in wide if start < nearest][: TRIES_MAX - 1], nearest]

    def _told_from(self, start: date, reads: Sequence[Read]) -> date:
        """From which day on a window holds everything. Of older days a bank may have told less than it was asked for
        without saying so: then from the day after the first it told of."""
        nearest = self._today - UNATTENDED
        if start >= nearest:
            return start
        days = [told for read in reads if (told := _day(read)) is not None]
        return min(nearest, min(days) + timedelta(days=1)) if days else nearest

    def _sign(self, kind: _Kind, ref: SourceRef, reads: Sequence[Read]) -> Sign:
        if kind == "accounts":
            return Sign.OWNED
        known = self.standing.accounts.get(ref, Known())
        found = told_of(self._bank_id, "amounts", self._config.card_signs) or known.sign
        found = found or sampled((read.told.transaction_type, read.told.amount) for read in reads)
        if found is not None and found is not known.sign:
            self.standing = self.standing.knowing(ref, msgspec.structs.replace(known, sign=found))
        return found or Sign.OWED

    def _add_balance(
        self,
        answer: Results | None,
        seen: AccountSeen,
        path: str,
        changes: list[Change],
        unread: list[Unreadable],
    ) -> None:
        """The balances. Where movements can't be had they are values: no evidence."""
        if answer is None:
            return
        told, bad = read_all(answer.results, Balance, f"{path}/balance", seen.ref)
        unread += bad
        sign = told_of(self._bank_id, "balances", self._config.card_balance_signs) or Sign.OWED
        proves = not self._off(f"{path}/transactions", "transactions")
        for each, raw in told:
            for figure in balances_seen(each, raw, seen, self._today, sign):
                if isinstance(figure, Unreadable):
                    unread.append(figure)
                elif figure.kind is BalanceKind.BOOKED and not proves:
                    changes.append(_as_value(figure))
                else:
                    changes.append(figure)

    async def _asked(self, path: str, operation: str, scope: str) -> Results | None:
        """The answer, None where there is none to be had now: `failure` says why, or the feature is off."""
        if self._off(path, scope):
            return None
        answer = await self._tried(path, operation)
        if isinstance(answer, Refusal):
            self._judged(path, answer)
            return None
        return answer

    async def _tried(
        self, path: str, operation: str, query: dict[str, str] | None = None
    ) -> Results | Refusal | None:
        try:
            return await self._tokens.ask(path, operation, query)
        except _PASSING as error:
            self.failure = self.failure or error
            return None

    def _judged(self, path: str, refusal: Refusal) -> None:
        """What a refusal of one question means for the pull. Raises what ends it."""
        if refusal.code == "account_not_found":
            raise _AccountGoneError
        if refusal.code in FEATURE_OFF:
            self.standing = self.standing.switching_off(path, self._today + OFF_FOR, self._today)
            return
        error = error_for(refusal)
        if refusal.code != "sca_exceeded" and not isinstance(error, _PASSING):
            raise error
        self.failure = self.failure or error

    def _off(self, path: str, scope: str) -> bool:
        return self._is_off(path) or bool(self._scopes and scope not in self._scopes)

    def _is_off(self, path: str) -> bool:
        until = self.standing.off.get(path)
        return until is not None and self._today < until


def _reads(
    answer: Results | None, where: str, status: Status, ref: SourceRef
) -> tuple[list[Read], list[Unreadable]]:
    told, bad = read_all(answer.results if answer else (), Transaction, where, ref)
    return [Read(each, raw, f"{where}[{place}]", status) for place, (each, raw) in enumerate(told)], bad


def _day(read: Read) -> date | None:
    try:
        return date.fromisoformat(read.told.timestamp[:10])
    except ValueError:
        return None


def _as_value(figure: BalanceSeen) -> BalanceSeen:
    return msgspec.structs.replace(figure, kind=BalanceKind.VALUE)
