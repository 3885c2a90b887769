"""What an Esplora's errors mean. They are plain text (Blockstream/electrs and mempool/electrs, src/rest.rs)."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Final

from caudal.model.errors import ProviderError, Refused, Unavailable
from caudal.providers.http import Answer, unworded

A_MINUTE: Final = timedelta(minutes=1)
"""Where a limit was met: no server says for how long."""


class NotThere(Unavailable):
    """What was asked for isn't there: a transaction that was replaced, a block that was left."""


class PageLost(Unavailable):
    """The transaction after which a page was asked for isn't there any more: begin again at the top."""


Rule = Callable[[str], ProviderError]

RULES: Final[Mapping[tuple[int, str], Rule]] = {
    (400, "Invalid Bitcoin address"): lambda said: Refused(f"{said}: is the server of another network?"),
    (400, "Invalid hex string"): Refused,
    (400, "Too many unspent transaction outputs"): Refused,
    (404, "Transaction not found"): NotThere,
    (404, "Block not found"): NotThere,
    (422, "after_txid not found"): PageLost,
}
"""Status and how the text begins → what it is. Refused: our bug, or the wrong server."""


def error_for(operation: str, answer: Answer) -> ProviderError:
    """The error that an answer other than 200 is."""
    words = answer.body[:200].decode("ascii", "replace").strip()
    for (status, begins), rule in RULES.items():
        if answer.status == status and words.startswith(begins):
            return rule(f"bitcoin {operation}: {begins}")
    message = f"bitcoin {operation}: answered {answer.status}"
    passing = unworded(answer, message, A_MINUTE)
    if passing is not None:
        return passing
    return Refused(f"{message}, and not in Esplora's words: is CAUDAL_BITCOIN_URL right?")
