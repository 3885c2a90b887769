"""The steps of Link, one function each: what a person does on the hosted page, and what comes of it.

Each leaves the session at its next step, or at the same with a `problem` to be read. Calling one out of turn changes
nothing: pages are sent twice, and browsers go back.
"""

from collections.abc import Callable, Sequence
from typing import Final

from caudal_sandbox.economy.accounts import Account
from caudal_sandbox.economy.movements import AccountId
from caudal_sandbox.plaid import ids
from caudal_sandbox.plaid.emulator import Emulator
from caudal_sandbox.plaid.errors import KNOWN, PlaidError
from caudal_sandbox.plaid.institutions import InstitutionStatus, PlaidInstitution
from caudal_sandbox.plaid.items import Item
from caudal_sandbox.plaid.link_requests import LinkTokenCreate
from caudal_sandbox.plaid.link_state import Added, LinkEvent, Session, Step
from caudal_sandbox.plaid.link_tokens import LinkToken
from caudal_sandbox.plaid.notices import Notice
from caudal_sandbox.plaid.records.accounts import AccountType, has_transactions, subtype_of, type_of
from caudal_sandbox.plaid.records.liabilities import has_liability
from caudal_sandbox.plaid.users import Admitted, Challenged, Denied, Login, login

SESSIONS_MAX: Final = 20
"""Sessions that one link token may begin."""
EVENTS_MAX: Final = 1_000
"""Events of one session: who goes on longer is told to begin anew."""

_AUTH_SUBTYPES: Final = {"checking", "savings", "cash management"}

_EXIT_STATUS: Final = {
    Step.BANK: "requires_credentials",
    Step.LOGIN: "requires_credentials",
    Step.MFA: "requires_code",
    Step.ACCOUNTS: "requires_account_selection",
    Step.CONSENT: "requires_account_selection",
}
_MFA_STATUS: Final = {
    "device": "requires_code",
    "questions": "requires_questions",
    "selections": "requires_selections",
}


def visit(emulator: Emulator, token: LinkToken) -> Session:
    """The token's session: the first to begin, or the last there was. Raises INVALID_LINK_TOKEN where the person has yet
    to do something and the token has expired."""
    if not token.sessions:
        return begin(emulator, token)
    session = token.sessions[-1]
    if not session.step.over:
        _must_be_valid(emulator, token)
    return session


def begin(emulator: Emulator, token: LinkToken) -> Session:
    """A new session. Raises INVALID_LINK_TOKEN once the token has expired."""
    _must_be_valid(emulator, token)
    if len(token.sessions) >= SESSIONS_MAX:
        raise PlaidError("INVALID_LINK_TOKEN", f"a link token begins at most {SESSIONS_MAX} sessions")
    ident = ids.token("session", emulator.world.seed, token.token, len(token.sessions))
    session = Session(ident.removeprefix("session-sandbox-"), emulator.clock(), Step.BANK)
    token.sessions.append(session)
    _tell(emulator, session, "OPEN")
    if token.item_id is not None:
        session.institution = emulator.items.by_id(token.item_id).institution
        _turn(emulator, session, Step.LOGIN)
    elif preselected := _preselected(emulator, token.wanted):
        choose(emulator, token, session, preselected.institution_id)
    else:
        _tell_view(emulator, session)
    return session


def _must_be_valid(emulator: Emulator, token: LinkToken) -> None:
    if token.expires_at <= emulator.clock():
        raise PlaidError("INVALID_LINK_TOKEN", "invalid link_token provided: it has expired")


def offered_banks(emulator: Emulator, wanted: LinkTokenCreate, query: str = "") -> list[PlaidInstitution]:
    """The institutions that can be chosen: of the countries asked for, with every product asked for."""
    needed = set(wanted.products or ())
    return [
        each
        for each in emulator.catalogue.values()
        if set(wanted.country_codes) & set(each.country_codes)
        and needed <= set(each.products)
        and query.casefold() in each.name.casefold()
    ]


