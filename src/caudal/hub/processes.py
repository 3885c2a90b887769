"""What every process of the hub has: its installation, its providers, what it counts and writes down."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Final

import msgspec

from caudal.hub.installation import Installation, opened
from caudal.hub.providers import Providers, held
from caudal.model.errors import StoreError
from caudal.observe import logs
from caudal.observe.metrics import Metrics
from caudal.settings import Settings
from caudal.sync import budgets
from caudal.sync.calls import CallStatistics, both, counted_by
from caudal.sync.workers import Chore, tending

_FLUSH: Final = timedelta(seconds=15)
"""How often it is written down how calls to providers went."""
_LOOK: Final = timedelta(seconds=2)
"""How often it is looked whether Caudal's own database is alive."""


class Process(msgspec.Struct, frozen=True):
    """A process of the hub while it is up."""

    installation: Installation
    providers: Providers
    metrics: Metrics


@asynccontextmanager
async def process(settings: Settings) -> AsyncIterator[Process]:
    """A process of the hub; its providers wait for their turns together with those of every other process."""
    logs.configure(settings.log_level)
    async with opened(settings) as installation:
        metrics, calls = Metrics(), CallStatistics(installation.store)
        observe = both(calls, counted_by(metrics))
        shared = budgets.shared(installation.store, settings.http)
        async with held(settings, observe, shared) as providers:
            chores: list[tuple[timedelta, Chore]] = [
                (_FLUSH, calls.flush),
                (_LOOK, lambda: asyncio.to_thread(installation.revive)),
            ]
            async with tending(chores):
                yield Process(installation, providers, metrics)
            with suppress(StoreError):
                await calls.flush()
