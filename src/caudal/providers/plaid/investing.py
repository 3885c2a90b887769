"""Pulling investments: movements by date, for they have no cursor; then the positions (Plaid docs, Investments)."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from datetime import date, timedelta
from typing import Any, Final, TypeVar

import msgspec

from caudal.model.changes import Page, SourceRef, Window
from caudal.providers.plaid.accounts import Moment, balances_seen, invests
from caudal.providers.plaid.answers import Compact, Decoder
from caudal.providers.plaid.course import (
    INVESTMENTS,
    Course,
    ProductOffError,
    digest,
    investments_at,
    transactions_at,
)
from caudal.providers.plaid.errors import PRODUCT_OFF, Refusal, error_for
from caudal.providers.plaid.investments import read_holdings, read_movements
from caudal.providers.plaid.normalise import Reading
from caudal.providers.plaid.payloads import HoldingsAnswer, InvestmentsAnswer, ItemAnswer

T = TypeVar("T")

PAGE_RECORDS_MAX: Final = 500
ROUNDS_MAX: Final = 3
"""How often the movements are read again because rows shifted, or because Plaid went to the broker meanwhile."""
HISTORY: Final = timedelta(days=730)
"""Plaid keeps 24 months."""
LOOK_BACK: Final = timedelta(days=90)
"""Asked for anew each time, for nothing says what changed (Plaid docs, Investments: transactions)."""


async def investment_pages(course: Course) -> AsyncGenerator[Page, None]:
    """The investment accounts' movements and positions, if Plaid has been at the broker since they were last told.

    A login that hasn't the product, or doesn't share it, is not asked again until its accounts or consents change.
    """
    refs = sorted(ref for ref, known in course.standing.accounts.items() if known.invests)
    if not refs:
        return
    answer = course.last_item or await course.item()
    updated = investments_at(answer.status)
    if await course.is_off(INVESTMENTS):
        return
    if updated is not None and updated.isoformat() == course.standing.invested:
        return
    try:
        async with aclosing(_Investing(course, refs).pages(answer)) as pages:
            async for page in pages:
                yield page
    except ProductOffError:
        yield await course.switch_off(INVESTMENTS)


class _Investing:
    """One pull of an Item's investments."""

    def __init__(self, course: Course, refs: list[SourceRef]) -> None:
        self._course = course
        self._refs = refs
        self._complete = False
        self._met: set[str] = set()
        self._unread = False

    async def pages(self, answer: ItemAnswer) -> AsyncGenerator[Page, None]:
        """The movements, then the positions. The cash among these counts exactly the movements if all of them could be
        read and Plaid did not go to the broker between the two."""
        course, rounds = self._course, 0
        while True:
            rounds += 1
            before = investments_at(answer.status)
            end = course.today(before, transactions_at(answer.status)).date()
            start = self._start(end)
            async with aclosing(self._movements(start, end)) as movements:
                async for page in movements:
                    yield page
            holdings = await self._get("investments/holdings/get", {}, _HOLDINGS)
            answer = await course.item()
            updated = investments_at(answer.status)
            settled = self._complete and (before is None or updated == before)
            if settled or rounds == ROUNDS_MAX:
                break
        mark = updated.isoformat() if updated else digest([*holdings.holdings, *holdings.securities])
        if mark == course.standing.invested:
            return
        patient = course.standing.patient(INVESTMENTS)
        trusted = settled and not (self._unread and patient)
        reading = self._positions(holdings, course.moment(updated), settled=trusted)
        unread = self._unread or reading.unread
        course.standing = course.standing.noting(INVESTMENTS, unread=unread)
        if settled and not (unread and patient):
            course.standing = msgspec.structs.replace(
                course.standing, invested=mark, invested_to=end.isoformat()
            )
        whole = settled and not self._unread
        held = frozenset(self._met)
        windows = [Window(ref, start, end, held) for ref in self._refs] if whole else ()
        yield course.page(reading, windows=windows)

    async def _movements(self, start: date, end: date) -> AsyncGenerator[Page, None]:
        """The movements from `start` to `end`, newest first. A row that comes or goes meanwhile shifts all after it: then
        they are read again.

        Each page begins with the row that the one before ended with. So as many different rows are met as there are
        if that row is where it was, and more or fewer if the rows shifted.
        """
        for _ in range(ROUNDS_MAX):
            met = self._met = set()
            offset, ended = 0, False
            self._unread = False
            while not ended:
                answer = await self._get(
                    "investments/transactions/get", _span(start, end, offset), _MOVEMENTS
                )
                total, reading = answer.total_investment_transactions, Reading()
                self._course.see(answer.accounts, "investments/transactions/get", reading)
                names = read_movements(answer.investment_transactions, self._course.currencies, reading)
                await self._course.name_strangers(reading)
                yield self._course.page(reading)
                self._unread = self._unread or reading.unread
                met.update(names)
                ended = offset + len(names) >= total or len(names) < 2
                offset += len(names) - 1
                self._complete = ended and len(met) == total
            if self._complete:
                return

    def _start(self, end: date) -> date:
        """The day to read from: at first all there is, then what may have changed since the last time."""
        earliest, last = end - HISTORY, self._course.standing.invested_to
        if not last:
            return earliest
        return max(earliest, min(end, date.fromisoformat(last)) - LOOK_BACK)

    def _positions(self, answer: HoldingsAnswer, moment: Moment, *, settled: bool) -> Reading:
        reading = Reading()
        for account in self._course.see(answer.accounts, "investments/holdings/get", reading):
            if invests(account):
                for told in balances_seen(account, moment, settled=settled):
                    reading.add(told)
        currencies = self._course.currencies
        read_holdings(answer, currencies, self._refs, moment, reading, settled=settled)
        return reading

    async def _get(self, operation: str, fields: Mapping[str, Any], decoder: Decoder[T]) -> T:
        answer = await self._course.ask(operation, fields, decoder)
        if not isinstance(answer, Refusal):
            return answer
        if answer.error.error_code in PRODUCT_OFF:
            raise ProductOffError
        raise error_for(answer)


def _span(start: date, end: date, offset: int) -> Mapping[str, Any]:
    return {
        "start_date": start.isoformat(),
        "end_date": end.isoformat(),
        "options": {"count": PAGE_RECORDS_MAX, "offset": offset},
    }


_HOLDINGS: Final = Compact(HoldingsAnswer)
_MOVEMENTS: Final = Compact(InvestmentsAnswer)
