"""Settling up with friends."""

from typing import Final

from caudal_sandbox.economy.chance import Chance
from caudal_sandbox.economy.desk import Deal, Desk
from caudal_sandbox.economy.holders import Holder, people_called
from caudal_sandbox.economy.movements import Kind, Rail

_FRIENDS: Final = 3


class Friends:
    """Shares of a dinner or a present, to and from a few friends: small, often round, at any hour of any day, and
    there at once (PIX, SPEI, Faster Payments and their like).
    """

    def __init__(self, holder: Holder, chance: Chance) -> None:
        self._chance = chance
        self._coffee = holder.land.coffee_minor
        names = people_called(holder.land.language)
        self._deals = [Deal(counterparty=chance.pick(names)) for _ in range(_FRIENDS)]

    def live(self, desk: Desk) -> None:
        """Pay or be paid about once a week."""
        chance = self._chance
        if not chance.percent(15):
            return
        minor = chance.between(self._coffee * 2, self._coffee * 20) // 100 * 100
        if chance.percent(45):
            signed = minor
        elif desk.checking.spendable >= minor:
            signed = -minor
        else:
            return
        minute = chance.between(0, 1439)
        desk.make(desk.checking, Kind.FRIENDS, signed, Rail.INSTANT, minute, deal=chance.pick(self._deals))
