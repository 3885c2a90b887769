"""A passkey's answer holds for the challenge, site, key and person it was made for: nothing else, and never twice."""

import json
from collections.abc import Callable
from uuid import UUID, uuid4

import cbor2
import msgspec
import pytest
import webauthn
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.authenticator import (
    BACKED_UP,
    BACKUP_ELIGIBLE,
    PRESENT,
    VERIFIED,
    Authenticator,
    changed,
    decoded,
    encoded,
)

from caudal.model.errors import CaudalError
from caudal.vault.passkeys import (
    ANSWER_CHARACTERS_MAX,
    Passkey,
    PasskeyCloned,
    PasskeyRefused,
    Site,
    answered,
    asked,
    challenged,
    credential_of,
    registered,
)

SITE = Site("money.example.com", "Caudal", "https://money.example.com")
ANA = UUID("0198a000-0000-7000-8000-000000000001")
ALGORITHMS = pytest.mark.parametrize("algorithm", ["ES256", "EdDSA"])


def registration(key: Authenticator, site: Site = SITE, **lies: object) -> Passkey:
    options, challenge = asked(site, ANA, "ana@example.com", ())
    return registered(site, challenge, key.registration(options, **{"origin": site.origin, **lies}))


def login(key: Authenticator, passkey: Passkey, site: Site = SITE, **lies: object) -> int:
    options, challenge = challenged(site, [passkey])
    return answered(site, challenge, key.assertion(options, **{"origin": site.origin, **lies}), passkey)


def edited(answer: str, edit: Callable[[dict], object]) -> str:
    told = json.loads(answer)
    edit(told)
    return json.dumps(told)


@ALGORITHMS
def test_a_registered_passkey_logs_in_again_and_again(algorithm: str) -> None:
    key = Authenticator(algorithm, count=7)
    passkey = registration(key)
    assert (passkey.credential_id, passkey.sign_count, passkey.backed_up) == (key.credential_id, 7, False)
    for count in (8, 9, 10):
        assert login(key, passkey) == count
        passkey = msgspec.structs.replace(passkey, sign_count=count)


@ALGORITHMS
def test_a_passkey_that_does_not_count_logs_in_again_and_again(algorithm: str) -> None:
    key = Authenticator(algorithm, step=0)
    passkey = registration(key)
    assert [login(key, passkey) for _ in range(3)] == [0, 0, 0]


def test_what_the_browser_is_asked_to_make_is_a_verified_persons_passkey_for_this_site() -> None:
    known = registration(Authenticator())
    options, challenge = asked(SITE, ANA, "ana@example.com", [known])
    told = json.loads(options)
    assert told["rp"] == {"id": "money.example.com", "name": "Caudal"}
    assert decoded(told["user"]["id"]) == ANA.bytes
    assert told["user"]["name"] == "ana@example.com"
    assert decoded(told["challenge"]) == challenge
    assert told["authenticatorSelection"]["userVerification"] == "required"
    assert told["attestation"] == "none"
    assert [made["alg"] for made in told["pubKeyCredParams"]] == [-8, -7, -257]
    assert [decoded(other["id"]) for other in told["excludeCredentials"]] == [known.credential_id]
    assert told["excludeCredentials"][0]["transports"] == ["internal", "hybrid"]


def test_what_the_browser_is_asked_for_is_one_of_the_known_passkeys_with_the_person_verified() -> None:
    known = registration(Authenticator())
    options, challenge = challenged(SITE, [known])
    told = json.loads(options)
    assert told["rpId"] == "money.example.com"
    assert told["userVerification"] == "required"
    assert decoded(told["challenge"]) == challenge
    assert [decoded(one["id"]) for one in told["allowCredentials"]] == [known.credential_id]


def test_who_has_not_said_their_name_is_asked_for_any_passkey_of_the_site() -> None:
    key = Authenticator()
    passkey = registration(key)
    options, challenge = challenged(SITE, [])
    assert json.loads(options)["allowCredentials"] == []
    answer = key.assertion(options, origin=SITE.origin)
    assert credential_of(answer) == passkey.credential_id
    assert answered(SITE, challenge, answer, passkey) == 1


def test_challenges_are_32_bytes_of_chance() -> None:
    challenges = {challenged(SITE, [])[1] for _ in range(50)} | {
        asked(SITE, ANA, "ana", [])[1] for _ in range(50)
    }
    assert len(challenges) == 100
    assert {len(challenge) for challenge in challenges} == {32}


def test_transports_nobody_knows_are_left_out_and_backups_are_told() -> None:
    passkey = registration(Authenticator(), flags=PRESENT | VERIFIED | BACKUP_ELIGIBLE | BACKED_UP)
    assert passkey.transports == ("internal", "hybrid")
    assert passkey.backed_up


