"""Secrets: sealed (key providers, data keys, envelopes), and proven by people and programs (passwords, one-time codes,
passkeys, tokens). Nothing here touches the database or the clock; what must be kept, the caller keeps.
"""
