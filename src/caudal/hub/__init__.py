"""Use cases, one module each: they open transactions and call the rooms below. No face has logic of its own."""
