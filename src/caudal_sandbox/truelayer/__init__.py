"""TrueLayer as its contract describes it: auth dialog, tokens, Data API v1, asynchronous results, extension, deletion.

Rooms: `banks` which banks there are and how each is odd, `errors` the refusals, `records` what an account looks like on
the wire, `connections` who linked what, for how long, with which tokens, `emulator` the whole, `dialog` the pages for
people, `signing` Tl-Signature, `app` all of it over HTTP.
"""