LIES = {
    "another origin": {"origin": "https://money.example.org"},
    "the origin without TLS": {"origin": "http://money.example.com"},
    "the origin on another port": {"origin": "https://money.example.com:8443"},
    "the origin of a subdomain": {"origin": "https://evil.money.example.com"},
    "the origin with a slash": {"origin": "https://money.example.com/"},
    "another rp id": {"rp_id": "example.com"},
    "another challenge": {"challenge": bytes(32)},
    "a challenge cut short": {"challenge": b"x"},
    "nobody verified": {"flags": PRESENT},
    "nobody present": {"flags": VERIFIED},
    "backed up but not eligible": {"flags": PRESENT | VERIFIED | BACKED_UP},
    "another passkey's id": {"told_id": b"another"},
    "a frame of another site": {"cross_origin": True},
}


@ALGORITHMS
@pytest.mark.parametrize("lie", [*LIES.values(), {"kind": "webauthn.get"}], ids=[*LIES, "an assertion"])
def test_a_registration_made_for_anything_else_is_refused(algorithm: str, lie: dict[str, object]) -> None:
    with pytest.raises(PasskeyRefused):
        registration(Authenticator(algorithm), **lie)


@ALGORITHMS
@pytest.mark.parametrize("lie", [*LIES.values(), {"kind": "webauthn.create"}], ids=[*LIES, "a registration"])
def test_a_login_made_for_anything_else_is_refused(algorithm: str, lie: dict[str, object]) -> None:
    key = Authenticator(algorithm)
    passkey = registration(key)
    with pytest.raises(PasskeyRefused) as caught:
        login(key, passkey, **lie)
    assert not isinstance(caught.value, PasskeyCloned)


def test_an_answer_to_one_challenge_is_none_to_the_next() -> None:
    key = Authenticator(step=0)
    passkey = registration(key)
    options, challenge = challenged(SITE, [passkey])
    answer = key.assertion(options, origin=SITE.origin)
    assert answered(SITE, challenge, answer, passkey) == 0
    with pytest.raises(PasskeyRefused):
        answered(SITE, challenged(SITE, [passkey])[1], answer, passkey)


@ALGORITHMS
@pytest.mark.parametrize("count", [0, 1, 4, 5])
def test_a_counter_that_stands_still_or_went_back_is_told_as_a_copy(algorithm: str, count: int) -> None:
    key = Authenticator(algorithm, count=count, step=0)
    passkey = msgspec.structs.replace(registration(key), sign_count=5)
    with pytest.raises(PasskeyCloned):
        login(key, passkey)


def test_a_counter_that_went_on_is_no_copy() -> None:
    key = Authenticator(count=6, step=0)
    assert login(key, msgspec.structs.replace(registration(key), sign_count=5)) == 6


@settings(max_examples=40, deadline=None)
@given(
    algorithm=st.sampled_from(["ES256", "EdDSA"]),
    field=st.sampled_from(["clientDataJSON", "authenticatorData", "signature"]),
    place=st.integers(0, 10_000),
)
def test_no_flipped_bit_of_an_answer_goes_unseen_nor_has_a_key_called_cloned(
    algorithm: str, field: str, place: int
) -> None:
    key = Authenticator(algorithm, count=100)
    passkey = registration(key)
    options, challenge = challenged(SITE, [passkey])
    answer = changed(key.assertion(options, origin=SITE.origin), field, place)
    with pytest.raises(PasskeyRefused) as caught:
        answered(SITE, challenge, answer, passkey)
    assert not isinstance(caught.value, PasskeyCloned)


def test_nobody_without_the_key_can_have_it_called_cloned() -> None:
    key, thief = Authenticator(count=100), Authenticator(count=1)
    passkey = registration(key)
    thief.credential_id = key.credential_id
    with pytest.raises(PasskeyRefused) as caught:
        login(thief, passkey)
    assert not isinstance(caught.value, PasskeyCloned)


def test_another_persons_passkey_does_not_answer_for_this_one() -> None:
    mine, theirs = Authenticator(), Authenticator()
    passkey, other = registration(mine), registration(theirs)
    with pytest.raises(PasskeyRefused):
        login(theirs, passkey)
    with pytest.raises(PasskeyRefused):
        login(mine, msgspec.structs.replace(passkey, public_key=other.public_key))


def test_a_key_of_another_kind_than_was_asked_for_is_refused() -> None:
    point = generate_private_key(SECP256R1()).public_key().public_numbers()
    es512 = {1: 2, 3: -36, -1: 1, -2: point.x.to_bytes(32), -3: point.y.to_bytes(32)}
    with pytest.raises(PasskeyRefused):
        registration(Authenticator(), public_key=es512)


