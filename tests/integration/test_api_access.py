"""Every route of the document × who may not take it: nobody gets in, and nobody learns what is there."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import psycopg
import pytest
from tests.support.api import Hub, Who, at_hub

from caudal.api.rest import access
from caudal.api.rest.access import Asking
from caudal.api.rest.resources import ENDPOINTS
from caudal.api.rest.serving import document_text
from caudal.hub.identity.roles import SCOPES, Caller, Role, Scope
from caudal.hub.installation import Installation
from caudal.settings import Settings
from caudal.store.spaces import Space

DOCUMENT = Path(__file__).parents[2] / "docs" / "openapi.json"


class Route(NamedTuple):
    """A route as the document tells it. `needs`: a scope, or 'anybody', 'person', 'proved', 'caller'."""

    method: str
    path: str
    needs: str
    body: Any

    def at(self, space: str) -> str:
        """Its path in a space, every other name in it one of nothing."""
        filled = self.path.replace("{space_id}", space)
        while "{" in filled:
            before, _, rest = filled.partition("{")
            filled = before + str(uuid4()) + rest.partition("}")[2]
        return filled


def routes() -> Iterator[Route]:
    """What the committed document tells."""
    for path, methods in json.loads(DOCUMENT.read_bytes())["paths"].items():
        for method, told in methods.items():
            yield Route(method.upper(), path, told["x-caudal-needs"], told.get("requestBody"))


IN_SPACE = [each for each in routes() if "{space_id}" in each.path]
OF_PEOPLE = [each for each in routes() if each.needs in ("person", "proved")]


async def asked(who: Who, route: Route, space: str) -> tuple[int, str]:
    """Status and code."""
    sent: dict[str, Any] = {"headers": {"if-match": "*"}}
    if route.body:
        sent |= {"json": {}} if "application/json" in route.body["content"] else {"content": b""}
    if "/stream" in route.path:
        sent["headers"] |= {"last-event-id": "nonsense"}  # admitted or not, it ends
    response = await who.ask(route.method, route.at(space), **sent)
    told = response.json() if response.headers.get("content-type", "").endswith("json") else {}
    return response.status_code, told.get("code", "") if isinstance(told, dict) else ""


def test_the_document_is_what_the_code_says() -> None:
    assert document_text() == DOCUMENT.read_bytes(), "write it anew: caudal openapi > docs/openapi.json"


def test_every_route_of_a_space_asks_for_a_scope_and_every_other_says_whom_it_is_for() -> None:
    assert {each.needs for each in IN_SPACE} <= set(Scope)
    others = {each.needs for each in routes() if each not in IN_SPACE}
    assert others == {"anybody", "person", "proved", "caller"}
    assert len(list(routes())) == len(ENDPOINTS)


def test_nothing_in_it_moves_money() -> None:
    text = DOCUMENT.read_text().lower()
    assert not any(word in text for word in ('"/v1/payment', "payments", "initiat", "payout"))


def test_no_secret_is_asked_for_in_an_address() -> None:
    told = json.loads(DOCUMENT.read_bytes())
    names = [
        parameter["name"].lower()
        for methods in told["paths"].values()
        for each in methods.values()
        for parameter in each.get("parameters", ())
        if parameter["in"] in ("query", "path")
    ]
    assert not [
        name for name in names if any(word in name for word in ("token", "secret", "password", "code"))
    ]


def test_who_shows_nothing_or_what_is_over_gets_in_nowhere(settings: Settings) -> None:
    async def work(at: Hub) -> None:
        ana = await at.owner()
        space = await at.space(ana)
        over = at.logged_in((await at.log_in("ana@example.org"))["tokens"])
        await over.ask("DELETE", "/v1/session")
        strangers = [
            at.nobody,
            over,
            Who(at.client, "caudal_aaaaaaaa_" + "x" * 43 + "_00000000"),
            Who(at.client, "x"),
        ]
        for route in (each for each in routes() if each.needs != "anybody"):
            for who in strangers:
                assert await asked(who, route, space) == (401, "unauthenticated"), route

    at_hub(settings, work)


def test_a_space_one_is_not_in_can_t_be_told_from_one_that_isn_t_there(settings: Settings) -> None:
    async def work(at: Hub) -> None:
        ana, home = await at.home()
        ben = await at.member(ana, home, "viewer", "ben@example.org")
        other = await at.space(ben, "ben's")
        program = await at.key(ana, home)
        for route in IN_SPACE:
            for who in (ana, program):
                assert await asked(who, route, other) == (404, "not_found"), route
                assert await asked(who, route, str(uuid4())) == (404, "not_found"), route
                assert await asked(who, route, "nonsense") == (404, "not_found"), route

    at_hub(settings, work)


@pytest.mark.parametrize("role", [each for each in Role if each is not Role.OWNER])
def test_a_role_takes_the_routes_of_its_scopes_and_no_other(settings: Settings, role: Role) -> None:
    async def work(at: Hub) -> None:
        ana, space = await at.home()
        ben = await at.member(ana, space, role.value, "ben@example.org")
        if role is Role.ADMIN:
            await at.second_factor(ben)
        for route in IN_SPACE:
            status, code = await asked(ben, route, space)
            if Scope(route.needs) in SCOPES[role]:
                assert status not in (401, 403), (route, status, code)
            else:
                assert (status, code) == (403, "forbidden"), route

    at_hub(settings, work)


def test_an_agent_s_key_and_one_with_a_single_scope_take_theirs_alone(settings: Settings) -> None:
    async def work(at: Hub) -> None:
        ana, space = await at.home()
        agent = await at.key(ana, space, role="agent")
        narrow = await at.key(ana, space, scopes=["events:read"])
        for route in IN_SPACE:
            for who, scopes in ((agent, SCOPES[Role.AGENT]), (narrow, {Scope.EVENTS_READ})):
                status, code = await asked(who, route, space)
                assert (status in (401, 403)) == (Scope(route.needs) not in scopes), (route, code)
        for route in OF_PEOPLE:
            assert await asked(agent, route, space) == (403, "forbidden"), route

    at_hub(settings, work)


def test_row_security_holds_where_the_api_s_own_check_is_taken_away(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(at: Hub) -> None:
        ana, home = await at.home()
        ben = await at.member(ana, home, "viewer", "ben@example.org")
        hers = await at.space(ben, "ben's")
        filled(settings, hers)
        assert "SECRET" in str(await ben.get(f"/v1/spaces/{hers}/connections"))
        person = await at.person_id(ana)

        async def anywhere(_: Installation, __: Asking, space_id: UUID) -> tuple[Space, Caller]:
            """As if every space were one's own."""
            actor = f"person:{person}"
            return Space(space_id, "hers", actor), Caller(actor, Role.OWNER, SCOPES[Role.OWNER], person)

        monkeypatch.setattr(access, "seat", anywhere)
        assert "SECRET" not in str(await ben.get(f"/v1/spaces/{home}/connections"))
        for route in (each for each in IN_SPACE if each.method == "GET" and "/stream" not in each.path):
            response = await ana.ask("GET", route.at(hers))
            assert response.status_code in (200, 404, 409, 422), route
            assert "SECRET" not in response.text
        assert (await ana.ask("PATCH", f"/v1/spaces/{hers}", json={"name": "mine"})).status_code >= 400

    at_hub(settings, work)


def filled(settings: Settings, space: str) -> None:
    """Something in a space that its members alone may see."""
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        connection.execute(
            "insert into caudal.connection (space_id, provider, label) values (%s, 'plaid', 'SECRET')",
            [space],
        )
        connection.execute(
            "insert into caudal.account (space_id, name, kind, currency) values (%s, 'SECRET', 'card', 'EUR')",
            [space],
        )
