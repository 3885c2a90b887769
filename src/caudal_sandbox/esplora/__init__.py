"""An Esplora over a small chain of its own (Blockstream/esplora, API.md), with the wallets of whoever is asked for.

Rooms: `transactions` what goes over the network, `chain` blocks and mempool, `wallets` who owns which scripts, `life`
what people do with them, `answers` how the server tells it, `app` the server.
"""
