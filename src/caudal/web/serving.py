"""The pages of an installation, as routes for its application."""

from collections.abc import Mapping

from starlette.routing import BaseRoute

from caudal.hub.installation import Installation
from caudal.providers.base import LiveProvider
from caudal.vault.passwords import Hasher
from caudal.web.routes import DECLARED
from caudal.web.site import Site


def routes(
    installation: Installation, providers: Mapping[str, LiveProvider], hasher: Hasher
) -> list[BaseRoute]:
    """All pages, for an installation whose `providers` are set up and open. They take what no other route has: last."""
    return Site(installation, providers, hasher, DECLARED).routes()
