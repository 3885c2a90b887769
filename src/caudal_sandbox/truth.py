"""What really happened, told as JSON: the measure of any ledger fed from this world.

One record a line, so that a world of any size can be written and judged without being held:

- ``{"record": "world", …}`` first;
- ``{"record": "movement", …}`` for each movement any bank has shown, once, when its story is over or the truth ends;
- ``{"record": "account", …}`` for each account after its holder's movements, with its balance day by day;
- at the end of what the whole sandbox tells of now, the movements of accounts that are no bank's (`emulators`).

Deeds (`World.authorise` and its like) are movements as any other. What was changed is told as it stood at last.

Amounts are exact decimal text, positive = into the account, negative = out of it, cards too. A ledger must hold
each movement whose `state` is ``booked`` once with `amount`; those ``pending`` as pending; none that ``expired``.
"""

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import BinaryIO, Final

import msgspec

from caudal_sandbox.economy.accounts import Account
from caudal_sandbox.economy.clearing import day_ends_at
from caudal_sandbox.economy.history import effect
from caudal_sandbox.economy.holders import Holder
from caudal_sandbox.economy.lives import Day
from caudal_sandbox.economy.movements import AccountId, Event, Movement, MovementId, State, money
from caudal_sandbox.world import World

_ENCODER: Final = msgspec.json.Encoder()


class WorldTruth(msgspec.Struct, frozen=True, tag="world", tag_field="record"):
    """What the rest is the truth of: the world of that seed as it stood at `as_of`."""

    seed: int
    begins: date
    as_of: datetime


class MovementTruth(msgspec.Struct, frozen=True, gc=False, tag="movement", tag_field="record"):
    """One real movement as it stood. `amount`: as booked, or as held while it is pending or after it expired.

    `held`: what it showed while pending, where it did. `seen_at`: when its bank first showed it; `booked_on`, the
    bank's own calendar day, and `ended_at` are null while it is pending.
    """

    id: str
    account: str
    currency: str
    amount: str
    state: str
    kind: str
    rail: str
    authorized_on: date
    booked_on: date | None
    occurred_at: datetime
    seen_at: datetime
    ended_at: datetime | None
    text: str
    held: str | None = None
    merchant: str | None = None
    counterparty: str | None = None
    pair: str | None = None
    twins: str | None = None
    refund_of: str | None = None
    hold_of: str | None = None
    instalment: str | None = None
    series: str | None = None
    foreign: str | None = None


class AccountTruth(msgspec.Struct, frozen=True, tag="account", tag_field="record"):
    """One account as it stood. `opening` is the booked balance before the first movement; `days` the booked balance
    at the end of each of the bank's days that was over, as it stood then (what was dated back to a day later on isn't
    in it yet); `positions` units held by symbol.
    """

    id: str
    holder: str
    institution: str
    kind: str
    product: str
    currency: str
    number: str
    opening: str
    booked: str
    available: str
    days: dict[date, str]
    positions: dict[str, str]


Truth = WorldTruth | MovementTruth | AccountTruth


def truth_of(world: World, as_of: datetime | None = None) -> Iterator[Truth]:
    """The truth at the instant `as_of` (aware; None: the world's now), record by record. Holds one holder's
    unfinished movements and daily balances, never a history."""
    at = world.moment(as_of)
    yield WorldTruth(world.seed, world.begins, at)
    for holder in world.holders:
        yield from _holder_truth(world, holder, at)


def write_truth(world: World, into: BinaryIO, as_of: datetime | None = None) -> int:
    """Write the truth as JSON lines; how many."""
    count = 0
    for record in truth_of(world, as_of):
        into.write(_ENCODER.encode(record) + b"\n")
        count += 1
    return count


def truth(world: World, as_of: datetime | None = None) -> dict[str, object]:
    """The truth in one JSON-able structure: ``{"world": …, "accounts": […], "movements": […]}``. For worlds that fit
    in memory; `write_truth` takes any."""
    head, *rest = (msgspec.to_builtins(record) for record in truth_of(world, as_of))
    return {
        "world": head,
        "accounts": [each for each in rest if each["record"] == "account"],
        "movements": [each for each in rest if each["record"] == "movement"],
    }


