"""What goes wrong between a provider and its client, on purpose and repeatably.

A fault says what happens (`Kind`), to which calls (provider, endpoint, connection), how often and how many times.
Whether it strikes the n-th call it matches depends on its seed, itself and n alone: a run that failed can be run again.
This room knows no provider; what a stricken call looks like on the wire is the business of who answers it.
"""

import enum
from collections.abc import Collection
from fnmatch import fnmatchcase
from typing import Annotated, Final

import msgspec

from caudal_sandbox.economy.chance import Chance

FAULTS_MAX: Final = 1_000
"""How many faults may lie in wait at once: each call looks at all of them."""


class Kind(enum.StrEnum):
    """What can go wrong. `params` in brackets, with what they are by default."""

    LATENCY = "latency"
    """The answer comes late [milliseconds: 1000]."""
    HANG = "hang"
    """No answer comes, though what was asked for has been done; the connection is broken off in the end
    [milliseconds: 600000]."""
    RESET = "reset"
    """The connection is reset instead of an answer; what was asked for has been done all the same [done: true]."""
    RATE_LIMITED = "rate_limited"
    """429 [retry_after: seconds for a Retry-After header, 0: no such header; code: the provider's word for it]."""
    SERVER_ERROR = "server_error"
    """The provider fails [status: 500, or 502, 503]."""
    TRUNCATED = "truncated"
    """The answer breaks off amid its body [per_mille: how much of it arrives, 500]."""
    MALFORMED_JSON = "malformed_json"
    """The answer arrives whole and is no JSON."""
    HTML = "html"
    """A gateway's page in place of JSON [status: 502]."""
    WRONG_TYPES = "wrong_types"
    """One value of a right answer has another type [where: a path such as ``added/*/amount``; `*` is any one place]."""
    ABSENT_OPTIONAL = "absent_optional"
    """One optional field of a right answer isn't there [where]."""
    UNKNOWN_ENUM = "unknown_enum"
    """One value of a right answer is a word nobody knows yet [where]."""
    UNKNOWN_FIELD = "unknown_field"
    """One object of a right answer has a field nobody knows yet [where: the object]."""
    BOTH_CURRENCIES_NULL = "both_currencies_null"
    """One amount of a right answer names no currency [where: the object that has the amount]."""
    MUTATION = "mutation"
    """The data changes between two pages."""
    LOGIN_REQUIRED = "login_required"
    """The bank wants the person to log in again, from this call on [code: the provider's word for it]."""
    INSTITUTION_DOWN = "institution_down"
    """The bank doesn't answer this call [code: the provider's word for it]."""
    NOT_READY = "not_ready"
    """The data is still being prepared, for this call."""
    REISSUED_IDS = "reissued_ids"
    """From this call on every transaction has another id, and old cursors are worth nothing."""
    WEBHOOK_LOST = "webhook_lost"
    """Never sent."""
    WEBHOOK_LATE = "webhook_late"
    """Sent late, signed when it is sent [milliseconds: 1000]."""
    WEBHOOK_DUPLICATED = "webhook_duplicated"
    """Sent twice."""
    WEBHOOK_REORDERED = "webhook_reordered"
    """Sent after the next one to the same place, or late if none comes [milliseconds: 1000]."""
    WEBHOOK_FORGED = "webhook_forged"
    """Sent as somebody else would have to [how: the provider's ways to get it wrong]."""
    WEBHOOK_REPLAYED = "webhook_replayed"
    """Sent again later, the very same bytes and signature [milliseconds: 1000]."""


WEBHOOKS: Final = frozenset(kind for kind in Kind if kind.startswith("webhook_"))
CORRUPTIONS: Final = frozenset(
    {
        Kind.WRONG_TYPES,
        Kind.ABSENT_OPTIONAL,
        Kind.UNKNOWN_ENUM,
        Kind.UNKNOWN_FIELD,
        Kind.BOTH_CURRENCIES_NULL,
    }
)
BREAKAGES: Final = frozenset({Kind.HANG, Kind.RESET, Kind.TRUNCATED, Kind.MALFORMED_JSON, Kind.HTML})

Param = str | int | bool

