"""Lists: filters by field and operator, pages by number, parts of records (contract §1)."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Final
from urllib.parse import urlencode

from caudal_sandbox.belvo.errors import BelvoError

Json = dict[str, object]

SIZE: Final = 100
SIZE_MAX: Final = 1_000
_NO_FILTER: Final = {"page", "page_size", "omit", "fields", "link", "user_document"}

_OPERATORS: Final[Mapping[str, Callable[[object, str], bool]]] = {
    "": lambda held, asked: _order(held, asked) == 0,
    "gt": lambda held, asked: _order(held, asked) > 0,
    "gte": lambda held, asked: _order(held, asked) >= 0,
    "lt": lambda held, asked: _order(held, asked) < 0,
    "lte": lambda held, asked: _order(held, asked) <= 0,
    "in": lambda held, asked: any(_same(held, each) for each in asked.split(",")),
    "range": lambda held, asked: (
        _order(held, asked.split(",")[0]) >= 0 and _order(held, asked.split(",")[-1]) <= 0
    ),
    "icontains": lambda held, asked: asked.lower() in str(held).lower(),
}


def filtered(rows: Sequence[Json], query: Mapping[str, str]) -> list[Json]:
    """Those that every filter of the query lets pass. Raises BelvoError for an operator that isn't one."""
    for name, asked in query.items():
        if name not in _NO_FILTER:
            field, operator = _split(name)
            rows = [row for row in rows if _OPERATORS[operator](_held(row, field), asked)]
    return list(rows)


def paged(rows: Sequence[Json], query: Mapping[str, str], url: str, size_max: int = SIZE_MAX) -> Json:
    """One page of them: ``{count, next, previous, results}``. `url`: of the list, without query."""
    number, size = _number(query, "page", 1), min(_number(query, "page_size", SIZE), size_max)
    first = (number - 1) * size
    if number > 1 and first >= len(rows):
        raise BelvoError("not_found")

    def at(page: int) -> str:
        return f"{url}?{urlencode({**query, 'page': page})}"

    return {
        "count": len(rows),
        "next": at(number + 1) if first + size < len(rows) else None,
        "previous": at(number - 1) if number > 1 else None,
        "results": [cut(row, query) for row in rows[first : first + size]],
    }


def cut(row: Json, query: Mapping[str, str]) -> Json:
    """The fields that were asked for, without those to be left out."""
    omit = set(query.get("omit", "").split(","))
    fields = set(query["fields"].split(",")) if query.get("fields") else set(row)
    return {name: value for name, value in row.items() if name in fields - omit}


def _split(name: str) -> tuple[str, str]:
    field, _, operator = name.rpartition("__")
    if operator in _OPERATORS and field:
        return field, operator
    return name, ""


def _held(row: Json, field: str) -> object:
    value: object = row
    for step in field.split("__"):
        value = value.get(step, value.get(f"{step}s")) if isinstance(value, dict) else None
    return value.get("id") if isinstance(value, dict) else value


def _same(held: object, asked: str) -> bool:
    return _order(held, asked) == 0


def _order(held: object, asked: str) -> int:
    """Like with like: numbers by worth, instants by their day where a day was asked for, of a list the one that is
    asked for, else text."""
    if isinstance(held, list):
        return 0 if asked in held else 1
    if isinstance(held, Decimal | int):
        try:
            return int(Decimal(held).compare(Decimal(asked)))
        except InvalidOperation:
            raise BelvoError("invalid") from None
    text = "" if held is None else str(held)
    text = text[: len(asked)] if "T" in text else text
    return (text > asked) - (text < asked)


def _number(query: Mapping[str, str], name: str, otherwise: int) -> int:
    asked = query.get(name, str(otherwise))
    if not asked.isdigit() or int(asked) < 1:
        raise BelvoError("invalid", field=name)
    return int(asked)
