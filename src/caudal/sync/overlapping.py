"""Holding accounts that a connection showed for the first time beside what the others of the space tell: once each,
when a run has told them to its end. Which is one that is known for certain is joined to it; what may be is asked."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

from caudal.matching.overlap import DISTINCT_MIN, Life, Likeness, alike
from caudal.store import accounts, events
from caudal.store.accounts import Held, KnownSource, Likely, ToldOn, Unseen
from caudal.store.database import Store, Transaction
from caudal.sync.rebooking import rebook

_NEW_MAX: Final = 20
"""So many new accounts are looked at after one run, the others after the next."""
_MOVEMENTS_MAX: Final = 200
_MOVEMENTS_BESIDE_MAX: Final = 400
_ACCOUNTS_BESIDE_MAX: Final = 100
_BALANCES_MAX: Final = 50
_A_DAY: Final = timedelta(days=1)


async def new_ones(tx: Transaction, space_id: UUID, connection_id: UUID) -> list[Unseen]:
    """The connection's accounts that are to be held beside the others, as soon as they have told enough to compare."""
    return await accounts.unseen(tx, space_id, connection_id, movements=DISTINCT_MIN, most=_NEW_MAX)


async def join_alike(store: Store, space_id: UUID, connection_id: UUID, chosen: Collection[str]) -> None:
    """Hold the connection's new accounts beside those that are known. Of those whose references are `chosen`, a
    person said where they are booked: they are only asked about."""
    async with store.transaction(space_id) as tx:
        await accounts.hold(tx, space_id)
        new = await new_ones(tx, space_id, connection_id)
        found = await _likenesses(tx, space_id, new, chosen) if new else []
        places = {each.source_account_id: each.account_id for each in new}
        for each in found:
            if each.certain:
                of = (UUID(each.account), places[UUID(each.shown)])
                await accounts.decide(tx, space_id, "join", of, said_by="evidence")
        asked = [_asked(each) for each in found if not each.certain]
        if asked:
            await accounts.raise_doubts(tx, space_id, asked)
        await accounts.mark_seen(tx, space_id, places)
        if len(asked) < len(found):
            await rebook(tx, space_id)
        await events.write(tx, space_id, connection_id)


def _asked(likeness: Likeness) -> Likely:
    told = likeness.overlap
    found = {
        "agreed": told.agreed,
        "amounts": told.distinct,
        "told": told.told,
        "told_there": told.other_told,
        "balances": told.balances,
    }
    return Likely(UUID(likeness.shown), UUID(likeness.other), likeness.rule, found)


async def _likenesses(
    tx: Transaction, space_id: UUID, new: Sequence[Unseen], chosen: Collection[str]
) -> list[Likeness]:
    places = [each.account_id for each in new]
    here = await accounts.latest_movements(tx, space_id, places, _MOVEMENTS_MAX)
    days = [each.booked_on for each in here]
    currencies = {each.currency for each in here}
    there = await accounts.movements_beside(
        tx,
        space_id,
        places,
        (min(days), max(days)),
        currencies,
        most=_MOVEMENTS_BESIDE_MAX,
        accounts_most=_ACCOUNTS_BESIDE_MAX,
    )
    beside = sorted({each.account_id for each in there})
    told = await accounts.latest_told(tx, space_id, [*places, *beside], _BALANCES_MAX)
    tellers: dict[UUID, list[KnownSource]] = defaultdict(list)
    for shown in await accounts.accounts_shown(tx, space_id):
        tellers[UUID(shown.account)].append(shown)
    lives = _Lives(tellers, told, chosen)
    return alike(
        lives.of(places, here, _MOVEMENTS_MAX),
        lives.of(beside, there, _MOVEMENTS_BESIDE_MAX),
    )


class _Lives:
    """What accounts tell, as the comparison takes it."""

    def __init__(
        self, tellers: Mapping[UUID, Sequence[KnownSource]], told: Iterable[ToldOn], chosen: Collection[str]
    ) -> None:
        self._tellers = tellers
        self._chosen = chosen
        self._told: dict[UUID, list[ToldOn]] = defaultdict(list)
        for balance in told:
            self._told[balance.account_id].append(balance)

    def of(self, places: Iterable[UUID], movements: Iterable[Held], most: int) -> list[Life]:
        """The lives of these accounts, of which at most so many movements were read."""
        held: dict[UUID, list[Held]] = defaultdict(list)
        for each in movements:
            held[each.account_id].append(each)
        return [self._life(account_id, held[account_id], most) for account_id in places]

    def _life(self, account_id: UUID, held: Sequence[Held], most: int) -> Life:
        tellers = self._tellers[account_id]
        balances: dict[date, set[Decimal]] = defaultdict(set)
        for told in self._told[account_id]:
            balances[told.as_of].add(told.amount)
        oldest = min(each.booked_on for each in held)
        return Life(
            tellers=tellers,
            movements=[(each.booked_on, each.amount) for each in held],
            since=oldest + _A_DAY if len(held) == most else held[0].first_on,
            balances={day: frozenset(amounts) for day, amounts in balances.items()},
            firm=frozenset(told.as_of for told in self._told[account_id] if told.firm),
            gone=frozenset(each.key for each in tellers if each.gone),
            chosen=any(each.reference in self._chosen for each in tellers),
        )
