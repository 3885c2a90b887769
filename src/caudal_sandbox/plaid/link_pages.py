"""The hosted page as a person sees it: plain HTML and forms, no script, so that any browser and any test can walk it."""

from collections.abc import Iterable
from html import escape
from typing import Final

from caudal_sandbox.plaid.emulator import Emulator
from caudal_sandbox.plaid.items import Item
from caudal_sandbox.plaid.link_requests import LinkTokenCreate
from caudal_sandbox.plaid.link_state import Session, Step
from caudal_sandbox.plaid.link_tokens import LinkToken
from caudal_sandbox.plaid.link_walk import offered_banks
from caudal_sandbox.plaid.records.accounts import subtype_of

HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
BANKS_SHOWN_MAX: Final = 50

_STYLE: Final = """
:root { color-scheme: light dark; --line: #8886; --quiet: #767676; --strong: #0a5c49; }
* { box-sizing: border-box; }
body { margin: 0; font: 16px/1.5 system-ui, sans-serif; display: grid; place-items: start center; }
main { width: min(27rem, 100%); padding: 2rem 1.25rem; }
h1 { font-size: 1.35rem; line-height: 1.25; margin: 0 0 .75rem; text-wrap: balance; }
p, ul, dl { margin: 0 0 1rem; }
label, legend { font-weight: 600; }
input[type=text], input[type=password], input[type=search], select {
  width: 100%; font: inherit; padding: .55rem .7rem; margin: .25rem 0 1rem;
  border: 1px solid var(--line); border-radius: .5rem; }
fieldset { border: 0; margin: 0 0 1rem; padding: 0; }
button { font: inherit; padding: .6rem 1rem; border-radius: .5rem; border: 1px solid var(--line); background: none;
  color: inherit; cursor: pointer; }
button.main { width: 100%; background: var(--strong); border-color: var(--strong); color: #fff; font-weight: 600; }
button.bank, label.row { display: flex; gap: .75rem; width: 100%; text-align: left; margin: 0 0 .5rem;
  padding: .6rem .8rem; border: 1px solid var(--line); border-radius: .5rem; font-weight: 400; }
:focus-visible { outline: 3px solid #2b8; outline-offset: 2px; }
.problem { border-left: 4px solid #c33; padding: .5rem .8rem; background: #c331; }
.quiet { color: var(--quiet); font-size: .9rem; }
.ways { display: flex; justify-content: space-between; margin-top: 1rem; }
code { font-size: .9em; }
"""

_TEST_USERS: Final = (
    ("user_good", "pass_good", "a household's accounts, always the same"),
    ("user_good", "mfa_device", "the same, with a code sent to a device: 1234"),
    ("user_transactions_dynamic", "anything", "something new with every refresh"),
    ("user_ewa_user", "anything", "somebody who is paid in advance"),
    ("user_yuppie", "anything", "somebody young and well off"),
    ("user_small_business", "anything", "a small firm"),
    ("user_custom", "a JSON object", "accounts of your own making"),
    ("person-1", "anything", "anybody who lives in this world, at their own bank"),
)
"""Who can log in (docs, Sandbox: test credentials), and the world's own people."""


def page(emulator: Emulator, token: LinkToken, session: Session) -> str:
    """The page for the step at which the session stands."""
    match session.step:
        case Step.BANK:
            return _bank(emulator, token, session)
        case Step.LOGIN:
            return _login(emulator, token, session)
        case Step.MFA:
            return _mfa(token, session)
        case Step.ACCOUNTS:
            return _accounts(emulator, token, session)
        case Step.CONSENT:
            return _consent(emulator, token, session)
        case Step.MORE:
            return _more(token, session)
        case Step.DONE:
            return _over(token, "You're done", "Your accounts are linked. You can close this page.")
        case Step.LEFT:
            return _left(token)


def gone() -> str:
    """For an address that leads nowhere, or no longer."""
    return _document("This link has expired", "<h1>This link has expired</h1><p>Ask for a new one.</p>")


def _bank(emulator: Emulator, token: LinkToken, session: Session) -> str:
    found = offered_banks(emulator, token.wanted, session.query)
    banks = "".join(
        f'<button class="bank" name="institution_id" value="{escape(each.institution_id)}">{escape(each.name)}</button>'
        for each in found[:BANKS_SHOWN_MAX]
    )
    more = len(found) - BANKS_SHOWN_MAX
    return _step(
        token,
        session,
        "Choose your bank",
        _form(
            session,
            "search",
            f'<label for="query">Name of the bank</label><input type="search" id="query" name="query" maxlength="100" '
            f'value="{escape(session.query)}"><button>Search</button>',
        )
        + _form(session, "choose", banks or "<p>No bank of that name can be linked here.</p>")
        + (f'<p class="quiet">{more} more: search for part of the name.</p>' if more > 0 else ""),
    )


