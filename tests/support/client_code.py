"""Writes `caudal/client/operations.py` anew from the OpenAPI document: ``python -m tests.support.client_code``.

A type for each answer, and a method for each operation, once as it is and once to be awaited.
"""

import json
import keyword
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
TARGET: Final = ROOT / "src" / "caudal" / "client" / "operations.py"
Json = dict[str, Any]

_HEAD: Final = '''\
"""What the API can do, as methods. Made from its document (`python -m tests.support.client_code`); a test compares."""

# ruff: noqa: A002, E501, PLR0904, PLR0917
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from caudal.client.core import AsyncCore, Core, Page, Raw, Undefined, segment, undefined
'''
_PAGE: Final = re.compile(r"Page_(\w+)_")
_LEFT_OUT: Final = frozenset({"follow_events", "read_openapi"})
"""What `follow` does better, and what nobody needs from here."""


def code() -> str:
    """The module, formatted."""
    document = json.loads((ROOT / "docs" / "openapi.json").read_bytes())
    schemas = document["components"]["schemas"]
    written = "\n\n".join([_HEAD, *_types(document, schemas), *_clients(document, schemas)])
    for what in (["check", "--fix", "--quiet"], ["format"]):
        written = subprocess.run(
            [sys.executable, "-m", "ruff", *what, "--stdin-filename", TARGET.relative_to(ROOT), "-"],
            input=written,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            cwd=ROOT,
        ).stdout
    return written


def _answers(document: Json, schemas: Json) -> list[str]:
    """The schemas that answers are made of, each after those it needs."""
    found: list[str] = []

    def visit(told: Any) -> None:
        if isinstance(told, dict):
            name = told.get("$ref", "").rpartition("/")[2]
            if name in schemas and name not in found:
                visit(schemas[name])
                if name not in found:
                    found.append(name)
            for each in told.values():
                visit(each)
        elif isinstance(told, list):
            for each in told:
                visit(each)

    for _, _, operation in _operations(document):
        visit(operation["responses"])
    return [name for name in found if not _PAGE.fullmatch(name)]


def _operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if operation["operationId"] not in _LEFT_OUT:
                yield path, method.upper(), operation


def _types(document: Json, schemas: Json) -> Iterator[str]:
    for name in _answers(document, schemas):
        told = schemas[name]
        if "enum" in told:
            yield f'{name} = str\n"""One of: {", ".join(told["enum"])}; more may come."""'
            continue
        required = set(told.get("required", ()))
        rows = []
        for field, schema in told.get("properties", {}).items():
            default = "" if field in required else f" = {_default(schema)}"
            rows.append(f"    {_name(field)}: {_type(schema)}{default}")
        docs = told.get("description", name)
        renamed = ', rename={"from_": "from"}' if "from" in told.get("properties", {}) else ""
        head = f"class {name}(msgspec.Struct, frozen=True, kw_only=True{renamed}):"
        yield "\n".join([head, f'    """{docs}"""', "", *(rows or ["    pass"])])


def _default(schema: Json) -> str:
    if "default" in schema:
        default = schema["default"]
        return "msgspec.field(default_factory=list)" if default == [] else repr(default)
    return "None"


def _type(schema: Json) -> str:
    if ref := schema.get("$ref"):
        name = ref.rpartition("/")[2]
        page = _PAGE.fullmatch(name)
        return f"Page[{page[1]}]" if page else name
    if options := schema.get("anyOf"):
        told = [_type(each) for each in options if each.get("type") != "null"]
        return " | ".join([*dict.fromkeys(told), *(["None"] if len(told) < len(options) else [])])
    match schema.get("type"):
        case "string":
            kinds = {"uuid": "UUID", "date": "date", "date-time": "datetime", "decimal": "Decimal"}
            return kinds.get(schema.get("format", ""), "str")
        case "integer":
            return "int"
        case "boolean":
            return "bool"
        case "array":
            return f"list[{_type(schema.get('items', {}))}]"
        case "object" if isinstance(schema.get("additionalProperties"), dict):
            return f"dict[str, {_type(schema['additionalProperties'])}]"
        case "object":
            return "dict[str, Any]"
    return "str" if "enum" in schema else "Any"


