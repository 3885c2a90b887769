"""What really happened on an account, and what its bank said: what a ledger is held against."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from hypothesis import strategies as st

from caudal.matching.proof import Anchor
from caudal.model.money import EXACT

FIRST = date(2026, 3, 1)
Booking = tuple[date, Decimal]


def day(number: int) -> date:
    return FIRST + timedelta(number)


def daily(bookings: Iterable[Booking]) -> list[Booking]:
    """Bookings as `prove` takes them: one sum a day, days ascending."""
    sums: defaultdict[date, Decimal] = defaultdict(Decimal)
    for booked_on, amount in bookings:
        sums[booked_on] = EXACT.add(sums[booked_on], amount)
    return sorted(sums.items())


def sum_of(amounts: Sequence[Decimal]) -> Decimal:
    total = Decimal(0)
    for amount in amounts:
        total = EXACT.add(total, amount)
    return total


amounts = st.integers(-(10**30) + 1, 10**30 - 1).filter(bool).map(
    lambda units: EXACT.scaleb(Decimal(units), -2)
) | st.integers(-300, 300).filter(bool).map(lambda units: Decimal(units).scaleb(-2))


@dataclass(frozen=True)
class Life:
    """What really happened on an account, and at the end of which days the bank said what stood on it."""

    opening: Decimal
    bookings: list[Booking]
    told_on: list[date]

    @property
    def anchors(self) -> list[Anchor]:
        return [Anchor(told, self.balance(told)) for told in self.told_on]

    def balance(self, at: date) -> Decimal:
        return sum_of([self.opening, *(amount for booked_on, amount in self.bookings if booked_on <= at)])

    def provable(self) -> list[int]:
        """The bookings that lie between two told balances."""
        return [
            place
            for place, (booked_on, _) in enumerate(self.bookings)
            if self.told_on[0] < booked_on <= self.told_on[-1]
        ]

    def agreed_before(self, at: date) -> date:
        return max(told for told in self.told_on if told < at)


@st.composite
def lives(draw: st.DrawFn) -> Life:
    told_on = sorted(draw(st.sets(st.integers(0, 12), min_size=2, max_size=6)))
    bookings = draw(st.lists(st.tuples(st.integers(-2, 14).map(day), amounts), max_size=12))
    return Life(draw(amounts), bookings, [day(number) for number in told_on])
