"""The world's things as Plaid writes them: accounts, transactions, holdings, debts, institutions. Pure.

A field that Plaid leaves out where there is nothing to say is UNSET, one that it writes as null is None.
"""
