"""The face to programs: HTTP. No logic."""
