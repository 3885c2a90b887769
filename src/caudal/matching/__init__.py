"""Pure judgement: is it the same transaction, and does the ledger agree with the bank?"""