def search(emulator: Emulator, session: Session, query: str) -> None:
    """Look for a bank by part of its name."""
    if session.step is Step.BANK:
        session.query = query.strip()[:100]
        _tell(emulator, session, "SEARCH_INSTITUTION", institution_search_query=session.query)


def choose(emulator: Emulator, token: LinkToken, session: Session, institution_id: str) -> None:
    """Go to one bank."""
    if session.step is not Step.BANK:
        return
    known = {each.institution_id: each for each in offered_banks(emulator, token.wanted)}
    if institution_id not in known:
        _stumble(
            emulator, session, PlaidError("INVALID_INSTITUTION", display="This bank can't be chosen here.")
        )
        return
    session.institution = known[institution_id]
    _tell(emulator, session, "SELECT_INSTITUTION")
    if session.institution.status is InstitutionStatus.UNSUPPORTED:
        _stumble(emulator, session, PlaidError("INSTITUTION_NO_LONGER_SUPPORTED"))
        return
    if session.institution.oauth:
        _tell(emulator, session, "OPEN_OAUTH")
    _turn(emulator, session, Step.LOGIN)


def back(emulator: Emulator, token: LinkToken, session: Session) -> None:
    """To another bank. In update mode there is only the one."""
    if token.item_id is None and session.step in {Step.LOGIN, Step.MFA, Step.ACCOUNTS, Step.CONSENT}:
        session.institution, session.challenge, session.login = None, None, None
        _turn(emulator, session, Step.BANK)


def log_in(emulator: Emulator, token: LinkToken, session: Session, username: str, password: str) -> None:
    """Give the bank a name and a password; the latter is kept nowhere."""
    if session.step is Step.LOGIN and session.institution is not None:
        _tell(emulator, session, "SUBMIT_CREDENTIALS")
        session.username = username
        _on_login(emulator, token, session, login(emulator.world, session.institution, username, password))


def answer(emulator: Emulator, token: LinkToken, session: Session, said: Sequence[str]) -> None:
    """Answer what the bank asks beyond the password, question by question."""
    if session.step is Step.MFA and session.challenge is not None:
        _tell(emulator, session, "SUBMIT_MFA", mfa_type=session.challenge.kind)
        _on_login(emulator, token, session, session.challenge.answer(said))


def select(emulator: Emulator, token: LinkToken, session: Session, accounts: Sequence[AccountId]) -> None:
    """Choose which accounts to share; what wasn't offered is passed over."""
    if session.step is not Step.ACCOUNTS:
        return
    chosen = [account for account in session.offered if account.id in accounts]
    if not chosen:
        _stumble(emulator, session, PlaidError("NO_ACCOUNTS", display="Choose at least one account."))
        return
    missing = _missing_for(token.wanted.products or (), chosen)
    if missing is not None:
        _stumble(emulator, session, missing)
        return
    session.chosen = [account.id for account in chosen]
    _tell(emulator, session, "SELECT_ACCOUNT")
    _turn(emulator, session, Step.CONSENT)


def agree(emulator: Emulator, token: LinkToken, session: Session) -> None:
    """Allow it: the Item is there from now on, or works again."""
    if session.step is not Step.CONSENT or session.institution is None or session.login is None:
        return
    if token.item_id is not None:
        item = emulator.items.by_id(token.item_id)
        _update(emulator, token, session, item)
        public = emulator.tokens.public(item.item_id, client_id=token.client_id)
        session.repaired = Added(public.token, item.item_id)
    else:
        item = _opened(emulator, token, session, session.institution, session.login)
        public = emulator.tokens.public(item.item_id, client_id=token.client_id)
        session.added.append(Added(public.token, item.item_id))
    _tell(emulator, session, "HANDOFF")
    if token.item_id is None:
        _notify(emulator, token, session, "ITEM_ADD_RESULT", {"public_token": public.token})
        if token.wanted.enable_multi_item_link:
            _turn(emulator, session, Step.MORE)
            return
    _end(emulator, token, session, Step.DONE)


def another(emulator: Emulator, session: Session) -> None:
    """One more bank in the same session."""
    if session.step is Step.MORE:
        session.institution, session.challenge, session.login = None, None, None
        _turn(emulator, session, Step.BANK)


