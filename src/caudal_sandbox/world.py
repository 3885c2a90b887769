"""The simulated world: who lives in it, their accounts, and a clock that moves only when told to.

Everything visible is a function of the seed and the instant: looking, or the steps in which the clock was moved,
changes nothing. Nothing is made before someone looks at it.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Final

from caudal_sandbox.economy.countries import CountryCode
from caudal_sandbox.economy.history import Chronicle
from caudal_sandbox.economy.holders import Holder, HolderKind, make_holder
from caudal_sandbox.economy.institutions import INSTITUTIONS, Institution
from caudal_sandbox.economy.lives import Day, live
from caudal_sandbox.economy.markets import Market
from caudal_sandbox.economy.movements import AccountId
from caudal_sandbox.economy.view import AccountView

BEGINS: Final = date(2024, 1, 1)
NOW: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)
"""By default the clock stands two years after the beginning: as much history as any provider gives."""

YEARS_MAX: Final = 20
"""How far the clock may go beyond the beginning: the bound on what anyone can ask the world to live through."""


class World:
    """`people` and `firms` of it are there from the start, in all its countries in turn; more can be called in by
    name. `begins`: the first day of every life. `now` (aware): where the clock stands.
    """

    def __init__(
        self,
        seed: int = 1,
        *,
        people: int = 10,
        firms: int = 2,
        begins: date = BEGINS,
        now: datetime = NOW,
    ) -> None:
        self.seed = seed
        self.begins = begins
        self.market = Market(seed, begins)
        self._now = datetime(begins.year, begins.month, begins.day, tzinfo=UTC)
        self._last = self._now + timedelta(days=366 * YEARS_MAX)
        self._holders: dict[str, Holder] = {}
        self._chronicles: dict[str, Chronicle] = {}
        self.advance_to(now)
        countries = tuple(CountryCode)
        for number in range(people):
            self.person(f"person-{number + 1}", countries[number % len(countries)])
        for number in range(firms):
            self.firm(f"firm-{number + 1}", countries[number % len(countries)])

    @property
    def now(self) -> datetime:
        """Where the clock stands, in UTC."""
        return self._now

    def advance(self, *, days: int = 0, hours: int = 0, minutes: int = 0) -> datetime:
        """Move the clock on; the new now. Raises ValueError for a step back."""
        return self.advance_to(self._now + timedelta(days=days, hours=hours, minutes=minutes))

    def advance_to(self, instant: datetime) -> datetime:
        """Move the clock on to an aware instant; the new now. Raises ValueError for one in the past."""
        if instant.tzinfo is None:
            raise ValueError(f"{instant} names no zone: the world's clock needs an instant")
        if instant < self._now:
            raise ValueError(f"the clock stands at {self._now} and can't go back to {instant}")
        if instant > self._last:
            raise ValueError(f"{instant} is beyond {self._last}, {YEARS_MAX} years after the world began")
        self._now = instant.astimezone(UTC)
        return self._now

    def person(self, name: str, country: CountryCode | None = None) -> Holder:
        """The person of that name: always the same one under one seed. `country` where it shall not be drawn."""
        return self._holder(HolderKind.PERSON, name, country)

    def firm(self, name: str, country: CountryCode | None = None) -> Holder:
        """The firm of that name: always the same one under one seed. `country` where it shall not be drawn."""
        return self._holder(HolderKind.FIRM, name, country)

    @property
    def holders(self) -> tuple[Holder, ...]:
        """Everybody there is, in the order in which they came."""
        return tuple(self._holders.values())

    @property
    def institutions(self) -> tuple[Institution, ...]:
        """Every bank and broker, the same in every world."""
        return INSTITUTIONS

    def account(self, account: AccountId) -> AccountView:
        """The account of that id, to look at. Raises KeyError where nobody here holds it."""
        name = account.partition(":")[0]
        if name not in self._holders:
            raise KeyError(f"nobody here holds the account {account}")
        if name not in self._chronicles:
            self._chronicles[name] = Chronicle(self._holders[name], self.seed, self.begins, self.market)
        chronicle = self._chronicles[name]
        return AccountView(chronicle.histories[account], chronicle, self.market, self.begins, self.moment)

    def accounts(self, holder: Holder) -> list[AccountView]:
        """All accounts of one holder, to look at."""
        return [self.account(account.id) for account in holder.accounts]

    def days(self, holder: Holder) -> Iterator[Day]:
        """`holder`'s life day by day, without end and without being kept: for reading more than memory holds."""
        return live(holder, self.seed, self.begins, self.market)

    def moment(self, as_of: datetime | None) -> datetime:
        """`as_of`, or now where it is None. Raises ValueError for an instant the clock hasn't reached."""
        if as_of is None:
            return self._now
        if as_of > self._now:
            raise ValueError(f"{as_of} is yet to come: the clock stands at {self._now}")
        return as_of

    def _holder(self, kind: HolderKind, name: str, country: CountryCode | None) -> Holder:
        known = self._holders.get(name)
        if known is not None and known.kind is kind and country in {None, known.country}:
            return known
        if known is not None:
            raise ValueError(f"{name} is a {known.kind} of {known.country} already")
        if not name or ":" in name:
            raise ValueError(f"a name is some text without a colon, not {name!r}")
        self._holders[name] = make_holder(self.seed, kind, name, self.begins, country)
        return self._holders[name]
