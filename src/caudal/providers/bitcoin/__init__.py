"""The provider `bitcoin`: wallets that are watched, not held, by an Esplora server (Blockstream/esplora, API.md).

Rooms: `keys` what a person shows and the scripts that come of it, `config` what the installation says, `client` how
Esplora is asked, `payloads` what it answers, `errors` what its errors mean; `standing` our cursor, `survey` a wallet
looked through, `normalise` how its records become changes, `pull` the order of it; `link`; `provider` the whole.
MAPPING.md has every field, sign and date with its reason.
"""

from caudal.providers.bitcoin.config import BitcoinConfig
from caudal.providers.bitcoin.provider import BitcoinProvider

__all__ = ["BitcoinConfig", "BitcoinProvider"]
