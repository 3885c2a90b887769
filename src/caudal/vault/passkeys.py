"""Passkeys (WebAuthn Level 3): what a browser is asked, and whether what it answers holds.

`webauthn` reads and verifies; what it leaves to its caller stands here: that an answer comes from no frame of another
site, is of the very passkey it is checked with, and that a counter is believed only once the signature over it is.
The person must always be verified by the key (its PIN, a finger, a face): a passkey stands for two factors.

Importing this takes 0.2 s, for the library brings X.509 along.
"""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final
from uuid import UUID

import msgspec
import webauthn
from webauthn.helpers import (
    parse_attestation_object,
    parse_authentication_credential_json,
    parse_client_data_json,
    parse_registration_credential_json,
)
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.structs import (
    AttestationFormat,
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from caudal.model.errors import CaudalError

CHALLENGE_BYTES: Final = 32
ASKED_MS: Final = 300_000
"""How long a browser may wait for the person (WebAuthn §15.1: five minutes where they are verified)."""

ANSWER_CHARACTERS_MAX: Final = 32 * 1024
CREDENTIAL_ID_BYTES_MAX: Final = 1023
"""WebAuthn §7.1, step 25."""

# What every current key and platform makes: Ed25519, P-256, and RSA for Windows Hello.
_ALGORITHMS: Final = [
    COSEAlgorithmIdentifier.EDDSA,
    COSEAlgorithmIdentifier.ECDSA_SHA_256,
    COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256,
]

# Which maker a key is of is not asked, and a browser then passes on none but these two (§5.4.7: self attestation may
# stay). The others' certificates need no reading.
_ATTESTATIONS: Final = {AttestationFormat.NONE, AttestationFormat.PACKED}

_REFUSAL: Final = (
    "the passkey's answer doesn't hold: try again, and see that the browser shows Caudal's own public address"
)


class PasskeyRefused(CaudalError):
    """A passkey's answer does not hold: not ours, not now, not here, or not whole. Never says more, nor what was sent."""


class PasskeyCloned(PasskeyRefused):
    """The signature holds and the counter stands still or went back: two keys answer to one name. Tell the person."""


class Site(msgspec.Struct, frozen=True):
    """Who asks: `rp_id` is the domain that passkeys are bound to, `origin` where its pages are (`https://…`, no path)."""

    rp_id: str
    name: str
    origin: str


class Passkey(msgspec.Struct, frozen=True):
    """What is kept of a registered passkey. Nothing of it is secret.

    `public_key` is a COSE key, `sign_count` 0 where the key doesn't count, `backed_up` whether it lives in more than one
    device.
    """

    credential_id: bytes
    public_key: bytes
    sign_count: int
    transports: tuple[str, ...]
    backed_up: bool


def asked(site: Site, person_id: UUID, name: str, known: Sequence[Passkey]) -> tuple[str, bytes]:
    """What to give `navigator.credentials.create`, as JSON, and the challenge to keep for `registered`.

    `name` is how the browser lists the account; a key that holds one of the `known` passkeys makes no second.
    """
    challenge = secrets.token_bytes(CHALLENGE_BYTES)
    options = webauthn.generate_registration_options(
        rp_id=site.rp_id,
        rp_name=site.name,
        user_id=person_id.bytes,
        user_name=name,
        challenge=challenge,
        timeout=ASKED_MS,
        authenticator_selection=AuthenticatorSelectionCriteria(
            # Preferred: with it no name need be typed to log in; older keys, which have room for few, stay welcome.
            resident_key=ResidentKeyRequirement.PREFERRED,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=_descriptors(known),
        supported_pub_key_algs=_ALGORITHMS,
    )
    return webauthn.options_to_json(options), challenge


def registered(site: Site, challenge: bytes, answer: str) -> Passkey:
    """The passkey that `answer` (the browser's JSON) tells of. Raises PasskeyRefused.

    Whoever keeps it sees to it that a challenge counts once, and that nobody else has this `credential_id`.
    """
    with _refusing(answer):
        credential = parse_registration_credential_json(answer)
        _within_no_other_site(credential.response.client_data_json)
        if parse_attestation_object(credential.response.attestation_object).fmt not in _ATTESTATIONS:
            raise PasskeyRefused(_REFUSAL)
        told = webauthn.verify_registration_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=site.rp_id,
            expected_origin=site.origin,
            require_user_verification=True,
            supported_pub_key_algs=_ALGORITHMS,
        )
        if told.credential_id != credential.raw_id or len(told.credential_id) > CREDENTIAL_ID_BYTES_MAX:
            raise PasskeyRefused(_REFUSAL)
        return Passkey(
            told.credential_id,
            told.credential_public_key,
            told.sign_count,
            tuple(transport.value for transport in credential.response.transports or ()),
            told.credential_backed_up,
        )


def challenged(site: Site, known: Sequence[Passkey]) -> tuple[str, bytes]:
    """What to give `navigator.credentials.get`, as JSON, and the challenge to keep for `answered`.

    Without `known` the browser offers whatever passkeys it has for the site: nobody has said yet who they are.
    """
    challenge = secrets.token_bytes(CHALLENGE_BYTES)
    options = webauthn.generate_authentication_options(
        rp_id=site.rp_id,
        challenge=challenge,
        timeout=ASKED_MS,
        allow_credentials=_descriptors(known),
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return webauthn.options_to_json(options), challenge


def credential_of(answer: str) -> bytes:
    """The `credential_id` that an answer claims, to find its passkey by; nothing is verified. Raises PasskeyRefused."""
    with _refusing(answer):
        return parse_authentication_credential_json(answer).raw_id


def answered(site: Site, challenge: bytes, answer: str, passkey: Passkey) -> int:
    """The `sign_count` to keep, where `answer` (the browser's JSON) is this passkey's to this challenge.

    Raises PasskeyRefused; PasskeyCloned where all holds but the counter (§6.1.1).
    """
    with _refusing(answer):
        credential = parse_authentication_credential_json(answer)
        _within_no_other_site(credential.response.client_data_json)
        if credential.raw_id != passkey.credential_id:
            raise PasskeyRefused(_REFUSAL)
        told = webauthn.verify_authentication_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=site.rp_id,
            expected_origin=site.origin,
            credential_public_key=passkey.public_key,
            # The library looks at the counter before the signature, so that anyone could have a key called cloned: it
            # is told of no counter, and ours is compared once the signature holds.
            credential_current_sign_count=0,
            require_user_verification=True,
        )
    counts = told.new_sign_count > 0 or passkey.sign_count > 0
    if counts and told.new_sign_count <= passkey.sign_count:
        raise PasskeyCloned(
            "a passkey's counter went back: a copy of it may be in use; remove it and register anew"
        )
    return told.new_sign_count


@contextmanager
def _refusing(answer: str) -> Iterator[None]:
    """Whatever goes wrong with an answer is a refusal."""
    if len(answer) > ANSWER_CHARACTERS_MAX:
        raise PasskeyRefused(_REFUSAL)
    try:
        yield
    except Exception:  # noqa: BLE001  # the library lets through what JSON, CBOR and the ciphers raise
        # `from None`: the errors' own texts quote what was sent.
        raise PasskeyRefused(_REFUSAL) from None


def _within_no_other_site(client_data: bytes) -> None:
    """Refuse what was asked for by a frame within another site's page, which could have the person click blindly."""
    if parse_client_data_json(client_data).cross_origin:
        raise PasskeyRefused(_REFUSAL)


def _descriptors(known: Sequence[Passkey]) -> list[PublicKeyCredentialDescriptor]:
    return [
        PublicKeyCredentialDescriptor(
            id=passkey.credential_id,
            transports=[AuthenticatorTransport(transport) for transport in passkey.transports],
        )
        for passkey in known
    ]
