"""The state of one emulated Pluggy, and what a fault does to it."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

import msgspec

from caudal_sandbox.emulators import Ground
from caudal_sandbox.faults import Kind, Strike
from caudal_sandbox.pluggy.hooks import Courier, Hooks
from caudal_sandbox.pluggy.items import Happening, Item, Items, Trigger
from caudal_sandbox.pluggy.keys import Keys
from caudal_sandbox.pluggy.limits import Limits
from caudal_sandbox.pluggy.logins import MESSAGES
from caudal_sandbox.pluggy.records import item_record

_STEPS_MAX: Final = 20


class Options(msgspec.Struct, frozen=True):
    """What differs from one account at Pluggy to another, and what the contract leaves open [?].

    `page_rows`: rows of a page of transactions. `update_every`: how often a client may have an item updated.
    `free_plan`: items are made by the widget alone. `balance_error`: what the real-time balance answers.
    """

    page_rows: int = 100
    update_every: timedelta = timedelta(hours=1)
    free_plan: bool = False
    balance_error: str = ""
    relaxed_webhooks: bool = True


class Emulator:
    """One Pluggy over the world."""

    def __init__(self, ground: Ground, options: Options) -> None:
        self.world = ground.world
        self.faults = ground.faults
        self.clock = ground.clock
        self.options = options
        self.page = ""
        """Where the pages of its banks are, as whoever calls it reaches them."""
        self.keys = Keys(ground.clock)
        self.limits = Limits(ground.clock)
        self.items = Items(ground.world)
        self.courier = Courier(ground.faults, ground.clock, time_scale=ground.time_scale)
        self.hooks = Hooks(self.courier, ground.clock, relaxed=options.relaxed_webhooks)
        self._strikes: list[Strike] = []
        self._following = False

    # An item's life

    def told(self, item: Item) -> Mapping[str, object]:
        """The item as JSON, as far as no fault says otherwise."""
        record = item_record(item, f"{self.page}/oauth")
        for strike in self._taken(Kind.NOT_READY):
            del strike
            return {**record, "status": "UPDATING", "executionStatus": "TRANSACTIONS_IN_PROGRESS"}
        for strike in self._taken(Kind.INSTITUTION_DOWN):
            code = _code(strike, "SITE_NOT_AVAILABLE")
            error = {"code": code, "message": "The institution isn't available"}
            return {**record, "status": "OUTDATED", "executionStatus": code, "error": error}
        return record

    def step(self, item: Item) -> bool:
        """It goes on by one step; whether it did."""
        went = item.step(self.world, self.clock())
        self._tell(item)
        return went

    def run(self, item: Item) -> None:
        """Until its execution is over, or waits for its person."""
        for _ in range(_STEPS_MAX):
            if not self.step(item):
                return

    def update(self, item: Item, trigger: Trigger) -> None:
        """It goes to the bank, and comes back."""
        self.items.update(item, None, trigger)
        self.run(item)

    def break_login(self, item: Item, code: str) -> None:
        """The bank wants the person again."""
        item.breaks(code, self.world.now)
        self._tell(item)

    def reissue(self, item: Item) -> None:
        """Every row has another id."""
        item.reissue(self.world.now)
        self._tell(item)

    def remove(self, item: Item) -> None:
        """It is gone."""
        self.items.remove(item)
        item.news.append(Happening("item/deleted"))
        self._tell(item)

    def decide(self, code: str, decision: str) -> Item:
        """What the person says at their bank's page: approve, deny, pending. Raises KeyError where nobody waits there."""
        for item in self.items:
            if item.oauth == code and item.waits_for is not None:
                codes = {"deny": "USER_AUTHORIZATION_NOT_GRANTED", "pending": "USER_AUTHORIZATION_PENDING"}
                item.answered(right=decision == "approve", code=codes.get(decision, codes["deny"]))
                self.step(item)
                return item
        raise KeyError(f"nobody waits at {code}")

    def _tell(self, item: Item) -> None:
        news, item.news = item.news, []
        for each in news:
            self.hooks.tell(item, each)

    # What a fault does to it

    def under(self, strikes: tuple[Strike, ...], *, following: bool) -> None:
        """The call that begins is struck by these. `following`: it asks for a page after the first."""
        self._strikes = list(strikes)
        self._following = following

    def spared(self) -> list[Strike]:
        """Those of them that found nothing to strike."""
        mine = {Kind.NOT_READY, Kind.INSTITUTION_DOWN, Kind.LOGIN_REQUIRED, Kind.REISSUED_IDS, Kind.MUTATION}
        return [each for each in self._strikes if each.kind in mine]

    def struck(self, item: Item) -> None:
        """The call is for that item: what befalls it befalls it now."""
        for strike in self._taken(Kind.LOGIN_REQUIRED) if item.synced else ():
            self.break_login(item, _code(strike, "INVALID_CREDENTIALS"))
        if item.synced and self._taken(Kind.REISSUED_IDS):
            self.reissue(item)
        if self._following and self._taken(Kind.MUTATION):
            item.touch(self.world.now)
            self._tell(item)

    def _taken(self, kind: Kind) -> list[Strike]:
        taken = [each for each in self._strikes if each.kind is kind]
        self._strikes = [each for each in self._strikes if each.kind is not kind]
        return taken


def _code(strike: Strike, default: str) -> str:
    """The item's error that the fault names; it may be meant for several providers, and name another's."""
    said = strike.fault.word("code")
    return said if said in MESSAGES else default
