"""Our cursor: where a pull of one Item stands, as compact JSON text."""

from typing import Final, Self

import msgspec

from caudal.model.changes import Cursor, SourceRef
from caudal.model.errors import CursorInvalid


class Known(msgspec.Struct, frozen=True, array_like=True):
    """What must be remembered of an account: its currency (``XXX``: not told), and whether it holds investments."""

    currency: str
    invests: bool = False


class Standing(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a pull stands. Never changed: each page goes by the one after it."""

    next: str = ""
    """Plaid's cursor, '' for the beginning."""
    start: str | None = None
    """Plaid's cursor at the start of the loop under way: where Plaid may call us back to. None: at rest."""
    again: bool = False
    """Called back: the loop is pulled anew, and its end must be told even if it brings nothing."""
    accounts: dict[SourceRef, Known] = {}
    bank: str | None = None
    countries: tuple[str, ...] = ()
    told: str = ""
    """What the balances were last told of: Plaid's last update of transactions, or a digest of the accounts."""
    invested: str = ""
    """What the positions were last told of: Plaid's last update of investments, or a digest of them."""
    invested_to: str = ""
    """The last day that investment transactions were asked for, ISO 8601."""
    off: dict[str, str] = {}
    """Products this login hasn't or doesn't share → what its accounts and consents were then: tried again when
    they change, as they do when it is linked again."""

    @classmethod
    def read(cls, cursor: Cursor) -> Self:
        """From a cursor. Raises CursorInvalid, from the beginning, where it isn't one of ours."""
        if not cursor:
            return cls()
        try:
            return msgspec.json.decode(cursor, type=cls)
        except msgspec.DecodeError:
            raise CursorInvalid(
                "plaid: the cursor is none of this adapter's; pulling from the beginning", restart=""
            ) from None

    def cursor(self) -> Cursor:
        """As a cursor."""
        return Cursor(_ENCODER.encode(self).decode())

    @property
    def known(self) -> bool:
        """Whether this Item has been looked at before."""
        return bool(self.bank is not None or self.accounts)

    @property
    def at_rest(self) -> bool:
        """Whether the last loop has been told to its end."""
        return self.start is None and not self.again

    @property
    def called_back(self) -> Cursor:
        """The cursor to pull again from, when Plaid says that a loop must start anew."""
        start = self.next if self.start is None else self.start
        return msgspec.structs.replace(self, next=start, start=None, again=True).cursor()

    def after_page(self, next_cursor: str, *, more: bool) -> Self:
        """After a page of a loop: within it while there is more, else at rest."""
        start = (self.next if self.start is None else self.start) if more else None
        return msgspec.structs.replace(self, next=next_cursor, start=start, again=self.again and more)


_ENCODER: Final = msgspec.json.Encoder(order="sorted")
