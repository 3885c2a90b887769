"""Bank exports as comma-separated values: no standard, so profiles are data and the rest is evidence.

`read` and `detect` fulfil the reader contract of `caudal.providers.file.records`; `propose` explains to a
person what `read` makes of an unknown layout; `parse_mapping` takes the person's correction.
"""

from caudal.providers.file.csv.mapping import Mapping, mapping_from_toml, parse_mapping
from caudal.providers.file.csv.proposal import Proposal, propose
from caudal.providers.file.csv.reader import detect, read

__all__ = ["Mapping", "Proposal", "detect", "mapping_from_toml", "parse_mapping", "propose", "read"]
