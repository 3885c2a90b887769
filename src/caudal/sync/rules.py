"""What follows from how a run ended: the one place where errors become states and times (DESIGN §5's table).

| ended by | the connection | comes again | counts as failed |
|---|---|---|---|
| nothing amiss | active | at its provider's pace; at once, at low priority, where pages are left | no |
| NotReady | stays | after the time named, at low priority | no |
| RateLimited | stays; held until then | no earlier than told | no |
| Unavailable, Malformed | degraded | backing off with jitter, `tries_max` times; then at its pace | yes |
| NeedsUser | needs_user: not polled | when its person or its provider mends it | yes |
| Revoked | revoked | never | – |
| Refused | degraded | at its pace: trying harder mends no bug of ours | yes |
| Superseded | stays | the other run is at it | no |
| Interrupted | stays | at once, from where it stopped | no |
| a mistake of ours (StoreError too) | stays | as after an outage | yes |

That the database is away (StoreAway) is no end of a run's: nothing is written of it, and its job begins again.

A run that works makes whatever connection active again: no error sticks.
"""

import random
from datetime import timedelta
from typing import Final

import msgspec

from caudal.model.errors import (
    Interrupted,
    Malformed,
    NeedsUser,
    NotReady,
    RateLimited,
    Refused,
    Revoked,
    Superseded,
    Unavailable,
)
from caudal.settings import RunBounds
from caudal.store.jobs import Priority

_EARLY_PERCENT: Final = 20
"""Connections come up to so much of their pace early, each by its own dice: what was linked together drifts apart."""
_LATE_PERCENT: Final = 25
"""And so much later than they were told to: not all at the same moment."""


class Then(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done after a run. `state` None: leave it. `again_in` None: no job follows at once."""

    state: str | None
    due_in: timedelta
    again_in: timedelta | None = None
    priority: Priority = Priority.SCHEDULED
    held_for: timedelta | None = None
    polled: bool = True
    good: bool = False
    failed: bool = False
    backfilling: bool = False
    reason: str = ""
    action: str = ""


def after(
    error: Exception | None,
    *,
    unfinished: bool,
    failures: int,
    pace: timedelta,
    bounds: RunBounds,
    chance: random.Random,
) -> Then:
    """What follows from a run that ended so. `failures`: the runs before it that failed in a row; `unfinished`: it
    stopped by its own bounds, and there are pages left."""
    due_in = pace * (100 - chance.randint(0, _EARLY_PERCENT)) / 100
    match error:
        case None if unfinished:
            return Then(
                state="active",
                due_in=due_in,
                again_in=timedelta(),
                priority=Priority.BACKFILL,
                good=True,
                backfilling=True,
            )
        case None:
            return Then(state="active", due_in=due_in, good=True)
        case NotReady():
            return Then(
                state=None,
                due_in=due_in,
                again_in=_somewhat_later(error.retry_after, chance),
                priority=Priority.BACKFILL,
                good=True,
                backfilling=True,
            )
        case RateLimited():
            wait = _somewhat_later(error.retry_after, chance)
            return Then(state=None, due_in=max(due_in, wait), again_in=wait, held_for=error.retry_after)
        case NeedsUser():
            return Then(
                state="needs_user",
                due_in=due_in,
                polled=False,
                failed=True,
                reason=error.reason,
                action=error.action,
            )
        case Revoked():
            return Then(state="revoked", due_in=due_in, polled=False, failed=True, reason=str(error))
        case Refused():
            return Then(state="degraded", due_in=due_in, failed=True, reason=str(error))
        case Superseded():
            return Then(state=None, due_in=due_in)
        case Interrupted():
            return Then(state=None, due_in=due_in, again_in=timedelta())
        case Unavailable() | Malformed():
            state: str | None = "degraded"
        case _:
            state = None
    again_in = backoff(failures, bounds, chance) if failures + 1 < bounds.tries_max else None
    return Then(state=state, due_in=due_in, again_in=again_in, failed=True, reason=str(error))


def backoff(failures: int, bounds: RunBounds, chance: random.Random) -> timedelta:
    """The wait after `failures` + 1 failed tries: between half and all of a time that doubles up to a bound."""
    longest = min(bounds.backoff_seconds_first * 2 ** min(failures, 30), bounds.backoff_seconds_max)
    return timedelta(milliseconds=10 * longest * chance.randint(50, 100))


def _somewhat_later(wait: timedelta, chance: random.Random) -> timedelta:
    return wait * (100 + chance.randint(0, _LATE_PERCENT)) / 100
