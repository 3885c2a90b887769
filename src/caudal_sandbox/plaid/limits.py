"""How often a client may call: Plaid's documented budgets for one minute (docs, Errors: rate limit exceeded).

Each is counted for one Item and for one client. No answer says when to come back: Plaid documents no Retry-After.
"""

import enum
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

import msgspec

from caudal_sandbox.plaid.errors import PlaidError

Clock = Callable[[], datetime]

MINUTE: Final = timedelta(minutes=1)
WINDOWS_MAX: Final = 100_000
"""How many budgets are followed at once; before there are more, those whose minute is over are forgotten."""


class Regime(enum.StrEnum):
    """Which table counts. `OFF`: none, for tests and for load."""

    SANDBOX = "sandbox"
    PRODUCTION = "production"
    OFF = "off"


class Budget(msgspec.Struct, frozen=True):
    """Calls a minute. None where the documentation names no bound."""

    per_item: int | None
    per_client: int


PRODUCTION: Final[dict[str, Budget]] = {
    "/accounts/balance/get": Budget(5, 1_200),
    "/accounts/get": Budget(15, 15_000),
    "/institutions/get": Budget(None, 50),
    "/institutions/get_by_id": Budget(None, 400),
    "/investments/holdings/get": Budget(15, 2_000),
    "/investments/refresh": Budget(1, 100),
    "/investments/transactions/get": Budget(30, 20_000),
    "/item/get": Budget(15, 5_000),
    "/item/remove": Budget(30, 2_000),
    "/liabilities/get": Budget(15, 1_000),
    "/transactions/get": Budget(30, 20_000),
    "/transactions/recurring/get": Budget(20, 1_000),
    "/transactions/refresh": Budget(2, 100),
    "/transactions/sync": Budget(50, 2_500),
}

SANDBOX: Final[dict[str, Budget]] = {
    "/accounts/balance/get": Budget(25, 100),
    "/accounts/get": Budget(100, 5_000),
    "/institutions/get": Budget(None, 10),
    "/institutions/get_by_id": Budget(None, 400),
    "/investments/holdings/get": Budget(100, 1_000),
    "/investments/refresh": Budget(1, 100),
    "/investments/transactions/get": Budget(100, 1_000),
    "/item/get": Budget(40, 5_000),
    "/item/remove": Budget(100, 500),
    "/liabilities/get": Budget(10, 1_000),
    "/sandbox/transactions/create": Budget(2, 50),
    "/transactions/get": Budget(80, 1_000),
    "/transactions/recurring/get": Budget(20, 1_000),
    "/transactions/refresh": Budget(2, 100),
    "/transactions/sync": Budget(50, 1_000),
}

_TABLES: Final[Mapping[Regime, Mapping[str, Budget]]] = {
    Regime.SANDBOX: SANDBOX,
    Regime.PRODUCTION: PRODUCTION,
    Regime.OFF: {},
}

_ITEM_CODES: Final = {
    "/accounts/balance/get": "BALANCE_LIMIT",
    "/accounts/get": "ACCOUNTS_LIMIT",
    "/institutions/get": "INSTITUTIONS_GET_LIMIT",
    "/institutions/get_by_id": "INSTITUTIONS_GET_BY_ID_LIMIT",
    "/investments/holdings/get": "INVESTMENT_HOLDINGS_GET_LIMIT",
    "/investments/transactions/get": "INVESTMENT_TRANSACTIONS_LIMIT",
    "/item/get": "ITEM_GET_LIMIT",
    "/transactions/get": "TRANSACTIONS_LIMIT",
    "/transactions/refresh": "TRANSACTIONS_REFRESH_LIMIT",
    "/transactions/sync": "TRANSACTIONS_SYNC_LIMIT",
}
_CLIENT_CODES: Final = {**_ITEM_CODES, "/accounts/balance/get": "ACCOUNTS_BALANCE_GET_LIMIT"}


def code_of(path: str, *, client: bool = False) -> str:
    """The code with which that endpoint says "too often": to one Item, or to the client as a whole."""
    return (_CLIENT_CODES if client else _ITEM_CODES).get(path, "RATE_LIMIT")


class _Window(msgspec.Struct):
    began: datetime
    calls: int


class Limits:
    """The budgets of one emulator. A minute begins with the first call in it [?: the documentation says "per minute",
    not how it is counted]. `scale` multiplies every budget.
    """

    def __init__(self, regime: Regime, clock: Clock, *, scale: int = 1) -> None:
        self.regime = regime
        self._clock = clock
        self._scale = scale
        self._windows: dict[tuple[str, str], _Window] = {}

    def take(self, path: str, *, client_id: str, item_id: str | None) -> None:
        """Count one call. Raises PlaidError with the endpoint's own code where a budget is used up; a call refused
        costs nothing."""
        budget = _TABLES[self.regime].get(path)
        if budget is None:
            return
        spent = [(self._window(path, f"client {client_id}"), budget.per_client, code_of(path, client=True))]
        if item_id is not None and budget.per_item is not None:
            spent.append((self._window(path, f"item {item_id}"), budget.per_item, code_of(path)))
        for window, calls_max, code in spent:
            if window.calls >= calls_max * self._scale:
                raise PlaidError(code)
        for window, _, _ in spent:
            window.calls += 1

    def _window(self, path: str, caller: str) -> _Window:
        now = self._clock()
        if len(self._windows) >= WINDOWS_MAX:
            self._windows = {key: each for key, each in self._windows.items() if now - each.began < MINUTE}
        window = self._windows.get((path, caller))
        if window is None or now - window.began >= MINUTE:
            window = self._windows[path, caller] = _Window(now, 0)
        return window
