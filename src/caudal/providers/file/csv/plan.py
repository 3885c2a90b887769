"""How one file will be read: a mapping put on its columns; a person's, a profile's, or what they look like."""

import hashlib
from collections.abc import Sequence
from typing import Final

import msgspec

from caudal.model.errors import Malformed
from caudal.providers.file.csv.columns import (
    Choice,
    choose,
    columns_of,
    is_header,
    prints_spending_positive,
)
from caudal.providers.file.csv.dialect import Dialect, Row, sample, sniff
from caudal.providers.file.csv.mapping import ColumnName, Mapping, compact, place
from caudal.providers.file.csv.profile import Layout, Profile, known_by_header, known_by_text
from caudal.providers.file.csv.values import folded, looks_like_amount, looks_like_date

_PREAMBLE_ROWS_MAX: Final = 80


class Plan(msgspec.Struct, frozen=True):
    """Everything a pass over the file needs. Columns are 0-based places; -1 = there is none."""

    dialect: Dialect
    mapping: Mapping
    names: tuple[str, ...]
    """The header's names as printed; () where there is no header."""
    data_line: int
    """The line after which rows are data."""
    width: int
    """The cells of a full row."""
    chosen: dict[str, Choice]
    """Who has which role where nobody said: empty for a mapping or a profile that says it all."""
    profile: Profile | None = None
    layout: Layout | None = None
    head: str = ""
    """The text before the data, for account numbers and currencies."""

    def at(self, column: ColumnName | None) -> int:
        """The place of a mapped column, -1 if it is not mapped or (for a profile) not in this file."""
        found = place(column, list(self.names) or [""] * self.width) if column is not None else None
        return -1 if found is None else found

    @property
    def fingerprint(self) -> str:
        """What tells this layout from others: the profile's name, or 12 hex digits of the header's hash."""
        if self.layout is not None:
            return self.layout.name
        text = "\x1f".join(map(folded, self.names)) or f"{self.width} columns"
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def plan_of(head: bytes, mapping: Mapping | None = None) -> Plan:
    """How to read the file that begins with `head`.

    The mapping's word counts most, then a profile that knows the header, then the header's words and cells.
    Raises Malformed for a file without rows or columns that could be movements, or when the mapping names a
    column that isn't there. The plan may still be incomplete: `require_certain` judges it.
    """
    given = mapping or Mapping()
    dialect = sniff(head, given.encoding or "", given.delimiter or "", given.quote)
    found = sample(head, dialect)
    if not found:
        raise Malformed("line 1", "the file is empty" if not head.strip() else "the file has no rows")
    text = head.decode(dialect.encoding, errors="replace")
    header, known = _header(found, given, text)
    data = [row for row in found if header is None or row.line > header.line]
    data = [row for row in data if row.line > given.skip_rows]
    names = tuple(header.cells) if header else ()
    width = _width(names, data)
    if header is None and mapping is None:
        known = known_by_text(width, text)
        if known and not _fits(known[1].map, data):
            known = None
    base = _with_layout(known[1].map, names) if known else Mapping()
    final = given.over(base)
    _check_columns(mapping, names, width)
    chosen: dict[str, Choice] = {}
    if not final.is_complete:
        cells = [row.cells for row in data if _could_be_movement(row.cells)]
        chosen = choose(columns_of(names or [""] * width, cells), headed=bool(names))
        guess = _mapped(chosen)
        if prints_spending_positive(chosen, cells):
            guess = msgspec.structs.replace(guess, sign="inverted")
        final = final.over(guess)
    return Plan(
        dialect=dialect,
        mapping=final,
        names=names,
        data_line=header.line if header else given.skip_rows,
        width=width,
        chosen=chosen,
        profile=known[0] if known else None,
        layout=known[1] if known else None,
        head="\n".join(row.raw for row in found if header and row.line < header.line),
    )


def require_certain(plan: Plan) -> None:
    """Raise Malformed, with the mapping to try, where a plan rests on a guess."""
    lacking = [role for role in ("date", "amount") if not _has(plan, role)]
    doubtful = [role for role, choice in plan.chosen.items() if role in _VITAL and not choice.certain]
    if not lacking and not (doubtful and not plan.names):
        return
    proposal = ",".join(filter(None, (compact(plan.mapping), *(f"{role}=…" for role in lacking))))
    names = ", ".join(name.strip() for name in plan.names[:30] if name.strip())[:400]
    which = f"which column is the {' and '.join(lacking)}" if lacking else f"{' from '.join(doubtful)}"
    seen = f" (columns: {names})" if names else f" ({plan.width} columns, no header)"
    raise Malformed(f"line {plan.data_line or 1}", f"can't tell {which}{seen}; try --map '{proposal}'")


