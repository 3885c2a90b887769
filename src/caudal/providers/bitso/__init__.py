"""Bitso, an exchange of Latin America: one login, one account for each currency, by API key.

Rooms: `client` how it is asked, `errors` what it refuses, `payloads` what it sends, `normalise` what that means, `pull`
in which order, `standing` how far, `link` keys, `webhooks` hints, `provider` all of it.
"""