def leave(emulator: Emulator, token: LinkToken, session: Session) -> None:
    """Close it. What was added stays added."""
    if session.step.over:
        return
    if session.step is Step.MORE:
        _end(emulator, token, session, Step.DONE)
        return
    session.left_at_step, session.left_because = session.step, session.problem
    _tell(emulator, session, "EXIT", exit_status=exit_status(session), **_error_said(session.problem))
    _end(emulator, token, session, Step.DONE if session.added else Step.LEFT)


def denial(denied: Denied) -> PlaidError:
    """Why nobody got in, with the reason for developers where there is one."""
    documented = KNOWN[denied.error_code].error_message
    return PlaidError(denied.error_code, f"{documented} ({denied.reason})" if denied.reason else None)


def exit_status(session: Session) -> str:
    """Where the person gave up, in Plaid's words."""
    step = session.left_at_step or session.step
    if session.left_because and session.left_because.code == "INSTITUTION_NO_LONGER_SUPPORTED":
        return "institution_not_supported"
    if step is Step.MFA and session.challenge is not None:
        return _MFA_STATUS.get(session.challenge.kind, "requires_code")
    return _EXIT_STATUS.get(step, "requires_credentials")


def _preselected(emulator: Emulator, wanted: LinkTokenCreate) -> PlaidInstitution | None:
    """The bank to go to at once: named, or the only one with that routing number."""
    number = wanted.institution_data.routing_number if wanted.institution_data else None
    found = [
        each
        for each in offered_banks(emulator, wanted)
        if each.institution_id == wanted.institution_id or (number and number in each.routing_numbers)
    ]
    return found[0] if len(found) == 1 else None


def _on_login(emulator: Emulator, token: LinkToken, session: Session, outcome: Login) -> None:
    match outcome:
        case Denied():
            session.challenge = None
            session.step = Step.LOGIN
            _stumble(emulator, session, denial(outcome))
        case Challenged():
            session.challenge = outcome
            _turn(emulator, session, Step.MFA, mfa_type=outcome.kind)
        case Admitted():
            session.challenge = None
            _on_admitted(emulator, token, session, outcome)


def _on_admitted(emulator: Emulator, token: LinkToken, session: Session, admitted: Admitted) -> None:
    accounts = [emulator.world.account(each).terms for each in admitted.accounts]
    filters = token.wanted.account_filters
    offered = [each for each in accounts if filters is None or filters.lets(type_of(each), subtype_of(each))]
    item = emulator.items.by_id(token.item_id) if token.item_id is not None else None
    problem: PlaidError | None = None
    if item is not None and admitted.holder.name != item.holder.name:
        problem = PlaidError("INVALID_CREDENTIALS")
    elif not offered:
        problem = PlaidError("NO_ACCOUNTS")
    if problem is not None:
        session.step = Step.LOGIN
        _stumble(emulator, session, problem)
        return
    session.login, session.offered = admitted, offered
    keeps = item is not None and not (token.wanted.update and token.wanted.update.account_selection_enabled)
    _turn(emulator, session, Step.CONSENT if keeps else Step.ACCOUNTS)


def _opened(
    emulator: Emulator, token: LinkToken, session: Session, institution: PlaidInstitution, admitted: Admitted
) -> Item:
    wanted = token.wanted
    chosen = [account for account in session.offered if account.id in session.chosen]
    welcome = [*(wanted.required_if_supported_products or ()), *(wanted.optional_products or ())]
    return emulator.items.open(
        client_id=token.client_id,
        institution=institution,
        login=admitted,
        username=session.username,
        accounts=session.chosen,
        products=[
            *(wanted.products or ()),
            *(each for each in welcome if each in institution.products and any(map(_suits(each), chosen))),
        ],
        consented=frozenset(wanted.additional_consented_products or ()) & frozenset(institution.products),
        webhook=wanted.webhook or "",
        days_requested=wanted.days_requested,
    )


