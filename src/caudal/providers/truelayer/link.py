"""Linking a bank, and mending a link, on TrueLayer's own page (TrueLayer docs, Authentication; contract, §2).

The person is sent to a page and comes back to our address, which TrueLayer's Console has to know, with a code, good once
and for minutes. A connection that is mended stays one connection, though its credentials are others, if it shows an
account it showed before.
"""

import secrets as chance
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from datetime import timedelta
from hashlib import sha256
from typing import Final
from urllib.parse import urlencode

import msgspec

from caudal.model.errors import Malformed, Refused
from caudal.providers.base import (
    Abandoned,
    Access,
    AccountFound,
    Conclude,
    Fields,
    Found,
    InstitutionFound,
    LinkAnswer,
    Linked,
    LinkRequest,
    LinkStep,
    Mended,
    Poll,
    Visit,
    Waiting,
)
from caudal.providers.http import Clock
from caudal.providers.rows import read_all
from caudal.providers.truelayer.client import TrueLayerClient
from caudal.providers.truelayer.config import TrueLayerConfig
from caudal.providers.truelayer.errors import FEATURE_OFF, REDIRECTED, Refusal, error_for
from caudal.providers.truelayer.normalise import account_seen, card_seen, country_of
from caudal.providers.truelayer.payloads import Account, Card, Extended, Me, Results, TokenAnswer
from caudal.providers.truelayer.tokens import LINKED, REFRESH, TOKEN, Tokens, secrets_of
from caudal.providers.written import link_state, of_link

SCOPES: Final = "info accounts balance cards transactions direct_debits standing_orders offline_access"
"""All there are: which are granted, /me says."""
SHOWN: Final = "accounts_shown"
"""Among the secrets: what names the accounts, by which a connection is known again."""
_PAGE_LIVES: Final = timedelta(minutes=30)
"""How long the page may be used isn't told [?]."""

_EXPIRED: Final = Abandoned("the code from the bank's page was used already, or too old: start again")
_STRANGE: Final = Abandoned(
    "this is another login than the one to be mended: link it as a connection of its own"
)


