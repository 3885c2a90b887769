"""How long each way of paying takes: from the moment of payment to the bank's booking, over nights and weekends."""

from datetime import UTC, date, datetime, timedelta
from typing import Final

import msgspec

from caudal_sandbox.economy.calendars import business_days_after, is_business_day
from caudal_sandbox.economy.chance import Chance
from caudal_sandbox.economy.countries import Country
from caudal_sandbox.economy.movements import Rail

_WIRE_CUT_OFF: Final = 16 * 60


class Cleared(msgspec.Struct, frozen=True, gc=False):
    """When a payment shows (`pending_from`, None: not before it is booked), and when and on which day it books."""

    pending_from: datetime | None
    ends_at: datetime
    booked_on: date


def instant(country: Country, day: date, minute: int, second: int = 0) -> datetime:
    """The UTC instant of a minute of the bank's day (0-1439)."""
    hour, minute = divmod(minute, 60)
    local = datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=country.zone)
    return local.astimezone(UTC)


def day_ends_at(country: Country, day: date) -> datetime:
    """The UTC instant at which the bank's `day` is over."""
    return instant(country, day + timedelta(days=1), 0)


def clear(
    rail: Rail,
    country: Country,
    occurred_at: datetime,
    day: date,
    minute: int,
    *,
    days_more: int,
    chance: Chance,
) -> Cleared:
    """What becomes of a payment made at `minute` of the bank's `day`.

    `days_more`: business days that a batch takes beyond the first possible one.
    """
    code = country.code
    match rail:
        case Rail.CARD:
            booked_on = business_days_after(code, day, chance.between(1, 3))
            shown = None if chance.percent(4) else occurred_at
            return Cleared(shown, _night(country, booked_on, chance), booked_on)
        case Rail.INSTANT | Rail.BANK | Rail.MARKET:
            return Cleared(None, occurred_at, day)
        case Rail.CASH_MACHINE:
            if is_business_day(code, day) and chance.percent(50):
                return Cleared(None, occurred_at, day)
            booked_on = business_days_after(code, day + timedelta(days=1), 0)
            return Cleared(occurred_at, _night(country, booked_on, chance), booked_on)
        case Rail.WIRE:
            if is_business_day(code, day) and minute < _WIRE_CUT_OFF:
                return Cleared(occurred_at, instant(country, day, minute + 120), day)
            booked_on = business_days_after(code, day + timedelta(days=1), 0)
            return Cleared(occurred_at, instant(country, booked_on, 10 * 60), booked_on)
        case Rail.CHEQUE:
            booked_on = business_days_after(code, day, chance.between(3, 9))
            return Cleared(None, _night(country, booked_on, chance), booked_on)
        case Rail.BATCH:
            late = chance.percent(30)
            booked_on = business_days_after(code, day, days_more + late)
            ends_at = instant(country, booked_on, minute, chance.below(60)) if booked_on == day else None
            shown = occurred_at if late and not days_more else None
            return Cleared(shown, ends_at or _night(country, booked_on, chance), booked_on)


def _night(country: Country, booked_on: date, chance: Chance) -> datetime:
    """The batch run in the early morning of the booking day."""
    return instant(country, booked_on, chance.between(4 * 60, 6 * 60), chance.below(60))
