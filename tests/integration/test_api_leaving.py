"""A route that will be taken away says so, in its answers and in the document, long enough before."""

from datetime import date

import httpx
import pytest
from starlette.applications import Starlette
from tests.support.api import Hub, at_hub

from caudal.api.rest.dispatch import Api
from caudal.api.rest.endpoints import leaving
from caudal.api.rest.openapi import document
from caudal.api.rest.resources.reference import list_providers, read_health
from caudal.settings import Settings

SINCE, UNTIL = date(2026, 11, 23), date(2027, 6, 1)


def test_a_route_that_will_go_says_since_when_and_until_when(settings: Settings) -> None:
    async def work(hub: Hub) -> None:
        routes = [leaving(read_health, since=SINCE, until=UNTIL), list_providers]
        asgi = Starlette(routes=Api(hub.opened, {}, routes, {}).routes())
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(asgi), base_url="http://hub.test"
        ) as client:
            goes, stays = await client.get("/v1/health"), await client.get("/v1/providers")
        assert goes.status_code == 200
        assert goes.headers["deprecation"] == "@1795392000"
        assert goes.headers["sunset"] == "Tue, 01 Jun 2027 00:00:00 GMT"
        assert not {"deprecation", "sunset"} & set(stays.headers)

    at_hub(settings, work)


def test_the_document_marks_it_and_nothing_else() -> None:
    told = document([leaving(read_health, since=SINCE, until=UNTIL), list_providers])["paths"]
    assert told["/v1/health"]["get"]["deprecated"] is True
    assert told["/v1/health"]["get"]["x-sunset"] == "2027-06-01"
    assert "deprecated" not in told["/v1/providers"]["get"]


def test_nothing_goes_sooner_than_half_a_year_after_it_was_said() -> None:
    with pytest.raises(ValueError, match="read_health"):
        leaving(read_health, since=SINCE, until=date(2027, 5, 1))
