"""The API of an installation, as routes for its application."""

from collections.abc import Mapping
from functools import cache

import msgspec
from starlette.routing import BaseRoute

from caudal.api.rest.dispatch import Api
from caudal.api.rest.openapi import document
from caudal.api.rest.resources import ENDPOINTS
from caudal.hub.installation import Installation
from caudal.providers.base import LiveProvider
from caudal.vault.passwords import Hasher


def routes(
    installation: Installation, providers: Mapping[str, LiveProvider], hasher: Hasher
) -> list[BaseRoute]:
    """All that is under /v1, for an installation whose `providers` are set up and open."""
    shared = {"hasher": hasher, "openapi": document_text()}
    return Api(installation, providers, ENDPOINTS, shared).routes()


@cache
def document_text() -> bytes:
    """The OpenAPI document as it is committed and served."""
    return msgspec.json.format(msgspec.json.encode(document(ENDPOINTS)), indent=1) + b"\n"
