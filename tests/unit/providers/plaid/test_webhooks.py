"""Is it Plaid's, and what does it say? Signed here with keys of our own, served by a scripted Plaid."""

import asyncio
import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import ECKey
from tests.support.plaid_script import NOW, HandClock, Json, Raw, Script, answer, provider, refusal

from caudal.model.errors import Malformed, NotGenuine, Unavailable
from caudal.providers.base import (
    Delivery,
    EndedSignal,
    FetchSignal,
    LinkSignal,
    Signal,
    UserNeededSignal,
)
from caudal.providers.http import HttpBounds
from caudal.providers.plaid import PlaidConfig, PlaidProvider, genuine
from caudal.providers.plaid.genuine import BODY_BYTES_MAX, body_hash
from caudal.providers.plaid.webhooks import signals

KEY_GET = "webhook_verification_key/get"
KEY = ECKey.generate_key("P-256")
OTHER = ECKey.generate_key("P-256")
NEWS = {
    "environment": "sandbox",
    "historical_update_complete": True,
    "initial_update_complete": True,
    "item_id": "item-alder",
    "webhook_code": "SYNC_UPDATES_AVAILABLE",
    "webhook_type": "TRANSACTIONS",
}
BODY = json.dumps(NEWS, indent=2).encode()
FETCH = [FetchSignal("item-alder", "transactions")]
NO_SUCH_KEY = refusal("INVALID_WEBHOOK_VERIFICATION_KEY_ID", "INVALID_INPUT")


def served(kid: str = "kid-1", key: ECKey = KEY, **more: Any) -> Json:
    public = key.as_dict(private=False)
    told = {"alg": "ES256", "use": "sig", "created_at": 1767139200, "expired_at": None}
    return {"key": {**told, **{name: public[name] for name in ("kty", "crv", "x", "y")}, "kid": kid, **more}}


def claims(body: bytes = BODY, age: float = 10) -> Json:
    return {"iat": int((NOW - timedelta(seconds=age)).timestamp()), "request_body_sha256": body_hash(body)}


def signed(told: Json | None = None, header: Mapping[str, Any] | None = None, key: ECKey = KEY) -> str:
    head = {"alg": "ES256", "kid": "kid-1", "typ": "JWT", **(header or {})}
    return jws.serialize_compact(head, json.dumps(claims() if told is None else told), key)


def forged(header: Json, payload: Json, signature: bytes = b"\0" * 64) -> str:
    parts = json.dumps(header).encode(), json.dumps(payload).encode(), signature
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def delivery(token: str | None = None, body: bytes = BODY, at: datetime = NOW) -> Delivery:
    headers = {} if token == "" else {"plaid-verification": token or signed()}
    return Delivery(headers, body, at)


def heard(*deliveries: Delivery, script: Script | None = None, clock: HandClock | None = None) -> list[Any]:
    """What each says: its signals, or the class of its refusal."""

    async def run() -> list[Any]:
        async with provider(script or Script({KEY_GET: served()}), clock) as plaid:
            return [await verdict(plaid, each) for each in deliveries]

    return asyncio.run(run())


async def verdict(plaid: PlaidProvider, told: Delivery) -> Any:
    try:
        await plaid.verify_webhook(told)
        return plaid.signals_of(told.body)
    except (NotGenuine, Unavailable, Malformed) as error:
        return type(error)


def test_a_genuine_webhook_is_heard() -> None:
    assert heard(delivery()) == [FETCH]


@pytest.mark.parametrize(
    ("age", "genuine"), [(300, True), (301, False), (-60, True), (-61, False), (0, True)]
)
def test_it_is_heard_for_five_minutes_and_a_minute_ahead(age: int, genuine: bool) -> None:
    assert heard(delivery(signed(claims(age=age)))) == [FETCH if genuine else NotGenuine]


def test_a_fraction_over_five_minutes_is_over() -> None:
    at = NOW + timedelta(microseconds=1)
    assert heard(delivery(signed(claims(age=300)), at=at)) == [NotGenuine]


GOOD = claims()
HEADER = {"alg": "ES256", "kid": "kid-1", "typ": "JWT"}


