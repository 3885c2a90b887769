"""Brook, a bank nobody has heard of: an API key, accounts, movements by date. How small a provider can be."""