class _Running(msgspec.Struct):
    """One account while its holder's days go by."""

    account: Account
    booked: int
    pending: int
    days: dict[date, str]
    positions_e4: dict[str, int]


def _holder_truth(world: World, holder: Holder, at: datetime) -> Iterator[Truth]:
    running = {account.id: _Running(account, account.opening_minor, 0, {}, {}) for account in holder.accounts}
    pending: dict[MovementId, Movement] = {}
    changed_at = {
        deed.movement.id: deed.at
        for deed in world.deeds(holder)
        if deed.was is not None and deed.state is State.BOOKED and deed.at <= at
    }
    for day in world.days(holder):
        over = day_ends_at(holder.land, day.on) <= at
        yield from _day_truth(day, at, running, pending, changed_at)
        if not over:
            break
        for each in running.values():
            each.days[day.on] = f"{money(each.booked):f}"
    for movement in pending.values():
        yield _movement_truth(movement, State.PENDING)
    for each in running.values():
        yield _account_truth(each)


def _day_truth(
    day: Day,
    at: datetime,
    running: dict[AccountId, _Running],
    pending: dict[MovementId, Movement],
    changed_at: dict[MovementId, datetime],
) -> Iterator[Truth]:
    """`changed_at`: when what was booked got its last amount, where the bank changed it. Until then it isn't told."""
    for event in day.events:
        if event.at > at:
            return
        _count(event, running[event.movement.account])
        if event.state is State.PENDING:
            pending[event.movement.id] = event.movement
        else:
            pending.pop(event.movement.id, None)
            if changed_at.get(event.movement.id, event.at) <= event.at:
                yield _movement_truth(event.movement, event.state)


def _count(event: Event, into: _Running) -> None:
    booked, pending = effect(event)
    into.booked += booked
    into.pending += pending
    trade = event.movement.trade
    if trade is not None and event.state is State.BOOKED and event.was is None:
        into.positions_e4[trade.symbol] = into.positions_e4.get(trade.symbol, 0) + trade.quantity_e4


def _movement_truth(movement: Movement, state: State) -> MovementTruth:
    shown = movement.pending_from
    return MovementTruth(
        id=movement.id,
        account=movement.account,
        currency=movement.currency,
        amount=f"{movement.amount(state):f}",
        state=state,
        kind=movement.kind,
        rail=movement.rail,
        authorized_on=movement.authorized_on,
        booked_on=movement.booked_on if state is State.BOOKED else None,
        occurred_at=movement.occurred_at,
        seen_at=shown or movement.ends_at,
        ended_at=None if state is State.PENDING else movement.ends_at,
        text=movement.text,
        held=f"{money(movement.held_minor):f}" if shown else None,
        merchant=movement.merchant.name if movement.merchant else None,
        counterparty=movement.counterparty or None,
        pair=movement.pair or None,
        twins=movement.twins or None,
        refund_of=movement.refund_of,
        hold_of=movement.hold_of,
        instalment="{}/{}".format(*movement.instalment) if movement.instalment else None,
        series=movement.series or None,
        foreign=f"{movement.foreign.amount:f} {movement.foreign.currency}" if movement.foreign else None,
    )


def _account_truth(running: _Running) -> AccountTruth:
    account = running.account
    available = running.booked + running.pending + account.credit_line_minor
    return AccountTruth(
        id=account.id,
        holder=account.holder,
        institution=account.institution.id,
        kind=account.kind,
        product=account.product,
        currency=account.currency,
        number=account.number,
        opening=f"{account.opening:f}",
        booked=f"{money(running.booked):f}",
        available=f"{money(available):f}",
        days=running.days,
        positions={
            symbol: f"{Decimal(units).scaleb(-4):f}"
            for symbol, units in running.positions_e4.items()
            if units
        },
    )
