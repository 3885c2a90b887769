"""An installation for a test to do something on, opened and closed for each thing it does."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from caudal.hub import installation
from caudal.hub.installation import Installation
from caudal.settings import Settings

Result = TypeVar("Result")
Opened = Callable[[Callable[[Installation], Awaitable[Result]]], Result]
"""Runs something on an installation, and returns what it gave."""


def on(settings: Settings, act: Callable[[Installation], Awaitable[Result]]) -> Result:
    """Do something on the installation of these settings."""

    async def work() -> Result:
        async with installation.opened(settings) as here:
            return await act(here)

    return asyncio.run(work())