def _update(emulator: Emulator, token: LinkToken, session: Session, item: Item) -> None:
    item.consented |= frozenset(token.wanted.additional_consented_products or ()) & frozenset(
        item.institution.products
    )
    if session.chosen:
        for linked in list(item.accounts):
            if linked.world_id not in session.chosen:
                item.drop_account(linked.account_id)
        for account in session.chosen:
            item.add_account(account)
    emulator.log_in_again(item)


def _missing_for(products: Sequence[str], chosen: Sequence[Account]) -> PlaidError | None:
    """Why these accounts aren't enough: each product needs at least one that it can tell of."""
    codes = {"investments": "NO_INVESTMENT_ACCOUNTS", "liabilities": "NO_LIABILITY_ACCOUNTS"}
    for product in products:
        if not any(map(_suits(product), chosen)):
            return PlaidError(
                codes.get(product, "NO_ACCOUNTS"), display=f"None of these accounts has {product} to share."
            )
    return None


def _suits(product: str) -> Callable[[Account], bool]:
    """Whether an account has anything to tell for that product (docs, Accounts: product support matrix)."""
    match product:
        case "transactions":
            return has_transactions
        case "investments":
            return lambda account: type_of(account) is AccountType.INVESTMENT
        case "liabilities":
            return has_liability
        case "auth":
            return lambda account: subtype_of(account) in _AUTH_SUBTYPES
        case _:
            return lambda _account: True


def _end(emulator: Emulator, token: LinkToken, session: Session, step: Step) -> None:
    session.step, session.problem, session.finished_at = step, None, emulator.clock()
    success = step is Step.DONE
    told: dict[str, object] = {"status": "SUCCESS" if success else "EXITED"}
    if success:
        told["public_tokens"] = [each.public_token for each in session.added]
    _notify(emulator, token, session, "SESSION_FINISHED", told)
    _notify(emulator, token, session, "EVENTS", {"events": session.events})


def _notify(
    emulator: Emulator, token: LinkToken, session: Session, code: str, told: dict[str, object]
) -> None:
    """Only sessions of the hosted page tell by webhook (docs, Link: SESSION_FINISHED)."""
    if token.page is not None:
        fields = {"link_session_id": session.session_id, "link_token": token.token, **told}
        emulator.notify_of_link(token, [Notice("LINK", code, fields)])


def _turn(emulator: Emulator, session: Session, step: Step, **told: str) -> None:
    session.step, session.problem = step, None
    _tell_view(emulator, session, **told)


def _stumble(emulator: Emulator, session: Session, problem: PlaidError) -> None:
    session.problem = problem
    _tell(emulator, session, "ERROR", **_error_said(problem))


def _error_said(problem: PlaidError | None) -> dict[str, str]:
    if problem is None:
        return {}
    return {
        "error_code": problem.code,
        "error_message": problem.message,
        "error_type": problem.known.error_type,
    }


_VIEWS: Final = {
    Step.BANK: "SELECT_INSTITUTION",
    Step.LOGIN: "CREDENTIAL",
    Step.MFA: "MFA",
    Step.ACCOUNTS: "SELECT_ACCOUNT",
    Step.CONSENT: "CONSENT",
    Step.MORE: "CONNECTED",
}


def _tell_view(emulator: Emulator, session: Session, **told: str) -> None:
    _tell(emulator, session, "TRANSITION_VIEW", view_name=_VIEWS.get(session.step, "CONNECTED"), **told)


def _tell(emulator: Emulator, session: Session, name: str, **told: str) -> None:
    if len(session.events) >= EVENTS_MAX:
        raise PlaidError("INVALID_LINK_TOKEN", f"a session has at most {EVENTS_MAX} events: begin a new one")
    bank = session.institution
    if bank is not None:
        told = {"institution_id": bank.institution_id, "institution_name": bank.name, **told}
    event_id = ids.token("event", session.session_id, len(session.events)).removeprefix("event-sandbox-")
    session.events.append(
        LinkEvent(event_id, name, emulator.clock(), {"request_id": emulator.request_id(), **told})
    )
