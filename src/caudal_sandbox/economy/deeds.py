"""What someone does to an account while the clock stands still: a payment authorised, settled, released or booked, an
amount changed. Each function gives the event that tells it; nothing is written here.

A bank takes in what happened up to `DAYS_BACK_MAX` days ago and nothing that is yet to come. The days are the bank's.
"""

from datetime import date, datetime, timedelta
from typing import Final

from msgspec.structs import replace

from caudal_sandbox.economy.accounts import Account
from caudal_sandbox.economy.clearing import instant
from caudal_sandbox.economy.merchants import Business, Channel, Merchant
from caudal_sandbox.economy.movements import NEVER, Event, Kind, Movement, MovementId, Rail, State

DAYS_BACK_MAX: Final = 14
"""As far back as Plaid's ``/sandbox/transactions/create`` lets a transaction be dated."""

_NOON: Final = 12 * 60
_KIND: Final = {
    Business.GROCER: Kind.GROCERIES,
    Business.CAFE: Kind.COFFEE,
    Business.TRANSIT: Kind.TRANSIT,
    Business.FUEL: Kind.FUEL,
    Business.RESTAURANT: Kind.RESTAURANT,
    Business.HOTEL: Kind.HOTEL,
    Business.STREAMING: Kind.SUBSCRIPTION,
    Business.SOFTWARE: Kind.SUBSCRIPTION,
    Business.ENERGY: Kind.UTILITY,
    Business.PHONE: Kind.PHONE,
    Business.WHOLESALE: Kind.SUPPLIES,
}


def authorised(
    account: Account,
    ident: MovementId,
    minor: int,
    text: str,
    at: datetime,
    *,
    on: date | None,
    merchant: Merchant | None,
) -> Event:
    """`minor` shows as pending from the instant `at`, until it is settled or released. Raises ValueError for a day
    `on` that the bank doesn't take."""
    today = bank_day(account, at)
    authorized_on = _within(account, today, today if on is None else on, "authorised")
    movement = Movement(
        id=ident,
        account=account.id,
        currency=account.currency,
        kind=kind_of(minor, merchant),
        rail=Rail.CARD,
        held_minor=minor,
        settled_minor=0,
        occurred_at=_occurred_at(account, authorized_on, at),
        pending_from=at,
        ends_at=NEVER,
        authorized_on=authorized_on,
        booked_on=None,
        held_text=text,
        text=text,
        merchant=merchant,
        channel=merchant.channel if merchant else Channel.OTHER,
    )
    return Event(at, State.PENDING, movement)


def booked(
    account: Account,
    ident: MovementId,
    minor: int,
    text: str,
    at: datetime,
    *,
    on: date | None,
    authorized_on: date | None,
    merchant: Merchant | None,
) -> Event:
    """`minor` is on the account at once, as of the day `on`. Raises ValueError for days that the bank doesn't take."""
    today = bank_day(account, at)
    booked_on = _within(account, today, today if on is None else on, "booked")
    paid_on = _within(account, today, booked_on if authorized_on is None else authorized_on, "authorised")
    _in_order(paid_on, booked_on)
    movement = Movement(
        id=ident,
        account=account.id,
        currency=account.currency,
        kind=kind_of(minor, merchant),
        rail=Rail.CARD if merchant else Rail.INSTANT,
        held_minor=minor,
        settled_minor=minor,
        occurred_at=_occurred_at(account, paid_on, at),
        pending_from=None,
        ends_at=at,
        authorized_on=paid_on,
        booked_on=booked_on,
        held_text=text,
        text=text,
        merchant=merchant,
        channel=merchant.channel if merchant else Channel.OTHER,
    )
    return Event(at, State.BOOKED, movement)


def settled(account: Account, last: Event, minor: int | None, at: datetime, *, on: date | None) -> Event:
    """What is pending books, with another amount where `minor` is given. Raises ValueError where it isn't pending, or
    for a day `on` that the bank doesn't take."""
    held = _pending(last, "settled")
    today = bank_day(account, at)
    booked_on = _within(account, today, today if on is None else on, "booked")
    _in_order(held.authorized_on, booked_on)
    settled_minor = held.held_minor if minor is None else minor
    return Event(
        at, State.BOOKED, replace(held, settled_minor=settled_minor, ends_at=at, booked_on=booked_on)
    )


def released(last: Event, at: datetime) -> Event:
    """What is pending lapses. Raises ValueError where it isn't pending."""
    return Event(at, State.EXPIRED, replace(_pending(last, "released"), ends_at=at))


def amended(last: Event, minor: int, at: datetime) -> Event:
    """What is pending or booked stays so with another amount. Raises ValueError where it is neither."""
    match last.state:
        case State.PENDING:
            changed = replace(last.movement, held_minor=minor)
        case State.BOOKED:
            changed = replace(last.movement, settled_minor=minor)
        case _:
            raise ValueError(f"{last.movement.id} is {last.state}: only what is pending or booked can change")
    return Event(at, last.state, changed, last.movement)


def kind_of(minor: int, merchant: Merchant | None) -> Kind:
    """What it is likely about, where nobody says: the merchant's trade, else a purchase or money from a friend."""
    if merchant is not None:
        return Kind.REFUND if minor > 0 else _KIND.get(merchant.business, Kind.SHOPPING)
    return Kind.FRIENDS if minor > 0 else Kind.SHOPPING


def bank_day(account: Account, at: datetime) -> date:
    """The day that the account's bank writes at the instant `at`."""
    return at.astimezone(account.institution.land.zone).date()


def _pending(last: Event, wanted: str) -> Movement:
    if last.state is not State.PENDING:
        raise ValueError(f"{last.movement.id} is {last.state} already: only what is pending can be {wanted}")
    return last.movement


def _within(account: Account, today: date, day: date, what: str) -> date:
    if day > today:
        raise ValueError(
            f"{day} is yet to come at {account.id}, where it is {today}: nothing is {what} ahead"
        )
    if day < today - timedelta(days=DAYS_BACK_MAX):
        raise ValueError(
            f"{day} is more than {DAYS_BACK_MAX} days back at {account.id}, where it is {today}: "
            f"too late to be {what}"
        )
    return day


def _in_order(authorized_on: date, booked_on: date) -> None:
    if booked_on < authorized_on:
        raise ValueError(f"authorised on {authorized_on}, so it can't be booked on {booked_on}, before that")


def _occurred_at(account: Account, day: date, at: datetime) -> datetime:
    """On an earlier day at noon: only the day is known."""
    return at if day == bank_day(account, at) else instant(account.institution.land, day, _NOON)
