"""What an emulator is to the service that holds it. Whoever adds one writes a class of this shape, and a line in
`server.py`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from fractions import Fraction
from typing import Protocol

import msgspec
from starlette.types import ASGIApp, Scope

from caudal_sandbox.door import DoorRoute
from caudal_sandbox.economy.movements import AccountId
from caudal_sandbox.faults import Fault, Faults
from caudal_sandbox.truth import MovementTruth
from caudal_sandbox.world import World


class Ground(msgspec.Struct, frozen=True):
    """What every emulator stands on: one world, one set of faults, and the clock of what isn't a bank's (tokens,
    signatures, budgets). `time_scale` shrinks the waits between attempts to deliver a webhook.
    """

    world: World
    faults: Faults
    clock: Callable[[], datetime]
    time_scale: Fraction = Fraction(1)


class Shown(msgspec.Struct, frozen=True):
    """An account as one connection of a provider shows it: for judging a ledger, without any secret.

    `connection` and `reference` are the provider's ids of both, `account` the world's, or the emulator's own name of an
    account that is no bank's (`ProviderEmulator.moved`). `visible_from`: the first of the bank's
    days that is told. `told` False: no movements are; `pending` False: none that is pending; `dated` False: what is
    pending bears no day.
    """

    connection: str
    reference: str
    account: AccountId
    visible_from: date
    told: bool = True
    pending: bool = True
    dated: bool = True


class ProviderEmulator(Protocol):
    """One provider over the world. Everything in it is touched on one loop's thread alone."""

    @property
    def name(self) -> str:
        """As faults and the control door call it."""
        ...

    @property
    def prefix(self) -> str:
        """Where its addresses begin, such as ``/truelayer``; '' for the one at the root."""
        ...

    @property
    def app(self) -> ASGIApp:
        """Everything below its prefix. Its scope's `root_path` is the prefix, as in a mounted application."""
        ...

    @property
    def door(self) -> Sequence[DoorRoute]:
        """Its part of the control door, below ``/_sandbox/<name>``."""
        ...

    def check(self, fault: Fault) -> None:
        """Raises ValueError for a fault that this provider couldn't have."""
        ...

    def status(self) -> Mapping[str, object]:
        """How it stands, for people: JSON, no secret."""
        ...

    def shown(self) -> Iterable[Shown]:
        """Every account that any of its connections shows."""
        ...

    def moved(self) -> Iterable[MovementTruth]:
        """What happened on accounts that are its own and no bank's of the world (an exchange's, a chain's), as it stands
        now: each movement once. Amounts are exact to the asset's last unit."""
        ...

    def deadlines(self, after: datetime, until: datetime) -> Sequence[datetime]:
        """The instants after `after`, up to `until`, at which something of its own is due (a consent that ends)."""
        ...

    def go_on(self) -> Iterator[object]:
        """It takes in what the world's clock has brought. A connection a step: others have their turn in between."""
        ...

    def flush(self) -> None:
        """Let go of the webhooks that waited for an answer to be out. On the running loop."""
        ...

    async def attempted(self) -> None:
        """Until every webhook was tried once, those apart that a fault keeps back."""
        ...

    async def settled(self) -> None:
        """Until every webhook was delivered or given up."""
        ...

    async def aclose(self) -> None:
        """Stop sending, in the midst of whatever is on its way."""
        ...


Maker = Callable[[Ground], ProviderEmulator]
"""Makes an emulator over the world it is given."""


class OverBanks:
    """The part of an emulator that shows the world's banks alone."""

    def moved(self) -> Iterable[MovementTruth]:
        """Nothing: the world tells it all."""
        return ()


class WithoutWebhooks:
    """The part of an emulator whose provider tells nothing by itself."""

    door: Sequence[DoorRoute] = ()

    def deadlines(self, after: datetime, until: datetime) -> Sequence[datetime]:  # noqa: ARG002  nothing is due
        """None."""
        return ()

    def go_on(self) -> Iterator[object]:
        """It looks at the world when it is asked."""
        return iter(())

    def flush(self) -> None:
        """Nothing waits."""

    async def attempted(self) -> None:
        """At once."""

    async def settled(self) -> None:
        """At once."""

    async def aclose(self) -> None:
        """Nothing is on its way."""


def path_of(scope: Scope) -> str:
    """The path below the emulator's prefix: what its contract calls the path, and its faults the endpoint."""
    path: str = scope["path"]
    prefix: str = scope.get("root_path", "")
    return path.removeprefix(prefix) or "/"


def mounted(scope: Scope, prefix: str) -> Scope:
    """`scope` as an application mounted at `prefix` sees it."""
    return {**scope, "root_path": scope.get("root_path", "") + prefix} if prefix else scope


def lies_below(path: str, prefix: str) -> bool:
    """Whether that path is one of the emulator at `prefix`."""
    return path == prefix or path.startswith(f"{prefix}/")