def _login(emulator: Emulator, token: LinkToken, session: Session) -> str:
    bank = escape(session.institution.name if session.institution else "your bank")
    item = _item(emulator, token)
    name = item.username if item else session.username
    users = "".join(
        f"<li><code>{escape(user)}</code> / <code>{escape(password)}</code>: {escape(what)}</li>"
        for user, password, what in _TEST_USERS
    )
    return _step(
        token,
        session,
        f"Log in to {bank}",
        _form(
            session,
            "log_in",
            f'<label for="username">User name</label><input type="text" id="username" name="username" '
            f'value="{escape(name)}" autocomplete="off" required>'
            '<label for="password">Password</label><input type="password" id="password" name="password" '
            'autocomplete="off" required><button class="main">Log in</button>',
        )
        + f'<details class="quiet"><summary>Test users</summary><ul>{users}</ul></details>',
        back=token.item_id is None,
    )


def _mfa(token: LinkToken, session: Session) -> str:
    fields = []
    for number, question in enumerate(session.challenge.questions if session.challenge else ()):
        label = f'<label for="answer{number}">{escape(question.prompt)}</label>'
        if question.choices:
            choices = "".join(f"<option>{escape(each)}</option>" for each in question.choices)
            fields.append(f'{label}<select id="answer{number}" name="answer">{choices}</select>')
        else:
            fields.append(
                f'{label}<input type="text" id="answer{number}" name="answer" autocomplete="off" required>'
            )
    return _step(
        token,
        session,
        "One more check",
        _form(session, "answer", "".join(fields) + '<button class="main">Continue</button>'),
        back=token.item_id is None,
    )


def _accounts(emulator: Emulator, token: LinkToken, session: Session) -> str:
    item = _item(emulator, token)
    shared = {each.world_id for each in item.accounts} if item else set()
    rows = "".join(
        f'<label class="row"><input type="checkbox" name="account" value="{number}"'
        f"{' checked' if not shared or account.id in shared else ''}>"
        f"<span>{escape(account.name)} <span class=quiet>{escape(subtype_of(account))} ····"
        f"{escape(account.mask)}</span></span></label>"
        for number, account in enumerate(session.offered, 1)
    )
    return _step(
        token,
        session,
        "Which accounts?",
        _form(
            session,
            "select",
            f"<fieldset><legend>Accounts to share</legend>{rows}</fieldset>"
            '<button class="main">Continue</button>',
        ),
        back=token.item_id is None,
    )


def _consent(emulator: Emulator, token: LinkToken, session: Session) -> str:
    client, wanted = escape(token.wanted.display_name), token.wanted
    item = _item(emulator, token)
    bank = escape(session.institution.name if session.institution else "your bank")
    until = "for 180 days" if item and item.consent_expires_at else "until you take it back"
    told = "".join(f"<li>{escape(each.replace('_', ' '))}</li>" for each in _products(wanted, item))
    return _step(
        token,
        session,
        f"Share with {client}?",
        f"<p>{client} may read from {bank}, {until}:</p><ul><li>accounts and balances</li>{told}</ul>"
        + _form(session, "agree", '<button class="main">Allow</button>'),
        back=token.item_id is None,
    )


def _more(token: LinkToken, session: Session) -> str:
    bank = escape(session.institution.name if session.institution else "Your bank")
    return _step(
        token,
        session,
        f"{bank} is linked",
        _form(session, "another", "<button>Link another bank</button>")
        + _form(session, "finish", '<button class="main">Finish</button>'),
        leave=False,
    )


def _left(token: LinkToken) -> str:
    again = (
        '<form method="post"><input type="hidden" name="do" value="again"><button>Start again</button></form>'
    )
    return _over(token, "You left without linking a bank", "Nothing was shared.", again)


def _over(token: LinkToken, title: str, said: str, further: str = "") -> str:
    client = escape(token.wanted.display_name)
    body = f"<h1>{escape(title)}</h1><p>{escape(said)}</p>{further}<p class=quiet>{client}</p>"
    return _document(title, body)


def _item(emulator: Emulator, token: LinkToken) -> Item | None:
    return emulator.items.by_id(token.item_id) if token.item_id is not None else None


def _products(wanted: LinkTokenCreate, item: Item | None) -> Iterable[str]:
    asked = (
        item.products if item else wanted.products,
        wanted.required_if_supported_products,
        wanted.optional_products,
        wanted.additional_consented_products,
    )
    return dict.fromkeys(product for products in asked for product in products or ())


def _step(
    token: LinkToken, session: Session, title: str, body: str, *, back: bool = False, leave: bool = True
) -> str:
    """`title` is escaped already where it needs to be."""
    problem = ""
    if session.problem is not None:
        said = session.problem.display or session.problem.message
        problem = (
            f'<p class="problem" role="alert">{escape(said)} <code>{escape(session.problem.code)}</code></p>'
        )
    ways = (_form(session, "back", "<button>Another bank</button>") if back else "") + (
        _form(session, "leave", "<button>Close</button>") if leave else ""
    )
    client = escape(token.wanted.display_name)
    whole = f'<p class="quiet">{client} · sandbox</p><h1>{title}</h1>{problem}{body}<div class="ways">{ways}</div>'
    return _document(title, whole)


def _form(session: Session, do: str, fields: str) -> str:
    """`step` tells which page it was sent from: one sent twice, or from an old page, does nothing."""
    return (
        f'<form method="post"><input type="hidden" name="do" value="{do}">'
        f'<input type="hidden" name="step" value="{session.step}">{fields}</form>'
    )


def _document(title: str, body: str) -> str:
    """In English whatever language was asked for: the sandbox speaks to developers."""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}</style></head><body><main>{body}</main></body></html>"
    )