@pytest.mark.parametrize(
    "told",
    [
        pytest.param(delivery(""), id="no header"),
        pytest.param(delivery(" "), id="a blank one"),
        pytest.param(delivery(signed() + ", " + signed()), id="two of them"),
        pytest.param(delivery(signed() + "="), id="padded"),
        pytest.param(delivery(signed() + "\n"), id="with a line feed"),
        pytest.param(delivery(signed() + "." + "A" * 40), id="of four parts"),
        pytest.param(delivery("A" * 5000), id="very long"),
        pytest.param(delivery(signed(key=OTHER)), id="signed by another key"),
        pytest.param(delivery(body=BODY.replace(b"true", b"null", 1)), id="another body"),
        pytest.param(delivery(body=json.dumps(NEWS).encode()), id="the same JSON, not indented"),
        pytest.param(delivery(signed({"iat": GOOD["iat"]})), id="no hash"),
        pytest.param(delivery(signed({**GOOD, "request_body_sha256": 7})), id="a number for a hash"),
        pytest.param(delivery(signed({**GOOD, "request_body_sha256": "é"})), id="no hexadecimal hash"),
        pytest.param(delivery(signed({**GOOD, "request_body_sha256": ""})), id="an empty hash"),
        pytest.param(
            delivery(signed({**GOOD, "request_body_sha256": GOOD["request_body_sha256"].upper()})),
            id="a hash in capitals",
        ),
        pytest.param(delivery(signed({"request_body_sha256": GOOD["request_body_sha256"]})), id="no iat"),
        pytest.param(delivery(signed({**GOOD, "iat": str(GOOD["iat"])})), id="a text for iat"),
        pytest.param(delivery(signed({**GOOD, "iat": True})), id="a truth for iat"),
        pytest.param(delivery(signed({**GOOD, "iat": 10**30})), id="an absurd iat"),
        pytest.param(delivery(signed(header={"crit": ["kid"]})), id="a critical extension"),
        pytest.param(delivery(signed(header={"jku": "https://evil.example/keys"})), id="keys of its own"),
        pytest.param(delivery(forged({**HEADER, "alg": "none"}, GOOD, b"x")), id="alg none"),
        pytest.param(delivery(forged({**HEADER, "alg": "HS256"}, GOOD)), id="alg HS256"),
        pytest.param(delivery(forged({**HEADER, "alg": "es256"}, GOOD)), id="alg es256"),
        pytest.param(delivery(forged({"alg": "ES256"}, GOOD)), id="no kid"),
        pytest.param(delivery(forged({**HEADER, "kid": ""}, GOOD)), id="an empty kid"),
        pytest.param(delivery(forged({**HEADER, "kid": "k" * 500}, GOOD)), id="a long kid"),
        pytest.param(delivery(forged({**HEADER, "kid": 7}, GOOD)), id="a number for a kid"),
        pytest.param(delivery(forged(HEADER, GOOD)), id="a signature of noughts"),
        pytest.param(delivery(forged(HEADER, GOOD, b"short")), id="a short signature"),
    ],
)
def test_whatever_is_wrong_it_is_not_genuine(told: Delivery) -> None:
    assert heard(told) == [NotGenuine]


def test_a_body_beyond_a_mebibyte_is_not_even_hashed() -> None:
    largest = BODY + b" " * (BODY_BYTES_MAX - len(BODY))
    assert heard(delivery(signed(claims(largest)), largest)) == [FETCH]
    larger = largest + b" "
    assert heard(delivery(signed(claims(larger)), larger)) == [NotGenuine]


def test_every_refusal_says_the_same() -> None:
    async def words(told: Delivery) -> str:
        async with provider(Script({KEY_GET: served()})) as plaid:
            with pytest.raises(NotGenuine) as refused:
                await plaid.verify_webhook(told)
        return str(refused.value)

    wrong = [
        delivery(""),
        delivery(signed(key=OTHER)),
        delivery(signed(claims(age=999))),
        delivery(body=b"{}"),
    ]
    assert len({asyncio.run(words(each)) for each in wrong}) == 1


@given(st.text(max_size=60), st.binary(max_size=60))
def test_noise_is_not_genuine(token: str, body: bytes) -> None:
    assert heard(Delivery({"plaid-verification": token}, body, NOW), script=Script({})) == [NotGenuine]


def test_a_key_is_fetched_once_and_kept() -> None:
    script = Script({KEY_GET: served()})
    assert heard(delivery(), delivery(), script=script) == [FETCH, FETCH]
    assert script.asked == [(KEY_GET, {"key_id": "kid-1"})]


def test_many_deliveries_at_once_fetch_their_key_once() -> None:
    script = Script({KEY_GET: served()})

    async def run() -> list[Any]:
        async with provider(script) as plaid:
            return await asyncio.gather(*(verdict(plaid, delivery()) for _ in range(50)))

    assert asyncio.run(run()) == [FETCH] * 50
    assert len(script.asked) == 1


def test_a_token_of_another_algorithm_never_makes_us_ask_for_its_key() -> None:
    script = Script({})
    wrong = [delivery(forged({**HEADER, "alg": alg}, GOOD)) for alg in ("none", "HS256", "RS256", "ES384")]
    assert heard(*wrong, script=script) == [NotGenuine] * 4
    assert script.asked == []


