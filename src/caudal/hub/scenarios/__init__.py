"""Stories of what sources told and people said, run through the real ingest, and what the ledger then holds."""
