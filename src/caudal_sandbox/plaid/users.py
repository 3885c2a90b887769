"""Who can log in where, and what it leads to.

Users, passwords and what they stand for are documented (Plaid docs, Sandbox: test credentials):

| user name | password | who it is |
|---|---|---|
| ``user_good`` | ``pass_good`` | the static user; ``mfa_…`` asks for a second factor, ``error_<CODE>`` fails so |
| ``user_transactions_dynamic`` | any | the user whose data changes when it is refreshed |
| ``user_ewa_user``, ``user_yuppie``, ``user_small_business`` | any | three months of a persona |
| ``user_custom`` | JSON | accounts and transactions as written there |

Ours, with any password: ``user_busy_<n>``, a shop with n card payments a day; and every holder of the world by name
(``person-3``, ``firm-1``), at the institutions where they have accounts.
"""

import re
from typing import Final

from caudal_sandbox.economy.holders import Holder
from caudal_sandbox.economy.institutions import InstitutionKind
from caudal_sandbox.plaid import user_custom
from caudal_sandbox.plaid.challenges import (
    Admitted,
    Challenged,
    ChallengeKind,
    Denied,
    Login,
    Question,
    second_factor,
)
from caudal_sandbox.plaid.guests import PERSONAS, busy_shop, persona
from caudal_sandbox.plaid.institutions import InstitutionStatus, PlaidInstitution
from caudal_sandbox.plaid.user_dynamic import USER as USER_DYNAMIC
from caudal_sandbox.plaid.user_dynamic import refresh_dynamic, user_dynamic
from caudal_sandbox.plaid.user_good import user_good
from caudal_sandbox.world import World

__all__ = (
    "Admitted",
    "ChallengeKind",
    "Challenged",
    "Denied",
    "Login",
    "Question",
    "login",
    "refresh_dynamic",
)

USER_GOOD: Final = "user_good"
PASS_GOOD: Final = "pass_good"  # noqa: S105  the documented test password

PERSONA_DAYS: Final = 90
"""Personas are told for three months."""

BUSY_MAX: Final = 100_000
"""Payments a day of the busiest shop."""

ERROR_PASSWORDS: Final = frozenset(
    {
        "COUNTRY_NOT_SUPPORTED",
        "INSTITUTION_DOWN",
        "INSTITUTION_NOT_RESPONDING",
        "INSTITUTION_NO_LONGER_SUPPORTED",
        "INSUFFICIENT_CREDENTIALS",
        "INTERNAL_SERVER_ERROR",
        "INVALID_CREDENTIALS",
        "INVALID_MFA",
        "INVALID_SEND_METHOD",
        "ITEM_LOCKED",
        "ITEM_NOT_SUPPORTED",
        "MFA_NOT_SUPPORTED",
        "NO_ACCOUNTS",
        "PAYMENT_INVALID_RECIPIENT",
        "USER_INPUT_TIMEOUT",
        "USER_SETUP_REQUIRED",
    }
)
"""The codes that ``error_<CODE>`` may name."""

_UNREACHABLE: Final = {
    InstitutionStatus.DOWN: "INSTITUTION_DOWN",
    InstitutionStatus.UNSUPPORTED: "INSTITUTION_NO_LONGER_SUPPORTED",
}
_BY_NAME: Final = re.compile(r"(person|firm)-[\w.-]{1,60}", re.ASCII)
_BUSY: Final = re.compile(r"user_busy_([1-9]\d{0,5})")


def login(world: World, institution: PlaidInstitution, username: str, password: str) -> Login:
    """What these credentials lead to at that institution. Whoever is admitted for the first time becomes part of the
    world, and of its truth.
    """
    code = _UNREACHABLE.get(institution.status)
    if code is not None:
        return Denied(code)
    if username == USER_GOOD:
        return _login_good(world, institution, password)
    if username == user_custom.USER:
        return user_custom.login_custom(world, institution, password)
    if username == USER_DYNAMIC or username in PERSONAS or _BUSY.fullmatch(username):
        if institution.bank.kind is InstitutionKind.BROKER:
            return Denied("NO_ACCOUNTS", f"{username} has a bank, and {institution.name} is a broker")
        return _login_banked(world, institution, username)
    return _login_by_name(world, institution, username)


def _login_good(world: World, institution: PlaidInstitution, password: str) -> Login:
    if password.startswith("error_") and password.removeprefix("error_") in ERROR_PASSWORDS:
        return Denied(password.removeprefix("error_"))
    ask = second_factor(password)
    if ask is None and password != PASS_GOOD:
        return Denied("INVALID_CREDENTIALS", f"{USER_GOOD} takes {PASS_GOOD}, mfa_… and error_<CODE>")
    admitted = _all_of(user_good(world, institution))
    return admitted if ask is None else ask(admitted)


def _login_banked(world: World, institution: PlaidInstitution, username: str) -> Login:
    if username == USER_DYNAMIC:
        return _all_of(user_dynamic(world, institution), dynamic=True)
    if username in PERSONAS:
        return _all_of(persona(world, institution, username), days_max=PERSONA_DAYS)
    count = int(username.rpartition("_")[2])
    if count > BUSY_MAX:
        return Denied("INVALID_CREDENTIALS", f"user_busy_<n>: at most {BUSY_MAX} payments a day")
    return _all_of(busy_shop(world, institution, count))


def _login_by_name(world: World, institution: PlaidInstitution, username: str) -> Login:
    holder = world.holder(username)
    if holder is None and _BY_NAME.fullmatch(username):
        holder = world.firm(username) if username.startswith("firm-") else world.person(username)
    if holder is None or world.is_guest(holder):
        return Denied("INVALID_CREDENTIALS")
    here = tuple(each.id for each in holder.accounts if each.institution.id == institution.bank.id)
    if not here:
        places = sorted({each.institution.name for each in holder.accounts})
        return Denied("NO_ACCOUNTS", f"{username} has accounts at {', '.join(places)} alone")
    return Admitted(holder=holder, accounts=here)


def _all_of(holder: Holder, *, dynamic: bool = False, days_max: int | None = None) -> Admitted:
    accounts = tuple(account.id for account in holder.accounts)
    return Admitted(holder=holder, accounts=accounts, dynamic=dynamic, days_max=days_max)
