"""How Plaid writes JSON: keys in alphabetical order, two blanks of indent, decimals as numbers (recorded bodies).

Signatures of webhooks cover these very bytes, so every body leaves through here.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final, TypeVar

import msgspec

from caudal_sandbox.plaid.errors import KNOWN, PlaidError

Request = TypeVar("Request")

CONTENT_TYPE: Final = "application/json; charset=utf-8"
VERSION: Final = "2020-09-14"
"""The only version of the API there is since 2020; what a client sends in `Plaid-Version` is told back to it."""

_ENCODER: Final = msgspec.json.Encoder(decimal_format="number", order="sorted")
_DECODER: Final = msgspec.json.Decoder(float_hook=Decimal)


def encode(answer: object, request_id: str | None = None) -> bytes:
    """`answer` (a struct, or a mapping of field to value) as a body, with `request_id` in it where one is given.
    `Decimal` becomes a JSON number, digit for digit."""
    return msgspec.json.format(_ENCODER.encode(_with_id(answer, request_id)), indent=2)


def _with_id(answer: object, request_id: str | None) -> object:
    if request_id is None:
        return answer
    fields = answer if isinstance(answer, Mapping) else _fields(answer)
    return {**fields, "request_id": request_id}


def _fields(answer: object) -> Mapping[str, object]:
    """The struct's own fields, one level deep: what lies below is the encoder's to write."""
    if not isinstance(answer, msgspec.Struct):
        raise TypeError(f"an answer is a struct or a mapping, not {type(answer).__name__}")
    return {
        field.encode_name: value
        for field in msgspec.structs.fields(answer)
        if (value := getattr(answer, field.name)) is not msgspec.UNSET
        and not (answer.__struct_config__.omit_defaults and value == field.default)
    }


def decode(raw: bytes) -> dict[str, object]:
    """A request's body as the object it must be; numbers with a point become `Decimal`. Raises PlaidError."""
    try:
        body = _DECODER.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise PlaidError("INVALID_BODY") from None
    if not isinstance(body, dict):
        raise PlaidError("INVALID_BODY", "body must be a JSON object")
    return body


def understood(body: Mapping[str, object], request: type[Request]) -> Request:
    """The body as the request an endpoint takes. Raises PlaidError that names the field, never its value."""
    try:
        return msgspec.convert(body, request)
    except msgspec.ValidationError as error:
        raise _refused(str(error)) from None


def _refused(problem: str) -> PlaidError:
    """What Plaid calls it, told from msgspec's wording: ``Object contains unknown field `x` - at `$.options```."""
    said, _, place = problem.partition(" - at ")
    where = place.strip("`").removeprefix("$").lstrip(".")
    field = said.split("`")[1] if "`" in said else ""
    path = f"{where}.{field}" if where else field
    if "unknown field" in said:
        return PlaidError("UNKNOWN_FIELDS", f"{KNOWN['UNKNOWN_FIELDS'].error_message}: {path}")
    if "missing required field" in said:
        return PlaidError("MISSING_FIELDS", f"{KNOWN['MISSING_FIELDS'].error_message}: {path}")
    return PlaidError("INVALID_FIELD", f"{where or 'body'}: {said[:1].lower()}{said[1:]}")