def test_forged_key_ids_make_us_ask_plaid_once_a_minute_at_most() -> None:
    script, clock = Script({KEY_GET: NO_SUCH_KEY}), HandClock()

    async def run() -> list[Any]:
        verdicts = []
        async with provider(script, clock) as plaid:
            for place in range(120):
                token = forged({**HEADER, "kid": f"kid-{place}"}, GOOD)
                verdicts.append(await verdict(plaid, delivery(token)))
                clock.time += timedelta(seconds=1)
        return verdicts

    assert set(asyncio.run(run())) == {NotGenuine}
    assert len(script.asked) == 2


def test_a_key_id_plaid_does_not_know_is_not_asked_for_again_for_a_while() -> None:
    script, clock = Script({KEY_GET: [NO_SUCH_KEY, served()]}), HandClock()

    async def run() -> list[Any]:
        verdicts = []
        async with provider(script, clock) as plaid:
            for minutes in (0, 2, 9, 11):
                clock.time = NOW + timedelta(minutes=minutes)
                verdicts.append(await verdict(plaid, delivery()))
        return verdicts

    assert asyncio.run(run()) == [NotGenuine, NotGenuine, NotGenuine, FETCH]
    assert len(script.asked) == 2


def test_a_key_known_already_is_heard_while_forged_ones_are_fended_off() -> None:
    script = Script({KEY_GET: [served(), NO_SUCH_KEY]})
    forgery = delivery(forged({**HEADER, "kid": "kid-x"}, GOOD))
    assert heard(delivery(), forgery, delivery(), script=script) == [FETCH, NotGenuine, FETCH]


