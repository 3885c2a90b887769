"""A mapping: a person's or a profile's word on what columns mean. Data, from TOML or one line of text."""

import re
import tomllib
from collections.abc import Mapping as Table
from typing import Final, Literal, Self

import msgspec

from caudal.model.changes import AccountKind
from caudal.model.currencies import is_known
from caudal.model.errors import Malformed
from caudal.providers.file.csv.values import DateOrder, folded

ColumnName = str | int
"""A column by its header's name (case, accents and punctuation aside) or by its place, from 1."""

_LISTS: Final = frozenset({"description", "pending", "void", "debit_words", "credit_words"})
_TEXTS: Final = frozenset({
    "sign", "date_format", "decimal", "thousands", "delimiter", "quote", "encoding", "kind", "institution",
    "name",
})  # fmt: skip
_PAIR: Final = re.compile(r"\s*([a-z_]+)\s*=")
_NEXT_PAIR: Final = re.compile(r",(?=\s*[a-z_]+\s*=)")
_TEXT_MAX: Final = 64 * 1024


class Mapping(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which column is what. A movement is told by `amount`, or by `debit` and `credit` together.

    Notation that is left out (date order, decimal mark, delimiter, encoding) is decided by the file's evidence.
    So are columns, unless the mapping `is_complete`: then it names all columns that are to be read.
    """

    date: ColumnName | None = None
    value_date: ColumnName | None = None
    amount: ColumnName | None = None
    debit: ColumnName | None = None
    """Money out, with or without a minus."""
    credit: ColumnName | None = None
    direction: ColumnName | None = None
    """Says of an unsigned amount whether it went out (`debit_words`) or came in (`credit_words`)."""
    debit_words: tuple[str, ...] = ()
    credit_words: tuple[str, ...] = ()
    fee: ColumnName | None = None
    """Taken off the account beside the amount: the movement is amount less fee."""
    sign: Literal["as-is", "inverted"] = "as-is"
    """`inverted`: what is spent is printed positive, as on card bills."""
    description: tuple[ColumnName, ...] = ()
    """Joined by a space where there are several."""
    counterparty: ColumnName | None = None
    reference: ColumnName | None = None
    id: ColumnName | None = None
    """The bank's own, unique, lasting id of a movement."""
    code: ColumnName | None = None
    currency: ColumnName | None = None
    """A column, or one ISO code for the whole file."""
    balance: ColumnName | None = None
    """The account's balance after the movement."""
    status: ColumnName | None = None
    pending: tuple[str, ...] = ()
    """Words of the status column, beside the usual ones, for a movement not yet booked."""
    void: tuple[str, ...] = ()
    """Words of the status column, beside the usual ones, for what never moved money."""
    account: ColumnName | None = None
    """The own account's number or name, for files that hold several."""
    date_format: str | None = None
    """The order of day, month and year: ``dd/mm/yyyy``, ``%m/%d/%y``, ``ymd`` …: only the order counts."""
    decimal: Literal[".", ","] | None = None
    thousands: str | None = None
    delimiter: str | None = None
    quote: str | None = None
    """'' where quotes are ordinary characters."""
    encoding: str | None = None
    header_row: int | None = None
    """The header's line, from 1; 0 = there is no header."""
    skip_rows: int = 0
    """Lines to pass over before looking for the header."""
    kind: AccountKind | None = None
    institution: str | None = None
    name: str = ""

    def __post_init__(self) -> None:
        if self.amount is not None and (self.debit is not None or self.credit is not None):
            raise ValueError("names `amount` as well as `debit`/`credit`: a movement is one or the other")
        if self.date_format is not None and date_order(self.date_format) is None:
            raise ValueError(
                f"date_format {self.date_format!r} does not say the order of day, month and year"
            )
        for name in ("delimiter", "quote"):
            value = getattr(self, name)
            if value is not None and (
                len(value) > 1 or value in {"\n", "\r", "\0"} or (name == "delimiter" and not value)
            ):
                raise ValueError(f"{name} must be one character")
        if self.delimiter is not None and self.delimiter in {self.quote, " "}:
            raise ValueError("delimiter can be neither the quote nor a space")
        if self.encoding is not None:
            _check_encoding(self.encoding)

    @property
    def fixed_currency(self) -> str | None:
        """The ISO code given for the whole file, if `currency` is one."""
        code = self.currency
        return code if isinstance(code, str) and code.isupper() and is_known(code) else None

    @property
    def is_complete(self) -> bool:
        """Whether it says where the date and the movement are."""
        return self.date is not None and (
            self.amount is not None or self.debit is not None or self.credit is not None
        )

    def over(self, other: Self) -> Self:
        """This mapping, with what it leaves open taken from `other`."""
        default = Mapping()
        mine = {
            field: value
            for field in self.__struct_fields__
            if (value := getattr(self, field)) != getattr(default, field)
        }
        if "amount" in mine or "debit" in mine or "credit" in mine:
            other = msgspec.structs.replace(other, amount=None, debit=None, credit=None, direction=None)
        return msgspec.structs.replace(other, **mine)


def date_order(pattern: str) -> DateOrder | None:
    """The order that a pattern of any style (``%d.%m.%Y``, ``MM/DD/YYYY``, ``ymd``) gives."""
    letters = "".join(re.findall("[dmy]", re.sub("%[^dmybBY]", "", pattern).lower().replace("b", "m")))
    order = "".join(dict.fromkeys(letters))
    return order if order in {"dmy", "mdy", "ymd"} else None  # type: ignore[return-value]  # one of DateOrder's


def parse_mapping(text: str) -> Mapping:
    """A mapping from ``date=Buchungstag,amount=Betrag,description=Verwendungszweck,decimal=,``.

    A comma ends a value only where another ``key=`` follows; a list (description) repeats its key.
    Raises Malformed("--map", …) saying what is wrong and which keys there are.
    """
    if len(text) > _TEXT_MAX:
        raise Malformed("--map", f"is longer than {_TEXT_MAX} characters")
    table: dict[str, object] = {}
    for pair in _NEXT_PAIR.split(text):
        found = _PAIR.match(pair)
        if found is None:
            raise Malformed("--map", f"{pair.strip()!r} is not key=value; {_keys()}")
        key, value = found[1], pair[found.end() :]
        value = value if value in {"\t", " "} else value.strip()
        value = "\t" if value == "\\t" else value
        if key in _LISTS:
            table[key] = [*table.get(key, []), _column(value)]  # type: ignore[misc]  # a list if there at all
        elif key in table:
            raise Malformed("--map", f"gives {key} twice")
        else:
            table[key] = _column(value) if key not in _TEXTS else value
    return _mapping(table)


def mapping_from_toml(text: str) -> Mapping:
    """A mapping from a TOML file's text, one key a line. Raises as `parse_mapping` does."""
    try:
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise Malformed("--map", f"is not TOML: {error}") from None
    return _mapping(table)


def compact(mapping: Mapping) -> str:
    """The text that `parse_mapping` reads back as this mapping."""
    default = Mapping()
    pairs: list[str] = []
    for field in mapping.__struct_fields__:
        value = getattr(mapping, field)
        if value == getattr(default, field):
            continue
        for one in value if isinstance(value, tuple) else (value,):
            text = r"\t" if one == "\t" else one
            pairs.append(f"{field}={text}")
    return ",".join(pairs)


def _mapping(table: Table[str, object]) -> Mapping:
    try:
        return msgspec.convert(table, Mapping, strict=True)
    except msgspec.ValidationError as error:
        raise Malformed("--map", f"{str(error).rstrip('.')}; {_keys()}") from None


def _keys() -> str:
    return f"the keys are {', '.join(Mapping.__struct_fields__)}"


def _column(value: str) -> ColumnName:
    return int(value) if value.isascii() and value.isdigit() and len(value) <= 4 else value


def _check_encoding(name: str) -> None:
    try:
        b"a".decode(name, errors="replace")
    except (LookupError, ValueError):
        raise ValueError(f"encoding {name!r} is not one Python knows") from None


def place(column: ColumnName, names: list[str]) -> int | None:
    """The 0-based place of a column among `names`, None if there is no such column."""
    if isinstance(column, int):
        return column - 1 if 1 <= column <= max(len(names), 1) else None
    wanted = folded(column) or column.strip()
    for at, name in enumerate(names):
        if (folded(name) or name.strip()) == wanted:
            return at
    return None