@ALGORITHMS
def test_a_key_that_vouches_for_itself_is_taken_where_its_signature_holds(algorithm: str) -> None:
    key = Authenticator(algorithm)
    assert login(key, registration(key, attestation="packed")) == 1
    options, challenge = asked(SITE, ANA, "ana", ())
    answer = key.registration(options, origin=SITE.origin, attestation="packed")
    other = key.registration(
        options, origin=SITE.origin, attestation="packed", flags=PRESENT | VERIFIED | BACKUP_ELIGIBLE
    )
    taken_over = decoded(json.loads(other)["response"]["attestationObject"])
    old = decoded(json.loads(answer)["response"]["attestationObject"])
    statement, told = cbor2.loads(old)["attStmt"], cbor2.loads(taken_over)
    forged = encoded(cbor2.dumps({**told, "attStmt": statement}))
    with pytest.raises(PasskeyRefused):
        registered(
            SITE, challenge, edited(answer, lambda told: told["response"].update(attestationObject=forged))
        )


@pytest.mark.parametrize(
    "attestation", ["tpm", "android-key", "android-safetynet", "apple", "fido-u2f", "made up"]
)
def test_an_attestation_that_was_not_asked_for_is_refused_unread(
    attestation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[object] = []
    monkeypatch.setattr(webauthn, "verify_registration_response", lambda **told: read.append(told))
    with pytest.raises(PasskeyRefused):
        registration(Authenticator(), attestation=attestation)
    assert read == []


def test_an_id_longer_than_any_passkeys_is_refused() -> None:
    key = Authenticator()
    key.credential_id = bytes(1024)
    with pytest.raises(PasskeyRefused):
        registration(key)
    key.credential_id = bytes(1023)
    assert registration(key).credential_id == bytes(1023)


BROKEN = [
    "",
    "null",
    "[]",
    "{}",
    '"CANARY"',
    "{",
    "[" * 10_000,
    '{"id": 1}',
    '{"id": "CANARY", "rawId": "CANARY", "type": "public-key", "response": {}}',
    '{"id": "CANARY", "rawId": "CANARY", "type": "CANARY", "response": {"clientDataJSON": ""}}',
    "\ud83d",
    "1" * 10_000,
    " " * (ANSWER_CHARACTERS_MAX + 1),
]


@pytest.mark.parametrize("answer", BROKEN, ids=range(len(BROKEN)))
def test_what_is_no_answer_is_a_refusal_that_does_not_quote_it(answer: str) -> None:
    passkey = registration(Authenticator())
    for door in (
        lambda: registered(SITE, bytes(32), answer),
        lambda: answered(SITE, bytes(32), answer, passkey),
        lambda: credential_of(answer),
    ):
        with pytest.raises(PasskeyRefused) as caught:
            door()
        assert isinstance(caught.value, CaudalError)
        assert "CANARY" not in str(caught.value)
        assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_an_answer_longer_than_any_is_refused_unread() -> None:
    key = Authenticator()
    passkey = registration(key)
    options, challenge = challenged(SITE, [passkey])
    answer = key.assertion(options, origin=SITE.origin)
    assert answered(SITE, challenge, answer.ljust(ANSWER_CHARACTERS_MAX), passkey) == 1
    with pytest.raises(PasskeyRefused):
        answered(SITE, challenge, answer.ljust(ANSWER_CHARACTERS_MAX + 1), passkey)


JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.binary(max_size=80).map(lambda data: data.hex()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(
    part=st.sampled_from(["id", "rawId", "type", "response", "authenticatorAttachment"]),
    inner=st.sampled_from(
        ["clientDataJSON", "authenticatorData", "attestationObject", "signature", "userHandle", None]
    ),
    junk=JUNK,
)
def test_junk_in_any_place_of_an_answer_is_refused_or_of_no_weight(
    part: str, inner: str | None, junk: object
) -> None:
    key = Authenticator()

    def spoil(told: dict) -> None:
        if inner is None:
            told[part] = junk
        else:
            told["response"][inner] = junk

    options, challenge = asked(SITE, ANA, "ana", ())
    passkey = registered(SITE, challenge, key.registration(options, origin=SITE.origin))
    for_login, its_challenge = challenged(SITE, [passkey])
    for door in (
        lambda: (
            registered(SITE, challenge, edited(key.registration(options, origin=SITE.origin), spoil))
            == passkey
        ),
        lambda: (
            answered(
                SITE, its_challenge, edited(key.assertion(for_login, origin=SITE.origin), spoil), passkey
            )
            == 1
        ),
    ):
        try:
            assert door() is True
        except PasskeyRefused:
            continue


def test_ids_that_disagree_within_an_answer_are_refused() -> None:
    key = Authenticator()
    passkey = registration(key)
    options, challenge = challenged(SITE, [passkey])
    answer = edited(key.assertion(options, origin=SITE.origin), lambda told: told.update(id=uuid4().hex))
    with pytest.raises(PasskeyRefused):
        answered(SITE, challenge, answer, passkey)
