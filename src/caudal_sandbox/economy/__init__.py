"""The insides of the simulated world: who lives in it, where their accounts are, and what moves them."""
