"""The shape of a story: cases, their steps, what a step tells. What is not known of a step is left alone."""

from decimal import Decimal
from typing import Final

import msgspec

from caudal.model.errors import Malformed


class Tx(msgspec.Struct, frozen=True, kw_only=True):
    """A transaction as a source or a person tells it. Amounts are signed: positive = into the account; with `indicator`
    (``DBIT``, ``CRDT``) they aren't."""

    id: str | None = None
    amount: Decimal | None = None
    currency: str | None = None
    date: str | None = None
    name: str = ""
    description: str = ""
    pending: bool = False
    pending_id: str | None = None
    previous_ids: list[str] = []
    ref: str | None = None
    category: str | None = None
    indicator: str | None = None
    account: str | None = None
    split: list[Decimal] = []


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One step; which fields count, `op` says."""

    op: str
    source: str | None = None
    account: str | None = None
    tx: Tx | None = None
    txs: list[Tx] = []
    rows: list[Tx] = []
    complete_window: tuple[str, str] | None = None
    removed: list[str] = []
    ids: list[str] = []
    opening: Decimal | None = None
    closing: Decimal | None = None
    select: dict[str, object] = {}
    set: dict[str, object] = {}
    parts: list[Decimal] = []
    keep: str = ""
    drop: str = ""
    window_days: int = 4
    fx_tolerance: Decimal = Decimal("0.05")
    advance_days: int = 0
    advance_hours: int = 0


class Described(msgspec.Struct, frozen=True, kw_only=True):
    """What is said of an account beforehand."""

    kind: str | None = None
    currency: str | None = None
    institution: str | None = None


class Given(msgspec.Struct, frozen=True):
    """What is known beforehand. `rates`: "USD/CAD" → day → how many of the second one of the first is."""

    rates: dict[str, dict[str, Decimal]] = {}
    accounts: dict[str, Described] = {}


class Case(msgspec.Struct, frozen=True):
    """A story: what happens, step by step."""

    id: str
    steps: list[Step]
    given: Given = Given()


_CASES: Final = msgspec.json.Decoder(list[Case], strict=False)


def read(data: bytes) -> list[Case]:
    """The cases of a file. Raises Malformed."""
    try:
        return _CASES.decode(data)
    except msgspec.DecodeError as error:
        raise Malformed("cases", str(error)) from None