def _header(
    found: Sequence[Row], given: Mapping, text: str
) -> tuple[Row | None, tuple[Profile, Layout] | None]:
    """The header row, and the profile that knows it."""
    candidates = [row for row in found[:_PREAMBLE_ROWS_MAX] if row.line > given.skip_rows]
    if given.header_row == 0:
        return None, None
    if given.header_row is not None:
        named = next((row for row in candidates if row.line >= given.header_row), None)
        if named is None:
            raise Malformed("--map", f"header_row {given.header_row} is beyond the file's first rows")
        return named, None if given.is_complete else known_by_header(named.cells, text)
    for row in candidates:
        if not given.is_complete and (known := known_by_header(row.cells, text)):
            return row, known
        if given.is_complete and _names_all(given, row.cells):
            return row, None
    for row in candidates:
        if is_header(row.cells):
            return row, None
    return _before_data(candidates), None


def _names_all(given: Mapping, cells: list[str]) -> bool:
    columns = (given.date, given.amount, given.debit, given.credit)
    named = [column for column in columns if isinstance(column, str)]
    return bool(named) and all(place(column, cells) is not None for column in named)


def _before_data(candidates: Sequence[Row]) -> Row | None:
    """The row right above the first movement, if it has names for as many columns and no figures."""
    above: Row | None = None
    for row in candidates:
        if _could_be_movement(row.cells):
            break
        above = row
    else:
        return None
    if above is None or len([cell for cell in above.cells if cell.strip()]) < 3:
        return None
    return None if any(looks_like_amount(cell) or looks_like_date(cell) for cell in above.cells) else above


def _could_be_movement(cells: Sequence[str]) -> bool:
    return any(map(looks_like_date, cells)) and any(map(looks_like_amount, cells))


def _fits(mapping: Mapping, data: Sequence[Row]) -> bool:
    """Whether a headerless layout's columns hold what it says: banks re-arrange what has no names."""
    for row in data:
        for column in (mapping.amount, mapping.debit, mapping.credit):
            cell = row.cells[column - 1] if isinstance(column, int) and column <= len(row.cells) else ""
            if cell.strip() and not looks_like_amount(cell):
                return False
    return True


def _width(names: Sequence[str], data: Sequence[Row]) -> int:
    """The cells of a full row: the header's, or more where most rows agree on more."""
    widths = [len(row.cells) for row in data if _could_be_movement(row.cells)]
    if not widths:
        return len(names) or max((len(row.cells) for row in data), default=1)
    usual = max(set(widths), key=widths.count)
    most_agree = widths.count(usual) * 2 > len(widths)
    return max(len(names), usual) if most_agree or not names else len(names)


def _with_layout(mapping: Mapping, names: Sequence[str]) -> Mapping:
    """A profile's mapping without the columns that this file lacks: banks add and drop the lesser ones."""
    if not names:
        return mapping
    lacking = {
        field: None
        for field in _ROLES
        if (column := getattr(mapping, field)) is not None
        and not (field == "currency" and mapping.fixed_currency)
        and place(column, list(names)) is None
    }
    kept = tuple(column for column in mapping.description if place(column, list(names)) is not None)
    return msgspec.structs.replace(mapping, description=kept, **lacking)


def _check_columns(mapping: Mapping | None, names: Sequence[str], width: int) -> None:
    """Raise Malformed where a person's mapping names a column that the file hasn't got."""
    if mapping is None:
        return
    columns = [getattr(mapping, role) for role in _ROLES] + list(mapping.description)
    for column in columns:
        if column is None or column == mapping.fixed_currency:
            continue
        known = place(column, list(names) or [""] * width)
        if known is None or known >= max(width, len(names)):
            listed = ", ".join(name.strip() for name in names if name.strip())[:500]
            has = f"the file has: {listed}" if listed else f"the file has no header and {width} columns"
            raise Malformed("--map", f"there is no column {column!r}; {has}")


def _mapped(chosen: dict[str, Choice]) -> Mapping:
    """The choices as a mapping, by place."""
    fields: dict[str, object] = {
        role: choice.at[0] + 1 for role, choice in chosen.items() if role != "description"
    }
    if "description" in chosen:
        fields["description"] = tuple(at + 1 for at in chosen["description"].at)
    if len({"debit", "credit"} & set(chosen)) == 1:
        del fields[
            "debit" if "debit" in chosen else "credit"
        ]  # one of a pair proves nothing of the other half
    return Mapping(**fields)  # type: ignore[arg-type]  # roles are fields of Mapping, places are columns


def _has(plan: Plan, role: str) -> bool:
    mapping = plan.mapping
    if role == "amount":
        return mapping.amount is not None or mapping.debit is not None or mapping.credit is not None
    return mapping.date is not None


_VITAL: Final = frozenset({"date", "amount", "debit", "credit"})
_ROLES: Final = (
    "date", "value_date", "amount", "debit", "credit", "direction", "fee", "counterparty", "reference", "id",
    "code", "currency", "balance", "status", "account",
)  # fmt: skip
