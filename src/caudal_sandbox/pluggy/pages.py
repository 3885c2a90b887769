"""What a person sees: the widget, where a bank is chosen and logged in to, and a bank's own page of consent."""

from html import escape
from typing import Final

from caudal_sandbox.pluggy.connectors import CONNECTORS

_PAGE: Final = """<!doctype html><meta charset="utf-8"><title>{title}</title>
<h1>{title}</h1>{body}"""


def widget(token: str) -> str:
    """The form that takes the place of Pluggy Connect."""
    options = "".join(
        f'<option value="{each.id}">{escape(each.name)} ({each.id})</option>' for each in CONNECTORS.values()
    )
    fields = "".join(
        f'<p><label>{name} <input name="{name}"></label></p>' for name in ("user", "password", "cpf", "token")
    )
    body = (
        f'<form method="post"><input type="hidden" name="connect_token" value="{escape(token)}">'
        f'<select name="connectorId">{options}</select>{fields}<button>Connect</button></form>'
    )
    return _PAGE.format(title="Pluggy Connect (sandbox)", body=body)


def consent(bank: str) -> str:
    """Approve, deny, or have someone else approve first."""
    buttons = "".join(
        f'<button name="decision" value="{value}">{said}</button>'
        for value, said in (
            ("approve", "Approve"),
            ("deny", "Deny"),
            ("pending", "Someone else must approve"),
        )
    )
    return _PAGE.format(title=escape(bank), body=f'<form method="post">{buttons}</form>')


def done(said: str) -> str:
    """The end."""
    return _PAGE.format(title=escape(said), body="<p>You may close this page.</p>")
