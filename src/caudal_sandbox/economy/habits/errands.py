"""Shopping of every day: in a shop, by card, for what one finds there."""

from datetime import timedelta
from typing import Final

import msgspec

from caudal_sandbox.economy.chance import Chance
from caudal_sandbox.economy.countries import CountryCode
from caudal_sandbox.economy.desk import Deal, Desk
from caudal_sandbox.economy.holders import Holder
from caudal_sandbox.economy.merchants import Business, Merchant, merchants
from caudal_sandbox.economy.movements import Kind

_FAVOURITES: Final = 4
_TIPPING: Final = {CountryCode.US, CountryCode.MX}
_PUMP_HOLD_COFFEES: Final = 24


class Errand(msgspec.Struct, frozen=True, kw_only=True):
    """One sort of errand. `weekday` and `weekend`: how many days in a hundred see it. `low` and `high`: its price in
    tenths of a coffee. `twin`: how often in a hundred it is done twice that day at the very same price.
    `opens` and `closes`: between which hours. `fixed`: the shop and the price are decided once (a fare).
    """

    kind: Kind
    business: Business
    weekday: int
    weekend: int
    low: int
    high: int
    opens: int
    closes: int
    twin: int = 0
    fixed: bool = False


GROCERIES: Final = Errand(
    kind=Kind.GROCERIES,
    business=Business.GROCER,
    weekday=28,
    weekend=55,
    low=30,
    high=240,
    opens=8,
    closes=20,
    twin=1,
)
COFFEE: Final = Errand(
    kind=Kind.COFFEE,
    business=Business.CAFE,
    weekday=55,
    weekend=30,
    low=8,
    high=13,
    opens=7,
    closes=15,
    twin=12,
    fixed=True,
)
TRANSIT: Final = Errand(
    kind=Kind.TRANSIT,
    business=Business.TRANSIT,
    weekday=35,
    weekend=10,
    low=5,
    high=8,
    opens=7,
    closes=9,
    twin=80,
    fixed=True,
)


class Errands:
    """One sort of errand as one holder runs it, with a few favourite shops."""

    def __init__(self, holder: Holder, chance: Chance, errand: Errand) -> None:
        self._chance = chance
        self._errand = errand
        self._coffee = holder.land.coffee_minor
        shops = merchants(holder.country, errand.business)
        start = chance.below(len(shops))
        self._deals = [
            Deal(merchant=shops[(start + place) % len(shops)])
            for place in range(1 if errand.fixed else _FAVOURITES)
        ]
        self._price = self._drawn_price()
        self._by_card_percent = chance.between(20, 90)
        self._groups = 0
        self._holder = holder.name

    def live(self, desk: Desk) -> None:
        """Run the errand on some days, on a few of them twice."""
        errand, chance = self._errand, self._chance
        if not chance.percent(errand.weekend if desk.today.weekday() > 4 else errand.weekday):
            return
        minor = self._price if errand.fixed else self._drawn_price()
        minute = chance.between(errand.opens * 60, errand.closes * 60)
        by_card = chance.percent(self._by_card_percent)
        deal = chance.pick(self._deals)
        if not (errand.twin and chance.percent(errand.twin)):
            desk.purchase(errand.kind, minor, minute, deal, by_card=by_card)
            return
        standing = desk.payer(minor * 2, by_card=by_card)
        if standing is not None:
            self._groups += 1
            twins = msgspec.structs.replace(deal, twins=f"{self._holder}:{errand.kind}:{self._groups}")
            desk.pay(standing, errand.kind, minor, minute, twins)
            desk.pay(standing, errand.kind, minor, minute + chance.between(1, 180), twins)

    def _drawn_price(self) -> int:
        return self._chance.between(self._coffee * self._errand.low, self._coffee * self._errand.high) // 10


class Restaurants:
    """A meal. Where tipping is the custom, the card is authorised for the bill and settles with the tip on top."""

    def __init__(self, holder: Holder, chance: Chance) -> None:
        self._chance = chance
        self._coffee = holder.land.coffee_minor
        self._tips = holder.country in _TIPPING
        self._shops = merchants(holder.country, Business.RESTAURANT)

    def live(self, desk: Desk) -> None:
        """Eat out on some evenings, more at weekends."""
        chance = self._chance
        if not chance.percent(40 if desk.today.weekday() > 3 else 12):
            return
        bill = chance.between(self._coffee * 50, self._coffee * 220) // 10
        tip = bill * chance.between(12, 22) // 100 if self._tips and chance.percent(75) else 0
        deal = Deal(merchant=chance.pick(self._shops), held_minor=-bill)
        desk.purchase(Kind.RESTAURANT, bill + tip, chance.between(12 * 60, 22 * 60), deal)


class Fuel:
    """Filling up. The pump asks for a round hold first: mostly it posts as what was pumped; sometimes it lapses
    after some days, and the real purchase books beside it.
    """

    def __init__(self, holder: Holder, chance: Chance) -> None:
        self._chance = chance
        self._coffee = holder.land.coffee_minor
        self._hold = holder.land.coffee_minor * _PUMP_HOLD_COFFEES // 100 * 100
        self._shops = merchants(holder.country, Business.FUEL)

    def live(self, desk: Desk) -> None:
        """Fill up about once a week."""
        chance = self._chance
        if not chance.percent(14):
            return
        merchant = chance.pick(self._shops)
        minor = chance.between(self._coffee * 7, self._coffee * 15)
        minute = chance.between(7 * 60, 21 * 60)
        how = chance.below(100)
        if how < 40:
            desk.purchase(Kind.FUEL, minor, minute, Deal(merchant=merchant))
        elif how < 80:
            desk.purchase(Kind.FUEL, minor, minute, Deal(merchant=merchant, held_minor=-self._hold))
        else:
            self._fill_after_hold(desk, minor, minute, merchant)

    def _fill_after_hold(self, desk: Desk, minor: int, minute: int, merchant: Merchant) -> None:
        standing = desk.payer(minor + self._hold, by_card=True)
        if standing is not None:
            lapses_on = desk.today + timedelta(days=self._chance.between(3, 6))
            hold = desk.pay(
                standing, Kind.HOLD, self._hold, minute, Deal(merchant=merchant, expires_on=lapses_on)
            )
            sale = Deal(merchant=merchant, unseen=True, hold_of=hold.id)
            desk.pay(standing, Kind.FUEL, minor, minute + 4, sale)
