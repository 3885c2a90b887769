"""Statement files as a provider: OFX, QFX, QIF, CAMT, MT940/942, BAI2, CSV."""
