"""Central banks' rates and a market's prices, as they are told: ECB, Banxico, BCB, CoinGecko."""
