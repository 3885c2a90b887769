"""Belvo as its contract describes it: Open Finance Brazil through a hosted widget, and the credential links of 2023.

Rooms: `names` how things are called, `errors` the refusals, `institutions` which banks there are, `links` who linked
what, for how long, and when it was collected, `views` which accounts a link shows, `records` and `investments` what
Brazil's rows look like, `legacy` what those of 2023 did, `lists` filters and pages, `emulator` the whole, `api` its
calls, `widget` the page for people, `hooks` its webhooks, `door` its part of the control door, `service` all of it over
HTTP.
"""
