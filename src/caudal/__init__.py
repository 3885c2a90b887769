"""Caudal: every bank, wallet and exchange; one ledger you can prove."""

__version__ = "0.1.0"
