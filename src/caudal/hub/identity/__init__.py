"""Who may enter, and what they may do: people, their sessions and second factors, keys of programs, members of spaces."""
