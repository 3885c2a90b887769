"""The nouns of Caudal: pure values. Imports nothing else of ours, does no I/O, reads no clock."""
