"""A client of the emulated Pluggy, as thin as can be: every answer is judged by Pluggy's own description."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from functools import cache, partial
from types import TracebackType
from typing import Any, Final, Self

import httpx
import jsonschema_rs
import msgspec
from tests.support.openapi import BadBody, as_json_schema
from tests.support.shared import shared

from caudal_sandbox.pluggy.emulator import Options
from caudal_sandbox.pluggy.service import Pluggy
from caudal_sandbox.server import Sandbox
from caudal_sandbox.world import World

Json = Any

CLIENT: Final = {"clientId": "5a1d0c9e-7d7f-4f6e-9c55-0d8f3a2b1c4d", "clientSecret": "CANARY-pluggy-secret"}
OK: Final = {"user": "user-ok", "password": "password-ok"}
_SPEC: Final = "pluggy-openapi-merged-2026-10-facts-only.json"


class Description:
    """Pluggy's description of its API. It is OpenAPI 3.1 and marks next to nothing as nullable, where real answers hold
    null for every optional field that isn't known: an optional field may be null."""

    def __init__(self, document: Json) -> None:
        self.paths: dict[str, Json] = document["paths"]
        _as_it_is(document["components"]["schemas"])
        schemas = {
            name: _nullable(as_json_schema(each)) for name, each in document["components"]["schemas"].items()
        }
        self._components = {"schemas": schemas}

    def check(self, method: str, path: str, status: int, body: Json) -> None:
        """Raises BadBody unless that is what the path answers with that status."""
        answers = self.paths[path][method.lower()]["responses"]
        told = answers.get(str(status), {}).get("content", {}).get("application/json", {}).get("schema")
        if told is None:
            told = {"$ref": "#/components/schemas/GlobalErrorResponse"}
            assert status >= 400, f"{method} {path}: {status} isn't described"
        if told.get("type") == "array" and isinstance(body, dict):
            told = {
                "$ref": "#/components/schemas/PageResponseCategories"
            }  # the client library and the example say so
        schema = {**_nullable(as_json_schema(told)), "components": self._components}
        judge = jsonschema_rs.Draft202012Validator(schema, validate_formats=True, ignore_unknown_formats=True)
        wrong = [
            f"{'/'.join(map(str, each.instance_path))}: {each.message}" for each in judge.iter_errors(body)
        ]
        if wrong:
            raise BadBody(f"{method} {path} {status}: {len(wrong)} places, first {wrong[:5]}")


def _nullable(schema: Json) -> Json:
    """`schema`, its optional fields open to null."""
    if isinstance(schema, list):
        return [_nullable(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: _nullable(each) for name, each in schema.items()}
    if isinstance(made.get("properties"), dict):
        required = made.get("required", ())
        made["properties"] = {
            name: each if name in required else _or_null(each) for name, each in made["properties"].items()
        }
    return made


def _or_null(schema: Json) -> Json:
    if isinstance(schema.get("type"), str) and "enum" not in schema:
        return {**schema, "type": [schema["type"], "null"]}
    return {"anyOf": [schema, {"type": "null"}]}


def _as_it_is(schemas: Json) -> None:
    """Where real answers differ from the description: a card's dates without a time, as captured (contract §4.1); the kind
    of field that holds a bank's page (§3.2.6) [?]; the end of a list of items, told like that of transactions [?]."""
    for name in ("balanceCloseDate", "balanceDueDate"):
        del schemas["CreditData"]["properties"][name]["format"]
    schemas["ConnectorCredential"]["properties"]["type"]["enum"].append("oauth")
    schemas["CursorPageResponseItems"]["properties"]["next"] = {"type": ["string", "null"]}


@cache
def description() -> Description:
    """The test is skipped where the reference data is missing."""
    return Description(msgspec.json.decode(shared("contracts", "pluggy", "openapi", _SPEC).read_bytes()))


class PluggyClient:
    """Calls one sandbox."""

    def __init__(self, sandbox: Sandbox, key: str = "") -> None:
        self.http = httpx.Client(base_url=sandbox.url_of("pluggy"), timeout=30, trust_env=False)
        self.key = key or self.ask("POST", "/auth", body=CLIENT)["apiKey"]

    def send(
        self, method: str, path: str, *, ident: str = "", body: Json = None, **query: Json
    ) -> httpx.Response:
        """The answer as it came, once it was judged. `path` as the description names it."""
        heads = {"X-API-KEY": self.key} if path != "/auth" else {}
        answer = self.http.request(
            method, path.replace("{id}", ident), json=body, params=query, headers=heads
        )
        description().check(method, path, answer.status_code, answer.json())
        return answer

    def ask(self, method: str, path: str, *, ident: str = "", body: Json = None, **query: Json) -> Json:
        """The body of a good answer."""
        answer = self.send(method, path, ident=ident, body=body, **query)
        assert answer.status_code in {200, 201}, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    def refused(
        self, method: str, path: str, *, ident: str = "", body: Json = None, **query: Json
    ) -> tuple[int, str]:
        """(the status, the code or else the message) of a bad one."""
        answer = self.send(method, path, ident=ident, body=body, **query)
        assert answer.status_code >= 400, answer.text
        told = answer.json()
        return answer.status_code, told.get("codeDescription") or told["message"]

    def item(self, connector: int = 2, parameters: Json = OK, **more: Json) -> Json:
        """A new item, as far as it goes by itself."""
        made = self.ask("POST", "/items", body={"connectorId": connector, "parameters": parameters, **more})
        return self.settled(made["id"])

    def settled(self, ident: str) -> Json:
        """The item once it waits for somebody or is done."""
        for _ in range(20):
            told = self.ask("GET", "/items/{id}", ident=ident)
            if told["status"] != "UPDATING":
                return told
        raise AssertionError("it never ends")

    def transactions(self, account: str, **query: Json) -> list[Json]:
        """All pages."""
        rows: list[Json] = []
        asked: Json = {"accountId": account, **query}
        while True:
            page = self.ask("GET", "/v2/transactions", **asked)
            rows += page["results"]
            if page["next"] is None:
                return rows
            asked = dict(httpx.QueryParams(page["next"].removeprefix("?")))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.close()


@contextmanager
def pluggy_sandbox(options: Options | None = None, **more: Json) -> Iterator[tuple[Sandbox, PluggyClient]]:
    """A sandbox with an empty world, and a client of it."""
    world = World(1, people=0, firms=0, begins=date(2026, 1, 1), now=datetime(2026, 4, 1, 12, tzinfo=UTC))
    maker = partial(Pluggy, options=options or Options(page_rows=40))
    with Sandbox(world, emulators=(maker,), **more) as sandbox, PluggyClient(sandbox) as client:
        yield sandbox, client
