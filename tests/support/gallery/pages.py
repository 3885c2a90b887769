"""The pages of the gallery: the sample ones are Caudal's own templates, filled."""

from pathlib import Path
from typing import Final

from tests.support.gallery import people

from caudal.web.languages import Language
from caudal.web.pages import Theme, environment
from caudal.web.views.link import Bank, Choice, ways

_TEMPLATES: Final = Path(__file__).parent / "templates"
PAGES: Final[dict[str, dict[str, object]]] = {
    "overview": {"shell": people.shell("overview"), "page": people.OVERVIEW},
    "transactions": {"shell": people.shell("transactions"), "page": people.TRANSACTIONS},
    "connection_new": {
        "shell": people.shell("accounts"),
        "may": frozenset({"files:import"}),
        "choice": Choice(
            ways(["plaid", "truelayer", "pluggy", "belvo", "bitso", "bitcoin", "ethereum"]),
            [
                Bank("pluggy", "612", "Banco Sereno", "Pluggy", "Brasil", working=True, login="open_finance"),
                Bank(
                    "belvo", "vereda_br_retail", "Vereda", "Belvo", "Brasil", working=False, login="password"
                ),
                Bank("plaid", "ins_9", "Prairie Stone Bank", "Plaid", "", working=True, login=""),
            ],
            search="",
            country="",
            countries=[{"value": "BR", "text": "Brasil"}, {"value": "US", "text": "Estados Unidos"}],
        ),
    },
    "passkey": {"toasts": ()},
    "parts": {"shell": people.shell("settings"), "people": people},
}


def page(name: str, language: Language = "en", theme: Theme = "auto") -> str:
    """A page of the gallery."""
    return environment(language, _TEMPLATES).get_template(f"{name}.html").render(theme=theme, **PAGES[name])
