"""The provider `plaid`: banks, cards, loans and brokers of North America and Europe, by Plaid (API 2020-09-14).

Rooms: `config` what the installation says, `client` how Plaid is asked, `payloads` what it answers, `errors` what
its errors mean, `accounts`, `normalise` and `investments` how its records become changes, `days` which day a bank
is in, `standing` our cursor, `pull` the order of calls, `link`, `genuine` and `webhooks`, `provider` the whole.
MAPPING.md has every field, sign and date with its reason.
"""

from caudal.providers.plaid.config import PlaidConfig
from caudal.providers.plaid.provider import PlaidProvider

__all__ = ["PlaidConfig", "PlaidProvider"]
