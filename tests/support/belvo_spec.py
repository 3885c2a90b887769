"""Belvo's answers judged by its own description: the OpenAPI subset that lies in the reference data."""

import json
import re
from functools import cache
from typing import Any, Final

import jsonschema_rs
from tests.support.openapi import BadBody, as_json_schema
from tests.support.shared import shared

Json = Any

CURRENT: Final = "belvo-openapi-1.223.0-aggregation-subset.json"
OF_2023: Final = "belvo-openapi-1.35.0-2023-legacy-subset.json"


class BelvoSpec:
    """One of Belvo's descriptions."""

    def __init__(self, file: str) -> None:
        document = json.loads(shared("contracts", "belvo", "openapi", file).read_text("utf-8"))
        self.paths: dict[str, Json] = document["paths"]
        self._responses = document["components"].get("responses", {})
        schemas = {
            name: _mended(as_json_schema(each)) for name, each in document["components"]["schemas"].items()
        }
        self._components = {"schemas": schemas}
        self._compiled: dict[tuple[str, str, int], jsonschema_rs.Draft202012Validator] = {}

    def check(self, method: str, path: str, status: int, body: bytes) -> str:
        """Raises BadBody unless `body` is what the description says; the path's template."""
        template = next(each for each in self.paths if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", each), path))
        answers = self.paths[template][method.lower()]["responses"]
        if str(status) not in answers:
            raise BadBody(f"{method} {template}: no answer of status {status}")
        schema = self._schema(answers[str(status)])
        if schema is None:
            if body:
                raise BadBody(f"{method} {template} {status}: a body where there is none")
            return template
        key = (method, template, status)
        if key not in self._compiled:
            whole = {**schema, "components": self._components}
            self._compiled[key] = jsonschema_rs.Draft202012Validator(whole, validate_formats=True)
        wrong = [
            f"{'/'.join(str(step) for step in each.instance_path)}: {each.message}"
            for each in self._compiled[key].iter_errors(json.loads(body))
        ]
        if wrong:
            raise BadBody(f"{key}: {len(wrong)} places, first {[each[:400] for each in wrong[:4]]}")
        return template

    def _schema(self, answer: Json) -> Json:
        if "$ref" in answer:
            answer = self._responses[answer["$ref"].rpartition("/")[2]]
        content = answer.get("content", {}).get("application/json")
        return content and _mended(as_json_schema(content["schema"]))


def _mended(schema: Json) -> Json:
    """Without what no answer could keep to, the description's own slips: patterns between typographic quotes, and `oneOf`
    where one of the schemas is a part of the other."""
    if isinstance(schema, list):
        return [_mended(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        "anyOf" if name == "oneOf" else name: _mended(each)
        for name, each in schema.items()
        if not (name == "pattern" and isinstance(each, str) and "\u2018" in each)
    }


@cache
def belvo_spec(file: str = CURRENT) -> BelvoSpec:
    """A description. The test is skipped where the reference data is missing."""
    return BelvoSpec(file)
