"""The OpenAPI 3.1 document, made from the declared routes."""

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, Final

import msgspec
from starlette.responses import Response

import caudal
from caudal.api.rest import problems
from caudal.api.rest.endpoints import Endpoint, Entry, Raw
from caudal.api.rest.problems import Code, Problem

Json = dict[str, Any]

_REF: Final = "#/components/schemas/{name}"
_INTRO: Final = """\
Every bank, wallet and exchange; one ledger you can prove.

**Money** is a decimal string beside its currency; positive is into the account, negative out of it, whatever its kind.
**Days** (`booked_on`) are the bank's own; instants are RFC 3339 in UTC. **Lists** come in pages: give `next` as `after`.
**Errors** are `application/problem+json` with a `code` that stays the same. **POST** takes an `Idempotency-Key`: the same
request again gets the first one's answer (kept 24 hours); another request under the same key is refused.
A field or a value of an enumeration may be added at any time; what is taken away is marked deprecated first, for at
least six months, with `Deprecation` and `Sunset` headers on the answers concerned.
"""


def document(endpoints: Sequence[Endpoint]) -> Json:
    """The whole document, in a stable order."""
    types = [Problem, *_types(endpoints)]
    schemas, components = msgspec.json.schema_components(types, ref_template=_REF)
    known = dict(zip((_key(each) for each in types), schemas, strict=True))
    paths: dict[str, Json] = {}
    for each in endpoints:
        paths.setdefault(each.path, {})[each.method.lower()] = _operation(each, known)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Caudal",
            "version": caudal.__version__,
            "description": _INTRO,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name} for name in dict.fromkeys(each.tag for each in endpoints)],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(components.items())),
            "responses": {code.name: _problem(code) for code in problems.CODES.values()},
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A key (`caudal_…`), or the access token of a session.",
                },
                "cookie": {"type": "apiKey", "in": "cookie", "name": "__Host-caudal"},
            },
        },
    }


def _types(endpoints: Sequence[Endpoint]) -> list[Any]:
    found: dict[str, Any] = {}
    for each in endpoints:
        for kind in (each.body, each.answer):
            if kind is not None and kind is not Response and kind is not Raw:
                found.setdefault(_key(kind), kind)
    return list(found.values())


def _key(kind: object) -> str:
    return repr(kind)


def _operation(each: Endpoint, known: Mapping[str, Json]) -> Json:
    told: Json = {
        "operationId": each.name,
        "summary": each.summary,
        "tags": [each.tag],
    }
    if each.description:
        told["description"] = each.description
    if each.leaving is not None:
        told |= {"deprecated": True, "x-sunset": each.leaving.until.isoformat()}
    if each.needs is Entry.ANYBODY:
        told["security"] = []
    else:
        told["security"] = [{"bearer": []}, {"cookie": []}]
    told["x-caudal-needs"] = each.needs.value
    if parameters := _parameters(each):
        told["parameters"] = parameters
    if each.body is Raw:
        file = {"schema": {"type": "string", "format": "binary"}}
        told["requestBody"] = {"required": True, "content": {"application/octet-stream": file}}
    elif each.body is not None:
        content = {"application/json": {"schema": known[_key(each.body)]}}
        told["requestBody"] = {"required": True, "content": content}
    told["responses"] = {str(each.status): _success(each, known)} | _failures(each)
    return told


def _success(each: Endpoint, known: Mapping[str, Json]) -> Json:
    told: Json = {"description": each.summary, "headers": _headers(each)}
    if each.answer is Response:
        kind = "object" if each.media == "application/json" else "string"
        told["content"] = {each.media: {"schema": {"type": kind}}}
    elif each.answer is not None:
        told["content"] = {each.media: {"schema": known[_key(each.answer)]}}
    return told


