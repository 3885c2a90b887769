"""Pluggy over the simulated world, from its contract alone: API, connectors, items, webhooks.

Rooms: `connectors` what can be linked, `logins` what a login comes to, `items` what is linked, `rows` what an item tells
of its movements, `records` everything as JSON, `errors`; `keys` who may ask, `limits` how often, `hooks` its webhooks;
`emulator` the state of it all; `asked` one call, `data` the calls that read, `api` all of them; `pages` and `person` what
a person sees and does; `service` the whole, with its part of the control door.
"""
