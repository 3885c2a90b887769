"""Everything that can go wrong, as a closed family. Each says what, where and what to do about it.

Provider errors (DESIGN §5) have one rule each in the engine and nowhere else.
"""

from datetime import timedelta


class CaudalError(Exception):
    """The root of every error Caudal raises on purpose. `str()` is one line fit to show a person."""


class MoneyError(CaudalError, ValueError):
    """An amount that is not exact money: a float, an unknown currency, excess precision, mixed currencies."""


class ConfigError(CaudalError):
    """The installation can't run as it is set up (no key, no database, wrong version). Says how to mend it."""


class NotFound(CaudalError):
    """What was asked for is not in this space."""


class ConflictError(CaudalError):
    """The request contradicts what is already there. `says`: by which faces that speak other languages know it, where
    people meet it there; `values` fill its places."""

    def __init__(self, message: str = "", *, says: str = "", **values: object) -> None:
        super().__init__(message)
        self.says = says
        self.values = values


class Superseded(ConflictError):
    """Another run of the same connection has come further: this one has nothing left to do, and wrote nothing more."""


class Interrupted(CaudalError):
    """A run was stopped before its end: its time was up, or its process is going. What it committed stays."""


class ProviderError(CaudalError):
    """A source could not give what was asked. Subclasses are the whole family."""


class RateLimited(ProviderError):
    """The provider said: later. Requeue no earlier than `retry_after`."""

    def __init__(self, message: str, *, retry_after: timedelta) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unavailable(ProviderError):
    """The provider or the institution behind it is down: 5xx, timeout, reset. Back off and retry."""


class NotReady(ProviderError):
    """The provider is still preparing the data. Requeue after `retry_after`; not a failure."""

    def __init__(self, message: str, *, retry_after: timedelta) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class NeedsUser(ProviderError):
    """Only the person can mend it: `reason` says why, `action` what to do."""

    def __init__(self, reason: str, *, action: str) -> None:
        super().__init__(f"{reason}: {action}")
        self.reason = reason
        self.action = action


class Revoked(ProviderError):
    """The person or the provider ended the connection. Stop for good."""


class CursorInvalid(ProviderError):
    """The provider wants to be pulled again from `restart` ('' = the beginning).

    What was told since then and isn't told again is gone: the engine compares, so that no deletion is missed.
    """

    def __init__(self, message: str, *, restart: str) -> None:
        super().__init__(message)
        self.restart = restart


class Malformed(ProviderError):
    """What the source sent can't be read. `where` is a line, a byte offset or a path; `why` one sentence.

    Never carries the payload itself: that goes to quarantine, which the store keeps.
    """

    def __init__(self, where: str, why: str) -> None:
        super().__init__(f"{where}: {why}")
        self.where = where
        self.why = why


class Refused(ProviderError):
    """Our bug or a bad configuration: fail loudly, never retry."""


class NotGenuine(CaudalError):
    """A webhook that its provider didn't sign, or signed for another body or another time. Never says more."""


class StoreError(CaudalError):
    """The database refused a statement. Names the query, the SQLSTATE and the constraint; never a value."""


class StoreAway(StoreError):
    """The database is away or overburdened, its disk full, a statement out of time: the same may well work later."""
