"""The simulated world: who lives in it, their accounts, and a clock that moves only when told to.

Everything visible is a function of the seed and the instant: looking, or the steps in which the clock was moved,
changes nothing. Nothing is made before someone looks at it.

Two things come from outside. A *guest* is a holder whose life is scripted instead of drawn (`admit`). A *deed* is
something done to an account while the clock stands still (`authorise`, `settle`, `release`, `book`, `amend`): it
takes a moment, so it happens a microsecond after now, and the clock moves there. Instants strictly grow, and what was
visible before never changes. Lives take no notice of deeds: they go on as they would have.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final

from caudal_sandbox.economy import deeds
from caudal_sandbox.economy.accounts import Account
from caudal_sandbox.economy.countries import CountryCode
from caudal_sandbox.economy.history import Chronicle
from caudal_sandbox.economy.holders import Holder, HolderKind, make_holder
from caudal_sandbox.economy.institutions import INSTITUTIONS, Institution
from caudal_sandbox.economy.journal import Journal
from caudal_sandbox.economy.lives import Day, Habit, drawn_habits, live
from caudal_sandbox.economy.markets import Market
from caudal_sandbox.economy.merchants import Merchant
from caudal_sandbox.economy.movements import AccountId, Event, Movement, MovementId
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
        self._scripts: dict[str, Callable[[Holder], list[Habit]]] = {}
        self._chronicles: dict[str, Chronicle] = {}
        self._journal = Journal()
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

    def admit(self, holder: Holder, habits: Callable[[Holder], list[Habit]]) -> Holder:
        """Let `holder` live here by habits of its own: a new list at each call, the same for the same holder. The one
        that is there already where the name is known. From then on the truth tells it too, its past included.

        Its accounts may stand at any institution of its country, also at one nobody else knows. Raises ValueError
        where they stand elsewhere or bear another's name, or for a name that belongs to someone drawn.
        """
        known = self._holders.get(holder.name)
        if known is not None and holder.name not in self._scripts:
            raise ValueError(f"{holder.name} lives here already, and not by a script")
        if known is not None:
            return known
        _check_name(holder.name)
        for account in holder.accounts:
            if account.holder != holder.name or account.id.partition(":")[0] != holder.name:
                raise ValueError(f"{account.id} isn't an account of {holder.name}")
            if account.institution.country is not holder.country:
                raise ValueError(
                    f"{account.id} is in {account.institution.country}, its holder in {holder.country}"
                )
        self._scripts[holder.name] = habits
        self._holders[holder.name] = holder
        return holder

    def holder(self, name: str) -> Holder | None:
        """Whoever of that name is here; None where nobody is. Calls nobody in."""
        return self._holders.get(name)

    def is_guest(self, holder: Holder) -> bool:
        """Whether `holder`'s life is scripted."""
        return holder.name in self._scripts

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
        chronicle = self._chronicle_of(account)
        return AccountView(chronicle.histories[account], chronicle, self.market, self.begins, self.moment)

    def accounts(self, holder: Holder) -> list[AccountView]:
        """All accounts of one holder, to look at."""
        return [self.account(account.id) for account in holder.accounts]

    def days(self, holder: Holder) -> Iterator[Day]:
        """`holder`'s life day by day, without end and without being kept: for reading more than memory holds. Each day
        with the deeds that are done by the time it is drawn.
        """
        script = self._scripts.get(holder.name)
        habits = drawn_habits(holder, self.seed, self.market) if script is None else script(holder)
        return self._journal.told(holder, live(holder, habits, self.seed, self.begins))

    def moment(self, as_of: datetime | None) -> datetime:
        """`as_of`, or now where it is None. Raises ValueError for an instant the clock hasn't reached."""
        if as_of is None:
            return self._now
        if as_of > self._now:
            raise ValueError(f"{as_of} is yet to come: the clock stands at {self._now}")
        return as_of

    def deeds(self, holder: Holder) -> Sequence[Event]:
        """Everything done to `holder`'s accounts from outside, in order."""
        return self._journal.of(holder)

    def authorise(
        self,
        account: AccountId,
        minor: int,
        text: str,
        *,
        on: date | None = None,
        merchant: Merchant | None = None,
    ) -> Movement:
        """`minor` (signed) shows as pending from now until someone settles or releases it. `on`: the bank's day on
        which it was authorised, up to `DAYS_BACK_MAX` days back; None: today. Raises KeyError for an account nobody
        holds, ValueError for a day the bank doesn't take.
        """
        terms = self.account(account).terms
        ident = self._journal.next_id(terms)
        return self._write(
            terms, deeds.authorised(terms, ident, minor, text, self._next, on=on, merchant=merchant)
        )

    def settle(self, movement: MovementId, *, minor: int | None = None, on: date | None = None) -> Movement:
        """What `authorise` made books now, with another amount where `minor` is given. `on`: as of which of the bank's
        days; None: today. Raises KeyError for a movement nobody made, ValueError where it isn't pending or is life's,
        or for a day the bank doesn't take.
        """
        terms, last = self._open(movement)
        return self._write(terms, deeds.settled(terms, last, minor, self._next, on=on))

    def release(self, movement: MovementId) -> Movement:
        """What `authorise` made lapses now. Raises as `settle` does."""
        terms, last = self._open(movement)
        return self._write(terms, deeds.released(last, self._next))

    def book(
        self,
        account: AccountId,
        minor: int,
        text: str,
        *,
        on: date | None = None,
        authorized_on: date | None = None,
        merchant: Merchant | None = None,
    ) -> Movement:
        """`minor` (signed) is booked now and was never pending. `on`: as of which of the bank's days; None: today.
        `authorized_on`: when it was paid; None: on that day. Balances move now, whatever the days. Raises as
        `authorise` does.
        """
        terms = self.account(account).terms
        ident = self._journal.next_id(terms)
        deed = deeds.booked(
            terms, ident, minor, text, self._next, on=on, authorized_on=authorized_on, merchant=merchant
        )
        return self._write(terms, deed)

    def amend(self, movement: MovementId, minor: int) -> Movement:
        """The bank changes the amount of what is pending or booked now, a deed's or life's; balances move by the
        difference. What life holds and changes so still books as life meant it to. Raises KeyError for a movement
        nobody has seen, ValueError where it expired.
        """
        terms, last = self._standing(movement)
        return self._write(terms, deeds.amended(last, minor, self._next))

    @property
    def _next(self) -> datetime:
        """When the next deed happens."""
        return self._now + datetime.resolution

    def _open(self, movement: MovementId) -> tuple[Account, Event]:
        terms, last = self._standing(movement)
        if self._journal.last(movement) is None:
            raise ValueError(f"{movement} is life's own, which settles and releases it when its time comes")
        return terms, last

    def _standing(self, movement: MovementId) -> tuple[Account, Event]:
        """The account of `movement`, and how it stands when the next deed happens."""
        account = AccountId(movement.rpartition(":")[0])
        chronicle = self._chronicle_of(account)
        history = chronicle.histories[account]
        last = self._journal.last(movement)
        if last is None:
            chronicle.reach(self._next)
            last = history.last(movement, self._next)
        if last is None:
            raise KeyError(f"no bank has shown a movement {movement}")
        return history.account, last

    def _write(self, account: Account, deed: Event) -> Movement:
        self.advance_to(deed.at)
        self._journal.write(account, deed)
        chronicle = self._chronicles.get(account.holder)
        if chronicle is not None:
            chronicle.note(deed, self._journal.retold)
        return deed.movement

    def _chronicle_of(self, account: AccountId) -> Chronicle:
        name = account.partition(":")[0]
        holder = self._holders.get(name)
        if holder is None or all(account != each.id for each in holder.accounts):
            raise KeyError(f"nobody here holds the account {account}")
        if name not in self._chronicles:
            self._chronicles[name] = Chronicle(holder, self.days(holder))
        return self._chronicles[name]

    def _holder(self, kind: HolderKind, name: str, country: CountryCode | None) -> Holder:
        known = self._holders.get(name)
        if known is not None and known.kind is kind and country in {None, known.country}:
            return known
        if known is not None:
            raise ValueError(f"{name} is a {known.kind} of {known.country} already")
        _check_name(name)
        self._holders[name] = make_holder(self.seed, kind, name, self.begins, country)
        return self._holders[name]


def _check_name(name: str) -> None:
    if not name or ":" in name:
        raise ValueError(f"a name is some text without a colon, not {name!r}")
