"""Plaid, as its contract describes it, over the simulated world."""
