"""What truelayer-signing makes of a signed webhook, and one that it signs itself, as JSON. Run by the judges' own Python:
its input is JSON."""

import json
import sys

import truelayer_signing as signing
from truelayer_signing import HttpMethod, TlSigningException

told = json.load(sys.stdin)


def is_right(body):
    """Whether the library takes `body` for what was signed."""
    head = signing.extract_jws_header(told["signature"])
    judge = signing.verify_with_jwks(told["jwks"], head).set_method(HttpMethod.POST).set_path(told["path"])
    try:
        judge.add_headers(told["headers"]).set_body(body).verify(told["signature"])
    except TlSigningException:
        return False
    return True


ours = signing.sign_with_pem("judge", told["pem"]).set_method(HttpMethod.POST).set_path(told["path"])
signed = ours.add_headers(told["headers"]).set_body(told["body"]).set_jku(told["jku"]).sign()
json.dump(
    {"right": is_right(told["body"]), "forged": is_right(told["body"] + " "), "signed": signed}, sys.stdout
)
