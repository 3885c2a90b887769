"""Sealing secrets: key providers, data keys, envelopes. Nothing here touches the database or the clock."""
