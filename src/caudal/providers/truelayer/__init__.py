"""The provider `truelayer`: bank accounts and cards of the UK and the EU, by TrueLayer (Data API v1).

Rooms: `config` what the installation says, `payloads` what TrueLayer answers, `errors` what its errors mean, `client` how
it is asked, `tokens` with which token; `signs` which way a card's amounts go, `normalise` how records become changes;
`course` our cursor, `pull` the order of the calls; `link`; `genuine` whether a webhook is TrueLayer's; `provider` the
whole. What is particular to v1 stands in `payloads`, `normalise` and `pull`: v3 would be others of these.
MAPPING.md has every field, sign and date with its reason.
"""

from caudal.providers.truelayer.config import TrueLayerConfig
from caudal.providers.truelayer.provider import TrueLayerProvider

__all__ = ["TrueLayerConfig", "TrueLayerProvider"]
