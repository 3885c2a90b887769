"""Webhooks: accepted fast and for good, worked off as hints, shown and replayed.

`accepting` answers a provider only after the commit that holds what it told; `working` makes of it what is to be done;
`showing` lets a person look, and say that it be done again.
"""

from caudal.hub.webhooks.accepting import Acceptor, Verdict
from caudal.hub.webhooks.showing import Webhook, forget, listed, replay, reseal, show
from caudal.hub.webhooks.working import LiveOf, work_off

__all__ = [
    "Acceptor",
    "LiveOf",
    "Verdict",
    "Webhook",
    "forget",
    "listed",
    "replay",
    "reseal",
    "show",
    "work_off",
]