_CODE: Final[dict[str, Param]] = {"code": ""}
_WHERE: Final[dict[str, Param]] = {"where": ""}
_WAIT: Final[dict[str, Param]] = {"milliseconds": 1_000}
PARAMS: Final[dict[Kind, dict[str, Param]]] = {
    Kind.LATENCY: _WAIT,
    Kind.HANG: {"milliseconds": 600_000},
    Kind.RESET: {"done": True},
    Kind.RATE_LIMITED: {"retry_after": 0, **_CODE},
    Kind.SERVER_ERROR: {"status": 500},
    Kind.TRUNCATED: {"per_mille": 500},
    Kind.HTML: {"status": 502},
    **dict.fromkeys(CORRUPTIONS, _WHERE),
    Kind.LOGIN_REQUIRED: _CODE,
    Kind.INSTITUTION_DOWN: _CODE,
    Kind.WEBHOOK_LATE: _WAIT,
    Kind.WEBHOOK_REORDERED: _WAIT,
    Kind.WEBHOOK_REPLAYED: _WAIT,
    Kind.WEBHOOK_FORGED: {"how": ""},
}
"""What each kind can be told, and what it takes where it isn't: 0 and empty text leave it to the provider."""


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One way things go wrong. `provider`, `endpoint` (a path, or ``TYPE/CODE`` of a webhook) and `connection` (the
    provider's id of it) are patterns (``*``, ``?``, ``[…]``); a call without a connection is matched by ``*`` alone.

    `count`: how many calls it strikes before it is over; None: without end. `per_mille`: how many in a thousand of the
    calls it matches. `skip`: how many of them it lets pass first.
    """

    kind: Kind
    provider: str = "*"
    endpoint: str = "*"
    connection: str = "*"
    count: Annotated[int, msgspec.Meta(ge=1)] | None = None
    per_mille: Annotated[int, msgspec.Meta(ge=0, le=1_000)] = 1_000
    skip: Annotated[int, msgspec.Meta(ge=0)] = 0
    seed: int = 0
    params: dict[str, Param] = {}

    def __post_init__(self) -> None:
        """Raises ValueError for a parameter that this kind doesn't have, or of another type."""
        known = PARAMS.get(self.kind, {})
        for name, value in self.params.items():
            if name not in known:
                has = ", ".join(known) or "none"
                raise ValueError(f"{self.kind} has no parameter {name!r}; it has: {has}")
            if type(value) is not type(known[name]):
                raise ValueError(
                    f"{self.kind}: {name} is of type {type(known[name]).__name__}, not {value!r}"
                )

    def number(self, name: str) -> int:
        """That parameter, one that is a number."""
        return int(self._param(name))

    def word(self, name: str) -> str:
        """That parameter, one that is text."""
        return str(self._param(name))

    def yes(self, name: str) -> bool:
        """That parameter, one that is true or false."""
        return bool(self._param(name))

    def _param(self, name: str) -> Param:
        return self.params.get(name, PARAMS[self.kind][name])

    def chance(self, nth: int) -> Chance:
        """The draws that belong to the n-th call it matches: what they decide is the same in every run."""
        return Chance(self.seed, self.kind, self.provider, self.endpoint, self.connection, nth)


class Strike(msgspec.Struct, frozen=True):
    """A fault that strikes a call: the `nth` it matched (from 1)."""

    fault: Fault
    nth: int

    @property
    def kind(self) -> Kind:
        """What happens."""
        return self.fault.kind

    @property
    def chance(self) -> Chance:
        """What is left to chance in this very strike."""
        return self.fault.chance(self.nth)


class Standing(msgspec.Struct):
    """A fault in wait, and what it did so far. `matched`: calls it was meant for; `struck`: those it struck."""

    id: int
    fault: Fault
    matched: int = 0
    struck: int = 0

    @property
    def over(self) -> bool:
        """Whether it has struck as often as it was to."""
        return self.fault.count is not None and self.struck >= self.fault.count


class Faults:
    """Every fault in wait."""

    def __init__(self) -> None:
        self._standing: dict[int, Standing] = {}
        self._added = 0
        self._struck: dict[Kind, int] = {}

    def add(self, fault: Fault) -> int:
        """Lay a fault in wait; the number by which it is known. Raises ValueError where too many lie there."""
        if len(self._standing) >= FAULTS_MAX:
            raise ValueError(f"{FAULTS_MAX} faults lie in wait already: take some away first")
        self._added += 1
        self._standing[self._added] = Standing(self._added, fault)
        return self._added

    def remove(self, ident: int) -> None:
        """Take one away. Raises KeyError where there is none of that number."""
        if self._standing.pop(ident, None) is None:
            raise KeyError(f"no fault has the number {ident}")

    def clear(self) -> None:
        """Take all away; `struck` goes on counting."""
        self._standing.clear()

    def list(self) -> tuple[Standing, ...]:
        """Those in wait, those that are over included, in the order in which they came."""
        return tuple(self._standing.values())

    @property
    def struck(self) -> dict[Kind, int]:
        """How often each kind struck, faults taken away since included."""
        return dict(self._struck)

    def strike(
        self, *, provider: str, endpoint: str, connection: str | None, kinds: Collection[Kind]
    ) -> tuple[Strike, ...]:
        """The faults of these `kinds` that strike this call. Counts the call for each that matches it."""
        strikes = []
        for standing in self._standing.values():
            fault = standing.fault
            if (
                fault.kind not in kinds
                or standing.over
                or not _matches(fault, provider, endpoint, connection)
            ):
                continue
            standing.matched += 1
            if (
                standing.matched <= fault.skip
                or fault.chance(standing.matched).below(1_000) >= fault.per_mille
            ):
                continue
            standing.struck += 1
            self._struck[fault.kind] = self._struck.get(fault.kind, 0) + 1
            strikes.append(Strike(fault, standing.matched))
        return tuple(strikes)

    def spare(self, strike: Strike) -> None:
        """`strike` found nothing to break: it doesn't count among those it was to make."""
        for standing in self._standing.values():
            if standing.fault is strike.fault:
                standing.struck -= 1
                self._struck[strike.kind] -= 1
                return


def _matches(fault: Fault, provider: str, endpoint: str, connection: str | None) -> bool:
    return (
        fnmatchcase(provider, fault.provider)
        and fnmatchcase(endpoint, fault.endpoint)
        and (fault.connection == "*" if connection is None else fnmatchcase(connection, fault.connection))
    )
