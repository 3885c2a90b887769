"""What contradicts what is there, in the language of whoever is told."""

from caudal.model.errors import CaudalError, ConflictError
from caudal.web.languages import Language, catalogue


def refusal(error: CaudalError, language: Language) -> str:
    """A sentence of it; in English where it isn't one that pages know."""
    if isinstance(error, ConflictError) and error.says:
        return catalogue(language).say("refused." + error.says, **error.values)
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith((".", "!", "?")) else ".")
