"""Belvo: banks of Brazil by Open Finance, through its hosted widget; and, marked as such, the credential links of 2023.

Rooms: `payloads` what Belvo says, `errors` what its codes mean, `client` how it is asked, `link` how one links,
`normalise` what its records are in our terms, `course` where a connection stands, `pull` in which order it is asked,
`webhooks` what its webhooks are worth, `provider` the whole, `entry` how it is opened.
"""
