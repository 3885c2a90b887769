"""The bound on how much of a file may fail to be read before the file is refused as a whole."""

from collections.abc import Iterator

from caudal.model.changes import Unreadable
from caudal.model.errors import Malformed
from caudal.providers.file.records import Record
from caudal.settings import FileBounds


def bounded(records: Iterator[Record], bounds: FileBounds) -> Iterator[Record]:
    """The same records. Raises Malformed at the first Unreadable beyond `bounds.unreadable_max`."""
    failed = 0
    for record in records:
        if type(record) is Unreadable:
            failed += 1
            if failed > bounds.unreadable_max:
                raise Malformed(record.where, f"more than {bounds.unreadable_max} records can't be read")
        yield record
