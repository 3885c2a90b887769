"""Options that several commands share."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import click

from caudal.hub import installation, spaces
from caudal.hub.installation import Installation
from caudal.settings import load
from caudal.store.spaces import Space

Result = TypeVar("Result")

as_json_option = click.option("--json", "as_json", is_flag=True, help="One JSON document, for programs.")
space_option = click.option("--space", help="Which space (name or id); needed only where there are several.")


def with_space(
    named: str | None, act: Callable[[Installation, Space], Awaitable[Result]], *, make: bool = False
) -> Result:
    """Open the installation, choose the space, and let `act` do its work."""

    async def work() -> Result:
        async with installation.opened(load()) as opened:
            return await act(opened, await spaces.chosen(opened.store, named, make=make))

    return asyncio.run(work())


def with_installation(act: Callable[[Installation], Awaitable[Result]]) -> Result:
    """Open the installation, and let `act` do its work."""

    async def work() -> Result:
        async with installation.opened(load()) as opened:
            return await act(opened)

    return asyncio.run(work())