def _clients(document: Json, schemas: Json) -> Iterator[str]:
    for name, base, awaited in (("Operations", "Core", False), ("AsyncOperations", "AsyncCore", True)):
        methods = [_method(*each, schemas, awaited=awaited) for each in _operations(document)]
        docs = "Every operation" + (", to be awaited." if awaited else ".")
        yield "\n\n".join([f'class {name}({base}):\n    """{docs}"""', *methods])


def _method(path: str, method: str, operation: Json, schemas: Json, *, awaited: bool) -> str:
    parameters = operation.get("parameters", [])
    in_path = [each for each in parameters if each["in"] == "path"]
    query = [each for each in parameters if each["in"] == "query"]
    body, required = _body(operation, schemas)
    signature = ["self", *(f"{_name(each['name'])}: {_given(each['schema'])}" for each in in_path)]
    if body is None and "requestBody" in operation:
        signature.append("data: bytes")
    named = [f"{_name(key)}: {_given(schema)}" for key, schema in (body or {}).items() if key in required]
    named += [f"{_name(each['name'])}: {_given(each['schema'])}" for each in query if each["required"]]
    named += [
        f"{_name(key)}: {_or_not(schema)} = undefined"
        for key, schema in (body or {}).items()
        if key not in required
    ]
    named += [
        f"{_name(each['name'])}: {_or_not(each['schema'])} = undefined"
        for each in query
        if not each["required"]
    ]
    conditional = any(each["name"] == "If-Match" for each in parameters)
    repeatable = any(each["name"] == "Idempotency-Key" for each in parameters)
    named += ['if_match: str = "*"'] if conditional else []
    named += ["idempotency_key: str | None = None"] if repeatable else []
    if named:
        signature += ["*", *named]
    answer = _answer(operation)
    given = [
        f'"{method}"',
        'f"' + _placed(path) + '"',
        answer,
    ]
    if query:
        given.append(
            "query={" + ", ".join(f'"{each["name"]}": {_name(each["name"])}' for each in query) + "}"
        )
    if body is not None:
        given.append("body={" + ", ".join(f'"{key}": {_name(key)}' for key in body) + "}")
    elif "requestBody" in operation:
        given.append("body=Raw(data)")
    given += ["if_match=if_match"] if conditional else []
    given += ["key=idempotency_key"] if repeatable else []
    docs = operation["summary"].rstrip(".") + "."
    if operation.get("description"):
        more = operation["description"].replace("\n", "\n        ")
        docs += f"\n\n        {more}\n        "
    verb, wait = ("async def", "await ") if awaited else ("def", "")
    told = "None" if answer == "type(None)" else answer
    return (
        f"    {verb} {operation['operationId']}({', '.join(signature)}) -> {told}:\n"
        f'        """{docs}"""\n'
        f"        return {wait}self._ask({', '.join(given)})"
    )


def _placed(path: str) -> str:
    """The path with its places filled from the arguments, each escaped."""
    return re.sub(r"\{(\w+)\}", lambda found: "{segment(" + _name(found[1]) + ")}", path)


def _body(operation: Json, schemas: Json) -> tuple[Json | None, set[str]]:
    content = operation.get("requestBody", {}).get("content", {})
    if "application/json" not in content:
        return None, set()
    told = schemas[content["application/json"]["schema"]["$ref"].rpartition("/")[2]]
    return told.get("properties", {}), set(told.get("required", ()))


def _answer(operation: Json) -> str:
    for status, told in operation["responses"].items():
        if status.startswith("2"):
            for content in told.get("content", {}).values():
                return _type(content["schema"])
    return "type(None)"


def _given(schema: Json) -> str:
    """What may be given for it: an id as text, too; an amount as Decimal; of what is told by name, the name."""
    told = _type(schema)
    if "A decimal number." in json.dumps(schema):
        told = told.replace("str", "Decimal | str") if "list[" not in told else "list[Decimal | str]"
    return "UUID | str" if told == "UUID" else told.replace("Role", "str").replace("Scope", "str")


def _or_not(schema: Json) -> str:
    """The same, or nothing."""
    told = _given(schema)
    return f"{told.removesuffix(' | None')} | Undefined{' | None' if told.endswith(' | None') else ''}"


def _name(name: str) -> str:
    return f"{name}_" if keyword.iskeyword(name) else name


if __name__ == "__main__":
    TARGET.write_text(code())
