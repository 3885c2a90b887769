"""The provider `plaid`: banks, cards, loans and brokers of North America and Europe, by Plaid (API 2020-09-14).

Rooms: `config` what the installation says, `client` how Plaid is asked, `payloads` what it answers, `errors` what
its errors mean; `accounts`, `normalise` and `investments` how its records become changes; `standing` our cursor,
`course` a pull under way, `pull` and `investing` the order of its calls; `link`; `genuine` whether a webhook is Plaid's,
`webhooks` what it says; `provider` the whole.
MAPPING.md has every field, sign and date with its reason.
"""

from caudal.providers.plaid.config import PlaidConfig
from caudal.providers.plaid.provider import PlaidProvider

__all__ = ["PlaidConfig", "PlaidProvider"]