def _headers(each: Endpoint) -> Json:
    whole = {"schema": {"type": "integer", "minimum": 0}}
    told: Json = {
        "RateLimit-Limit": {"description": "Requests a minute.", **whole},
        "RateLimit-Remaining": {"description": "Left of them at once.", **whole},
        "RateLimit-Reset": {"description": "Seconds until all are there again.", **whole},
        "X-Request-Id": {"description": "What to quote when asking.", "schema": {"type": "string"}},
    }
    if each.etag:
        told["ETag"] = {"schema": {"type": "string"}}
    return told


def _failures(each: Endpoint) -> Json:
    codes = [problems.INVALID, problems.TOO_MANY, problems.FAILED, problems.AWAY]
    if each.needs is not Entry.ANYBODY:
        codes += [problems.UNAUTHENTICATED, problems.FORBIDDEN]
    if each.in_space or each.params or each.query is not None or each.body is not None:
        codes += [problems.NOT_FOUND, problems.CONFLICT]
    if each.method != "GET":
        codes += [problems.CONFLICT, problems.TOO_LARGE]
    if each.body is not None:
        codes.append(problems.WRONG_MEDIA)
    if each.method == "POST":
        codes.append(problems.PROVIDER_DOWN)
    if each.needs is Entry.ANYBODY and each.method == "POST":
        codes.append(problems.UNAUTHENTICATED)
    if each.conditional:
        codes += [problems.CHANGED, problems.UNCONDITIONAL]
    told = {str(code.status): {"$ref": f"#/components/responses/{code.name}"} for code in codes}
    return dict(sorted(told.items()))


def _problem(code: Code) -> Json:
    same = [other.name for other in problems.CODES.values() if other.status == code.status]
    content = {problems.MEDIA_TYPE: {"schema": {"$ref": _REF.format(name="Problem")}}}
    return {"description": f"{code.title} (`{'`, `'.join(same)}`).", "content": content}


def _parameters(each: Endpoint) -> list[Json]:
    told: list[Json] = []
    if each.in_space:
        told.append(_in_path("space_id", {"type": "string", "format": "uuid"}))
    for name, kind in each.params.items():
        told.append(_in_path(name, msgspec.json.schema(kind)))
    if each.query is not None:
        told += _in_query(each.query)
    if each.method == "POST" and each.needs is not Entry.ANYBODY:
        told.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"},
                "description": "Names this very request: again under the same name, it isn't done twice.",
            }
        )
    if each.conditional:
        told.append(
            {
                "name": "If-Match",
                "in": "header",
                "required": True,
                "schema": {"type": "string"},
                "description": "The ETag of what was read; `*`: whatever stands there now.",
            }
        )
    return told


def _in_path(name: str, schema: Json) -> Json:
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _in_query(kind: type[msgspec.Struct]) -> list[Json]:
    told = []
    for field in msgspec.structs.fields(kind):
        schema = msgspec.json.schema(field.type)
        if "$ref" in schema:
            schema = schema["$defs"][schema["$ref"].rpartition("/")[2]]
        options = [each for each in schema.get("anyOf", ()) if each.get("type") != "null"]
        schema = _inlined(options[0] if len(options) == 1 else schema, schema.get("$defs", {}))
        if not field.required and field.default not in (None, msgspec.NODEFAULT):
            schema = {**schema, "default": _plain(field.default)}
        told.append(
            {
                "name": field.encode_name,
                "in": "query",
                "required": field.required,
                "schema": schema,
                **({"explode": True, "style": "form"} if schema.get("type") == "array" else {}),
            }
        )
    return told


def _inlined(schema: Json, kept: Mapping[str, Json]) -> Json:
    """An enumeration where it is used: parameters are too few for a component each."""
    if "$ref" in schema:
        return dict(kept[schema["$ref"].rpartition("/")[2]])
    if "items" in schema:
        return {**schema, "items": _inlined(schema["items"], kept)}
    return {name: value for name, value in schema.items() if name not in ("$defs", "default")}


def _plain(value: object) -> object:
    return value.value if isinstance(value, Enum) else value
