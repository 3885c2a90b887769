"""Bodies judged by Plaid's own description of its API: the OpenAPI subset that lies in the reference data."""

import json
from functools import cache
from pathlib import Path
from typing import Any, Final

import jsonschema_rs
import yaml
from tests.support.shared import shared

Json = Any

_SPEC: Final = ("contracts", "plaid", "spec", "plaid-subset.yaml")


class BadBody(AssertionError):
    """A body that isn't what the description says. The message names every place, not only the first."""


class Description:
    """One OpenAPI 3.0 document, its schemas compiled when they are first needed and then kept."""

    def __init__(self, file: Path) -> None:
        document = yaml.load(file.read_text("utf-8"), Loader=yaml.CSafeLoader)
        self.paths: dict[str, Json] = document["paths"]
        self._components = {
            "schemas": {
                name: as_json_schema(schema) for name, schema in document["components"]["schemas"].items()
            }
        }
        self._compiled: dict[str, jsonschema_rs.Draft202012Validator] = {}

    def check(self, path: str, status: int, body: bytes | str | Json) -> None:
        """Raises BadBody unless `body` (JSON, or already read) is what `path` answers with that status. Errors of
        every path have one schema, which the description doesn't tie to a status."""
        schema = self._answer(path) if status == 200 else {"$ref": "#/components/schemas/PlaidError"}
        self._check(f"{path} {status}", schema, body)

    def check_schema(self, name: str, body: bytes | str | Json) -> None:
        """Raises BadBody unless `body` is what the schema of that name describes: a webhook."""
        self._check(name, {"$ref": f"#/components/schemas/{name}"}, body)

    def schema(self, name: str) -> Json:
        """The schema of that name, as JSON Schema."""
        return self._components["schemas"][name]

    def _answer(self, path: str) -> Json:
        answers = self.paths[path]["post"]["responses"]
        return as_json_schema(answers["200"]["content"]["application/json"]["schema"])

    def _check(self, what: str, schema: Json, body: bytes | str | Json) -> None:
        if what not in self._compiled:
            whole = {**schema, "components": self._components}
            self._compiled[what] = jsonschema_rs.Draft202012Validator(whole, validate_formats=True)
        read = json.loads(body) if isinstance(body, bytes | str) else body
        wrong = [
            f"{'/'.join(str(step) for step in each.instance_path)}: {each.message}"
            for each in self._compiled[what].iter_errors(read)
        ]
        if wrong:
            raise BadBody(f"{what}: {len(wrong)} places, first {wrong[:5]}")


def as_json_schema(schema: Json) -> Json:
    """An OpenAPI 3.0 schema as JSON Schema, where `nullable` is a type of its own. Other words of OpenAPI stay: to JSON
    Schema they say nothing, and properties may bear their names."""
    if isinstance(schema, list):
        return [as_json_schema(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    rest = {name: as_json_schema(value) for name, value in schema.items()}
    if not schema.get("nullable"):
        return rest
    if isinstance(rest.get("type"), str) and "enum" not in rest and not _COMPOSED & rest.keys():
        return {**rest, "type": [rest["type"], "null"]}
    return {"anyOf": [rest, {"type": "null"}]}


_COMPOSED: Final = {"allOf", "anyOf", "oneOf", "$ref"}


@cache
def plaid() -> Description:
    """Plaid's API. The test is skipped where the reference data is missing."""
    return Description(shared(*_SPEC))
