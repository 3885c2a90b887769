"""The one HTTP client every provider's adapter uses (DESIGN §5, §8).

Rooms: `messages` what goes and comes, `client` how it is sent, `budgets` how often, `breaker` whether at all,
`bounds` at what cost, `reading` an answer's bytes, `failures` what went wrong, `address` where to, `redaction`
what may be shown, `clock` the time.
"""

from caudal.providers.http.bounds import HttpBounds
from caudal.providers.http.budgets import Budget, Budgets, LocalBudgets
from caudal.providers.http.client import ProviderHttp
from caudal.providers.http.clock import Clock, SystemClock
from caudal.providers.http.messages import (
    Answer,
    Call,
    Exchange,
    Failed,
    Fine,
    Judge,
    Later,
    Limited,
    Observer,
    Outcome,
    Verdict,
    by_status,
)
from caudal.providers.http.redaction import redact

__all__ = [
    "Answer",
    "Budget",
    "Budgets",
    "Call",
    "Clock",
    "Exchange",
    "Failed",
    "Fine",
    "HttpBounds",
    "Judge",
    "Later",
    "Limited",
    "LocalBudgets",
    "Observer",
    "Outcome",
    "ProviderHttp",
    "SystemClock",
    "Verdict",
    "by_status",
    "redact",
]