class SlowPlaid:
    """A Plaid that answers about a key only once it is let; `asked` says which."""

    def __init__(self, *answers: Raw) -> None:
        self.asked: list[str] = []
        self.let = asyncio.Event()
        self._answers = list(answers)

    async def handle(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(json.loads(request.content)["key_id"])
        await self.let.wait()
        return self._answers.pop(0).response()

    def provider(self, clock: HandClock | None = None) -> PlaidProvider:
        config = PlaidConfig(client_id="client-1", secret="secret")
        bounds = HttpBounds(retries_max=1, backoff_ms_first=1)
        return PlaidProvider(
            config, bounds, clock=clock or HandClock(), transport=httpx.MockTransport(self.handle)
        )


def forgery(kid: str) -> Delivery:
    return delivery(forged({**HEADER, "kid": kid}, GOOD))


@pytest.mark.parametrize("passed", [timedelta(minutes=2), timedelta(days=2)])
def test_a_flood_of_forged_key_ids_delays_nobody_whose_key_is_known(passed: timedelta) -> None:
    """Not even where that key is to be looked up again. Nor are forgers waited for, but for the one whose key is asked for."""

    async def run() -> list[Any]:
        plaid, clock = SlowPlaid(answer(served()), NO_SUCH_KEY), HandClock()
        async with plaid.provider(clock) as live:
            plaid.let.set()
            verdicts = [await verdict(live, delivery())]
            plaid.let.clear()
            clock.time += passed
            slow = asyncio.create_task(verdict(live, forgery("kid-slow")))
            await asyncio.sleep(0)
            async with asyncio.timeout(1):
                verdicts += await asyncio.gather(*(verdict(live, forgery(f"kid-{n}")) for n in range(200)))
                verdicts.append(await verdict(live, delivery()))
            assert not slow.done()
            plaid.let.set()
            verdicts.append(await slow)
            assert plaid.asked == ["kid-1", "kid-slow"]
            return verdicts

    assert asyncio.run(run()) == [FETCH, *[NotGenuine] * 200, FETCH, NotGenuine]


def test_plaid_is_waited_for_no_longer_than_whoever_delivers_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(genuine, "FETCH_SECONDS_MAX", 0.05)

    async def run() -> list[Any]:
        async with SlowPlaid().provider() as live:
            return list(await asyncio.gather(*(verdict(live, delivery()) for _ in range(3))))

    assert asyncio.run(run()) == [Unavailable] * 3, "it is to be delivered again, by all who waited"


def test_what_speaks_of_another_body_or_time_never_makes_us_ask_for_its_key() -> None:
    script = Script({})
    assert (
        heard(delivery(signed(claims(b"another"))), delivery(signed(claims(age=999))), script=script)
        == [NotGenuine] * 2
    )
    assert script.asked == []


def test_an_event_is_known_by_what_is_signed_whatever_the_signature() -> None:
    async def run() -> list[str]:
        async with provider(Script({KEY_GET: served()})) as plaid:
            told = claims()
            again = [delivery(signed(told)) for _ in range(3)]  # each with a nonce of its own
            others = [delivery(signed(claims(age=11))), delivery(signed(claims(BODY + b" ")), BODY + b" ")]
            return [await plaid.verify_webhook(each) for each in (*again, *others)]

    keys = asyncio.run(run())
    assert len(set(keys[:3])) == 1
    assert len(set(keys)) == 3


def test_an_expired_key_is_none() -> None:
    expired = int(NOW.timestamp()) - 1
    assert heard(delivery(), script=Script({KEY_GET: served(expired_at=expired)})) == [NotGenuine]
    later = int(NOW.timestamp()) + 60
    assert heard(delivery(), script=Script({KEY_GET: served(expired_at=later)})) == [FETCH]


def test_after_a_day_a_key_is_fetched_again_to_learn_that_it_has_expired() -> None:
    expired = served(expired_at=int(NOW.timestamp()))
    script, clock = Script({KEY_GET: [served(), expired]}), HandClock()

    async def run() -> list[Any]:
        verdicts = []
        async with provider(script, clock) as plaid:
            for hours in (0, 23, 25):
                clock.time = NOW + timedelta(hours=hours)
                verdicts.append(await verdict(plaid, delivery()))
        return verdicts

    assert asyncio.run(run()) == [FETCH, FETCH, NotGenuine]


def test_a_key_that_cannot_be_fetched_again_does_until_it_can() -> None:
    down = refusal("INTERNAL_SERVER_ERROR", "API_ERROR", 500)
    script, clock = Script({KEY_GET: [served(), down, down]}), HandClock()

    async def run() -> list[Any]:
        async with provider(script, clock) as plaid:
            first = await verdict(plaid, delivery())
            clock.time += timedelta(days=2)
            return [first, await verdict(plaid, delivery())]

    assert asyncio.run(run()) == [FETCH, FETCH]


def test_a_first_key_that_cannot_be_fetched_is_no_verdict() -> None:
    down = refusal("INTERNAL_SERVER_ERROR", "API_ERROR", 500)
    assert heard(delivery(), script=Script({KEY_GET: down})) == [Unavailable]


@pytest.mark.parametrize(
    "key",
    [
        served("kid-2"),
        served(alg="ES384"),
        served(crv="P-384"),
        served(x="AAAA"),
        served(kty="RSA"),
        served(y="!"),
    ],
)
def test_a_key_that_is_not_what_was_asked_for_is_none(key: Json) -> None:
    assert heard(delivery(), script=Script({KEY_GET: key})) == [NotGenuine]


# What they say


def said(**fields: Any) -> list[Signal]:
    return signals(json.dumps({"item_id": "item-alder", "environment": "sandbox", **fields}).encode())


def test_what_nobody_documented_yet_says_nothing() -> None:
    assert said(webhook_type="ITEM", webhook_code="SOMETHING_NEW") == []
    assert said(webhook_type="WEATHER", webhook_code="RAIN") == []


@pytest.mark.parametrize(
    ("code", "signal"),
    [
        ("ITEM_LOGIN_REQUIRED", UserNeededSignal),
        ("ITEM_LOCKED", UserNeededSignal),
        ("USER_PERMISSION_REVOKED", EndedSignal),
        ("ITEM_NOT_FOUND", EndedSignal),
        ("INSTITUTION_DOWN", FetchSignal),
        ("SOMETHING_NEW", FetchSignal),
    ],
)
def test_an_item_in_error_says_what_its_code_means(code: str, signal: type) -> None:
    [told] = said(webhook_type="ITEM", webhook_code="ERROR", error={"error_code": code})
    assert type(told) is signal
    assert told.reference == "item-alder"


def test_an_error_without_its_error_is_looked_into() -> None:
    assert [type(told) for told in said(webhook_type="ITEM", webhook_code="ERROR", error=None)] == [
        FetchSignal
    ]


def test_new_accounts_do_not_stop_a_connection_that_works() -> None:
    [told] = said(webhook_type="ITEM", webhook_code="NEW_ACCOUNTS_AVAILABLE")
    assert isinstance(told, FetchSignal)


def test_a_link_is_named_by_its_token_and_never_shown() -> None:
    told = said(webhook_type="LINK", webhook_code="SESSION_FINISHED", link_token="link-sandbox-CANARY")
    assert told == [LinkSignal("link-sandbox-CANARY")]
    assert "CANARY" not in repr(told)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"\xff", b'{"webhook_type":"ITEM"}', b"<html>"])
def test_what_is_no_webhook_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        signals(body)


def test_a_webhook_of_no_item_is_malformed() -> None:
    body = json.dumps({"webhook_type": "ITEM", "webhook_code": "LOGIN_REPAIRED"}).encode()
    with pytest.raises(Malformed, match="ITEM/LOGIN_REPAIRED"):
        signals(body)


def test_the_clock_that_counts_is_that_of_the_delivery() -> None:
    far = HandClock(datetime(2031, 1, 1, tzinfo=UTC))
    assert heard(delivery(), clock=far) == [FETCH]


def test_raw_answers_of_a_proxy_are_no_key() -> None:
    assert heard(delivery(), script=Script({KEY_GET: Raw(502, b"<html>")})) == [Unavailable]