class _State(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a link stands: waiting for the person to come back with `state`, or found and to be concluded."""

    state: str = ""
    verifier: str = ""
    redirect_uri: str = ""
    relink: bool = False
    institution: str = ""
    shown: tuple[str, ...] = ()
    reference: str = ""
    found: InstitutionFound | None = None
    tokens: dict[str, str] = {}

    def __repr__(self) -> str:
        return "_State(…)"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        return [("", repr(self))]


class Linking:
    """TrueLayer's auth dialog, by its server's side."""

    def __init__(self, client: TrueLayerClient, config: TrueLayerConfig, clock: Clock) -> None:
        self._client = client
        self._config = config
        self._clock = clock

    async def begin(self, request: LinkRequest) -> LinkStep:
        """A page to send the person to. Where the client may, a consent is extended instead."""
        state = self._fresh(request)
        if request.relink is not None and self._config.extend:
            extended = await self._extended(request, request.relink, state)
            if extended is not None:
                return extended
        return self._visit(f"{self._config.auth_url}/?{urlencode(self._dialog(state))}", state)

    async def go_on(self, answer: LinkAnswer) -> LinkStep:
        """What came of it so far; on Conclude, the connection."""
        match answer:
            case Poll(state=state):
                of_link(state, _State)
                return Waiting(state)
            case Fields(state=state, values=values):
                return await self._returned(of_link(state, _State), values)
            case Conclude(state=state):
                return _concluded(of_link(state, _State))

    def _fresh(self, request: LinkRequest) -> _State:
        relink = request.relink
        shown = relink.secrets.get(SHOWN, b"[]") if relink else b"[]"
        return _State(
            state=chance.token_urlsafe(24),
            verifier=chance.token_urlsafe(48),
            redirect_uri=request.return_url or "",
            relink=relink is not None,
            institution=(relink.institution if relink else request.institution) or "",
            shown=tuple(msgspec.json.decode(shown, type=list[str])),
        )

    def _dialog(self, state: _State) -> dict[str, str]:
        challenge = urlsafe_b64encode(sha256(state.verifier.encode()).digest()).rstrip(b"=").decode()
        fields = {
            "response_type": "code",
            "client_id": self._config.client_id,
            "redirect_uri": state.redirect_uri,
            "scope": SCOPES,
            "providers": self._config.offered,
            "state": state.state,
            "nonce": chance.token_urlsafe(16),
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return fields | ({"provider_id": state.institution} if state.institution else {})

    def _visit(self, url: str, state: _State) -> Visit:
        expires = self._clock.now() + _PAGE_LIVES
        return Visit(url, link_state(state), expires, returns=state.state)

    async def _extended(self, request: LinkRequest, relink: Access, state: _State) -> LinkStep | None:
        """The consent, extended, or the page that does it; None where it can't be."""
        bearer = await Tokens(self._client, relink, self._clock).bearer()
        pages: list[str] = []

        async def act(kept: Mapping[str, bytes]) -> Mapping[str, bytes]:
            fields = {
                "user_has_reconfirmed_consent": True,
                "user": {"id": request.user},
                REFRESH: kept.get(REFRESH, b"").decode("ascii", "replace"),
                "redirect_uri": state.redirect_uri,
                "state": state.state,
            }
            answer = await self._client.extend(bearer, fields, _EXTENDED)
            if isinstance(answer, Refusal):
                return {}
            if answer.action_needed != "no_action_needed":
                pages.append(answer.user_input_link or "")
                return {}
            token = TokenAnswer(answer.access_token, answer.expires_in, answer.refresh_token)
            return secrets_of(token, self._clock.now())

        before = relink.secrets
        after = await relink.renewed(act)
        if pages and pages[0]:
            return self._visit(pages[0], msgspec.structs.replace(state, verifier=""))
        return Mended() if after != before and not pages else None

    async def _returned(self, state: _State, values: Mapping[str, str]) -> LinkStep:
        """The person is back, with a code or an error."""
        if not state.state:
            raise Refused("truelayer: nobody was sent to a page by this link: start again")
        if error := values.get("error"):
            return Abandoned(REDIRECTED.get(error, "the bank's page ended with an error") + ": start again")
        fields = {
            "grant_type": "authorization_code",
            "code": values.get("code", ""),
            "redirect_uri": state.redirect_uri,
        }
        answer = await self._client.token(
            fields | ({"code_verifier": state.verifier} if state.verifier else {}), TOKEN
        )
        if isinstance(answer, Refusal):
            if answer.code == "invalid_grant":
                return _EXPIRED
            raise error_for(answer)
        return await self._found(state, answer)

    async def _found(self, state: _State, answer: TokenAnswer) -> LinkStep:
        """Whose login it is, and its accounts."""
        now = self._clock.now()
        kept = secrets_of(answer, now) | {LINKED: now.isoformat().encode()}
        access = Access("", "", state.institution or None, kept)
        tokens = Tokens(self._client, access, self._clock)
        me = await self._me(tokens)
        accounts, names = await self._accounts(tokens)
        bank = me.provider.provider_id if me.provider else state.institution
        name = (me.provider and me.provider.display_name) or bank
        if state.relink and not (names & set(state.shown) and bank == state.institution):
            await self._client.delete(answer.access_token)
            return _STRANGE
        kept[SHOWN] = msgspec.json.encode(sorted(names | set(state.shown)))
        if state.relink:
            return Mended(kept)
        institution = InstitutionFound(bank, name, country_of(bank))
        told = {field: value.decode("ascii", "replace") for field, value in kept.items()}
        return Found(
            institution,
            accounts,
            link_state(_State(reference=me.credentials_id, found=institution, tokens=told)),
        )

    async def _me(self, tokens: Tokens) -> Me:
        answer = await tokens.ask("me", "me")
        if isinstance(answer, Refusal):
            raise error_for(answer)
        told, bad = read_all(answer.results, Me, "truelayer me")
        if not told:
            raise Malformed("truelayer me: answer", bad[0].why if bad else "nobody in it")
        return told[0][0]

    async def _accounts(self, tokens: Tokens) -> tuple[tuple[AccountFound, ...], set[str]]:
        """The accounts and cards, and all that names them."""
        seen = [
            account_seen(each, None)
            for each, _ in read_all(await self._listed(tokens, "accounts"), Account, "truelayer accounts")[0]
        ]
        seen += [
            card_seen(each, None)
            for each, _ in read_all(await self._listed(tokens, "cards"), Card, "truelayer cards")[0]
        ]
        names = {str(each.ref) for each in seen} | {each.number for each in seen if each.number}
        names |= {f"{each.name} {each.mask}" for each in seen if not each.number and each.mask}
        return tuple(AccountFound(each.ref, each.name, each.mask, each.kind.value) for each in seen), names

    async def _listed(self, tokens: Tokens, kind: str) -> list[msgspec.Raw]:
        answer = await tokens.ask(kind, kind)
        if isinstance(answer, Results):
            return answer.results
        if answer.code in FEATURE_OFF:
            return []
        raise error_for(answer)


def _concluded(state: _State) -> LinkStep:
    if state.found is None:
        raise Refused("truelayer: nothing is found yet that a link could be concluded with")
    kept = {field: value.encode() for field, value in state.tokens.items()}
    return Linked(state.reference, state.found, kept)


_EXTENDED: Final = msgspec.json.Decoder(Extended)
