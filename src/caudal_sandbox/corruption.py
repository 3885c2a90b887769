"""Breaking one place of an otherwise right answer, so that whoever reads it can set that one thing aside."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final

import msgspec

from caudal_sandbox.economy.chance import Chance
from caudal_sandbox.faults import CORRUPTIONS, Kind, Strike

UNHEARD_OF: Final = "word_of_tomorrow"
"""What an enumeration says that nobody knows yet, and the name of a field that nobody knows yet."""

Json = dict[str, "Json"] | list["Json"] | str | int | Decimal | bool | None


class Weak(msgspec.Struct, frozen=True):
    """Where a provider's answers may be broken if a fault doesn't say: for each kind the first of these places that
    the answer has. `currencies`: the fields that together name an amount's currency.
    """

    places: Mapping[Kind, Sequence[str]]
    currencies: tuple[str, ...]


def corrupt(answer: Json, strike: Strike, weak: Weak) -> bool:
    """Break `answer`, in place, in the one place that the strike means. False where it has no such place."""
    if strike.kind not in CORRUPTIONS:
        raise ValueError(f"{strike.kind} breaks no answer's content")
    said = strike.fault.word("where")
    places = (said,) if said else weak.places.get(strike.kind, ())
    for place in places:
        *path, last = place.strip("/").split("/")
        holders = list(_at(answer, path))
        found = [holder for holder in holders if _has(holder, last)]
        if found:
            _break(strike.chance.pick(found), last, strike, weak)
            return True
    return False


def _at(tree: Json, path: Sequence[str]) -> Iterator[Json]:
    """Everything in `tree` at `path`; `*` is each element of a list or value of an object."""
    if not path:
        yield tree
        return
    for child in _children(tree, path[0]):
        yield from _at(child, path[1:])


def _children(tree: Json, step: str) -> Iterator[Json]:
    if isinstance(tree, dict):
        yield from tree.values() if step == "*" else ([tree[step]] if step in tree else [])
    elif isinstance(tree, list):
        if step == "*":
            yield from tree
        elif step.isdigit() and int(step) < len(tree):
            yield tree[int(step)]


def _has(holder: Json, last: str) -> bool:
    return any(True for _ in _children(holder, last))


def _break(holder: Json, last: str, strike: Strike, weak: Weak) -> None:
    chance = strike.chance
    if isinstance(holder, list):
        key: int | str = chance.below(len(holder)) if last == "*" else int(last)
        holder[int(key)] = _broken(holder[int(key)], strike.kind, weak, chance)
    elif isinstance(holder, dict):
        key = chance.pick(tuple(holder)) if last == "*" else last
        if strike.kind is Kind.ABSENT_OPTIONAL:
            del holder[key]
        else:
            holder[key] = _broken(holder[key], strike.kind, weak, chance)


def _broken(value: Json, kind: Kind, weak: Weak, chance: Chance) -> Json:
    match kind:
        case Kind.WRONG_TYPES:
            return _of_another_type(value, chance)
        case Kind.UNKNOWN_FIELD if isinstance(value, dict):
            return {**value, UNHEARD_OF: {"since": "tomorrow"}}
        case Kind.BOTH_CURRENCIES_NULL if isinstance(value, dict):
            return {**value, **dict.fromkeys((each for each in weak.currencies if each in value), None)}
        case Kind.UNKNOWN_ENUM:
            return UNHEARD_OF
        case _:
            return value


def _of_another_type(value: Json, chance: Chance) -> Json:
    match value:
        case bool():
            return "yes" if value else "no"
        case int() | Decimal():
            return f"{value} or so"
        case str():
            return chance.below(1_000)
        case dict():
            return []
        case list():
            return UNHEARD_OF
        case _:
            return {}
