"""The provider `pluggy`: Brazil's banks, cards, loans and investments, by Pluggy (transactions v2).

Rooms: `client` how Pluggy is asked, `errors` what its codes mean, `payloads` what it answers; `normalise` how records
become changes, `pull` the order of the calls, `standing` our cursor; `link`, `webhooks`, `provider` the whole.
MAPPING.md has every field, sign and date with its reason.
"""
