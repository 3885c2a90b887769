"""The provider `ethereum`: addresses that are watched, by an explorer with Etherscan's calls or by one and a node.

Rooms: `keccak` the hash, `addresses` what a person shows, `config` what the installation says, `client` how servers
are asked, `payloads` what they answer, `errors` what their errors mean; `standing` our cursor, `survey` what happened
and what is held, `legs` how rows become movements, `pull` what of it is news; `link`; `provider` the whole.
MAPPING.md has every field, sign and date with its reason.
"""

from caudal.providers.ethereum.config import EthereumConfig
from caudal.providers.ethereum.provider import EthereumProvider

__all__ = ["EthereumConfig", "EthereumProvider"]
