"""The one HTTP client every provider's adapter uses (DESIGN §5, §8).

Rooms: `messages` what goes and comes, `client` how it is sent, `budgets` how often, `breaker` whether at all,
`bounds` at what cost, `reading` an answer's bytes, `failures` what went wrong, `address` where to, `clock` the time.
"""

from caudal.observe.redaction import redact
from caudal.providers.http.bounds import HttpBounds
from caudal.providers.http.budgets import Budget, Budgets, BudgetsOf, LocalBudgets
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
    Sign,
    Verdict,
    by_status,
    by_status_alone,
    unworded,
)

__all__ = [
    "Answer",
    "Budget",
    "Budgets",
    "BudgetsOf",
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
    "Sign",
    "SystemClock",
    "Verdict",
    "by_status",
    "by_status_alone",
    "redact",
    "unworded",
]
