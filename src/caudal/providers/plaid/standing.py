"""Our cursor: where a pull of one Item stands, as compact JSON text."""

from collections.abc import Iterable, Mapping
from typing import Final, Self

import msgspec

from caudal.model.changes import Cursor, SourceRef
from caudal.providers.written import Standpoint

RETOLD_MAX: Final = 3
"""How often what can't be read is asked for again. Broken on its way it reads the second time, or is broken otherwise;
what reads just the same by then is broken where it is kept, and waits in quarantine for a person."""
BROKEN_MAX: Final = 64
"""Texts that can't be read remembered from one telling to the next."""


class Known(msgspec.Struct, frozen=True, array_like=True):
    """What must be remembered of an account: its currency (``XXX``: not told), and whether it holds investments."""

    currency: str
    invests: bool = False


class Standing(Standpoint, frozen=True):
    """Where a pull stands. Never changed: each page goes by the one after it."""

    next: str = ""
    """Plaid's cursor, '' for the beginning."""
    start: str | None = None
    """Plaid's cursor at the start of the loop under way: where Plaid may call us back to. None: at rest."""
    again: bool = False
    """Called back: the loop is pulled anew, and its end must be told even if it brings nothing."""
    accounts: Mapping[SourceRef, Known] = {}
    bank: str | None = None
    countries: tuple[str, ...] = ()
    told: str = ""
    """What the balances were last told of: Plaid's last update of transactions, or a digest of the accounts."""
    invested: str = ""
    """What the positions were last told of: Plaid's last update of investments, or a digest of them."""
    invested_to: str = ""
    """The last day that investment transactions were asked for, ISO 8601."""
    unread: str | None = None
    """Plaid's cursor at the start of the first loop with a record that couldn't be read: the next pull begins there.
    None: there is none, or it was asked for often enough."""
    retold: int = 0
    """How often what is `unread` was asked for again."""
    broken: tuple[str, ...] = ()
    """What names the texts that couldn't be read in this telling."""
    broken_before: tuple[str, ...] = ()
    """The same of the telling before: what is broken where it is kept is broken alike each time."""
    amiss: Mapping[str, int] = {}
    """What has no cursor, but had something in it that couldn't be read → how often in a row."""
    off: Mapping[str, str] = {}
    """Products this login hasn't or doesn't share → what its accounts and consents were then: tried again when
    they change, as they do when it is linked again."""

    @property
    def known(self) -> bool:
        """Whether this Item has been looked at before."""
        return bool(self.bank is not None or self.accounts)

    @property
    def looping(self) -> bool:
        """Whether a loop is under way or pulled anew: its end must be told, even if it brings nothing."""
        return self.start is not None or self.again

    @property
    def at_rest(self) -> bool:
        """Whether nothing told so far will be told again: while something of it is unread, it will be."""
        return not self.looping and self.unread is None

    @property
    def loop_start(self) -> str:
        """Plaid's cursor at the start of the loop under way, or of the next."""
        return self.next if self.start is None else self.start

    @property
    def called_back(self) -> Cursor:
        """The cursor to pull again from, when Plaid says that a loop must start anew. What couldn't be read in that loop
        is told again with it."""
        start = self.loop_start
        unread = None if self.unread == start else self.unread
        return msgspec.structs.replace(self, next=start, start=None, again=True, unread=unread).cursor()

    def resumed(self) -> Self:
        """Where a pull begins: within the loop that was under way, else where that loop began which had something in it
        that couldn't be read.

        An old cursor tells once more all that changed since (valid for a year at least; Plaid docs, Transactions: sync).
        """
        if self.unread is None or self.start is not None:
            return self
        return msgspec.structs.replace(
            self,
            next=self.unread,
            start=self.unread,
            unread=None,
            retold=self.retold + 1,
            broken=(),
            broken_before=self.broken,
        )

    def patient(self, what: str) -> bool:
        """Whether `what`, which has no cursor and can't be read, is to be asked for again."""
        return self.amiss.get(what, 0) < RETOLD_MAX

    def noting(self, what: str, *, unread: bool) -> Self:
        """After `what` was read, to the last or not."""
        amiss = {name: often for name, often in self.amiss.items() if name != what}
        if unread:
            amiss[what] = min(self.amiss.get(what, 0) + 1, RETOLD_MAX)
        return msgspec.structs.replace(self, amiss=amiss)

    def switched_off(self, product: str, circumstances: str) -> Self:
        """This login hasn't the product, or doesn't share it, while its circumstances are these."""
        return msgspec.structs.replace(self, off={**self.off, product: circumstances})

    def switched_on(self, product: str) -> Self:
        """The product is to be tried."""
        off = {name: why for name, why in self.off.items() if name != product}
        return msgspec.structs.replace(self, off=off)

    def after_page(
        self, next_cursor: str, *, more: bool, unread: bool = False, broken: Iterable[str] = ()
    ) -> Self:
        """After a page of a loop: within it while there is more, else at rest. `unread`: the page has a record that
        can't be read (`broken` names such texts); it is remembered from the loop's start on, until a loop from there
        has none, or RETOLD_MAX of them had, and the last none that is broken otherwise than before.
        """
        start = self.loop_start
        since = start if unread and self.unread is None else self.unread
        retold, told = self.retold, tuple(sorted({*self.broken, *broken}))[:BROKEN_MAX]
        if not more and (since is None or (retold >= RETOLD_MAX and set(told) <= set(self.broken_before))):
            since, retold, told = None, 0, ()
        return msgspec.structs.replace(
            self,
            next=next_cursor,
            start=start if more else None,
            again=self.again and more,
            unread=since,
            retold=retold,
            broken=told,
            broken_before=self.broken_before if since is not None or more else (),
        )
