"""Ethereum as its explorers and nodes tell it: a small chain of its own, with the wallets of whoever is asked for.

Rooms: `chain` blocks, what they move and who has what, `life` what people do, `rows` how an explorer lists it, `explorer`
Etherscan's and Blockscout's calls, `rpc` a node's, `app` the server, `service` what the sandbox holds.
"""
