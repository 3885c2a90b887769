"""International bank account numbers (ISO 13616)."""

import re
from typing import Final

_FORM: Final = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")


def iban_in(printed: str) -> str | None:
    """The IBAN that `printed` is, in upper case without spaces; None unless its check digits say so.

    ISO 13616-1 §6 with ISO/IEC 7064: the first four characters moved to the end, letters as 10 to 35, the
    number modulo 97 is 1.
    """
    compact = "".join(printed.split()).upper()
    if not _FORM.fullmatch(compact):
        return None
    digits = "".join(str(int(character, 36)) for character in compact[4:] + compact[:4])
    return compact if int(digits) % 97 == 1 else None
