"""Connections: how each does, what of it is wanted, and its end."""

from typing import Final

from starlette.responses import Response

from caudal.hub import choices, connections, ledger, refreshing, routing, syncs
from caudal.hub.identity.roles import Scope
from caudal.hub.providers import one_of
from caudal.providers.base import LiveProvider
from caudal.store.spaces import LinkedConnection
from caudal.web.routing import Declared, action, page
from caudal.web.views.link import name_of
from caudal.web.views.placing import placed, placing
from caudal.web.visits import InSpace

_RUNS: Final = 20
_DAYS_MAX: Final = 36_500


@page("/s/{space}/connections", Scope.CONNECTIONS_READ)
async def all_(visit: InSpace) -> Response:
    """All of them, and how each does."""
    there = await connections.linked(visit.installation, visit.space)
    return await visit.show(
        "connections.html", here="accounts", connections=[(each, _way(each)) for each in there], now=visit.now
    )


@page("/s/{space}/connections/{connection}", Scope.CONNECTIONS_READ)
async def one(visit: InSpace) -> Response:
    """One: its accounts, its runs, what could not be understood."""
    there = await connections.read(visit.installation, visit.space, visit.id("connection"))
    live = there.reference is not None and there.state != "revoked"
    belongs = await routing.where(visit.installation, visit.space, there)
    here = [visit.space]
    if live and Scope.CONNECTIONS_MANAGE in visit.caller.scopes:
        here = await routing.destinations(visit.installation, visit.space)
    return await visit.show(
        "connection.html",
        here="accounts",
        it=there,
        way=_way(there),
        live=live,
        choice=placing(belongs.accounts, here),
        runs=await ledger.runs(visit.installation, visit.space, there.connection_id, None, _RUNS),
        now=visit.now,
    )


@action("/s/{space}/connections/{connection}/refresh", Scope.CONNECTIONS_MANAGE)
async def refresh(visit: InSpace) -> Response:
    """Have the bank asked now."""
    there = await connections.by_id(visit.installation, visit.space, visit.id("connection"))

    async def live(name: str) -> LiveProvider:
        return one_of(visit.providers, name)

    done = await refreshing.refresh(visit.installation, visit.space, [there], live)
    path = f"/connections/{there.connection_id}"
    failed = next((each for each in done.connections if each.error), None)
    if failed is not None:
        return visit.go(path, said="connection.refresh_failed", error=failed.error[:200])
    if done.partial:
        return visit.go(path, said="connection.refresh_goes_on")
    return visit.go(path, said="connection.refreshed", n=sum(each.created for each in done.connections))


@action("/s/{space}/connections/{connection}/accounts", Scope.CONNECTIONS_MANAGE)
async def select(visit: InSpace) -> Response:
    """Which accounts are wanted, and where each belongs."""
    form = await visit.form()
    there = await connections.by_id(visit.installation, visit.space, visit.id("connection"))
    await routing.route(visit.installation, visit.space, there, placed(form), form.all("account"))
    return visit.go(f"/connections/{there.connection_id}", said="connection.chosen")


@action("/s/{space}/connections/{connection}/history", Scope.CONNECTIONS_MANAGE)
async def history(visit: InSpace) -> Response:
    """How far back is wanted."""
    form = await visit.form()
    days = form.amount("days")
    there = await connections.by_id(visit.installation, visit.space, visit.id("connection"))
    wanted = None if days is None else max(1, min(int(days), _DAYS_MAX))
    await choices.limit_history(visit.installation, visit.space, there, wanted)
    return visit.go(f"/connections/{there.connection_id}", said="connection.history_kept")


@action("/s/{space}/connections/{connection}/pause", Scope.CONNECTIONS_MANAGE)
async def pause(visit: InSpace) -> Response:
    """Let it rest."""
    there = await connections.by_id(visit.installation, visit.space, visit.id("connection"))
    await choices.pause(visit.installation, visit.space, there)
    return visit.go(f"/connections/{there.connection_id}", said="connection.was_paused")


@action("/s/{space}/connections/{connection}/resume", Scope.CONNECTIONS_MANAGE)
async def resume(visit: InSpace) -> Response:
    """Let it go on."""
    there = await connections.by_id(visit.installation, visit.space, visit.id("connection"))
    await choices.resume(visit.installation, visit.space, there)
    return visit.go(f"/connections/{there.connection_id}", said="connection.was_resumed")


@action("/s/{space}/connections/{connection}/end", Scope.CONNECTIONS_MANAGE)
async def end(visit: InSpace) -> Response:
    """End it, at its provider and here."""
    there = await connections.by_id(visit.installation, visit.space, visit.id("connection"))
    await syncs.unlink(visit.installation, visit.space, there, one_of(visit.providers, there.provider))
    return visit.go("/connections", said="connection.was_ended")


def _way(connection: LinkedConnection) -> str:
    return "" if connection.provider == "file" else name_of(connection.provider)


ROUTES: Final[tuple[Declared, ...]] = (all_, one, refresh, select, history, pause, resume, end)
