"""The first page of a space."""

from typing import Final

from starlette.responses import Response

from caudal.hub import overview as hub
from caudal.hub.identity.roles import Scope
from caudal.web.routing import Declared, page
from caudal.web.views.ledger import overview as view
from caudal.web.visits import InSpace


@page("/s/{space}", Scope.TRANSACTIONS_READ)
async def overview(visit: InSpace) -> Response:
    """What there is, what became of it, whether it is right."""
    told = await hub.overview(visit.installation, visit.space, visit.today)
    return await visit.show("overview.html", here="overview", page=view(told, visit.base, visit.now))


ROUTES: Final[tuple[Declared, ...]] = (overview,)
